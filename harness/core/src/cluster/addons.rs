//! The known add-ons, with the names of their objects in the cluster.
//!
//! Sources: the Helm charts that the EKS add-ons are made from (aws/amazon-vpc-cni-k8s, kubernetes-sigs/aws-ebs-csi-driver,
//! kubernetes-sigs/aws-efs-csi-driver, aws/eks-pod-identity-agent, aws/eks-node-monitoring-agent,
//! aws-observability/helm-charts, kubernetes-sigs/metrics-server, kubernetes-csi/external-snapshotter) and, for GuardDuty, its user
//! guide ("Installing GuardDuty security agent manually on Amazon EKS resources"). Namespaces are not part of it: EKS and Helm
//! let users choose them.

use k8s_openapi::api::apps::v1::Deployment;
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};

use super::Access;

/// One add-on.
#[derive(Debug)]
pub struct AddOn {
    /// Its name in EKS; its row is `addon/<name>`.
    pub name: &'static str,
    /// Its DaemonSets. The affinity of each decides which nodes it runs on (Linux, Windows, GPUs).
    pub daemons: &'static [&'static str],
    /// Its Deployments.
    pub controllers: &'static [&'static str],
    /// What the DaemonSets need from their host and hardening can remove: what to check if they fail.
    pub host_needs: &'static str,
}

/// The add-ons, in the order of reports.
pub const ADD_ONS: &[AddOn] = &[
    AddOn {
        name: "vpc-cni",
        daemons: &["aws-node"],
        controllers: &[],
        host_needs: "it runs in the host's network, copies plugins to /opt/cni/bin and /etc/cni/net.d and asks the EC2 API for \
                     addresses: check that the folders are writable and what is in them can be executed, that the OUTPUT chain lets it out, and \
                     that BPF is allowed where network policies are on",
    },
    AddOn {
        name: "kube-proxy",
        daemons: &["kube-proxy"],
        controllers: &[],
        host_needs: "it writes netfilter rules from the host's network: check that the modules ip_tables or nf_tables and nf_conntrack \
                     can be loaded, and that the OUTPUT chain lets it reach the API server",
    },
    AddOn { name: "coredns", daemons: &[], controllers: &["coredns"], host_needs: "" },
    AddOn {
        name: "aws-ebs-csi-driver",
        daemons: &["ebs-csi-node", "ebs-csi-node-windows"],
        controllers: &["ebs-csi-controller"],
        host_needs: "its node part asks the instance metadata service, or else the API server, which instance it is on: check that the \
                     host forwards packets of pods (FORWARD chain, net.ipv4.ip_forward) and the metadata hop limit",
    },
    AddOn {
        name: "eks-pod-identity-agent",
        daemons: &["eks-pod-identity-agent"],
        controllers: &[],
        host_needs: "it listens on the link-local address 169.254.170.23, port 80, and on ports 2703 and 2705 of the host: check that \
                     nothing else took them, and that IPv6 is available or the add-on is configured without it",
    },
    AddOn { name: "metrics-server", daemons: &[], controllers: &["metrics-server"], host_needs: "" },
    AddOn {
        name: "aws-efs-csi-driver",
        daemons: &["efs-csi-node"],
        controllers: &["efs-csi-controller"],
        host_needs: "it mounts NFS from the host's network and keeps its state in /var/run/efs and /var/amazon/efs: check that the \
                     module nfs can be loaded, the folders are writable, and SELinux lets it mount",
    },
    AddOn {
        name: "eks-node-monitoring-agent",
        daemons: &["eks-node-monitoring-agent", "dcgm-server"],
        controllers: &[],
        host_needs: "it reads the host's journal and kernel log and mounts the host's root: check their permissions and SELinux",
    },
    AddOn {
        name: "amazon-cloudwatch-observability",
        daemons: &[
            "cloudwatch-agent",
            "cloudwatch-agent-windows",
            "cloudwatch-agent-windows-container-insights",
            "fluent-bit",
            "fluent-bit-windows",
            "dcgm-exporter",
            "neuron-monitor",
        ],
        controllers: &["amazon-cloudwatch-observability-controller-manager"],
        host_needs: "it reads /var/log/containers, /var/log/pods and the journal, asks the kubelet on port 10250 and sends to \
                     CloudWatch: check the modes of the logs, that the INPUT chain accepts port 10250, and that packets of pods are forwarded",
    },
    AddOn { name: "snapshot-controller", daemons: &[], controllers: &["snapshot-controller"], host_needs: "" },
    AddOn {
        name: "aws-guardduty-agent",
        daemons: &["aws-guardduty-agent"],
        controllers: &[],
        host_needs: "it loads BPF programs: check that the kernel has BTF (/sys/kernel/btf/vmlinux), that its lockdown is not \
                     'confidentiality', and that the GuardDuty endpoint can be reached",
    },
];

/// The add-on that has a DaemonSet of this name.
pub fn of_daemon_set(name: &str) -> Option<&'static AddOn> {
    ADD_ONS.iter().find(|addon| addon.daemons.contains(&name))
}

/// The add-on that has a Deployment of this name.
pub fn of_deployment(name: &str) -> Option<&'static AddOn> {
    ADD_ONS.iter().find(|addon| addon.controllers.contains(&name))
}

/// Whether every controller of an add-on has the replicas that it wants. An add-on without controllers is ready; one whose controllers do
/// not exist is not.
///
/// # Errors
/// If the API server rejects the request ([Deployment, list](https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/deployment-v1/)).
/// The client retries 429, 5xx and broken connections first, a POST only after 429.
pub async fn are_controllers_ready(access: &Access, addon: &str) -> Result<bool, kube::Error> {
    let Some(known) = ADD_ONS.iter().find(|known| known.name == addon) else { return Ok(true) };
    let api: Api<Deployment> = Api::all(access.client());
    let found = api.list(&ListParams::default()).await?.items;
    Ok(known.controllers.iter().all(|name| found.iter().any(|one| one.name_any() == **name && is_available(one))))
}

fn is_available(deployment: &Deployment) -> bool {
    let available = deployment.status.as_ref().and_then(|status| status.available_replicas).unwrap_or_default();
    available >= deployment.spec.replicas.unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_object_belongs_to_two_add_ons_and_every_daemon_says_what_it_needs() {
        let all: Vec<&str> =
            ADD_ONS.iter().flat_map(|addon| addon.daemons.iter().chain(addon.controllers)).copied().collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        for addon in ADD_ONS {
            assert_eq!(addon.daemons.is_empty(), addon.host_needs.is_empty(), "{}", addon.name);
            assert!(!addon.daemons.is_empty() || !addon.controllers.is_empty(), "{}", addon.name);
        }
    }
}
