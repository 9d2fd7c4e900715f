//! Suite `host`: access to the hosts behind the nodes, and their permissions, by the EKS best practices guide, "Protecting
//! the infrastructure (hosts)".
//!
//! Checks that need AWS are not applicable in a run without an account.

pub mod container_os;
pub mod encrypted_root;
pub mod imds;
pub mod imds_answers;
pub mod inspector_coverage;
pub mod no_public_address;
pub mod no_ssh;
pub mod private_subnets;
pub mod run_command;
pub mod selinux;
pub mod selinux_denials;
pub mod sshd;
pub mod ssm_managed;
pub mod ssm_permissions;
pub mod vulnerabilities;

use std::collections::BTreeSet;

use amiproof_core::aws::hosts::{self, Host, Ingress, Peer};
use amiproof_core::aws::{Clients, cluster, node_group};
use amiproof_core::check::{CheckError, Decision, Doing as _};
use amiproof_core::context::{Context, NO_ACCOUNT};
use amiproof_model::matrix::NodeSource;
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::{Finding, Verdict};

use crate::node::{placements, resource};

/// The verdict of a check that needs AWS, in a run without an account.
pub(crate) fn no_account() -> Decision {
    Verdict::NotApplicable(NO_ACCOUNT.to_owned()).into()
}

/// The instance ids of the variant's nodes; otherwise the verdict that explains why there are none.
pub(crate) fn instance_ids(nodes: &[NodeRecord]) -> Result<Vec<String>, Verdict> {
    if nodes.is_empty() {
        return Err(Verdict::NotEvaluated("there is no node".to_owned()));
    }
    let id = |node: &NodeRecord| {
        let none = || Verdict::NotApplicable(format!("{} is not an EC2 instance", resource(node)));
        node.instance_id.clone().ok_or_else(none)
    };
    nodes.iter().map(id).collect()
}

/// The variant's nodes with their instances; otherwise the verdict that explains why there are none.
pub(crate) async fn hosts(
    context: &Context,
    clients: &Clients,
) -> Result<Result<Vec<(NodeRecord, Host)>, Verdict>, CheckError> {
    let ids = match instance_ids(&context.nodes) {
        Ok(ids) => ids,
        Err(verdict) => return Ok(Err(verdict)),
    };
    let found = hosts::describe(clients, &ids).await.doing("reading the instances of the nodes")?;
    let mut pairs = Vec::new();
    for node in context.nodes.iter() {
        match found.iter().find(|host| node.instance_id.as_ref() == Some(&host.id)) {
            Some(host) => pairs.push((node.clone(), host.clone())),
            None => {
                return Ok(Err(Verdict::NotEvaluated(format!("EC2 does not know the instance of {}", resource(node)))));
            }
        }
    }
    Ok(Ok(pairs))
}

/// The verdict for a setting that the run itself chose, which therefore says nothing about the image; `None` for existing nodes.
pub(crate) fn set_by_us(context: &Context, what: &str) -> Option<Decision> {
    match context.variant.nodes {
        NodeSource::Made(_) => Some(decision(
            context,
            Verdict::NotApplicable(format!("set by amiproof when it made the node group: {what}")),
        )),
        NodeSource::Selected(_) => None,
    }
}

/// `Pass` without findings, otherwise `Fail`.
pub(crate) fn verdict(findings: Vec<Finding>) -> Verdict {
    if findings.is_empty() { Verdict::Pass } else { Verdict::Fail(findings) }
}

/// A verdict with its nodes as evidence.
pub(crate) fn decision(context: &Context, verdict: Verdict) -> Decision {
    Decision { placements: placements(&context.nodes), ..verdict.into() }
}

/// Ways to reach ports of the hosts from outside the cluster.
#[derive(Clone, Debug, Default)]
pub(crate) struct RemoteAccess {
    /// The instances of the nodes.
    pub(crate) hosts: Vec<(NodeRecord, Host)>,
    /// The rules of their security groups.
    pub(crate) rules: Vec<Ingress>,
    /// The security groups that nodes and control plane share.
    pub(crate) inside: BTreeSet<String>,
    /// Whether the node group was created with `remoteAccess`.
    pub(crate) remote_access: bool,
}

impl RemoteAccess {
    /// Reads them; otherwise returns the verdict that explains why there are none.
    pub(crate) async fn read(context: &Context, clients: &Clients) -> Result<Result<Self, Verdict>, CheckError> {
        let hosts = match hosts(context, clients).await? {
            Ok(hosts) => hosts,
            Err(verdict) => return Ok(Err(verdict)),
        };
        let groups: BTreeSet<String> = hosts.iter().flat_map(|(_, host)| host.groups.iter().cloned()).collect();
        let rules = hosts::ingress(clients, &groups).await.doing("reading the security groups of the nodes")?;
        let name = &context.matrix.cluster.name;
        let cluster = cluster::described(clients, name).await.doing(format!("reading the cluster {name}"))?;
        let inside = groups.into_iter().chain(cluster.and_then(|cluster| cluster.security_group_id)).collect();
        let mut remote_access = false;
        if let Some(group) = context.node_group() {
            let found =
                node_group::described(clients, name, group).await.doing(format!("reading the node group {group}"))?;
            remote_access = found.is_some_and(|group| group.remote_access().is_some());
        }
        Ok(Ok(Self { hosts, rules, inside, remote_access }))
    }

    /// One finding per security group rule that allows connections to one of the ports. Rules among the cluster's own groups do not
    /// count: EKS needs them.
    pub(crate) fn open(&self, ports: &[u16]) -> Vec<Finding> {
        let mut findings = Vec::new();
        for rule in &self.rules {
            if matches!(&rule.peer, Peer::Group(group) if self.inside.contains(group)) {
                continue;
            }
            let open: Vec<String> = ports.iter().filter(|port| rule.covers(**port)).map(u16::to_string).collect();
            if open.is_empty() {
                continue;
            }
            let nodes: Vec<String> = self
                .hosts
                .iter()
                .filter(|(_, host)| host.groups.contains(&rule.group))
                .map(|(node, _)| resource(node))
                .collect();
            let summary = format!("{} may connect to TCP {}", rule.peer.name(), open.join(", "));
            let detail = format!("rule {} of security group {}, on {}", rule.id, rule.group, nodes.join(", "));
            let help =
                "remove the rule; sessions go through Systems Manager (Session Manager), which needs no open port";
            let resource = format!("rule for {}", rule.peer.name());
            findings.push(Finding::new(resource, summary).with_detail(detail).with_remediation(help));
        }
        findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::record;

    fn rule(ports: Option<(i32, i32)>, peer: Peer) -> Ingress {
        let protocol = if ports.is_some() { "tcp" } else { "-1" }.to_owned();
        Ingress { id: "sgr-1".to_owned(), group: "sg-node".to_owned(), protocol, ports, peer }
    }

    #[test]
    fn addresses_and_strange_groups_open_a_port_and_the_clusters_own_groups_do_not() {
        let host = Host { id: "i-1".to_owned(), groups: vec!["sg-node".to_owned()], ..Host::default() };
        let access = |rules: Vec<Ingress>| RemoteAccess {
            hosts: vec![(record(1, ""), host.clone())],
            rules,
            inside: BTreeSet::from(["sg-node".to_owned()]),
            remote_access: false,
        };
        let world = || Peer::Addresses("0.0.0.0/0".to_owned());
        let group = |id: &str| Peer::Group(id.to_owned());
        for (rules, found) in [
            (vec![rule(None, group("sg-node"))], vec![]),
            (vec![rule(Some((443, 443)), world())], vec![]),
            (vec![rule(Some((22, 22)), world())], vec!["0.0.0.0/0 may connect to TCP 22"]),
            (vec![rule(None, Peer::Addresses("::/0".to_owned()))], vec!["::/0 may connect to TCP 22, 3389"]),
            (vec![rule(Some((22, 22)), group("sg-bastion"))], vec!["sg-bastion may connect to TCP 22"]),
        ] {
            let open = access(rules).open(&[22, 3389]);
            let summaries: Vec<&str> = open.iter().map(|finding| finding.summary.as_str()).collect();
            assert_eq!(summaries, found);
            assert!(open.iter().all(|finding| finding.detail.contains("sg-node, on node 1")), "{open:?}");
        }
    }

    #[test]
    fn a_node_that_is_no_instance_has_no_host() {
        let mut node = record(1, "");
        assert_eq!(instance_ids(&[node.clone()]), Ok(vec!["i-1".to_owned()]));
        node.instance_id = None;
        assert!(matches!(instance_ids(&[node]), Err(Verdict::NotApplicable(_))));
        assert!(matches!(instance_ids(&[]), Err(Verdict::NotEvaluated(_))));
    }
}
