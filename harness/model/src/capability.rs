//! Capabilities that a workload can need from a node: the closed list behind `exercises`.
//!
//! Hardening takes capabilities away, and a failure is explained by joining the two. So the list is closed: a word that only one
//! side knows would explain nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that a workload needs from a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// The container runtime fetches an image from a registry and unpacks it.
    ImagePull,
    /// Packets pass between pods on different nodes: forwarding, rp_filter, the FORWARD chain.
    PodNetwork,
    /// Packets pass between two pods of one node: through the host's FORWARD chain where the CNI routes (the VPC CNI), below it where
    /// pods hang on a bridge.
    SameNodeNetwork,
    /// A pod resolves a Service's name: UDP and TCP 53 to CoreDNS.
    ClusterDns,
    /// A Service's virtual address routes to its pods: kube-proxy's rules exist and are not shadowed.
    ServiceVip,
    /// NetworkPolicy objects are enforced for the node's pods: the agent's eBPF programs or rules are loaded.
    NetworkPolicy,
    /// A pod in the host's network listens and can be reached: the INPUT chain.
    HostNetwork,
    /// A NodePort of the node is reached from other nodes.
    NodePort,
    /// A pod reaches addresses outside of the cluster: masquerading, the OUTPUT chain.
    Egress,
    /// A pod reaches the Kubernetes API through its Service.
    ApiServer,
    /// A pod reaches the instance metadata service.
    InstanceMetadata,
    /// The API server reaches the kubelet's port 10250: logs, exec, port-forward, metrics.
    KubeletApi,
    /// A volume of a CSI driver is attached, formatted, mounted and written.
    PersistentVolume,
    /// A folder of the host is mounted into a pod and read.
    HostPath,
    /// A pod runs a program that lies in a volume below `/var/lib/kubelet`: no `noexec` there, where the host's runc hands it on to
    /// volumes (1.1 does; since 1.2 a volume is mounted as the pod asks).
    ExecFromVolume,
    /// A process that is not root reads the files that the kubelet puts into its pod: umask, modes.
    NonRoot,
    /// A container runs with a read-only root file system and writes to an emptyDir.
    ReadOnlyRoot,
    /// A pod runs to its end and its exit code and termination message arrive.
    RunAsJob,
    /// One pod runs on every node of the variant.
    DaemonSet,
    /// A pod runs privileged, with the host's process table.
    Privileged,
    /// A pod uses user namespaces (`hostUsers: false`).
    UserNamespaces,
    /// A pod watches many files: inotify limits.
    Inotify,
    /// The kubelet probes a container over HTTP, TCP or by a command.
    Probes,
    /// A pod gets AWS credentials by EKS Pod Identity: from the agent of its node.
    PodIdentity,
    /// A pod exchanges the token of its service account at STS for AWS credentials (IRSA): HTTPS out of the cluster, names, a clock that
    /// is right.
    WebIdentity,
    /// Log files of pods below `/var/log` are read by another pod.
    LogFiles,
}

impl Capability {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 26] = [
        Self::ImagePull,
        Self::PodNetwork,
        Self::SameNodeNetwork,
        Self::ClusterDns,
        Self::ServiceVip,
        Self::NetworkPolicy,
        Self::HostNetwork,
        Self::NodePort,
        Self::Egress,
        Self::ApiServer,
        Self::InstanceMetadata,
        Self::KubeletApi,
        Self::PersistentVolume,
        Self::HostPath,
        Self::ExecFromVolume,
        Self::NonRoot,
        Self::ReadOnlyRoot,
        Self::RunAsJob,
        Self::DaemonSet,
        Self::Privileged,
        Self::UserNamespaces,
        Self::Inotify,
        Self::Probes,
        Self::PodIdentity,
        Self::WebIdentity,
        Self::LogFiles,
    ];

    /// Its name in YAML and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ImagePull => "image-pull",
            Self::PodNetwork => "pod-network",
            Self::SameNodeNetwork => "same-node-network",
            Self::ClusterDns => "cluster-dns",
            Self::ServiceVip => "service-vip",
            Self::NetworkPolicy => "network-policy",
            Self::HostNetwork => "host-network",
            Self::NodePort => "node-port",
            Self::Egress => "egress",
            Self::ApiServer => "api-server",
            Self::InstanceMetadata => "instance-metadata",
            Self::KubeletApi => "kubelet-api",
            Self::PersistentVolume => "persistent-volume",
            Self::HostPath => "host-path",
            Self::ExecFromVolume => "exec-from-volume",
            Self::NonRoot => "non-root",
            Self::ReadOnlyRoot => "read-only-root",
            Self::RunAsJob => "run-as-job",
            Self::DaemonSet => "daemon-set",
            Self::Privileged => "privileged",
            Self::UserNamespaces => "user-namespaces",
            Self::Inotify => "inotify",
            Self::Probes => "probes",
            Self::PodIdentity => "pod-identity",
            Self::WebIdentity => "web-identity",
            Self::LogFiles => "log-files",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_capability_has_the_word_that_yaml_reads() {
        for capability in Capability::ALL {
            assert_eq!(serde_json::to_value(capability).unwrap(), capability.as_str());
        }
        let schema = serde_json::to_value(schemars::schema_for!(Capability)).unwrap();
        assert_eq!(schema["oneOf"].as_array().unwrap().len(), Capability::ALL.len(), "ALL holds every variant");
    }
}
