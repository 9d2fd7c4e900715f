//! One section of `variants`, resolved on its own; what variants ask of each other is in [`super::cross`].

use std::time::Duration;

use super::file::{
    AmiSection, Defaults, FilterSection, HardeningSection, TimeoutsSection, UserDataSection, VariantSection,
};
use super::resolve::{Asked, list};
use super::{AmiSource, Architecture, Capacity, ClusterSpec, Family, Hardening, Timeouts, UserData, Variant};
use crate::duration;
use crate::form::List;
use crate::name::{Benchmark, KubernetesVersion, Level, NameError, VariantName};
use crate::problem::{instead, one_of};

/// What is known of a section, also where it is wrong in part: other sections may refer to it.
pub(super) struct Named {
    /// `variants[2]`.
    pub(super) path: String,
    /// The name as written; `None` where there is none.
    written: Option<String>,
    /// How it boots.
    pub(super) family: Option<Family>,
    /// Whether it says that it is hardened.
    pub(super) is_hardened: bool,
    /// The reference as written.
    pub(super) reference: Option<String>,
    /// The whole of it; `None` when something is wrong.
    pub(super) variant: Option<Variant>,
}

impl Named {
    /// The name as written.
    pub(super) fn name(&self) -> Option<&str> {
        self.written.as_deref()
    }
}

/// Resolves every section, in order.
pub(super) fn all(
    asked: &mut Asked<'_>,
    raw: List<VariantSection>,
    defaults: &Defaults,
    cluster: Option<&ClusterSpec>,
) -> Vec<Named> {
    let default_timeouts = timeouts(asked, "defaults.timeouts", defaults.timeouts.as_ref(), DEFAULT_TIMEOUTS);
    let default_types =
        defaults.instance_types.clone().map(|raw| instance_types(asked, "defaults.instanceTypes", Some(raw)));
    let fallback = Fallback { defaults, timeouts: default_timeouts, instance_types: default_types, cluster };
    let sections = raw.into_iter().enumerate();
    sections.filter_map(|(index, raw)| Some(one(asked, &format!("variants[{index}]"), raw?, &fallback))).collect()
}

/// What holds where a section is silent.
struct Fallback<'a> {
    defaults: &'a Defaults,
    timeouts: Timeouts,
    instance_types: Option<Vec<String>>,
    cluster: Option<&'a ClusterSpec>,
}

const DEFAULT_TIMEOUTS: Timeouts =
    Timeouts { nodes_ready: Duration::from_mins(8), check: Duration::from_mins(5), os_scan: Duration::from_mins(45) };

fn one(asked: &mut Asked<'_>, path: &str, raw: VariantSection, fallback: &Fallback<'_>) -> Named {
    let below = |key: &str| format!("{path}.{key}");
    let written = raw.name.clone();
    let reference_written = raw.reference.clone();
    let is_hardened = raw.hardening.is_some();
    let name: Option<VariantName> = raw.name.and_then(|text| asked.name(&below("name"), text.parse()));
    let reference: Option<VariantName> = raw.reference.and_then(|text| asked.name(&below("reference"), text.parse()));
    let hardening = raw.hardening.map(|section| hardening(asked, path, section, raw.family));
    let version = version(asked, path, raw.kubernetes_version, fallback.cluster);
    let architecture = raw.architecture.unwrap_or(Architecture::X86_64);
    if let (Some(Family::Windows), Architecture::Arm64) = (raw.family, architecture) {
        asked.problem(&below("architecture"), "EKS has no Windows nodes on arm64", "write x86_64, or remove the key");
    }
    let ami = raw.ami.and_then(|section| ami(asked, path, section, raw.family, version.as_ref()));
    let user_data = raw.user_data.map(|section| user_data(asked, path, section));
    let types = chosen_types(asked, path, raw.instance_types, architecture, fallback);
    let timeouts = timeouts(asked, &below("timeouts"), raw.timeouts.as_ref(), fallback.timeouts);
    let defaults = fallback.defaults;
    let volume = if raw.family == Some(Family::Windows) { 80 } else { 30 };
    let build = || {
        Some(Variant {
            name: name?,
            family: raw.family?,
            reference,
            hardening: transposed(hardening)?,
            ami: ami?,
            architecture,
            user_data: transposed(user_data)?,
            nodes: raw.nodes.or(defaults.nodes).unwrap_or(2),
            instance_types: types,
            capacity: raw.capacity.or(defaults.capacity).unwrap_or(Capacity::OnDemand),
            kubernetes_version: version?,
            imds_hop_limit: raw.imds_hop_limit.or(defaults.imds_hop_limit).unwrap_or(2),
            volume_gib: raw.volume_gib.or(defaults.volume_gib).unwrap_or(volume),
            timeouts,
        })
    };
    Named {
        path: path.to_owned(),
        written,
        family: raw.family,
        is_hardened,
        reference: reference_written,
        variant: build(),
    }
}

/// `None` for what was asked for and is wrong.
#[expect(clippy::option_option, reason = "absent, wrong and right are three things")]
fn transposed<T>(section: Option<Option<T>>) -> Option<Option<T>> {
    match section {
        None => Some(None),
        Some(None) => None,
        Some(right) => Some(right),
    }
}

/// The benchmarks that fit a family, by the beginning of their names.
fn benchmark_family(family: Family) -> &'static str {
    match family {
        Family::Al2023 => "cis-al2023",
        Family::Al2 => "cis-al2",
        Family::Bottlerocket => "cis-bottlerocket",
        Family::Windows => "cis-windows",
    }
}

fn hardening(asked: &mut Asked<'_>, path: &str, raw: HardeningSection, family: Option<Family>) -> Option<Hardening> {
    let at = format!("{path}.hardening.benchmark");
    let benchmark: Option<Benchmark> = raw.benchmark.and_then(|text| asked.name(&at, text.parse()));
    if let (Some(benchmark), Some(family)) = (&benchmark, family) {
        let fitting = benchmark_family(family);
        let name = benchmark.family();
        if name != fitting && !name.strip_prefix(fitting).is_some_and(|rest| rest.starts_with('-')) {
            asked.problem(
                &at,
                format!("the benchmark {benchmark} is not for the family {}", family.word()),
                format!("write a benchmark that begins with {fitting}-, or another family"),
            );
            return None;
        }
    }
    let level = raw.level.and_then(|level| u8::try_from(level).ok()).and_then(|level| Level::try_from(level).ok());
    Some(Hardening { benchmark: benchmark?, level: level? })
}

/// The image's Kubernetes version: its own, or the cluster's. A kubelet may be three minors behind the API server, never ahead.
fn version(
    asked: &mut Asked<'_>,
    path: &str,
    own: Option<String>,
    cluster: Option<&ClusterSpec>,
) -> Option<KubernetesVersion> {
    let at = format!("{path}.kubernetesVersion");
    let Some(text) = own else {
        return cluster.map(|cluster| cluster.kubernetes_version.clone());
    };
    let version: KubernetesVersion = asked.name(&at, text.parse())?;
    let control_plane = &cluster?.kubernetes_version;
    let (least, most) = (control_plane.minor().saturating_sub(3), control_plane.minor());
    if (least..=most).contains(&version.minor()) {
        return Some(version);
    }
    let what = if version.minor() > most { "is ahead of" } else { "is more than three minors behind" };
    asked.problem(
        &at,
        format!("{version} {what} the cluster's {control_plane}"),
        format!("write \"1.{least}\" to \"1.{most}\", or change cluster.kubernetesVersion"),
    );
    None
}

/// The last Kubernetes version for which EKS published Amazon Linux 2 images (EKS user guide, "EKS AL2 and Bottlerocket AMIs").
const LAST_AL2_MINOR: u32 = 32;

fn ami(
    asked: &mut Asked<'_>,
    path: &str,
    raw: AmiSection,
    family: Option<Family>,
    version: Option<&KubernetesVersion>,
) -> Option<AmiSource> {
    let at = format!("{path}.ami");
    let given = [
        ("id", raw.id.is_some()),
        ("ssm", raw.ssm.is_some()),
        ("filter", raw.filter.is_some()),
        ("packerManifest", raw.packer_manifest.is_some()),
    ];
    let given: Vec<&str> = given.iter().filter(|(_, is_given)| *is_given).map(|(key, _)| *key).collect();
    if given.is_empty() && asked.is_wrong(&format!("{at}.")) {
        return None;
    }
    if given.len() != 1 {
        let message = match given.as_slice() {
            [] => "nothing says where the image comes from".to_owned(),
            several => format!("{} cannot go together", several.join(" and ")),
        };
        asked.problem(&at, message, "keep one of: id, ssm, filter, packerManifest");
        return None;
    }
    if raw.select.is_some() && raw.packer_manifest.is_none() {
        asked.problem(
            &format!("{at}.select"),
            "select picks a build of a Packer manifest, and there is none",
            "remove it",
        );
    }
    if let Some(id) = raw.id {
        return asked.name(&format!("{at}.id"), id.parse()).map(AmiSource::Id);
    }
    if let Some(parameter) = raw.ssm {
        return ssm(asked, &format!("{at}.ssm"), parameter, family, version);
    }
    if let Some(section) = raw.filter {
        return filter(asked, &format!("{at}.filter"), section);
    }
    packer_manifest(asked, &at, &raw.packer_manifest?, raw.select)
}

fn ssm(
    asked: &mut Asked<'_>,
    at: &str,
    parameter: String,
    family: Option<Family>,
    version: Option<&KubernetesVersion>,
) -> Option<AmiSource> {
    if parameter == "recommended" {
        if let (Some(Family::Al2), Some(version)) = (family, version)
            && version.minor() > LAST_AL2_MINOR
        {
            let mend =
                format!("add kubernetesVersion: \"1.{LAST_AL2_MINOR}\" to the variant, or name an image of your own");
            asked.problem(at, format!("there is no EKS image of Amazon Linux 2 for Kubernetes {version}"), mend);
            return None;
        }
        return Some(AmiSource::Recommended);
    }
    let is_path = parameter.len() > 1
        && parameter.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
        && parameter.starts_with('/');
    if is_path {
        return Some(AmiSource::SsmParameter(parameter));
    }
    let mend = match crate::problem::closest(&parameter, ["recommended"]) {
        Some(word) => format!("did you mean '{word}'?"),
        None => "write recommended, or a parameter name that begins with '/'".to_owned(),
    };
    asked.problem(at, format!("'{parameter}' is not the name of an SSM parameter"), mend);
    None
}

fn filter(asked: &mut Asked<'_>, at: &str, raw: FilterSection) -> Option<AmiSource> {
    const ALIASES: [&str; 3] = ["self", "amazon", "aws-marketplace"];
    let owner = raw.owner.and_then(|owner| {
        let is_account = owner.len() == 12 && owner.chars().all(|c| c.is_ascii_digit());
        if is_account || ALIASES.contains(&owner.as_str()) {
            return Some(owner);
        }
        let message = format!("'{owner}' is not an owner of images");
        let mend = match crate::problem::closest(&owner, ALIASES) {
            Some(word) => format!("did you mean '{word}'?"),
            None => format!("write a 12-digit account id in quotes, or {}", one_of(&ALIASES)),
        };
        asked.problem(&format!("{at}.owner"), message, mend);
        None
    });
    let name = raw.name.and_then(|name| {
        let rule = "an image name of 3 to 128 characters, with '*' and '?' where any text fits";
        let is_legal =
            |text: &str| (3..=128).contains(&text.chars().count()) && text.chars().any(|c| c.is_ascii_alphanumeric());
        asked.text(&format!("{at}.name"), name, "image name pattern", rule, is_legal)
    });
    Some(AmiSource::Filter { owner: owner?, name: name? })
}

/// A Packer manifest holds `builds`, each with a `name` and an `artifact_id` like `us-west-2:ami-…` (Packer's post-processor
/// "manifest"). Which build counts is found out when the run starts; that there is one is checked here.
fn packer_manifest(asked: &mut Asked<'_>, at: &str, file: &str, select: Option<String>) -> Option<AmiSource> {
    let key = format!("{at}.packerManifest");
    let (path, text) = asked.read_text(&key, file, "build the image first, or name another source of the image")?;
    let manifest: serde_json::Value = match serde_json::from_str(&text) {
        Ok(manifest) => manifest,
        Err(error) => {
            asked.problem(
                &key,
                format!("{path} is not JSON: {error}"),
                "let Packer's post-processor 'manifest' write it again",
            );
            return None;
        }
    };
    let names: Vec<&str> =
        manifest["builds"].as_array().into_iter().flatten().filter_map(|build| build["name"].as_str()).collect();
    if names.is_empty() {
        asked.problem(&key, format!("{path} holds no builds"), "let Packer's post-processor 'manifest' write it again");
        return None;
    }
    if let Some(part) = &select
        && !names.iter().any(|name| name.contains(part.as_str()))
    {
        asked.problem(
            &format!("{at}.select"),
            format!("no build in {path} has '{part}' in its name"),
            instead(part, &names),
        );
        return None;
    }
    Some(AmiSource::PackerManifest { path, select })
}

/// EC2 takes at most 16 KiB of user data (EC2 user guide, "Run commands at launch").
const USER_DATA_LIMIT: usize = 16 * 1024;

fn user_data(asked: &mut Asked<'_>, path: &str, raw: UserDataSection) -> Option<UserData> {
    let at = format!("{path}.userData.merge");
    let (path, text) =
        asked.read_text(&at, &raw.merge?, "write the path of a text file, relative to the matrix file")?;
    let size = text.len();
    if size > USER_DATA_LIMIT {
        let mend = "fetch the larger part at boot, for example from S3";
        asked.problem(&at, format!("{path} has {size} bytes, EC2 takes {USER_DATA_LIMIT}"), mend);
        return None;
    }
    if text.trim().is_empty() {
        asked.warning(&at, format!("{path} is empty"), "remove userData, or write something into the file");
    }
    Some(UserData { path, text })
}

fn instance_types(asked: &mut Asked<'_>, at: &str, raw: Option<List<String>>) -> Vec<String> {
    list(asked, at, raw, |asked, path, text| {
        let parsed = if is_instance_type(&text) {
            Ok(text)
        } else {
            Err(NameError { what: "instance type", text, rule: "a type with its size, like m6i.large".to_owned() })
        };
        asked.name(path, parsed)
    })
}

fn chosen_types(
    asked: &mut Asked<'_>,
    path: &str,
    own: Option<List<String>>,
    architecture: Architecture,
    fallback: &Fallback<'_>,
) -> Vec<String> {
    let own = own.map(|raw| instance_types(asked, &format!("{path}.instanceTypes"), Some(raw)));
    let standard = match architecture {
        Architecture::X86_64 => "m6i.large",
        Architecture::Arm64 => "m6g.large",
    };
    let types = own.or_else(|| fallback.instance_types.clone()).filter(|types| !types.is_empty());
    let types = types.unwrap_or_else(|| vec![standard.to_owned()]);
    for kind in types.iter().filter(|kind| is_graviton(kind) != (architecture == Architecture::Arm64)) {
        let word = architecture.word();
        asked.problem(
            &format!("{path}.instanceTypes"),
            format!("the instance type {kind} does not boot an image for {word}"),
            format!("write instanceTypes: [{standard}] for this variant, or change its architecture"),
        );
    }
    types
}

/// `m6i.large`, `u-6tb1.metal`, `m7i-flex.large`: a family with a generation, a dot, a size.
fn is_instance_type(text: &str) -> bool {
    text.split_once('.').is_some_and(|(family, size)| {
        let word = |part: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        };
        word(family)
            && word(size)
            && family.starts_with(|c: char| c.is_ascii_lowercase())
            && family.contains(|c: char| c.is_ascii_digit())
    })
}

/// Whether AWS's naming scheme says Graviton: a `g` among the letters behind the generation, or the first of them all, a1
/// (EC2 user guide, "Instance type naming conventions").
fn is_graviton(kind: &str) -> bool {
    let family = kind.split('.').next().unwrap_or_default();
    let behind_generation =
        family.trim_start_matches(|c: char| !c.is_ascii_digit()).trim_start_matches(|c: char| c.is_ascii_digit());
    family == "a1" || behind_generation.contains('g')
}

fn timeouts(asked: &mut Asked<'_>, at: &str, raw: Option<&TimeoutsSection>, fallback: Timeouts) -> Timeouts {
    let Some(raw) = raw else { return fallback };
    let mut one = |key: &str, text: &Option<String>, fallback: Duration| {
        text.as_ref().and_then(|text| asked.name(&format!("{at}.{key}"), duration::parse(text))).unwrap_or(fallback)
    };
    Timeouts {
        nodes_ready: one("nodesReady", &raw.nodes_ready, fallback.nodes_ready),
        check: one("check", &raw.check, fallback.check),
        os_scan: one("osScan", &raw.os_scan, fallback.os_scan),
    }
}
