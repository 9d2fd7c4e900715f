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
    /// Whether an image that was revoked may be promoted again.
    pub reinstate: bool,
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
    if image.status() == Some(Status::Revoked) && !wanted.reinstate {
        let since = image.tags.get(tag::SINCE).map_or("an unknown time", String::as_str);
        let reason = image.tags.get(tag::REASON).map_or("no reason was given", String::as_str);
        return Err(Error::refused(
            format!("{} was revoked at {since}: {reason}", wanted.image),
            "promote another image, or this one again with --reinstate",
        ));
    }
    let slot = match &wanted.parameter {
        Some(name) => Some(parameter::Slot::read(clients, name, &wanted.line, wanted.adopt).await?),
        None => None,
    };
    let tags = BTreeMap::from([
        (tag::STATUS, Status::Promoted.as_str().to_owned()),
        (tag::PROMOTED_AS, listed(&image, tag::PROMOTED_AS, Some(&tag::value(&wanted.line)))?),
        (tag::NAMED_BY, listed(&image, tag::NAMED_BY, wanted.parameter.as_deref())?),
        (tag::TESTED_BY, wanted.run.to_string()),
        (tag::REPORT, format!("sha256:{}", wanted.report)),
        (tag::SINCE, wanted.at.to_string()),
    ]);
    let mut changes = Changes::new();
    let same = |(key, value): (&&str, &String)| image.tags.get(*key).map_or("", String::as_str) == value;
    let is_tagged = tags.iter().filter(|(key, _)| **key != tag::SINCE).all(same);
    // A new time alone is not written: a promotion that is repeated keeps that of the first.
    if !is_tagged || image.tags.contains_key(tag::REASON) {
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

/// Adds a word to the list in a tag: an image may be promoted as several variants, and several parameters may name
/// it.
fn listed(image: &Image, key: &str, more: Option<&str>) -> Result<String, Error> {
    let mut words: Vec<&str> = image.tags.get(key).map(String::as_str).unwrap_or_default().split(' ').collect();
    words.extend(more);
    words.retain(|word| !word.is_empty());
    words.sort_unstable();
    words.dedup();
    let text = words.join(" ");
    if text.chars().count() > tag::LONGEST_VALUE {
        return Err(Error::refused(
            format!("{} is promoted as too many variants for the tag {key} to name all of them", image.id),
            "revoke it first, or promote it with --no-parameter",
        ));
    }
    Ok(text)
}

/// What became of a revocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revoked {
    /// What was changed, or would be.
    pub changes: Changes,
    /// Parameters that may still name the image, each with the reason.
    pub open: Vec<String>,
}

/// Takes the promotion of an image back: marks the image, and lets each of its parameters name the newest earlier image that is still
/// promoted. A parameter that has none is deleted, since whoever reads it must not get this image. The image is marked whatever becomes of the
/// parameters. May be repeated.
///
/// # Errors
/// [`Error::Refused`] if the image is gone or was never promoted; otherwise [`Error::Aws`] of the calls about the image, as [`promote`].
pub async fn revoke(clients: &Clients, id: &AmiId, reason: &str, at: Timestamp, mode: Mode) -> Result<Revoked, Error> {
    let image = image::read(clients, id).await?;
    let Some(status) = image.status() else {
        return Err(Error::refused(
            format!("{id} was never promoted: it has no tag {}", tag::STATUS),
            "there is nothing to revoke; `amiproof promote` promotes an image",
        ));
    };
    let mut revoked = Revoked::default();
    if status != Status::Revoked || image.tags.get(tag::REASON).map(String::as_str) != Some(&*tag::value(reason)) {
        revoked.changes.push(format!("tag {id} as revoked"));
        if mode == Mode::Apply {
            let tags = BTreeMap::from([
                (tag::STATUS, Status::Revoked.as_str().to_owned()),
                (tag::REASON, tag::value(reason)),
                (tag::SINCE, at.to_string()),
            ]);
            image::tag(clients, id, &tags).await?;
        }
    }
    let words = |key: &str| image.tags.get(key).map(String::as_str).unwrap_or_default().split(' ');
    let lines: Vec<&str> = words(tag::PROMOTED_AS).filter(|line| !line.is_empty()).collect();
    for name in words(tag::NAMED_BY).filter(|name| !name.is_empty()) {
        match renamed(clients, id, name, &lines, mode).await {
            Ok(changes) => revoked.changes.extend(changes),
            Err(error) => revoked.open.push(format!("parameter {name}: {error}")),
        }
    }
    Ok(revoked)
}

/// Lets a parameter name something else than an image, if it names that.
async fn renamed(clients: &Clients, id: &AmiId, name: &str, lines: &[&str], mode: Mode) -> Result<Changes, Error> {
    let Some(slot) = parameter::Slot::of_any(clients, name, lines).await? else { return Ok(Changes::new()) };
    if !slot.names(id.as_str()) {
        return Ok(Changes::new());
    }
    match earlier(clients, &slot, id).await? {
        Some(earlier) => slot.set(clients, earlier.as_str(), mode).await,
        None => slot.delete(clients, mode).await,
    }
}

/// The newest earlier value of a parameter that is an image of the same line and still promoted.
async fn earlier(clients: &Clients, slot: &parameter::Slot, revoked: &AmiId) -> Result<Option<AmiId>, Error> {
    for value in slot.earlier_values(clients).await? {
        let Ok(id) = value.parse::<AmiId>() else { continue };
        if id == *revoked {
            continue;
        }
        let image = match image::read(clients, &id).await {
            Ok(image) => image,
            // An image that is gone by now is passed over. One that could not be read is not gone.
            Err(Error::Refused { .. }) => continue,
            Err(error) => return Err(error),
        };
        let lines = image.tags.get(tag::PROMOTED_AS).map(String::as_str).unwrap_or_default();
        let is_same_line = lines.split(' ').any(|line| line == slot.line());
        if is_same_line && image.status() == Some(Status::Promoted) && image.usable(Timestamp::MIN).is_ok() {
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
