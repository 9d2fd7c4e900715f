//! Where a variant's image comes from.

use camino::Utf8Path;

use super::base_image::{HOW_TO_BUILD, base_image_kind, base_image_parameter_kind};
use super::file::{AmiSection, FilterSection};
use super::image_builder;
use super::resolver::Resolver;
use super::spec::{AmiSource, Family};
use crate::name::KubernetesVersion;
use crate::problem::{closest, instead, one_of};

/// The last Kubernetes version for which EKS published Amazon Linux 2 images (EKS user guide, "EKS AL2 and Bottlerocket AMIs").
const LAST_AL2_MINOR: u32 = 32;

pub(super) fn ami(
    resolver: &mut Resolver<'_>,
    path: &str,
    raw: AmiSection,
    family: Option<Family>,
    version: Option<&KubernetesVersion>,
    is_built: bool,
) -> Option<AmiSource> {
    let at = format!("{path}.ami");
    if raw.select.is_some() && raw.packer_manifest.is_none() {
        let message = "select picks a build of a Packer manifest, but no manifest is given";
        resolver.problem(&format!("{at}.select"), message, "remove it");
    }
    if raw.given().len() != 1 {
        not_one_source(resolver, &at, &raw);
        return None;
    }
    if let Some(id) = raw.id {
        return resolver.name(&format!("{at}.id"), id.parse()).map(AmiSource::Id);
    }
    if let Some(parameter) = raw.ssm {
        return ssm(resolver, &format!("{at}.ssm"), parameter, family, version);
    }
    if let Some(section) = raw.filter {
        return filter(resolver, &format!("{at}.filter"), section);
    }
    if let Some(arn) = raw.image_builder {
        return from_image_builder(resolver, &format!("{at}.imageBuilder"), arn);
    }
    raw.packer_manifest.and_then(|file| packer_manifest(resolver, &at, &file, raw.select, is_built))
}

/// The keys of which an image has one.
const SOURCES: &str = "id, ssm, filter, packerManifest, imageBuilder";

fn not_one_source(resolver: &mut Resolver<'_>, at: &str, raw: &AmiSection) {
    let (message, help) = match raw.given().as_slice() {
        // A source that is there under a misspelt key, or in a wrong form, has been noted already.
        [] if resolver.is_wrong(&format!("{at}.")) => return,
        [] => ("no image source is given".to_owned(), format!("add one of: {SOURCES}")),
        several => (format!("{} cannot be combined", several.join(" and ")), format!("keep one of: {SOURCES}")),
    };
    resolver.problem(at, message, help);
}

fn from_image_builder(resolver: &mut Resolver<'_>, at: &str, arn: String) -> Option<AmiSource> {
    match image_builder::pattern(&arn) {
        Ok(pattern) => Some(AmiSource::ImageBuilder { arn, pattern }),
        Err(help) => {
            resolver.problem(at, format!("'{arn}' is not the ARN of an image of Image Builder"), help);
            None
        }
    }
}

fn ssm(
    resolver: &mut Resolver<'_>,
    at: &str,
    parameter: String,
    family: Option<Family>,
    version: Option<&KubernetesVersion>,
) -> Option<AmiSource> {
    if parameter == "recommended" {
        if let (Some(Family::Al2), Some(version)) = (family, version)
            && version.minor() > LAST_AL2_MINOR
        {
            let help =
                format!("add kubernetesVersion: \"1.{LAST_AL2_MINOR}\" to the variant, or name an image of your own");
            resolver.problem(at, format!("there is no EKS image of Amazon Linux 2 for Kubernetes {version}"), help);
            return None;
        }
        return Some(AmiSource::Recommended);
    }
    let is_path = parameter.len() > 1
        && parameter.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
        && parameter.starts_with('/');
    if is_path {
        if let Some(what) = base_image_parameter_kind(&parameter) {
            resolver.problem(
                at,
                format!("'{parameter}' is {what}, which contains no kubelet and cannot join a cluster"),
                HOW_TO_BUILD,
            );
            return None;
        }
        return Some(AmiSource::SsmParameter(parameter));
    }
    let help = match closest(&parameter, ["recommended"]) {
        Some(word) => format!("did you mean '{word}'?"),
        None => "write recommended, or a parameter name that begins with '/'".to_owned(),
    };
    resolver.problem(at, format!("'{parameter}' is not the name of an SSM parameter"), help);
    None
}

fn filter(resolver: &mut Resolver<'_>, at: &str, raw: FilterSection) -> Option<AmiSource> {
    const ALIASES: [&str; 3] = ["self", "amazon", "aws-marketplace"];
    let owner = raw.owner.and_then(|owner| {
        let is_account = owner.len() == 12 && owner.chars().all(|c| c.is_ascii_digit());
        if is_account || ALIASES.contains(&owner.as_str()) {
            return Some(owner);
        }
        let message = format!("'{owner}' is not an image owner");
        let help = match closest(&owner, ALIASES) {
            Some(word) => format!("did you mean '{word}'?"),
            None => format!("write a 12-digit account id in quotes, or {}", one_of(&ALIASES)),
        };
        resolver.problem(&format!("{at}.owner"), message, help);
        None
    });
    let name = raw.name.and_then(|name| {
        let rule = "an image name of 3 to 128 characters, with '*' and '?' as wildcards";
        let is_legal =
            |text: &str| (3..=128).contains(&text.chars().count()) && text.chars().any(|c| c.is_ascii_alphanumeric());
        resolver.text(&format!("{at}.name"), name, "image name pattern", rule, is_legal)
    });
    // Under its own account's name an image may be called anything.
    if let (Some(owner), Some(name)) = (&owner, &name)
        && owner != "self"
        && let Some(what) = base_image_kind(name)
    {
        let message = format!("'{name}' is {what}, which contains no kubelet and cannot join a cluster");
        resolver.problem(&format!("{at}.name"), message, HOW_TO_BUILD);
        return None;
    }
    Some(AmiSource::Filter { owner: owner?, name: name? })
}

/// A Packer manifest holds `builds`, each with a `name` and an `artifact_id` like `us-west-2:ami-…` (Packer's post-processor
/// "manifest"). Which build counts is found out when the run starts; that there is one is checked here.
fn packer_manifest(
    resolver: &mut Resolver<'_>,
    at: &str,
    file: &str,
    select: Option<String>,
    is_built: bool,
) -> Option<AmiSource> {
    let key = format!("{at}.packerManifest");
    if is_built && resolver.files.read(Utf8Path::new(file)).is_err() {
        let message = format!("{file} does not exist yet: the image is not built");
        resolver.warning(&key, message, "`amiproof build` builds it; a run cannot test this variant before that");
        return Some(AmiSource::PackerManifest { path: file.into(), select });
    }
    let (path, text) = resolver.read_text(&key, file, "build the image first, or name another source of the image")?;
    let manifest: serde_json::Value = match serde_json::from_str(&text) {
        Ok(manifest) => manifest,
        Err(error) => {
            resolver.problem(
                &key,
                format!("{path} is not JSON: {error}"),
                "regenerate it with Packer's post-processor 'manifest'",
            );
            return None;
        }
    };
    let names: Vec<&str> =
        manifest["builds"].as_array().into_iter().flatten().filter_map(|build| build["name"].as_str()).collect();
    if names.is_empty() {
        resolver.problem(
            &key,
            format!("{path} holds no builds"),
            "regenerate it with Packer's post-processor 'manifest'",
        );
        return None;
    }
    if let Some(part) = &select
        && !names.iter().any(|name| name.contains(part.as_str()))
    {
        resolver.problem(
            &format!("{at}.select"),
            format!("no build in {path} has '{part}' in its name"),
            instead(part, &names),
        );
        return None;
    }
    Some(AmiSource::PackerManifest { path, select })
}
