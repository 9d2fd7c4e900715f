//! `addon/daemonsets`: on every node of the variant, the DaemonSets of every add-on run and are Ready.

use std::collections::BTreeSet;

use amiproof_core::check::{CheckError, Decision, Doing as _, ScanAnswer};
use amiproof_core::cluster::addons::{self, ADD_ONS, AddOn};
use amiproof_core::cluster::{fit, nodes};
use amiproof_core::context::Context;
use amiproof_core::wait::pods;
use amiproof_model::report::{NodeRecord, Phase};
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{Event, Node, Pod};
use kube::api::ListParams;
use kube::{Api, ResourceExt};

use super::health::Health;
use super::{ATTEMPT, answer, health, not_installed, row, seen};
use crate::definition::Definition;

/// See the module. Each add-on has its own row (`addon/vpc-cni`); this id is used only if none of them can be evaluated.
pub const CHECK: Definition = Definition::scan(
    "addon/daemonsets",
    "the DaemonSets of the cluster's add-ons run on every node",
    Phase::Test,
    |context| run(context).boxed(),
)
.within(ATTEMPT);

/// The state of the cluster, read once it had settled.
struct Snapshot {
    /// The variant's nodes that are still there.
    nodes: Vec<(NodeRecord, Node)>,
    /// The DaemonSets of known add-ons.
    sets: Vec<DaemonSet>,
    pods: Vec<Pod>,
    events: Vec<Event>,
    now: Timestamp,
}

async fn run(context: &Context) -> Result<ScanAnswer, CheckError> {
    let nodes = own_nodes(context).await?;
    let sets: Api<DaemonSet> = Api::all(context.cluster.client());
    let sets = sets.list(&ListParams::default()).await;
    let mut sets = sets.doing("reading the cluster's DaemonSets")?.items;
    sets.retain(|set| addons::of_daemon_set(&set.name_any()).is_some());
    let mut snapshot = Snapshot { nodes, sets, pods: Vec::new(), events: Vec::new(), now: amiproof_time::now() };
    let namespaces: BTreeSet<String> = snapshot.sets.iter().filter_map(ResourceExt::namespace).collect();
    let names: Vec<&str> = snapshot.nodes.iter().map(|(record, _)| record.name.as_str()).collect();
    let settled = seen::settled(&context.cluster, &namespaces, Some(&names), |pods| snapshot.is_settled(pods));
    snapshot.pods = settled.await?;
    snapshot.now = amiproof_time::now();
    snapshot.events = seen::events(&context.cluster, &namespaces).await;
    let daemons = ADD_ONS.iter().filter(|addon| !addon.daemons.is_empty());
    answer(daemons.map(|addon| row(addon.name, title(addon), snapshot.judge(addon))))
}

/// The variant's nodes, each with the object that is there now.
async fn own_nodes(context: &Context) -> Result<Vec<(NodeRecord, Node)>, CheckError> {
    let all = nodes::list(&context.cluster, context.selector.as_str()).await.doing("reading the variant's nodes")?;
    let with_object = |record: &NodeRecord| {
        let node = all.iter().find(|node| node.name_any() == record.name)?;
        Some((record.clone(), node.clone()))
    };
    Ok(context.nodes.iter().filter_map(with_object).collect())
}

fn title(addon: &AddOn) -> String {
    format!("the DaemonSet part of {} runs on every node", addon.name)
}

impl Snapshot {
    /// The DaemonSets of an add-on with the nodes that each is meant for, and why not for the others.
    fn parts(&self, addon: &AddOn) -> (Vec<(&DaemonSet, &NodeRecord)>, Vec<String>) {
        let (mut wanted, mut reasons) = (Vec::new(), Vec::new());
        for set in self.sets.iter().filter(|set| addon.daemons.contains(&set.name_any().as_str())) {
            for (record, node) in &self.nodes {
                let spec = set.spec.template.spec.as_ref();
                match spec.and_then(|spec| fit::why_not(spec, node)) {
                    None => wanted.push((set, record)),
                    Some(why) => reasons.push(format!("{}: {why}", set.name_any())),
                }
            }
        }
        reasons.sort();
        reasons.dedup();
        (wanted, reasons)
    }

    /// Whether every pod that should be there is well, or will not get well.
    fn is_settled(&self, all: &[Pod]) -> bool {
        let now = amiproof_time::now();
        let is_over = |set: &DaemonSet, record: &NodeRecord| {
            let pod = on_node(all, set, record);
            pod.is_some_and(|pod| !matches!(health::of(pod, now), Health::Waiting(_)))
        };
        let over_for = |addon| self.parts(addon).0.into_iter().all(|(set, record)| is_over(set, record));
        ADD_ONS.iter().all(over_for)
    }

    fn judge(&self, addon: &AddOn) -> Decision {
        let (wanted, reasons) = self.parts(addon);
        if wanted.is_empty() {
            return match reasons.is_empty() {
                true if self.nodes.is_empty() => Verdict::NotEvaluated("the variant no longer has nodes".to_owned()),
                true => not_installed(),
                false => {
                    Verdict::NotApplicable(format!("no part of it is meant for these nodes: {}", reasons.join("; ")))
                }
            }
            .into();
        }
        let (mut findings, mut elsewhere, mut found) = (Vec::new(), None, Vec::new());
        for (set, record) in &wanted {
            let pod = on_node(&self.pods, set, record);
            found.extend(pod);
            match pod.map(|pod| health::of(pod, self.now)) {
                Some(Health::Healthy) => {}
                Some(Health::Infrastructure(why)) => elsewhere = Some(why),
                Some(Health::Unhealthy(why) | Health::Waiting(why)) => {
                    findings.push(self.finding(addon, set, record, pod, &why))
                }
                None => findings.push(self.finding(addon, set, record, None, "it has no pod on the node")),
            }
        }
        let verdict = match (findings.is_empty(), elsewhere) {
            (false, _) => Verdict::Fail(findings),
            (true, Some(why)) => Verdict::NotEvaluated(why),
            (true, None) => Verdict::Pass,
        };
        let nodes: Vec<Node> = self.nodes.iter().map(|(_, node)| node.clone()).collect();
        Decision {
            verdict,
            evidence: seen::proof(&found, &self.events),
            placements: seen::placements(&found, &nodes),
            traffic: Vec::new(),
        }
    }

    fn finding(&self, addon: &AddOn, set: &DaemonSet, record: &NodeRecord, pod: Option<&Pod>, why: &str) -> Finding {
        let mut detail = why.to_owned();
        if let Some(end) = pod.and_then(pods::failed_container).and_then(|(_, end)| end.message.as_deref()) {
            detail.push_str(&format!("\n\ntermination message:\n{}", end.trim()));
        }
        let of: Vec<&Pod> = pod.into_iter().collect();
        let events = match of.is_empty() {
            true => self.events_of(set),
            false => seen::events_about(&of, &self.events),
        };
        if !events.is_empty() {
            detail.push_str(&format!("\n\nevents:\n{events}"));
        }
        let summary = format!("{} is not Ready on node {}: {}", set.name_any(), record.index, one_line(why));
        Finding::new(format!("{} on node {}", set.name_any(), record.index), summary)
            .with_detail(detail)
            .with_remediation(format!("{}: {}", addon.name, addon.host_needs))
    }

    /// What the controller says about a DaemonSet whose pod is missing.
    fn events_of(&self, set: &DaemonSet) -> String {
        let is_about = |event: &&Event| {
            let object = &event.involved_object;
            object.kind.as_deref() == Some("DaemonSet") && object.name == set.metadata.name
        };
        let about: Vec<Event> = self.events.iter().filter(is_about).cloned().collect();
        amiproof_core::workload::evidence::event_lines(&about)
    }
}

/// The newest pod of a DaemonSet on a node: while one is replaced, the old one is still there. A pod that was not scheduled is bound to
/// no node, but its affinity says for which it was made.
fn on_node<'a>(all: &'a [Pod], set: &DaemonSet, node: &NodeRecord) -> Option<&'a Pod> {
    let is_own = |pod: &&Pod| {
        let owned =
            pod.owner_references().iter().any(|owner| owner.kind == "DaemonSet" && owner.name == set.name_any());
        owned && pod.namespace() == set.namespace() && place(pod) == Some(node.name.as_str())
    };
    let created = |pod: &&Pod| pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
    all.iter().filter(is_own).max_by_key(created)
}

fn place(pod: &Pod) -> Option<&str> {
    if let Some(node) = pods::node(pod) {
        return Some(node);
    }
    let affinity = pod.spec.as_ref()?.affinity.as_ref()?.node_affinity.as_ref()?;
    let terms = &affinity.required_during_scheduling_ignored_during_execution.as_ref()?.node_selector_terms;
    let field = terms.first()?.match_fields.as_ref()?.iter().find(|field| field.key == "metadata.name")?;
    field.values.as_ref()?.first().map(String::as_str)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
