//! An image that was just built: its tags say from what, and a parameter names the newest one.

use std::collections::BTreeMap;

use amiproof_model::name::AmiId;
use amiproof_model::release::tag;

use super::change::{Changes, Mode};
use super::error::Error;
use super::{image, parameter};
use crate::aws::Clients;

/// An image that was built.
#[derive(Clone, Debug)]
pub struct Built {
    /// The image.
    pub image: AmiId,
    /// `MATRIX/VARIANT`.
    pub line: String,
    /// SHA-256 of what it was built from, in hexadecimal.
    pub from: String,
    /// The parameter that is to name it.
    pub parameter: Option<String>,
}

/// The value of the tag on a parameter that names the newest built image; it differs from that of a parameter for
/// promoted images.
fn owner(line: &str) -> String {
    format!("{line} as built")
}

/// Makes sure, before a build of half an hour begins, that the parameter can be written afterwards.
///
/// # Errors
/// [`Error::Refused`] if something else created it; otherwise [`Error::Aws`] of
/// [GetParameter](https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html) and
/// [ListTagsForResource](https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ListTagsForResource.html). Transient errors
/// are retried.
pub async fn parameter_is_free(clients: &Clients, name: &str, line: &str) -> Result<(), Error> {
    parameter::Slot::read(clients, name, &owner(line), false).await.map(|_| ())
}

/// Tags an image with what it was built from, and lets the parameter name it. May be repeated.
///
/// # Errors
/// As [`super::promote`].
pub async fn built(clients: &Clients, wanted: &Built) -> Result<(Option<String>, Changes), Error> {
    let found = image::read(clients, &wanted.image).await?;
    let mut changes = Changes::new();
    let mut tags = BTreeMap::from([
        (tag::BUILT_AS, tag::value(&wanted.line)),
        (tag::BUILT_FROM, format!("sha256:{}", wanted.from)),
    ]);
    if let Some(base) = &found.base {
        tags.insert(tag::BASE, base.clone());
    }
    if !tags.iter().all(|(key, value)| found.tags.get(*key) == Some(value)) {
        changes.push(format!("tag {} as built for {}", wanted.image, wanted.line));
        image::tag(clients, &wanted.image, &tags).await?;
    }
    if let Some(name) = &wanted.parameter {
        let slot = parameter::Slot::read(clients, name, &owner(&wanted.line), false).await?;
        changes.extend(slot.set(clients, wanted.image.as_str(), Mode::Apply).await?);
    }
    Ok((found.base, changes))
}
