//! Groups of nodes of a cluster, by the labels of the tool that created them.

use std::collections::BTreeSet;

use amiproof_model::matrix::Family;
use amiproof_model::name::VariantName;
use k8s_openapi::api::core::v1::Node;
use kube::ResourceExt as _;

use super::nodes::{self, NodesError};
use super::{Access, NODE_GROUP_LABEL};

/// The labels that name the group of a node: managed node groups of EKS, Karpenter's pools, eksctl's own node groups, kOps'
/// instance groups. The first label that a node has counts.
const GROUP_LABELS: [&str; 4] =
    [NODE_GROUP_LABEL, "karpenter.sh/nodepool", "alpha.eksctl.io/nodegroup-name", "kops.k8s.io/instancegroup"];

/// The label of nodes that run the control plane (kubeadm, kind, k3s).
const CONTROL_PLANE_LABEL: &str = "node-role.kubernetes.io/control-plane";

/// A group of nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The unique name of the group.
    pub name: VariantName,
    /// The selector that matches exactly these nodes.
    pub selector: String,
    /// Their family, by the operating system that their kubelets report.
    pub family: Family,
    /// How many there are.
    pub nodes: usize,
}

/// The groups of a cluster, by name. Nodes of the control plane are not a group if there are others.
///
/// # Errors
/// If the API server rejects the request ([Node, list](https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/node-v1/)).
/// The client retries 429, 5xx and broken connections first, a POST only after 429.
pub async fn of_cluster(access: &Access) -> Result<Vec<Group>, NodesError> {
    Ok(groups(&nodes::list(access, "").await?))
}

fn groups(all: &[Node]) -> Vec<Group> {
    let workers: Vec<&Node> = all.iter().filter(|node| !node.labels().contains_key(CONTROL_PLANE_LABEL)).collect();
    let (nodes, narrower) = match workers.is_empty() {
        true => (all.iter().collect(), String::new()),
        false => (workers, format!(",!{CONTROL_PLANE_LABEL}")),
    };
    let mut keys: Vec<(Key<'_>, Family)> = nodes.iter().map(|node| (key(node), family(node))).collect();
    keys.sort();
    keys.dedup();
    let mut taken = BTreeSet::new();
    let of_key = |(key, family): (Key<'_>, Family)| {
        let members = nodes.iter().filter(|node| self::key(node) == key && self::family(node) == family);
        let os = if family == Family::Windows { "windows" } else { "linux" };
        let selector = match &key {
            Key::Group { label, value } => {
                let earlier: Vec<String> =
                    GROUP_LABELS.iter().take_while(|it| *it != label).map(|label| format!(",!{label}")).collect();
                format!("{label}={value}{},kubernetes.io/os={os}{narrower}", earlier.concat())
            }
            Key::None => {
                let others: Vec<String> = GROUP_LABELS.iter().map(|label| format!(",!{label}")).collect();
                format!("kubernetes.io/os={os}{}{narrower}", others.concat())
            }
        };
        let wanted = match &key {
            Key::Group { value, .. } => (*value).to_owned(),
            Key::None => os.to_owned(),
        };
        Some(Group { name: free_name(&wanted, &mut taken)?, selector, family, nodes: members.count() })
    };
    keys.into_iter().filter_map(of_key).collect()
}

/// The group of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key<'a> {
    Group { label: &'static str, value: &'a str },
    None,
}

fn key(node: &Node) -> Key<'_> {
    let label = GROUP_LABELS.iter().find_map(|label| Some((*label, node.labels().get(*label)?)));
    label.map_or(Key::None, |(label, value)| Key::Group { label, value })
}

/// Any other Linux counts as Amazon Linux 2023: these nodes exist already, and the families of Linux differ only in how they boot.
fn family(node: &Node) -> Family {
    let about = node.status.as_ref().and_then(|status| status.node_info.as_ref());
    match about.map_or(("", ""), |about| (about.operating_system.as_str(), about.os_image.as_str())) {
        ("windows", _) => Family::Windows,
        (_, image) if image.starts_with("Bottlerocket") => Family::Bottlerocket,
        (_, image) if image == "Amazon Linux 2" || image.starts_with("Amazon Linux 2 ") => Family::Al2,
        _ => Family::Al2023,
    }
}

/// The name in valid characters, with a number appended if another group has it.
fn free_name(wanted: &str, taken: &mut BTreeSet<String>) -> Option<VariantName> {
    let legal = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let text: String = wanted.chars().map(legal).collect();
    let text = text.trim_matches('-');
    let prefix = if text.starts_with(|c: char| c.is_ascii_lowercase()) { "" } else { "ng-" };
    // Two digits fit after it.
    let base: String = format!("{prefix}{text}").chars().take(29).collect();
    let base = base.trim_end_matches('-');
    let mut names = std::iter::once(base.to_owned()).chain((2..100).map(|number| format!("{base}-{number}")));
    let name = names.find(|name| !taken.contains(name))?;
    taken.insert(name.clone());
    name.parse().ok()
}

#[cfg(test)]
mod tests {
    use amiproof_model::selector::NodeSelector;
    use serde_json::{Value, json};

    use super::*;

    fn node(name: &str, labels: Value, os: &str, image: &str) -> Node {
        let mut labels = labels;
        labels["kubernetes.io/os"] = os.into();
        serde_json::from_value(json!({"metadata": {"name": name, "labels": labels}, "status": {"nodeInfo": {
            "operatingSystem": os, "osImage": image, "architecture": "", "bootID": "", "containerRuntimeVersion": "",
            "kernelVersion": "", "kubeProxyVersion": "", "kubeletVersion": "", "machineID": "", "systemUUID": ""}}}))
        .unwrap()
    }

    #[test]
    fn every_worker_is_in_exactly_the_group_of_its_first_label() {
        let al2023 = "Amazon Linux 2023.9.20251027";
        let nodes = [
            node("a", json!({NODE_GROUP_LABEL: "ng-l1", "alpha.eksctl.io/nodegroup-name": "ng-l1"}), "linux", al2023),
            node("b", json!({NODE_GROUP_LABEL: "ng-l1"}), "linux", al2023),
            node("c", json!({"karpenter.sh/nodepool": "General_Purpose"}), "linux", "Bottlerocket OS 1.50.0"),
            node("d", json!({"alpha.eksctl.io/nodegroup-name": "ng-l1"}), "linux", "Amazon Linux 2"),
            node("e", json!({}), "linux", "Ubuntu 24.04"),
            node("f", json!({}), "windows", "Windows Server 2022 Datacenter"),
            node("g", json!({CONTROL_PLANE_LABEL: ""}), "linux", "Ubuntu 24.04"),
        ];
        let found = groups(&nodes);
        let mut seen: Vec<(&str, Family, usize)> =
            found.iter().map(|group| (group.name.as_str(), group.family, group.nodes)).collect();
        seen.sort_unstable();
        assert_eq!(
            seen,
            [
                ("general-purpose", Family::Bottlerocket, 1),
                ("linux", Family::Al2023, 1),
                ("ng-l1", Family::Al2, 1),
                ("ng-l1-2", Family::Al2023, 2),
                ("windows", Family::Windows, 1),
            ]
        );
        for group in &found {
            let selector: NodeSelector = group.selector.parse().unwrap();
            let matched = nodes.iter().filter(|node| selector.matches(node.labels())).count();
            assert_eq!(matched, group.nodes, "{group:?}");
        }
    }

    #[test]
    fn a_cluster_of_one_node_that_is_its_own_control_plane_is_a_group() {
        let found = groups(&[node("kind", json!({CONTROL_PLANE_LABEL: ""}), "linux", "Debian GNU/Linux 12")]);
        assert_eq!((found.len(), found[0].name.as_str(), found[0].nodes), (1, "linux", 1));
        assert!(groups(&[]).is_empty());
    }

    #[test]
    fn names_are_legal_and_differ_whatever_the_labels_say() {
        let mut taken = BTreeSet::new();
        let long = "a-node-group-with-a-name-of-more-than-32-letters";
        for wanted in ["1.36", "__", "Über", long, long, "x"] {
            assert!(free_name(wanted, &mut taken).is_some(), "{wanted}");
        }
        assert_eq!(taken.len(), 6, "{taken:?}");
    }
}
