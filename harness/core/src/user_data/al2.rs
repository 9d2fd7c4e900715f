//! Amazon Linux 2: `/etc/eks/bootstrap.sh` of the EKS image, in a shell script part.

use std::collections::BTreeMap;

use super::mime::{Part, SHELL_SCRIPT, join, parts_of_user};
use super::{ClusterFacts, Refusal, node_labels_flag};

/// The user's parts first: cloud-init runs scripts in order, and bootstrap.sh starts the kubelet. EKS itself puts the user's
/// part first too.
pub(super) fn generate(
    cluster: &ClusterFacts,
    dns_ip: &str,
    labels: &BTreeMap<String, String>,
    user: Option<&str>,
) -> Result<String, Refusal> {
    let mut parts = user.map(parts_of_user).transpose()?.unwrap_or_default();
    parts.push(Part::new(SHELL_SCRIPT, bootstrap(cluster, dns_ip, labels)));
    Ok(join(&parts))
}

/// With endpoint and certificate authority given, bootstrap.sh makes no DescribeCluster call, and assumes an IPv4 cluster unless told
/// otherwise (awslabs/amazon-eks-ami, branch al2, `bootstrap.sh`: `--ip-family`, `--service-ipv6-cidr`).
fn bootstrap(cluster: &ClusterFacts, dns_ip: &str, labels: &BTreeMap<String, String>) -> String {
    let mut script = format!(
        "#!/bin/bash\nset -o errexit\n/etc/eks/bootstrap.sh {} \\\n  --apiserver-endpoint {} \\\n  --b64-cluster-ca {} \\\n  \
         --dns-cluster-ip {}",
        quoted(&cluster.name),
        quoted(&cluster.endpoint),
        quoted(&cluster.certificate_authority),
        quoted(dns_ip)
    );
    if cluster.is_ipv6() {
        script
            .push_str(&format!(" \\\n  --ip-family ipv6 \\\n  --service-ipv6-cidr {}", quoted(&cluster.service_cidr)));
    }
    if !labels.is_empty() {
        script.push_str(&format!(" \\\n  --kubelet-extra-args {}", quoted(&node_labels_flag(labels))));
    }
    script.push('\n');
    script
}

/// A shell single-quoted word.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
