//! The format of a workload file's header.

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
    /// Version of the document format.
    #[schemars(required)]
    #[expect(dead_code, reason = "the schema checks it")]
    pub(super) api_version: Option<ApiVersion>,
    /// Kind of the document.
    #[schemars(required)]
    #[expect(dead_code, reason = "the schema checks it")]
    pub(super) kind: Option<WorkloadKind>,
    /// Metadata of the workload.
    #[schemars(required)]
    pub(super) metadata: Option<Metadata>,
    /// Specification of the workload.
    #[schemars(required)]
    pub(super) spec: Option<WorkloadSpec>,
}

/// Kind of a header.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) enum WorkloadKind {
    /// A sample app or add-on.
    Workload,
}

/// Specification of a workload.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct WorkloadSpec {
    /// What a pass proves: a lower-case clause without full stop.
    #[schemars(required, example = &"a Deployment answers through its Service by name from another node")]
    pub(super) title: Option<String>,
    /// External manifests: a folder, or a Helm chart. Default: the documents that follow this one.
    pub(super) from: Option<FromSection>,
    /// Capabilities that it needs from a node. A failure is explained by the controls that remove them.
    #[schemars(with = "Vec<Capability>", length(min = 1))]
    pub(super) exercises: Option<List<Capability>>,
    /// Features that the cluster must have; otherwise the check is not applicable.
    #[schemars(with = "Option<Vec<Need>>")]
    pub(super) needs: Option<List<Need>>,
    /// Operating system of the nodes that it runs on. Default: linux.
    pub(super) os: Option<Os>,
    /// Deadline of one attempt, from the first applied object. Default: 3m.
    #[schemars(example = &"3m", regex(pattern = r"^([0-9]+h)?([0-9]+m)?([0-9]+s)?$"))]
    pub(super) timeout: Option<String>,
    /// Conditions that must become true, in order.
    #[schemars(with = "Vec<Expectation>", length(min = 1))]
    pub(super) expect: Option<List<Expectation>>,
}
