//! Amazon Linux 2023: a NodeConfig for nodeadm (awslabs/amazon-eks-ami, `nodeadm/doc/api.md`).

use std::collections::BTreeMap;

use super::mime::{NODE_CONFIG, Part, join, parts_of_user};
use super::{ClusterFacts, Refusal, node_labels_flag};

/// The user's parts first, then amiproof's NodeConfig: nodeadm merges NodeConfigs, a later one wins, and users cannot change the cluster
/// and the labels of a node here. Flags of the kubelet are added up (`nodeadm/internal/api/merge.go`).
pub(super) fn generate(
    cluster: &ClusterFacts,
    labels: &BTreeMap<String, String>,
    user: Option<&str>,
) -> Result<String, Refusal> {
    let mut parts = user.map(parts_of_user).transpose()?.unwrap_or_default();
    parts.push(Part::new(NODE_CONFIG, node_config(cluster, labels)));
    Ok(join(&parts))
}

/// All four fields of `cluster` are required: with them nodeadm makes no DescribeCluster call, so the node role needs no EKS
/// permission and a cluster cannot be throttled by its own nodes.
fn node_config(cluster: &ClusterFacts, labels: &BTreeMap<String, String>) -> String {
    let ClusterFacts { name, endpoint, certificate_authority, service_cidr } = cluster;
    let mut text = format!(
        "---\napiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n  cluster:\n    name: {}\n    apiServerEndpoint: {}\n    \
         certificateAuthority: {}\n    cidr: {}\n",
        quoted(name),
        quoted(endpoint),
        quoted(certificate_authority),
        quoted(service_cidr)
    );
    if !labels.is_empty() {
        text.push_str(&format!("  kubelet:\n    flags:\n      - {}\n", quoted(&node_labels_flag(labels))));
    }
    text
}

/// A YAML single-quoted scalar.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
