//! The parts of a run, and how they ended.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::CheckId;
use crate::verdict::Evidence;

/// A timed part of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PhaseRecord {
    /// Which part.
    pub phase: Phase,
    /// When it started.
    pub started: Timestamp,
    /// Duration, seconds.
    pub seconds: f64,
    /// How it ended.
    pub ended: PhaseEnd,
}

/// The parts of a run, in order.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Phase {
    /// The CloudFormation stack with network and roles.
    Network,
    /// The EKS cluster.
    Cluster,
    /// The add-ons of the cluster, the run's storage class and other things that all variants share.
    #[strum(serialize = "add-ons")]
    Addons,
    /// Resolving the AMI.
    Ami,
    /// The launch template.
    #[strum(serialize = "launch template")]
    LaunchTemplate,
    /// The managed node group, until EKS reports ACTIVE.
    #[strum(serialize = "node group")]
    NodeGroup,
    /// Nodes are Ready, with the expected AMI.
    Nodes,
    /// Smoke tests and node checks.
    Test,
    /// kube-bench.
    KubeBench,
    /// The scan of the operating system.
    #[strum(serialize = "os scan")]
    OsScan,
    /// Deletion of everything.
    Teardown,
}

impl Phase {
    /// The word for it, as progress lines and reports write it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// How a phase ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PhaseEnd {
    /// Normally.
    Done,
    /// It ended with an error: what happened, where, what to do next. The variant's later phases were skipped, except teardown.
    #[serde(alias = "broken")]
    Error {
        /// The message.
        message: String,
        /// What was collected about it (node group health, scaling activities, console output).
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        evidence: Vec<Evidence>,
    },
    /// It did not complete because of a failure that is a verdict: the row of this check has the evidence. A node
    /// group whose nodes never joined ends like this, and so does the wait for add-ons that only those nodes could have run.
    Failed {
        /// The check whose row has the evidence: `node/joined`.
        check: CheckId,
        /// What happened, in one sentence.
        message: String,
    },
    /// The run was interrupted before or during it.
    Cancelled,
}
