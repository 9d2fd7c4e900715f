//! Capabilities that a workload can need from a node: the closed list behind `exercises`.
//!
//! Hardening takes capabilities away, and a failure is explained by joining the two. So the list is closed: a word that only one
//! side knows would explain nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that a workload needs from a node.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Capability {
    /// The container runtime fetches an image from a registry and unpacks it.
    ImagePull,
    /// Packets pass between pods on different nodes: forwarding, rp_filter, the FORWARD chain.
    PodNetwork,
    /// Packets pass between two pods of one node: through the host's FORWARD chain where the CNI routes (the VPC
    /// CNI), below it where pods are attached to a bridge.
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
    /// A port of the node leads to a pod (`hostPort`): the rules of the CNI's plugin portmap.
    HostPort,
    /// A pod with CAP_NET_ADMIN redirects its own connections, as service meshes do: the nat table in its network namespace, and the
    /// modules behind REDIRECT and owner.
    TrafficRedirect,
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
    /// A volume that several nodes mount at a time is mounted and written: NFS by TLS (EFS).
    SharedVolume,
    /// A folder of the host is mounted into a pod and read.
    HostPath,
    /// A pod runs a program that lies in a volume below `/var/lib/kubelet`: no `noexec` there, if the host's runc
    /// passes it on to volumes (1.1 does; since 1.2 a volume is mounted as the pod asks).
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
    /// An agent that is not root sees the host's processes in the host's `/proc`.
    HostProcesses,
    /// An agent reads the addresses of kernel symbols, and loads a BPF program that reads the memory of the kernel.
    KernelTracing,
    /// A container that exceeds its memory limit is killed and reported as such, and a container sees its limits: cgroups, open files.
    ResourceLimits,
    /// A pod uses user namespaces (`hostUsers: false`).
    UserNamespaces,
    /// A pod watches many files: inotify limits.
    Inotify,
    /// The kubelet probes a container over HTTP, TCP or by a command.
    Probes,
    /// A pod gets AWS credentials by EKS Pod Identity: from the agent of its node.
    PodIdentity,
    /// A pod exchanges the token of its service account at STS for AWS credentials (IRSA): HTTPS to addresses outside
    /// of the cluster, DNS, a correct clock.
    WebIdentity,
    /// Log files of pods below `/var/log` are read by another pod.
    LogFiles,
}

impl Capability {
    /// All of them, in the order of the documentation.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Its name in YAML and reports.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_capability_has_the_word_that_yaml_reads() {
        for &capability in Capability::ALL {
            assert_eq!(serde_json::to_value(capability).unwrap(), capability.as_str());
        }
        let schema = serde_json::to_value(schemars::schema_for!(Capability)).unwrap();
        assert_eq!(schema["oneOf"].as_array().unwrap().len(), Capability::ALL.len(), "ALL holds every variant");
    }
}
