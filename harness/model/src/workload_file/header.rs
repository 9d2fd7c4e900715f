//! The form of a workload file's header.

use schemars::JsonSchema;
use serde::Deserialize;

use super::manifests::FromSection;
use crate::capability::Capability;
use crate::form::List;
use crate::matrix::file::{ApiVersion, Metadata};
use crate::workload::{Expectation, Need, Os};

/// The header of a workload file. Kubernetes objects follow it as further documents; amiproof adds namespace, placement and labels.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "amiproof workload")]
pub(crate) struct WorkloadHeader {
    /// The form of this document.
    #[schemars(required)]
    #[expect(dead_code, reason = "the schema checks it")]
    pub(super) api_version: Option<ApiVersion>,
    /// What this document is.
    #[schemars(required)]
    #[expect(dead_code, reason = "the schema checks it")]
    pub(super) kind: Option<WorkloadKind>,
    /// What the workload is called.
    #[schemars(required)]
    pub(super) metadata: Option<Metadata>,
    /// What it is about.
    #[schemars(required)]
    pub(super) spec: Option<WorkloadSpec>,
}

/// What a header is.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) enum WorkloadKind {
    /// A sample app or add-on.
    Workload,
}

/// What a workload is about.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct WorkloadSpec {
    /// What it shows when it passes: a lower-case clause without full stop.
    #[schemars(required, example = &"a Deployment answers through its Service by name from another node")]
    pub(super) title: Option<String>,
    /// Manifests that are elsewhere: a folder of them, or a Helm chart. Default: the documents behind this one.
    pub(super) from: Option<FromSection>,
    /// What it needs of a node. A failure is explained by the controls that take these away.
    #[schemars(with = "Vec<Capability>", length(min = 1))]
    pub(super) exercises: Option<List<Capability>>,
    /// What the cluster must have; without it the check is not applicable.
    #[schemars(with = "Option<Vec<Need>>")]
    pub(super) needs: Option<List<Need>>,
    /// The operating system of the nodes that it runs on. Default: linux.
    pub(super) os: Option<Os>,
    /// For one attempt, from the first object applied. Default: 3m.
    #[schemars(example = &"3m", regex(pattern = r"^([0-9]+h)?([0-9]+m)?([0-9]+s)?$"))]
    pub(super) timeout: Option<String>,
    /// What must become true, in order.
    #[schemars(with = "Vec<Expectation>", length(min = 1))]
    pub(super) expect: Option<List<Expectation>>,
}
