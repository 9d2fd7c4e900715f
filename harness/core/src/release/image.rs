//! The image: whether it can be used, and its tags.

use std::collections::BTreeMap;

use amiproof_model::name::AmiId;
use amiproof_model::release::{Status, tag};
use aws_sdk_ec2::types::Tag;
use jiff::Timestamp;

use super::error::Error;
use crate::aws::error::Explain as _;
use crate::aws::{Clients, partition};

/// An image as EC2 describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// `ami-…`.
    pub id: AmiId,
    /// Its ARN. Those of images name no account.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// `available`, `pending`, `disabled`, …
    pub state: String,
    /// The image that it was built on, if EC2 knows.
    pub base: Option<String>,
    /// From when on it is deprecated.
    pub deprecated: Option<Timestamp>,
    /// Its tags in this account.
    pub tags: BTreeMap<String, String>,
}

impl Image {
    /// Its status; `None` if it was never promoted.
    pub fn status(&self) -> Option<Status> {
        self.tags.get(tag::STATUS).and_then(|value| Status::of(value))
    }

    /// Refuses an image that cannot be started, or will not be for long.
    pub(super) fn usable(&self, now: Timestamp) -> Result<(), Error> {
        if self.state != "available" {
            let help = "promote an image that is available";
            return Err(Error::refused(format!("{} is {} and not available", self.id, self.state), help));
        }
        match self.deprecated.filter(|since| *since <= now) {
            Some(since) => Err(Error::refused(
                format!("{} has been deprecated since {since}", self.id),
                "promote a newer image, or remove the deprecation: `aws ec2 disable-image-deprecation`",
            )),
            None => Ok(()),
        }
    }
}

/// Reads an image.
pub(super) async fn read(clients: &Clients, id: &AmiId) -> Result<Image, Error> {
    let missing = || {
        let region = clients.region();
        Error::refused(
            format!("{id} does not exist in {region}, or is not shared with this account"),
            "AMI ids differ from region to region: name the region and the account of the run",
        )
    };
    let asked = || async {
        // Without asking for them, EC2 passes over disabled and, for others than the owner, deprecated ones.
        let request = clients.ec2.describe_images().image_ids(id.as_str()).include_disabled(true);
        request.include_deprecated(true).send().await.explain("DescribeImages", id)
    };
    let images = match clients.read(asked).await {
        Ok(answer) => answer.images.unwrap_or_default(),
        Err(error) if error.is_not_found() => return Err(missing()),
        Err(error) => return Err(error.into()),
    };
    let image = images.into_iter().next().ok_or_else(missing)?;
    let region = clients.region();
    let tags = image.tags().iter();
    Ok(Image {
        id: id.clone(),
        arn: format!("arn:{}:ec2:{region}::image/{id}", partition::of(region).name),
        name: image.name().unwrap_or_default().to_owned(),
        state: image.state().map_or_else(|| "unknown".to_owned(), |state| state.as_str().to_owned()),
        base: image.source_image_id().map(str::to_owned),
        deprecated: image.deprecation_time().and_then(|time| time.parse().ok()),
        tags: tags
            .map(|tag| (tag.key().unwrap_or_default().to_owned(), tag.value().unwrap_or_default().to_owned()))
            .collect(),
    })
}

/// Gives an image tags; others stay.
pub(super) async fn tag(clients: &Clients, id: &AmiId, tags: &BTreeMap<&str, String>) -> Result<(), Error> {
    let tags: Vec<Tag> = tags.iter().map(|(key, value)| Tag::builder().key(*key).value(value).build()).collect();
    let asked = || async {
        let request = clients.ec2.create_tags().resources(id.as_str()).set_tags(Some(tags.clone()));
        request.send().await.explain("CreateTags", id)
    };
    clients.write_idempotent(asked).await?;
    Ok(())
}

/// Takes a tag from an image.
pub(super) async fn untag(clients: &Clients, id: &AmiId, key: &str) -> Result<(), Error> {
    let tag = Tag::builder().key(key).build();
    let asked = || async {
        clients.ec2.delete_tags().resources(id.as_str()).tags(tag.clone()).send().await.explain("DeleteTags", id)
    };
    clients.write_idempotent(asked).await?;
    Ok(())
}
