//! Promotion of a tested image, and taking it back: tags of the image, the Systems Manager parameter that names the newest one, and signed
//! statements. What may be promoted is decided in [`amiproof_model::release`].
//!
//! Guarantees: nothing is written before everything is known to be the user's own (the parameter carries the tag
//! [`tag::PARAMETER`] with the same value); every write may be made again; an image is tagged before a parameter names it, and loses its
//! status before the parameter names another one.

mod built;
mod change;
mod envelope;
mod error;
mod image;
mod key;
mod parameter;

use std::collections::BTreeMap;

use amiproof_model::name::{AmiId, RunId};
use amiproof_model::release::{Status, tag};
use jiff::Timestamp;

pub use self::built::{Built, built, parameter_is_free};
pub use self::change::{Changes, Mode};
pub use self::envelope::Envelope;
pub use self::error::Error;
pub use self::image::Image;
pub use self::key::{Signer, Verifier, is_in_kms};
use crate::aws::Clients;

/// What a promotion writes.
#[derive(Clone, Debug)]
pub struct Promotion {
    /// The image.
    pub image: AmiId,
    /// `MATRIX/VARIANT`.
    pub line: String,
    /// The run that tested it.
    pub run: RunId,
    /// SHA-256 of its report, in hexadecimal.
    pub report: String,
    /// When it is promoted.
    pub at: Timestamp,
    /// The parameter that is to name it; `None` for none.
    pub parameter: Option<String>,
    /// Whether a parameter that something else created may be used from now on.
    pub adopt: bool,
}

/// Promotes an image: tags it, and then lets the parameter name it. May be repeated.
///
/// # Errors
/// [`Error::Refused`] before anything is written, if the image is gone, pending, deprecated or disabled, or the parameter is not amiproof's
/// or holds no string. [`Error::Aws`] of
/// [DescribeImages](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html),
/// [CreateTags](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html),
/// [PutParameter](https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html) and of the reads of a parameter.
/// Transient errors are retried; after one in the middle the same call completes what is missing.
pub async fn promote(clients: &Clients, wanted: &Promotion, mode: Mode) -> Result<Changes, Error> {
    let image = image::read(clients, &wanted.image).await?;
    image.usable(wanted.at)?;
    let slot = match &wanted.parameter {
        Some(name) => Some(parameter::Slot::read(clients, name, &wanted.line, wanted.adopt).await?),
        None => None,
    };
    let mut tags = BTreeMap::from([
        (tag::STATUS, Status::Promoted.as_str().to_owned()),
        (tag::PROMOTED_AS, tag::value(&wanted.line)),
        (tag::TESTED_BY, wanted.run.to_string()),
        (tag::REPORT, format!("sha256:{}", wanted.report)),
        (tag::SINCE, wanted.at.to_string()),
    ]);
    if let Some(name) = &wanted.parameter {
        tags.insert(tag::NAMED_BY, name.clone());
    }
    let mut changes = Changes::new();
    let same = |(key, value): (&&str, &String)| image.tags.get(*key) == Some(value);
    // A new time alone is not written: a promotion that is repeated keeps that of the first.
    if !tags.iter().filter(|(key, _)| **key != tag::SINCE).all(same) {
        changes.push(format!("tag {} as promoted by run {}", wanted.image, wanted.run));
        if mode == Mode::Apply {
            image::tag(clients, &wanted.image, &tags).await?;
            if image.tags.contains_key(tag::REASON) {
                image::untag(clients, &wanted.image, tag::REASON).await?;
            }
        }
    }
    if let Some(slot) = slot {
        changes.extend(slot.set(clients, wanted.image.as_str(), mode).await?);
    }
    Ok(changes)
}

/// Takes the promotion of an image back: marks the image, and lets its parameter name the newest earlier image that is still promoted. A
/// parameter that has none is deleted, since whoever reads it must not get this image. May be repeated.
///
/// # Errors
/// [`Error::Refused`] before anything is written, if the image was never promoted, or the parameter that names it is not amiproof's.
/// Otherwise as [`promote`].
pub async fn revoke(clients: &Clients, id: &AmiId, reason: &str, at: Timestamp, mode: Mode) -> Result<Changes, Error> {
    let image = image::read(clients, id).await?;
    let Some(status) = image.status() else {
        return Err(Error::refused(
            format!("{id} was never promoted: it has no tag {}", tag::STATUS),
            "`amiproof promote` promotes an image; nothing is to be taken back here",
        ));
    };
    let line = image.tags.get(tag::PROMOTED_AS).cloned().unwrap_or_default();
    let slot = match image.tags.get(tag::NAMED_BY) {
        Some(name) => parameter::Slot::existing(clients, name, &line).await?,
        None => None,
    };
    let mut changes = Changes::new();
    if status != Status::Revoked || image.tags.get(tag::REASON).map(String::as_str) != Some(&*tag::value(reason)) {
        changes.push(format!("tag {id} as revoked"));
        if mode == Mode::Apply {
            let tags = BTreeMap::from([
                (tag::STATUS, Status::Revoked.as_str().to_owned()),
                (tag::REASON, tag::value(reason)),
                (tag::SINCE, at.to_string()),
            ]);
            image::tag(clients, id, &tags).await?;
        }
    }
    if let Some(slot) = slot.filter(|slot| slot.names(id.as_str())) {
        match earlier(clients, &slot, id, &line).await? {
            Some(earlier) => changes.extend(slot.set(clients, earlier.as_str(), mode).await?),
            None => changes.extend(slot.delete(clients, mode).await?),
        }
    }
    Ok(changes)
}

/// The newest earlier value of a parameter that is an image of the same line and still promoted.
async fn earlier(
    clients: &Clients,
    slot: &parameter::Slot,
    revoked: &AmiId,
    line: &str,
) -> Result<Option<AmiId>, Error> {
    for value in slot.earlier_values(clients).await? {
        let Ok(id) = value.parse::<AmiId>() else { continue };
        if id == *revoked {
            continue;
        }
        // An image that is gone by now is passed over.
        let Ok(image) = image::read(clients, &id).await else { continue };
        let is_same_line = image.tags.get(tag::PROMOTED_AS).is_some_and(|of| of == line);
        if is_same_line && image.status() == Some(Status::Promoted) && image.state == "available" {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// An image with its tags.
///
/// # Errors
/// [`Error::Refused`] if there is none in the region, or it is not shared with the account; otherwise [`Error::Aws`] of
/// [DescribeImages](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html). Transient errors are retried.
pub async fn image(clients: &Clients, id: &AmiId) -> Result<Image, Error> {
    image::read(clients, id).await
}
