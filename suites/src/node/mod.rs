//! Suite `node`: the nodes themselves, from Kubernetes, EC2 and the facts of their hosts.

pub mod age;
pub mod ami_not_deprecated;
pub mod audit;
pub mod boot_time;
pub mod cgroups;
pub mod clock;
pub mod conntrack;
pub mod disk_space;
pub mod ebpf;
pub mod expected_ami;
pub mod expiry;
pub mod facts;
pub mod integrity_scan;
pub mod ipv6;
pub mod joined;
pub mod kernel_defaults;
pub mod kernel_modules;
pub mod kubelet_config;
pub mod kubelet_skew;
pub mod local_dns;
pub mod log_space;
pub mod martian_packets;
pub mod monitoring_agent;
pub mod newest_ami;
pub mod ready;
pub mod sctp;
pub mod webhooks;

use std::time::Duration;

use amiproof_core::aws::instances::{self, Instance, OfRun};
use amiproof_core::check::{CheckError, Doing as _};
use amiproof_core::cluster;
use amiproof_core::context::Context;
use amiproof_core::probe::facts::{Collected, NodeFacts};
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::{Finding, Placement, Verdict};
use k8s_openapi::api::core::v1::Node;
use kube::ResourceExt as _;

/// `node 1`: the name of a node in findings, the same in the next run.
pub(crate) fn resource(node: &NodeRecord) -> String {
    format!("node {}", node.index)
}

pub(crate) fn placements(nodes: &[NodeRecord]) -> Vec<Placement> {
    let placement = |node: &NodeRecord| Placement {
        pod: None,
        node: node.name.clone(),
        instance_id: node.instance_id.clone(),
        ami_id: node.ami_id.as_ref().map(ToString::to_string),
    };
    nodes.iter().map(placement).collect()
}

/// How old the list of instances may be: the checks that use it start at the same time.
const LATELY: Duration = Duration::from_secs(30);

/// The instances of the variant's node group, or those of its nodes if other labels select them; `None` if no
/// AWS account is involved.
pub(crate) async fn instances(context: &Context) -> Result<Option<Vec<Instance>>, CheckError> {
    let Some(clients) = &context.aws else { return Ok(None) };
    let found = match context.node_group() {
        Some(name) if context.variant.made().is_some() => {
            let group = OfRun { cluster: &context.matrix.cluster.name, run: &context.run, name };
            instances::running(clients, group, LATELY).await
        }
        // It was not created by this run, so its instances may not have the tag of the run.
        Some(group) => instances::of_node_group(clients, &context.matrix.cluster.name, group).await,
        None => {
            let ids: Vec<&str> = context.nodes.iter().filter_map(|node| node.instance_id.as_deref()).collect();
            instances::by_ids(clients, &ids).await
        }
    };
    found.map(Some).doing(format!("reading the instances of '{}'", context.selector))
}

/// The run's records of the variant's nodes, each with its current Node object; `None` for one that is gone.
async fn now(context: &Context) -> Result<Vec<(NodeRecord, Option<Node>)>, CheckError> {
    let found =
        cluster::nodes::list(&context.cluster, context.selector.as_str()).await.doing("reading the variant's nodes")?;
    let of = |record: &NodeRecord| found.iter().find(|node| node.name_any() == record.name).cloned();
    Ok(context.nodes.iter().map(|record| (record.clone(), of(record))).collect())
}

/// The verdict if facts are needed and a node has none.
pub(crate) fn unread(facts: &[NodeFacts]) -> Option<Verdict> {
    if facts.is_empty() {
        return Some(Verdict::NotEvaluated("there is no node".to_owned()));
    }
    facts.iter().find_map(|of_node| {
        let why = of_node.read.as_ref().err()?;
        Some(Verdict::NotEvaluated(format!("{} could not be read: {why}", resource(&of_node.node))))
    })
}

/// Evaluates the facts of each node with `judge`, which may return why it has no result. A node without facts is not evaluated.
pub(crate) fn judged(
    facts: &[NodeFacts],
    judge: impl Fn(&NodeRecord, &Collected) -> Result<Vec<Finding>, Verdict>,
) -> Verdict {
    let mut findings = Vec::new();
    let mut gap = unread(facts);
    for of_node in facts {
        let Ok((_, read)) = &of_node.read else { continue };
        match judge(&of_node.node, read) {
            Ok(found) => findings.extend(found),
            Err(verdict) => gap = gap.or(Some(verdict)),
        }
    }
    settled(findings, gap)
}

/// A failure of one node counts even if another gave no answer; without one, the first gap is the verdict.
pub(crate) fn settled(findings: Vec<Finding>, gap: Option<Verdict>) -> Verdict {
    match (findings.is_empty(), gap) {
        (false, _) => Verdict::Fail(findings),
        (true, Some(gap)) => gap,
        (true, None) => Verdict::Pass,
    }
}

/// The modules that a host's configuration blocks. A host that blocks none lacks this fact.
pub(crate) fn blocked_modules(read: &Collected) -> Option<Vec<&str>> {
    read.measured("modprobe")?;
    Some(read.get("modules.blocked").unwrap_or_default().split_whitespace().collect())
}

/// The reason for a missing fact of a node.
pub(crate) fn silent(node: &NodeRecord, what: &str) -> Verdict {
    Verdict::NotEvaluated(format!("{} does not report {what}", resource(node)))
}

#[cfg(test)]
pub(crate) mod tests {
    use amiproof_core::probe::Channel;
    use amiproof_core::probe::facts::{Collected, NodeFacts};
    use amiproof_model::report::NodeRecord;

    /// The facts of a node, for tests.
    pub(crate) fn read_facts(index: u32, facts: &[(&str, &str)]) -> NodeFacts {
        let facts = facts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let read = Ok((Channel::Ssm, Collected { facts, ..Collected::default() }));
        NodeFacts { node: record(index, ""), read }
    }

    /// The output of a section of the script on a node, for tests.
    pub(crate) fn measured(index: u32, facts: &[(&str, &str)], measured: &[(&str, &str)]) -> NodeFacts {
        let mut of_node = read_facts(index, facts);
        if let Ok((_, read)) = &mut of_node.read {
            read.measured = measured.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        }
        of_node
    }

    /// A node of a run, for tests.
    pub(crate) fn record(index: u32, kubelet: &str) -> NodeRecord {
        NodeRecord {
            index,
            name: format!("ip-10-0-0-{index}"),
            instance_id: Some(format!("i-{index}")),
            ami_id: Some("ami-0123456789abcdef0".parse().unwrap()),
            os_image: String::new(),
            kernel: String::new(),
            kubelet: kubelet.to_owned(),
            runtime: String::new(),
            boot_to_ready_seconds: None,
            facts: Default::default(),
            fact_differences: None,
        }
    }
}
