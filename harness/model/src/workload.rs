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
    /// Conditions that must become true, in order.
    pub expect: Vec<Expectation>,
    /// The objects, in file order, as the file writes them.
    pub objects: Vec<serde_json::Value>,
    /// Where each of the objects is, as `file:line:column`.
    pub origins: Vec<String>,
}

/// What a cluster must have for a workload to make sense; without it the check is not applicable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Need {
    /// A CSI driver of this name (`ebs.csi.aws.com`).
    CsiDriver(String),
    /// A storage class of this CSI driver (`efs.csi.aws.com`) that someone made in the cluster, and that deletes volumes with their claims.
    /// Claims of the file that ask for the class `amiproof-shared` get it.
    StorageClassOf(String),
    /// Images that come from a private registry of ECR (`--image-registry`, without a pull secret), so that the nodes' own credential provider
    /// must get a login for them.
    EcrRegistry,
    /// Something that enforces NetworkPolicy objects: the VPC CNI's network policy agent turned on, Calico, Cilium, Antrea,
    /// kube-router and their like. Without it the API server takes policies, and nothing happens.
    NetworkPolicyEngine,
    /// Nodes that are EC2 instances, with their instance metadata service.
    Ec2Nodes,
    /// EKS Pod Identity for the service account of this name: amiproof makes a role without permissions and associates it with the
    /// account for as long as the workload runs. Not applicable without an AWS account and without the agent.
    PodIdentity(String),
    /// An IAM role for the service account of this name (IRSA), which must be one of the file's objects: amiproof makes a role without
    /// permissions that trusts the tokens of this account, and an OpenID Connect provider for the cluster where the account has none,
    /// and annotates the service account with the role. Not applicable without an AWS account and where the cluster has no issuer.
    Irsa(String),
    /// Something that the kubelet of every node of the variant says it can do.
    NodeFeature(NodeFeature),
    /// The metrics API (metrics-server) with figures of the variant's nodes. Without the API the check is not applicable; an API
    /// that has no figures of a node leaves it not evaluated, because a closed kubelet port is what the suite
    /// `kubelet-path` tests.
    NodeMetrics,
    /// Something that only a pod can find out: a Job of this workload that runs before everything else, best on a node of the
    /// reference. Where it ends with another exit code than 0 on a node that is not hardened, the check is not applicable; on the
    /// variant's own hardened node nothing can be said, for the hardening may be why.
    Holds {
        /// `job/way-out`.
        job: String,
        /// Why the workload makes no sense here, as a clause: `the cluster's network has no way out`.
        otherwise: String,
    },
}

/// What a kubelet says in its node's status that its container runtime can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum NodeFeature {
    /// Pods with user namespaces of their own (`status.runtimeHandlers[].features.userNamespaces`): a runtime and a kernel that are
    /// new enough. A kernel setting that forbids them does not show there, so that hardening fails the check and old software does
    /// not.
    UserNamespaces,
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

/// One condition that must become true within the workload's timeout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Expectation {
    /// The Deployment, StatefulSet, DaemonSet or Pod (`deployment/web`) has all its replicas ready.
    Ready(String),
    /// The Job or Pod (`job/client`) ends with exit code 0. Its termination message is evidence.
    Complete(String),
    /// The client Job (or Pod) ends with exit code 0, and that is a connection from its node to the server's node: pairs are
    /// attributed to the node that all failing ones share.
    Reaches {
        /// `job/client`: its exit code says whether it got its answer.
        client: String,
        /// `deployment/web`, `statefulset/db` or `pod/server`: where the answer comes from.
        server: String,
    },
    /// The PersistentVolumeClaim (`pvc/data-db-0`) is bound.
    Bound(String),
    /// A Job that the CronJob (`cronjob/tick`) made has ended with exit code 0.
    Fired(String),
    /// The HorizontalPodAutoscaler (`hpa/load`) has brought its target above the minimum, and the replicas are ready.
    Scaled(String),
    /// The Job or Pod (`job/greedy`) is killed by the kernel because it exceeds its memory limit, and its container's
    /// state says so (`OOMKilled`).
    OomKilled(String),
    /// Pods of one Job start about as fast as those of another: by the medians of at least five pods each, where both have completed.
    NoSlower {
        /// `job/here`: the pods on the variant's nodes.
        target: String,
        /// `job/there`: those that they are compared with, on nodes of the reference.
        than: String,
    },
    /// Acts: amiproof changes the pod template of the Deployment, StatefulSet or DaemonSet (its containers find `2` in the variable
    /// `AMIPROOF_REVISION`), and all pods of the new revision become ready.
    Updated(String),
    /// Acts: amiproof puts the pod template back as it was before `updated`, and all pods are of that revision again and ready.
    RolledBack(String),
    /// Acts: amiproof replaces the pods of the Deployment or StatefulSet, away from the nodes that they were on where there are
    /// others; the new ones find those nodes in the variable `AMIPROOF_RESCHEDULED_FROM`, and become ready.
    Rescheduled(String),
    /// Acts: amiproof evicts all pods of the Deployment or StatefulSet at once, as a drain does, and again until each has gone. The
    /// budget must refuse at least one eviction on the way, and all replicas must be ready in the end.
    Evicted {
        /// `deployment/web`: whose pods.
        target: String,
        /// `pdb/web`: the PodDisruptionBudget that must refuse evictions.
        budget: String,
    },
}

impl Expectation {
    /// Whether amiproof does something for it. What acts begins when everything before it in the file has become true, and what
    /// follows it is looked at only then.
    pub fn acts(&self) -> bool {
        match self {
            Self::Updated(_) | Self::RolledBack(_) | Self::Rescheduled(_) | Self::Evicted { .. } => true,
            Self::Ready(_)
            | Self::Complete(_)
            | Self::Reaches { .. }
            | Self::Bound(_)
            | Self::Fired(_)
            | Self::OomKilled(_)
            | Self::NoSlower { .. }
            | Self::Scaled(_) => false,
        }
    }
}

/// Which node a pod template must run on: an annotation in the template's metadata.
///
/// Absent: any node of the variant. `peer`: a node of the variant's reference, or of the variant itself when it has none.
pub const PLACE_ANNOTATION: &str = "amiproof.dev/place";

/// The value of [`PLACE_ANNOTATION`] for a node of the reference variant.
pub const PLACE_PEER: &str = "peer";

/// How many of a Deployment's replicas are made: an annotation in the Deployment's own metadata.
///
/// Absent: `spec.replicas`. `as-fit`: at most `spec.replicas`, and no more than fit on a node of the variant.
pub const REPLICAS_ANNOTATION: &str = "amiproof.dev/replicas";

/// The value of [`REPLICAS_ANNOTATION`] for no more replicas than fit on one node.
pub const REPLICAS_AS_FIT: &str = "as-fit";

/// What the tag of a Windows image has for the release of the nodes: `ltsc2019`, `ltsc2022`, `ltsc2025`. A Windows
/// container runs only on the build that its image was made for (Microsoft, "Windows container version compatibility").
pub const WINDOWS_RELEASE: &str = "{windows-release}";

/// The release of a Windows build, as Microsoft's base images are tagged, from the node label `node.kubernetes.io/windows-build`
/// (`10.0.20348`); `None` for a build that has no base image of its own.
pub fn windows_release(build: &str) -> Option<&'static str> {
    match build {
        "10.0.14393" => Some("ltsc2016"),
        "10.0.17763" => Some("ltsc2019"),
        "10.0.20348" => Some("ltsc2022"),
        "10.0.26100" => Some("ltsc2025"),
        _ => None,
    }
}
