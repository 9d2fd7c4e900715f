//! A resolved matrix file: every default filled in, every reference checked.

pub(crate) mod build;
pub(crate) mod governance;
pub(crate) mod scans;

use std::collections::BTreeMap;
use std::time::Duration;

use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::build::Build;
use self::governance::Governance;
use self::scans::ScanSettings;
use crate::name::{AmiId, Benchmark, KubernetesVersion, Level, VariantName};
use crate::renamed;
use crate::selector::NodeSelector;
use crate::threshold::declared::Threshold;

/// A matrix that is complete and free of contradictions.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// `metadata.name`.
    pub name: String,
    /// The test cluster.
    pub cluster: ClusterSpec,
    /// The columns, in file order; at least one.
    pub variants: Vec<Variant>,
    /// Which suites and checks run.
    pub suites: SuiteSelection,
    /// Settings of the scanners.
    pub scans: ScanSettings,
    /// Thresholds for scans and suites.
    pub thresholds: Vec<Threshold>,
    /// Where workloads come from, in order.
    pub workloads: Vec<WorkloadSource>,
    /// The waiver file, relative to the matrix file.
    pub waivers: Option<Utf8PathBuf>,
}

/// Default number of pods per variant: each of two m6i.large takes 29 pods, and the workloads that run at a time rarely need more.
pub const PODS_PER_VARIANT: u32 = 30;

impl Matrix {
    /// Maximum number of pods of a run at a time, unless the command line overrides it.
    pub fn max_pods(&self) -> u32 {
        let variants = u32::try_from(self.variants.len()).unwrap_or(u32::MAX);
        self.cluster.max_pods.unwrap_or(PODS_PER_VARIANT.saturating_mul(variants))
    }
}

/// The test cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterSpec {
    /// Its name in EKS.
    pub name: String,
    /// The AWS region; `None` only where every variant's nodes already exist, and then AWS is not needed.
    pub region: Option<String>,
    /// The control plane's version in the matrix; `None` only where every variant's nodes already exist.
    pub kubernetes_version: Option<KubernetesVersion>,
    /// Whether amiproof creates and deletes it; otherwise it must exist.
    pub create: bool,
    /// Subnets for cluster and nodes. Empty: those of the amiproof network stack, or, for an existing cluster, its own.
    pub subnet_ids: Vec<String>,
    /// The role of the control plane; `None` for the one of the network stack.
    pub role_arn: Option<String>,
    /// The role of Linux nodes; `None` for the one of the network stack.
    pub node_role_arn: Option<String>,
    /// The role of Windows nodes, which EKS wants apart (domain: EC2_WINDOWS access entry); `None` for the stack's.
    pub windows_node_role_arn: Option<String>,
    /// Maximum number of pods of a run at a time, over all variants; `None` for [`PODS_PER_VARIANT`] times their number.
    pub max_pods: Option<u32>,
    /// EKS add-ons to install if the run creates the cluster.
    pub addons: Vec<AddonSpec>,
    /// What the account demands.
    pub governance: Governance,
}

/// An EKS add-on to install: `vpc-cni`, or `coredns@v1.13.1-eksbuild.1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddonSpec {
    /// Its name in EKS.
    pub name: String,
    /// The version; `None` for the one that EKS recommends for the cluster.
    pub version: Option<String>,
}

impl AddonSpec {
    /// The add-on in the version that EKS recommends.
    pub fn recommended(name: &str) -> Self {
        Self { name: name.to_owned(), version: None }
    }
}

impl std::fmt::Display for AddonSpec {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.version {
            Some(version) => write!(out, "{} {version}", self.name),
            None => out.write_str(&self.name),
        }
    }
}

/// One AMI variant to test.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// Its name: a column of the matrix.
    pub name: VariantName,
    /// Family of the image, which decides how it boots.
    pub family: Family,
    /// The unhardened counterpart, for comparison and for traffic.
    pub reference: Option<VariantName>,
    /// Benchmark and level of the hardening; `None` for a stock image.
    pub hardening: Option<Hardening>,
    /// `x86_64` or `arm64`.
    pub architecture: Architecture,
    /// Where its nodes come from.
    pub nodes: NodeSource,
    /// The IMDS hop limit, 1 to 64: of the launch template, where IMDSv2 is always required, or that of existing
    /// nodes.
    pub imds_hop_limit: u32,
    /// Deadlines.
    pub timeouts: Timeouts,
}

impl Variant {
    /// The node group that the run creates; `None` if its nodes already exist.
    pub fn made(&self) -> Option<&MadeNodes> {
        match &self.nodes {
            NodeSource::Made(made) => Some(made),
            NodeSource::Selected(_) => None,
        }
    }

    /// The selector of its existing nodes; `None` if the run creates them.
    pub fn selector(&self) -> Option<&NodeSelector> {
        match &self.nodes {
            NodeSource::Made(_) => None,
            NodeSource::Selected(selector) => Some(selector),
        }
    }
}

/// Where the nodes of a variant come from.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeSource {
    /// The run creates a managed node group.
    Made(MadeNodes),
    /// They already exist: in a node group of another owner, or outside of any cloud.
    Selected(NodeSelector),
}

/// The managed node group that a run creates for a variant.
#[derive(Clone, Debug, PartialEq)]
pub struct MadeNodes {
    /// How many nodes.
    pub count: u32,
    /// Where the image comes from.
    pub ami: AmiSource,
    /// How `amiproof build` makes the image; `None` if it is built elsewhere.
    pub build: Option<Box<Build>>,
    /// User data merged into what amiproof generates.
    pub user_data: Option<UserData>,
    /// Instance types, first choice first.
    pub instance_types: Vec<String>,
    /// On demand or spot.
    pub capacity: Capacity,
    /// The Kubernetes version of the image, if it differs from the cluster's (at most three minors behind, never ahead).
    pub kubernetes_version: KubernetesVersion,
    /// Size of the root volume, GiB.
    pub volume_gib: u32,
    /// The KMS key of its volumes; `None` for the account's default for EBS.
    pub kms_key: Option<String>,
    /// Additional security groups of its nodes.
    pub security_groups: Vec<String>,
    /// Additional tags: of node group, launch template, instances and their volumes and interfaces.
    pub tags: BTreeMap<String, String>,
}

/// How a variant boots.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Family {
    /// Amazon Linux 2023: nodeadm.
    Al2023,
    /// Amazon Linux 2: `/etc/eks/bootstrap.sh`.
    Al2,
    /// Bottlerocket: TOML.
    Bottlerocket,
    /// Windows Server: PowerShell.
    Windows,
}

impl Family {
    /// Its name in YAML and reports.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether Linux workloads can run on it.
    pub fn is_linux(self) -> bool {
        self != Self::Windows
    }
}

/// The processor architecture of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Architecture {
    /// Intel and AMD.
    #[serde(rename = "x86_64")]
    X86_64,
    /// Graviton.
    #[serde(rename = "arm64")]
    Arm64,
}

impl Architecture {
    /// The word for it, as EC2 and SSM parameters write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }
}

/// What an image is hardened to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hardening {
    /// The benchmark with its version.
    pub benchmark: Benchmark,
    /// The profile level.
    pub level: Level,
}

/// Where an image comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AmiSource {
    /// A fixed id.
    Id(AmiId),
    /// The SSM public parameter of the newest recommended image of the family, version and architecture.
    Recommended,
    /// A given SSM parameter.
    SsmParameter(String),
    /// The newest image whose name matches a pattern with `*` and `?`.
    Filter {
        /// The owner: an account id, `self`, `amazon` or `aws-marketplace`.
        owner: String,
        /// The pattern.
        name: String,
    },
    /// The newest artifact of a Packer manifest; `select` picks builds whose name contains it.
    PackerManifest {
        /// The manifest, relative to the matrix file.
        path: Utf8PathBuf,
        /// A part of the build's name.
        select: Option<String>,
    },
    /// The newest AMI that EC2 Image Builder made of an image.
    ImageBuilder {
        /// The image, as the matrix names it.
        arn: String,
        /// What the tag of its AMIs matches; see [`super::image_builder`].
        pattern: String,
    },
}

/// User data of the user's own, read when the matrix was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserData {
    /// The file, relative to the matrix file.
    pub path: Utf8PathBuf,
    /// Its text.
    pub text: String,
}

/// How instances are bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Capacity {
    /// Full price, never interrupted.
    OnDemand,
    /// Cheaper, but may be interrupted.
    Spot,
}

/// Deadlines of one variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From the node group's creation until all its nodes are Ready.
    pub nodes_ready: Duration,
    /// One attempt of a check without a deadline of its own.
    pub check: Duration,
    /// The scan of the operating system.
    pub os_scan: Duration,
}

/// Which suites and checks run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SuiteSelection {
    /// Only these suites; empty for all that are not opt-in.
    pub include: Vec<String>,
    /// Additional opt-in suites or checks.
    pub with: Vec<String>,
    /// Excluded suites or checks.
    pub exclude: Vec<String>,
}

impl SuiteSelection {
    /// Whether a check is selected. `opt_in` says that its suite runs only when `include` or `with` names it.
    pub fn selects(&self, check: &crate::name::CheckId, opt_in: bool) -> bool {
        let names =
            |list: &[String]| list.iter().any(|name| name == check.suite() || renamed::current(name) == check.as_str());
        if names(&self.exclude) {
            return false;
        }
        let named = if self.include.is_empty() { !opt_in } else { names(&self.include) };
        named || names(&self.with)
    }
}

/// Where workloads come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkloadSource {
    /// The embedded catalogue.
    Builtin,
    /// A folder of workload files, relative to the matrix file.
    Folder(Utf8PathBuf),
}
