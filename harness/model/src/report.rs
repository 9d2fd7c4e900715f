//! The report of one run: the only truth on disk (`report.json`); every other format renders from it.
//!
//! The version rule: `schemaVersion` is the major version of the form. What is added within it, a field with a default, keeps the
//! number, and a reader passes over fields that it does not know: a report of a newer build is read, without what is new in it. A field
//! that goes or changes its meaning raises the number, and a reader refuses what is higher than [`SCHEMA_VERSION`] with a sentence that
//! names both numbers and the build that wrote it.

mod counts;
mod scan;

use indexmap::IndexMap;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::charge::TrafficPair;
use crate::judge::{Disposition, Origin};
use crate::matrix::Family;
use crate::name::{AmiId, Benchmark, CheckId, ControlId, KubernetesVersion, Level, RunId, VariantName};
use crate::threshold::Threshold;
use crate::verdict::{Evidence, Outcome, Placement};
use crate::waiver::WaiverRecord;

pub use self::counts::Counts;
pub use self::scan::{ImportedFrom, ScanRecord, Severity};

/// The major version of the form of `report.json` that this build writes, and the highest that it reads.
pub const SCHEMA_VERSION: u32 = 1;

/// Everything that is known of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The form of this document; see [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// What wrote it.
    pub tool: Tool,
    /// When, and how it ended.
    pub run: RunRecord,
    /// The cluster under test.
    pub cluster: ClusterRecord,
    /// One entry per AMI variant, in the order of the matrix file: the columns of the matrix.
    pub variants: Vec<VariantRecord>,
    /// One entry per check and subject, in the order in which suites and checks are registered: the cells.
    pub results: Vec<CheckResult>,
    /// One entry per scanner and subject: who judged what, by which benchmark, and how much of it there is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scans: Vec<ScanRecord>,
    /// What scans had to reach, as the matrix file says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<Threshold>,
    /// Every waiver of the run, and what it did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<WaiverRecord>,
    /// What the run made in the account, and what became of it.
    pub cleanup: Cleanup,
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

/// One invocation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunRecord {
    /// The run's own name, which is also in the tags of everything it made.
    pub id: RunId,
    /// The matrix' `metadata.name`.
    pub matrix: String,
    /// When it started.
    pub started: Timestamp,
    /// Wall clock of the run, seconds.
    pub seconds: f64,
    /// The longest single variant with what comes before and after it, seconds: what the run could at best have taken.
    pub critical_path_seconds: f64,
    /// Whether SIGINT, SIGTERM or a deadline ended it early.
    pub interrupted: bool,
    /// Phases that belong to no variant (network, cluster, cluster-wide checks, teardown of the cluster).
    #[serde(default)]
    pub phases: Vec<PhaseRecord>,
}

/// The cluster under test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterRecord {
    /// Its name in EKS, or the kubeconfig context.
    pub name: String,
    /// The AWS region; empty where no AWS account is involved.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// The AWS account, 12 digits; empty where none is involved.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// The control plane's version as it answered, or as the matrix asks where it never answered; absent where neither says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes_version: Option<KubernetesVersion>,
    /// Whether the run talked to the lab instead of AWS.
    #[serde(default)]
    pub lab: bool,
    /// Whether amiproof made it: what is wrong with its configuration is then amiproof's doing, and says nothing of an image.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub made: bool,
}

impl ClusterRecord {
    /// The control plane's version for people: `1.35`, or `unknown`.
    pub fn kubernetes(&self) -> &str {
        self.kubernetes_version.as_ref().map_or("unknown", KubernetesVersion::as_str)
    }
}

/// One AMI variant as it was really run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VariantRecord {
    /// The name in the matrix.
    pub name: VariantName,
    /// How it boots.
    pub family: Family,
    /// Its unhardened twin.
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
    /// The managed node group's name; absent where there is none.
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

/// An image as EC2 describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AmiRecord {
    /// `ami-…`.
    pub id: AmiId,
    /// The image's name.
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
    /// Facts read from the node (sysctls, firewall policies, mounts, modules), by name, for attribution and comparison.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub facts: IndexMap<String, String>,
}

/// A timed part of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PhaseRecord {
    /// Which part.
    pub phase: Phase,
    /// When it started.
    pub started: Timestamp,
    /// How long it took, seconds.
    pub seconds: f64,
    /// How it ended.
    pub ended: PhaseEnd,
}

/// The parts of a run, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The CloudFormation stack with network and roles.
    Network,
    /// The EKS cluster.
    Cluster,
    /// The add-ons of the cluster, the run's storage class and other things that all variants share.
    Addons,
    /// Finding the AMI.
    Ami,
    /// The launch template.
    LaunchTemplate,
    /// The managed node group, until EKS says ACTIVE.
    NodeGroup,
    /// Nodes Ready, with the AMI that was asked for.
    Nodes,
    /// Smoke tests and node checks.
    Test,
    /// kube-bench.
    KubeBench,
    /// The scan of the operating system.
    OsScan,
    /// Taking everything down again.
    Teardown,
}

impl Phase {
    /// The word for it, as progress lines and reports write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Cluster => "cluster",
            Self::Addons => "add-ons",
            Self::Ami => "ami",
            Self::LaunchTemplate => "launch template",
            Self::NodeGroup => "node group",
            Self::Nodes => "nodes",
            Self::Test => "test",
            Self::KubeBench => "kube-bench",
            Self::OsScan => "os scan",
            Self::Teardown => "teardown",
        }
    }
}

/// How a phase ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PhaseEnd {
    /// As it should.
    Done,
    /// It broke: what happened, where, what to do next. The variant's later phases were skipped, except teardown.
    Broken {
        /// The message.
        message: String,
        /// What was collected about it (node group health, scaling activities, console output).
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        evidence: Vec<Evidence>,
    },
    /// It could not come to its end because of something that is a verdict: the row of this check says so, with the evidence. A node
    /// group whose nodes never joined ends like this, and so does the wait for add-ons that only those nodes could have run.
    Failed {
        /// The check whose row says it: `node/joined`.
        check: CheckId,
        /// What happened, in one sentence.
        message: String,
    },
    /// The run was interrupted before or during it.
    Cancelled,
}

/// What a result is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Subject {
    /// The cluster as a whole; asked once per run.
    Cluster,
    /// One AMI variant.
    Variant(VariantName),
}

impl Subject {
    /// `cluster`, or the variant's name.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Cluster => "cluster",
            Self::Variant(name) => name.as_str(),
        }
    }
}

/// One cell of the matrix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckResult {
    /// Which check.
    pub check: CheckId,
    /// Its title: a lower-case clause without full stop.
    pub title: String,
    /// What it was asked about.
    pub subject: Subject,
    /// The control that it answers, when it is one of a benchmark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<ControlId>,
    /// The level of that control.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// How bad a failure is, where the scanner says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// The scanner that answered (`kube-bench`, `inspector`, `openscap`); absent where amiproof asked itself. The same word as in
    /// [`ScanRecord::scanner`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scanner: Option<String>,
    /// What the check decided: that of the last attempt.
    pub outcome: Outcome,
    /// What it means for the run after waivers, baseline and retries.
    pub disposition: Disposition,
    /// Whether hardening did it, by comparison with the reference variant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// What other scanners say of the same check on the same subject, where it is not the same: `openscap says pass`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disagreement: Option<String>,
    /// When the first attempt started.
    pub started: Timestamp,
    /// Seconds over all attempts.
    pub seconds: f64,
    /// Outcomes of the attempts before the last one; empty when the first one counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier_attempts: Vec<Outcome>,
    /// Where it really ran.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub placements: Vec<Placement>,
    /// Traffic that it tried, for charging failures to the right variant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traffic: Vec<TrafficPair>,
    /// Capabilities of a node that it exercises (`pod-network`, `cluster-dns`, `kubelet-api`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exercises: Vec<String>,
    /// Captured proof.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

impl CheckResult {
    /// A result that is about no control and has nothing beside its outcome; what more is known is put over it:
    /// `CheckResult { title, started, ..CheckResult::new(check, subject, outcome) }`. The title is that of no check until it is given,
    /// the time the beginning of the epoch, and the disposition that of the outcome alone ([`Disposition::of`]).
    pub fn new(check: CheckId, subject: Subject, outcome: Outcome) -> Self {
        Self {
            check,
            title: String::new(),
            subject,
            control: None,
            level: None,
            severity: None,
            scanner: None,
            disposition: Disposition::of(&outcome),
            outcome,
            origin: None,
            disagreement: None,
            started: Timestamp::UNIX_EPOCH,
            seconds: 0.0,
            earlier_attempts: Vec::new(),
            placements: Vec::new(),
            traffic: Vec::new(),
            exercises: Vec::new(),
            evidence: Vec::new(),
        }
    }

    /// Whether it is a row of amiproof's own gates over scans ([`crate::threshold`]), which is about no node.
    pub fn is_gate(&self) -> bool {
        self.check.suite() == crate::threshold::SUITE
    }
}

/// What a run made and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cleanup {
    /// Whether teardown ran (false after `apply`, `test` or `scan`: everything is meant to stay).
    pub ran: bool,
    /// How many resources the ledger holds.
    pub created: usize,
    /// How many of them were verified gone.
    pub gone: usize,
    /// What is still there although it should not be.
    pub leftovers: Vec<Leftover>,
    /// What stands under a name of the run and is somebody else's. It was left alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub foreign: Vec<Foreign>,
    /// What could not be verified to be gone, one sentence each: a reading that is denied, a ledger that could not be written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unverified: Vec<String>,
}

impl Cleanup {
    /// Whether everything that the run made is accounted for: gone, or listed as left behind.
    pub fn is_verified(&self) -> bool {
        self.open() == 0
    }

    /// How much is not accounted for: neither seen to be gone nor listed as left behind.
    pub fn open(&self) -> usize {
        self.unverified.len() + self.foreign.iter().filter(|foreign| foreign.was_made).count()
    }
}

/// Something that is not the run's under a name that the run used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Foreign {
    /// `EKS cluster`, `namespace` …
    pub kind: String,
    /// Its name.
    pub id: String,
    /// Whose it is, as the end of a sentence: `is of run r-2`.
    pub owner: String,
    /// Whether the run made one of that name (which has gone by other ways than this teardown), and not only meant to.
    pub was_made: bool,
}

impl std::fmt::Display for Foreign {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} {} {}: left alone", self.kind, self.id, self.owner)
    }
}

/// A resource that could not be removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Leftover {
    /// `node group`, `launch template`, `namespace` …
    pub kind: String,
    /// Its id or name.
    pub id: String,
    /// The variant it was made for; absent for what all variants share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<VariantName>,
    /// Why it is still there.
    pub reason: String,
    /// The one command that removes it.
    pub help: String,
}

impl Report {
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
            |phase: &PhaseRecord| phase.phase != Phase::Teardown && matches!(phase.ended, PhaseEnd::Broken { .. });
        self.run.phases.iter().any(broken) || self.variants.iter().any(|variant| variant.phases.iter().any(broken))
    }

    /// Reads a report. Fields that this build does not know are passed over.
    ///
    /// # Errors
    /// When the text is not JSON of this form, or of a newer major version; the message says which, and what to do.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Version {
            schema_version: u32,
            tool: Option<Tool>,
        }
        let version: Version = serde_json::from_str(text).map_err(ParseError::Form)?;
        if version.schema_version == 0 || version.schema_version > SCHEMA_VERSION {
            let by = version.tool.map_or("another build".to_owned(), |tool| format!("{} {}", tool.name, tool.version));
            return Err(ParseError::Version { found: version.schema_version, by });
        }
        serde_json::from_str(text).map_err(ParseError::Form)
    }
}

/// Why a text is not a report.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Not JSON, or not of this form.
    #[error("not a report of amiproof: {0}")]
    Form(serde_json::Error),
    /// Of a version that this build does not read.
    #[error(
        "this report has schema version {found}, and this amiproof reads up to {SCHEMA_VERSION}: read it with the amiproof that wrote it \
         ({by}) or a newer one"
    )]
    Version {
        /// The version that the document says.
        found: u32,
        /// What wrote it: `amiproof 2.0.0`.
        by: String,
    },
}

#[cfg(test)]
mod tests;
