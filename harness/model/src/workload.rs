//! A workload: one YAML file that says what it exercises and what must become true, followed by ordinary objects.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The parsed header of a workload file, with its objects.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// `metadata.name`: its id in check ids (`workload/web-service`).
    pub name: String,
    /// A lower-case clause without full stop.
    pub title: String,
    /// Capabilities of a node that it needs (`pod-network`, `cluster-dns`, `persistent-volume`).
    pub exercises: Vec<String>,
    /// What the cluster must have for it to make sense.
    pub needs: Vec<Need>,
    /// `linux` or `windows`.
    pub os: Os,
    /// For one attempt, from the first object applied.
    pub timeout: Duration,
    /// What must become true, in order.
    pub expect: Vec<Expectation>,
    /// The objects, in file order, as the file writes them.
    pub objects: Vec<serde_json::Value>,
}

/// What a cluster must have for a workload to make sense; without it the check is not applicable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Need {
    /// A CSI driver of this name (`ebs.csi.aws.com`).
    CsiDriver(String),
}

/// The operating system of the nodes that a workload runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Os {
    /// Every family but Windows.
    #[default]
    Linux,
    /// Windows Server.
    Windows,
}

/// One condition that must become true within the workload's time. The set is closed; each has its own file in core.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Expectation {
    /// The Deployment, StatefulSet, DaemonSet or Pod (`deployment/web`) has all its replicas ready.
    Ready(String),
    /// The Job or Pod (`job/client`) ends with exit code 0. Its termination message is evidence.
    Complete(String),
    /// The client Job (or Pod) ends with exit code 0, and that is a connection from its node to the server's node: pairs are
    /// charged to the node that all failing ones share.
    Reaches {
        /// `job/client`: its exit code says whether it got its answer.
        client: String,
        /// `deployment/web`, `statefulset/db` or `pod/server`: where the answer comes from.
        server: String,
    },
    /// The PersistentVolumeClaim (`pvc/data-db-0`) is bound.
    Bound(String),
}

/// Which node a pod template must run on: an annotation in the template's metadata.
///
/// Absent: any node of the variant. `peer`: a node of the variant's reference, or of the variant itself when it has none.
pub const PLACE_ANNOTATION: &str = "amiproof.dev/place";

/// The value of [`PLACE_ANNOTATION`] for a node of the reference variant.
pub const PLACE_PEER: &str = "peer";
