//! Finds the image of a variant, and checks that it matches the matrix.

mod packer;
mod parameter;
mod plausible;

use amiproof_model::matrix::{
    AmiSource, Architecture, Family, HOW_TO_BUILD, MadeNodes, Variant, base_image_kind, image_builder,
};
use amiproof_model::name::{AmiId, KubernetesVersion};
use amiproof_model::report::AmiRecord;
use aws_sdk_ec2::types::{Filter, Image};

pub use self::packer::{last_run, newest_in_manifest, of_last_run};
pub use self::parameter::recommended_parameter;
use super::Clients;
use super::error::{AwsError, Explain as _};

/// An image that exists, is available and fits its variant.
#[derive(Clone, Debug, PartialEq)]
pub struct Ami {
    /// Its record in the report.
    pub record: AmiRecord,
    /// Its EBS volumes, the root device first.
    pub volumes: Vec<ImageVolume>,
}

/// An EBS volume of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageVolume {
    /// `/dev/xvda`.
    pub device: String,
    /// The size of its snapshot, GiB; a volume cannot be smaller.
    pub gib: i32,
    /// Whether it is the root device.
    pub is_root: bool,
}

/// Why there is no image for a variant.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// AWS returned an error.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The source names no image, or one that does not fit.
    #[error("{0}")]
    Unusable(String),
}

/// Finds the image of a variant. `manifest` is the text of the Packer manifest if the image comes from one.
///
/// # Errors
/// If the source names no image, the image is not available, or it is not of the family and architecture of the variant: all of them with
/// what to change. Otherwise [`AwsError`] of [DescribeImages](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html) or
/// [GetParameter](https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn resolve(
    clients: &Clients,
    variant: &Variant,
    made: &MadeNodes,
    manifest: Option<&str>,
) -> Result<Ami, Error> {
    let kubernetes = &made.kubernetes_version;
    let (image, source) = match &made.ami {
        AmiSource::Id(id) => (describe(clients, id).await?, "id".to_owned()),
        AmiSource::Recommended => {
            let name = recommended_parameter(variant, kubernetes);
            (from_parameter(clients, variant, kubernetes, &name).await?, format!("ssm {name}"))
        }
        AmiSource::SsmParameter(name) => {
            (from_parameter(clients, variant, kubernetes, name).await?, format!("ssm {name}"))
        }
        AmiSource::Filter { owner, name } => {
            let wanted = Wanted { owner, key: "name", value: name, title: format!("is named {name}") };
            (newest(clients, variant.architecture, &wanted).await?, format!("filter {owner} {name}"))
        }
        AmiSource::ImageBuilder { arn, pattern } => {
            let key = format!("tag:{}", image_builder::TAG);
            let title = format!("was built by {arn}");
            let wanted = Wanted { owner: "self", key: &key, value: pattern, title };
            (newest(clients, variant.architecture, &wanted).await?, format!("image builder {arn}"))
        }
        AmiSource::PackerManifest { path, select } => {
            let text = manifest.ok_or_else(|| Error::Unusable(format!("the Packer manifest {path} was not read")))?;
            let id = newest_in_manifest(text, select.as_deref(), clients.region())
                .map_err(|reason| Error::Unusable(format!("{path}: {reason}")))?;
            (describe(clients, &id).await?, format!("packer manifest {path}"))
        }
    };
    check(&image, variant)?;
    let record = AmiRecord { ancestors: ancestors(clients, &image).await?, ..record(&image, source)? };
    Ok(Ami { record, volumes: volumes(&image) })
}

/// The image that existing nodes run.
///
/// # Errors
/// [`AwsError`] of [DescribeImages](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html); an error of its own if the image is gone or
/// not shared with this account.
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn of_nodes(clients: &Clients, id: &AmiId) -> Result<AmiRecord, Error> {
    let image = describe(clients, id).await?;
    Ok(AmiRecord { ancestors: ancestors(clients, &image).await?, ..record(&image, "the nodes run it".to_owned())? })
}

/// The newest image that AWS recommends for a variant, by the public SSM parameter of its family.
///
/// # Errors
/// If AWS publishes no such parameter in the region; otherwise [`AwsError`] of
/// [GetParameter](https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn recommended(
    clients: &Clients,
    variant: &Variant,
    kubernetes: &KubernetesVersion,
) -> Result<AmiRecord, Error> {
    let name = recommended_parameter(variant, kubernetes);
    record(&from_parameter(clients, variant, kubernetes, &name).await?, format!("ssm {name}"))
}

/// Details of an image beyond what a run needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageDetails {
    /// Its name.
    pub name: String,
    /// The owner: `amazon`, `aws-marketplace`, `self`, or nothing.
    pub owner: String,
    /// When it was created.
    pub created: Option<jiff::Timestamp>,
    /// From when on it is deprecated.
    pub deprecated: Option<jiff::Timestamp>,
    /// The image that it was built from, if EC2 knows.
    pub base: Option<String>,
}

/// The name, owner, age, deprecation and base of an image.
///
/// # Errors
/// [`AwsError`] of [DescribeImages](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html); an error of its own if the image is gone or
/// not shared with this account.
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn standing(clients: &Clients, id: &AmiId) -> Result<ImageDetails, Error> {
    let image = describe(clients, id).await?;
    let time = |text: Option<&str>| text.and_then(|text| text.parse().ok());
    Ok(ImageDetails {
        name: image.name().unwrap_or_default().to_owned(),
        owner: image.image_owner_alias().unwrap_or_default().to_owned(),
        created: time(image.creation_date()),
        deprecated: time(image.deprecation_time()),
        base: image.source_image_id().map(str::to_owned),
    })
}

/// Describes an image. The answer may be up to five minutes old: variants share images, and their checks ask for them again.
async fn describe(clients: &Clients, id: &AmiId) -> Result<Image, Error> {
    let ask = || async {
        let _permit = clients.read_permit().await;
        let answer = clients.ec2.describe_images().image_ids(id.as_str()).send().await;
        answer.explain("DescribeImages", id).map(|answer| answer.images.unwrap_or_default().into_iter().next())
    };
    let answer = clients.shared_answer(("DescribeImages", id.as_str()), || clients.read(ask)).await;
    let missing = || {
        Error::Unusable(format!(
            "{id} does not exist in {}, or is not shared with this account: AMI ids differ from region to region, so copy the image \
             here or name the one of this region",
            clients.region()
        ))
    };
    match answer {
        Ok(image) => image.ok_or_else(missing),
        Err(error) if error.is_not_found() => Err(missing()),
        Err(error) => Err(error.into()),
    }
}

async fn from_parameter(
    clients: &Clients,
    variant: &Variant,
    kubernetes: &KubernetesVersion,
    name: &str,
) -> Result<Image, Error> {
    let ask = || async {
        let answer = clients.ssm.get_parameter().name(name).send().await.explain("GetParameter", name)?;
        Ok(answer.parameter.and_then(|parameter| parameter.value).unwrap_or_default())
    };
    let value = match clients.shared_answer(("GetParameter", name), || clients.read(ask)).await {
        Ok(value) => value,
        Err(error) if error.is_not_found() => {
            return Err(Error::Unusable(parameter::missing(name, variant, kubernetes)));
        }
        Err(error) => return Err(error.into()),
    };
    let id = parameter::ami_id(&value).map_err(|reason| Error::Unusable(format!("SSM parameter {name}: {reason}")))?;
    describe(clients, &id).await
}

/// Images of which the newest is wanted.
struct Wanted<'a> {
    /// An account, `self` or `amazon`.
    owner: &'a str,
    /// The filter of DescribeImages, and its value.
    key: &'a str,
    value: &'a str,
    /// What they have in common, as the end of a sentence about one of them.
    title: String,
}

async fn newest(clients: &Clients, architecture: Architecture, wanted: &Wanted<'_>) -> Result<Image, Error> {
    let Wanted { owner, key, value, title } = wanted;
    let about = format!("{architecture} {owner} {key} {value}", architecture = architecture.as_str());
    let ask = || newest_now(clients, architecture, wanted);
    let newest = clients.shared_answer(("newest image", &about), ask).await?;
    newest.ok_or_else(|| {
        Error::Unusable(format!(
            "no available {} image of owner {owner} in {} {title}: check it with \
             `aws ec2 describe-images --owners {owner} --filters 'Name={key},Values={value}'`",
            architecture.as_str(),
            clients.region()
        ))
    })
}

async fn newest_now(
    clients: &Clients,
    architecture: Architecture,
    wanted: &Wanted<'_>,
) -> Result<Option<Image>, AwsError> {
    let Wanted { owner, key, value, .. } = wanted;
    let filters: Vec<Filter> = [(*key, *value), ("state", "available"), ("architecture", architecture.as_str())]
        .into_iter()
        .map(|(key, value)| Filter::builder().name(key).values(value).build())
        .collect();
    let mut images = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let page = clients
            .read(|| async {
                let request = clients.ec2.describe_images().owners(*owner).set_filters(Some(filters.clone()));
                request
                    .set_next_token(token.clone())
                    .send()
                    .await
                    .explain("DescribeImages", format!("images with {key} {value}"))
            })
            .await?;
        images.extend(page.images.unwrap_or_default());
        match page.next_token {
            Some(next) if !next.is_empty() && token.as_ref() != Some(&next) => token = Some(next),
            _ => break,
        }
    }
    // ISO 8601 in UTC sorts as text.
    Ok(images.into_iter().max_by(|a, b| a.creation_date().cmp(&b.creation_date())))
}

fn check(image: &Image, variant: &Variant) -> Result<(), Error> {
    let id = image.image_id().unwrap_or("the image");
    let name = image.name().unwrap_or_default();
    let state = image.state().map_or("unknown", |state| state.as_str());
    if state != "available" {
        return Err(Error::Unusable(format!(
            "{id} ({name}) is {state}, not available: wait until it is, or choose another image"
        )));
    }
    let architecture = image.architecture().map_or("unknown", |architecture| architecture.as_str());
    if architecture != variant.architecture.as_str() {
        return Err(Error::Unusable(format!(
            "{id} ({name}) is {architecture}, but the variant has {}: set `architecture` and `instanceTypes` to fit the image",
            variant.architecture.as_str()
        )));
    }
    // An image of the account's own may be called anything.
    let is_published = image.public() == Some(true) || image.image_owner_alias().is_some();
    if is_published && let Some(what) = base_image_kind(name) {
        let message =
            format!("{id} ({name}) is {what}, which contains no kubelet and cannot join a cluster: {HOW_TO_BUILD}");
        return Err(Error::Unusable(message));
    }
    let is_windows = image.platform().is_some_and(|platform| platform.as_str().eq_ignore_ascii_case("windows"));
    match plausible::family(name, is_windows) {
        Some(family) if family != variant.family => Err(Error::Unusable(format!(
            "{id} ({name}) boots as {}, but the variant has family {}: with the wrong user data it never joins, so correct `family` or \
             the image",
            family.as_str(),
            variant.family.as_str()
        ))),
        None if variant.family == Family::Windows => {
            Err(Error::Unusable(format!("{id} ({name}) is not a Windows image, but the variant has family windows")))
        }
        _ => Ok(()),
    }
}

fn record(image: &Image, source: String) -> Result<AmiRecord, Error> {
    let id = image.image_id().unwrap_or_default().to_owned();
    Ok(AmiRecord {
        id: id
            .try_into()
            .map_err(|error| Error::Unusable(format!("EC2 answered with an image without a proper id: {error}")))?,
        name: image.name().unwrap_or_default().to_owned(),
        created: image.creation_date().and_then(|text| text.parse().ok()),
        source,
        architecture: image.architecture().map_or("", |architecture| architecture.as_str()).to_owned(),
        deprecated: image.deprecation_time().and_then(|text| text.parse().ok()),
        ancestors: Vec::new(),
    })
}

/// The images that an image was built on, the nearest first
/// ([`SourceImageId`](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Image.html)). An ancestor that is gone, or not shared with
/// this account, is the last one that is known.
async fn ancestors(clients: &Clients, image: &Image) -> Result<Vec<AmiId>, Error> {
    /// More than anybody builds on top of one another.
    const MAX_ANCESTORS: usize = 5;
    let mut all: Vec<AmiId> = Vec::new();
    let mut next = image.source_image_id().and_then(|id| id.parse::<AmiId>().ok());
    while let Some(id) = next.filter(|id| all.len() < MAX_ANCESTORS && !all.contains(id)) {
        next = match describe(clients, &id).await {
            Ok(base) => base.source_image_id().and_then(|id| id.parse().ok()),
            Err(Error::Unusable(_)) => None,
            Err(error) => return Err(error),
        };
        all.push(id);
    }
    Ok(all)
}

/// EC2 guarantees the root device first only in practice, hence the sort.
fn volumes(image: &Image) -> Vec<ImageVolume> {
    let root = image.root_device_name().unwrap_or("/dev/xvda");
    let mut volumes: Vec<ImageVolume> = image
        .block_device_mappings()
        .iter()
        .filter_map(|mapping| {
            let device = mapping.device_name()?.to_owned();
            let gib = mapping.ebs()?.volume_size().unwrap_or(0);
            Some(ImageVolume { is_root: device == root, device, gib })
        })
        .collect();
    if !volumes.iter().any(|volume| volume.is_root) {
        volumes.push(ImageVolume { device: root.to_owned(), gib: 0, is_root: true });
    }
    volumes.sort_by_key(|volume| !volume.is_root);
    volumes
}

#[cfg(test)]
mod tests;
