//! The report of one run: the only truth on disk (`report.json`); every other format renders from it.
//!
//! Versioning: `schemaVersion` is the major version of the format. Adding a field with a default keeps the number, and readers ignore
//! fields that they do not know, so reports of newer builds can be read without what is new in them. Removing a field or changing its
//! meaning raises the number, and readers reject a version above [`SCHEMA_VERSION`] with a message that names both numbers and the build
//! that wrote the report.

pub mod cause;
pub(crate) mod cleanup;
mod column;
pub mod cost;
pub(crate) mod counts;
mod differences;
mod file;
pub mod impact;
mod lines;
mod merged;
pub mod order;
pub(crate) mod phase;
pub(crate) mod placements;
pub mod proof;
pub(crate) mod result;
pub(crate) mod scan;
pub(crate) mod severity;
pub mod shards;
mod shared;
pub(crate) mod subject;

use indexmap::IndexMap;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::cause::{Cause, Certainty, Explanation};
pub use self::cleanup::{Cleanup, Foreign, Leftover};
pub use self::cost::Cost;
pub use self::counts::Counts;
pub use self::file::ParseError;
pub use self::impact::Impact;
pub use self::phase::{Phase, PhaseEnd, PhaseRecord};
pub use self::placements::Placements;
pub use self::proof::Proof;
pub use self::result::CheckResult;
pub use self::scan::{ImportedFrom, ScanRecord};
pub use self::severity::Severity;
pub use self::shards::{ShardColumn, ShardPart, Shards};
pub use self::subject::Subject;
use crate::matrix::spec::Family;
use crate::name::{AmiId, Benchmark, KubernetesVersion, Level, RunId, VariantName};
use crate::threshold::declared::Threshold;
use crate::waiver::WaiverRecord;

/// The major version of the format of `report.json` that this build writes, and the highest that it reads.
pub const SCHEMA_VERSION: u32 = 1;

/// Everything that is known of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Version of the document format, currently 1.
    pub schema_version: u32,
    /// The program that wrote the report.
    pub tool: Tool,
    /// The run: when it started, what it was to do, and how it ended.
    pub run: RunRecord,
    /// The cluster under test.
    pub cluster: ClusterRecord,
    /// One entry per AMI variant, in the order of the matrix file: the columns of the matrix.
    pub variants: Vec<VariantRecord>,
    /// One entry per check and subject, in the order in which suites and checks are registered: the cells.
    #[serde(deserialize_with = "shared::results")]
    pub results: Vec<CheckResult>,
    /// Why variants failed, as far as facts of their nodes tell: one entry per variant that its hardening broke.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub explanations: Vec<Explanation>,
    /// What bisections of changed settings found: one entry per variant and check.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proofs: Vec<Proof>,
    /// What the controls of a benchmark break, as measured on nodes: one entry per variant and benchmark.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub impacts: Vec<Impact>,
    /// One entry per scanner and subject: what was evaluated, against which benchmark, and how many controls it has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scans: Vec<ScanRecord>,
    /// The thresholds of the matrix file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<Threshold>,
    /// Every waiver of the run, and what it did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<WaiverRecord>,
    /// What the run created in the account, and what happened to it.
    pub cleanup: Cleanup,
    /// What the run cost, estimated by list prices. Absent if it created nothing that is paid for, and in reports of older builds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
}

/// The program that wrote a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tool {
    /// `amiproof`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunRecord {
    /// Id of the run, which is also in the tags of everything that it created.
    pub id: RunId,
    /// `metadata.name` of the matrix.
    pub matrix: String,
    /// When it started.
    pub started: Timestamp,
    /// Wall clock of the run, seconds.
    pub seconds: f64,
    /// Duration of the longest single variant with what comes before and after it, seconds: the minimum for the run.
    pub critical_path_seconds: f64,
    /// Whether SIGINT, SIGTERM or a deadline ended it early.
    pub interrupted: bool,
    /// The variants that are releases of one image, the oldest first; empty unless the run was to find the first bad one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub releases: Vec<VariantName>,
    /// The shards that the run was divided into, and which of them this is; absent for a run in one piece.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shards: Option<Box<Shards>>,
    /// A digest of each workload as its file defines it, by check id. Runs with different digests did not test the same thing.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub definitions: IndexMap<String, String>,
    /// Phases that belong to no variant (network, cluster, cluster-wide checks, teardown of the cluster).
    #[serde(default)]
    pub phases: Vec<PhaseRecord>,
}

impl RunRecord {
    /// The critical path, seconds. `None` where it says nothing about the duration: a command that continues a run has the phases of the
    /// earlier ones, too, so the path may be longer than it took itself.
    pub fn critical_path(&self) -> Option<f64> {
        let path = self.critical_path_seconds;
        (path > 0.0 && self.seconds.is_finite() && path <= self.seconds).then_some(path)
    }
}

/// The cluster under test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterRecord {
    /// Its name in EKS, or the kubeconfig context.
    pub name: String,
    /// The AWS region; empty without an AWS account.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// The AWS account, 12 digits; empty without one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// The version of the control plane, or that of the matrix if the control plane never answered; absent if neither is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes_version: Option<KubernetesVersion>,
    /// Whether the run talked to the lab instead of AWS.
    #[serde(default)]
    pub lab: bool,
    /// Whether amiproof created it: findings about its configuration are then caused by amiproof, not by an image.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub made: bool,
}

impl RunRecord {
    /// The record of a run that starts.
    pub fn new(id: RunId, matrix: impl Into<String>, started: Timestamp) -> Self {
        Self {
            id,
            matrix: matrix.into(),
            started,
            seconds: 0.0,
            critical_path_seconds: 0.0,
            interrupted: false,
            releases: Vec::new(),
            shards: None,
            definitions: IndexMap::new(),
            phases: Vec::new(),
        }
    }
}

impl ClusterRecord {
    /// A cluster of which only the name is known.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            region: String::new(),
            account: String::new(),
            kubernetes_version: None,
            lab: false,
            made: false,
        }
    }

    /// The control plane's version for people: `1.35`, or `unknown`.
    pub fn kubernetes(&self) -> &str {
        self.kubernetes_version.as_ref().map_or("unknown", KubernetesVersion::as_str)
    }
}

/// One AMI variant as it was run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VariantRecord {
    /// The name in the matrix.
    pub name: VariantName,
    /// How it boots.
    pub family: Family,
    /// Its unhardened counterpart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<VariantName>,
    /// The benchmark it is hardened to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub benchmark: Option<Benchmark>,
    /// The level it is hardened to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// The AMI; absent when it could not be resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ami: Option<AmiRecord>,
    /// The user data that its nodes boot with; absent where the run does not make them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_data: Option<UserDataRecord>,
    /// The managed node group's name; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_group: Option<String>,
    /// The nodes that joined, by index.
    #[serde(default)]
    pub nodes: Vec<NodeRecord>,
    /// Instances of it that booted and never became nodes of the cluster, with what could be read from them. Their names are those that
    /// EC2 gives them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub never_joined: Vec<NodeRecord>,
    /// How long each phase took and how it ended, in order.
    #[serde(default)]
    pub phases: Vec<PhaseRecord>,
}

impl VariantRecord {
    /// A variant that is not hardened and has no nodes yet.
    pub fn new(name: VariantName, family: Family) -> Self {
        Self {
            name,
            family,
            reference: None,
            benchmark: None,
            level: None,
            ami: None,
            user_data: None,
            node_group: None,
            nodes: Vec::new(),
            never_joined: Vec::new(),
            phases: Vec::new(),
        }
    }
}

/// What nodes boot with beside their image. Two nodes with the same image and different digests may differ in
/// everything that user data sets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserDataRecord {
    /// SHA-256 of the user data in hexadecimal, with placeholders for what differs from run to run (the cluster and the labels of the run), so that
    /// equal digests mean equal user data.
    pub sha256: String,
    /// The images of Bottlerocket's bootstrap containers, as the settings name them: `123456789012.dkr.ecr.us-west-2.amazonaws.com/harden@sha256:…`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bootstrap_images: Vec<String>,
}

/// An image as EC2 describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AmiRecord {
    /// `ami-…`.
    pub id: AmiId,
    /// Name of the image.
    #[serde(default)]
    pub name: String,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// How it was found: `ssm /aws/service/…`, `id`, `filter …`, `packer manifest …`.
    pub source: String,
    /// `x86_64` or `arm64`.
    #[serde(default)]
    pub architecture: String,
    /// From when on it is deprecated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<Timestamp>,
    /// The images that it was built on, the nearest first, as far as EC2 knows them; empty if it does not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ancestors: Vec<AmiId>,
}

/// A node that joined.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeRecord {
    /// 1, 2, … within the variant, ordered by instance launch time, then by name: the name that findings use (`node 1`).
    pub index: u32,
    /// The Kubernetes node name.
    pub name: String,
    /// The EC2 instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// The AMI that the instance booted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ami_id: Option<AmiId>,
    /// `status.nodeInfo.osImage`.
    #[serde(default)]
    pub os_image: String,
    /// `status.nodeInfo.kernelVersion`.
    #[serde(default)]
    pub kernel: String,
    /// `status.nodeInfo.kubeletVersion`.
    #[serde(default)]
    pub kubelet: String,
    /// `status.nodeInfo.containerRuntimeVersion`.
    #[serde(default)]
    pub runtime: String,
    /// Seconds from instance launch to the node's Ready condition, where both are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_to_ready_seconds: Option<f64>,
    /// Facts read from the node (sysctls, firewall policies, mounts, modules), by name, for attribution and comparison. Absent in a file that
    /// has `factDifferences` instead.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub facts: IndexMap<String, String>,
    /// In a file: the facts as differences from those of another node. Absent once a report is read: then `facts` has all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fact_differences: Option<FactDifferences>,
}

/// The facts of a node, as differences from those of another node whose facts are complete in the report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FactDifferences {
    /// The variant of the other node: the reference, or this variant itself.
    pub variant: VariantName,
    /// The index of the other node within its variant.
    pub node: u32,
    /// Facts with another value, and those that the other node does not have.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub values: IndexMap<String, String>,
    /// Facts that only the other node has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<String>,
}

impl Report {
    /// An empty report that `version` of amiproof writes.
    pub fn new(version: impl Into<String>, run: RunRecord, cluster: ClusterRecord) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            tool: Tool { name: "amiproof".to_owned(), version: version.into() },
            run,
            cluster,
            variants: Vec::new(),
            results: Vec::new(),
            explanations: Vec::new(),
            proofs: Vec::new(),
            impacts: Vec::new(),
            scans: Vec::new(),
            thresholds: Vec::new(),
            waivers: Vec::new(),
            cleanup: Cleanup::default(),
            cost: None,
        }
    }

    /// Counts over all results.
    pub fn counts(&self) -> Counts {
        self.counts_where(|_| true)
    }

    /// Counts over the results that `wanted` picks.
    pub fn counts_where(&self, mut wanted: impl FnMut(&CheckResult) -> bool) -> Counts {
        let mut counts = Counts::default();
        for result in self.results.iter().filter(|result| wanted(result)) {
            counts.add(&result.disposition);
        }
        counts
    }

    /// The record of a subject that is a variant; `None` for the cluster, and for a variant without a record.
    pub fn variant_of(&self, subject: &Subject) -> Option<&VariantRecord> {
        match subject {
            Subject::Variant(name) => self.variants.iter().find(|variant| variant.name == *name),
            Subject::Cluster => None,
        }
    }

    /// Whether a phase of the run or of any variant broke, teardown not counted (leftovers say that better).
    pub fn has_broken_pipeline(&self) -> bool {
        let broken =
            |phase: &PhaseRecord| phase.phase != Phase::Teardown && matches!(phase.ended, PhaseEnd::Error { .. });
        self.run.phases.iter().any(broken) || self.variants.iter().any(|variant| variant.phases.iter().any(broken))
    }
}

#[cfg(test)]
mod tests;
