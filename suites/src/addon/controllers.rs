//! `addon/controllers`: the Deployments of the cluster's add-ons are available, wherever they run.

use std::collections::{BTreeMap, BTreeSet};

use amiproof_core::aws::addons::{self, MISSING_PODS, State};
use amiproof_core::check::{CheckError, Decision, Doing as _, ScanAnswer};
use amiproof_core::cluster::addons::{self as known, ADD_ONS};
use amiproof_core::context::Context;
use amiproof_core::evidence::evidence;
use amiproof_core::wait::{Kind, Observed, Target, pods};
use amiproof_model::report::Phase;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Event, Node, Pod};
use kube::api::ListParams;
use kube::{Api, ResourceExt};

use super::health::{self, Health};
use super::{ATTEMPT, answer, not_installed, row, seen};
use crate::definition::Definition;

/// See the module. Each add-on gets its own row, such as `addon/coredns`; the row of this id itself only says why none could be evaluated.
pub const CHECK: Definition = Definition::scan(
    "addon/controllers",
    "the controllers of the cluster's add-ons are available",
    Phase::Test,
    |context| run(context).boxed(),
)
.per_cluster()
.within(ATTEMPT);

/// The state of the cluster, read once it had settled.
struct Snapshot {
    nodes: Vec<Node>,
    /// The Deployments of known add-ons.
    deployments: Vec<Deployment>,
    pods: Vec<Pod>,
    events: Vec<Event>,
    now: Timestamp,
    /// The state of EKS add-ons, by name; empty without AWS.
    managed: BTreeMap<String, State>,
}

async fn run(context: &Context) -> Result<ScanAnswer, CheckError> {
    let client = || context.cluster.client();
    let nodes =
        Api::<Node>::all(client()).list(&ListParams::default()).await.doing("reading the cluster's nodes")?.items;
    let deployments = Api::<Deployment>::all(client()).list(&ListParams::default()).await;
    let mut deployments = deployments.doing("reading the Deployments")?.items;
    deployments.retain(|deployment| known::of_deployment(&deployment.name_any()).is_some());
    let namespaces: BTreeSet<String> = deployments.iter().filter_map(ResourceExt::namespace).collect();
    let managed = managed(context).await?;
    let now = amiproof_time::now();
    let mut snapshot = Snapshot { nodes, deployments, pods: Vec::new(), events: Vec::new(), now, managed };
    snapshot.pods = seen::settled(&context.cluster, &namespaces, None, |pods| snapshot.is_settled(pods)).await?;
    snapshot.now = amiproof_time::now();
    snapshot.events = seen::events(&context.cluster, &namespaces).await;
    let listed = ADD_ONS.iter().map(|addon| addon.name);
    let listed = listed.filter(|name| snapshot.is_asked(name));
    let others = snapshot.managed.keys().map(String::as_str).filter(|name| ADD_ONS.iter().all(|one| one.name != *name));
    let names: Vec<&str> = listed.chain(others).collect();
    answer(names.into_iter().map(|name| row(name, format!("add-on {name} is healthy"), snapshot.judge(name))))
}

/// The state of the add-ons that EKS manages.
async fn managed(context: &Context) -> Result<BTreeMap<String, State>, CheckError> {
    let Some(clients) = &context.aws else { return Ok(BTreeMap::new()) };
    let cluster = &context.matrix.cluster.name;
    let found = addons::states(clients, cluster).await;
    found.doing(format!("reading the add-ons of cluster {cluster}"))
}

impl Snapshot {
    /// Whether an add-on has a row for the cluster: those with DaemonSets only are evaluated per variant.
    fn is_asked(&self, name: &str) -> bool {
        let has_controllers = ADD_ONS.iter().any(|addon| addon.name == name && !addon.controllers.is_empty());
        has_controllers || self.managed.contains_key(name)
    }

    fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Deployment> {
        let belongs =
            move |set: &&Deployment| known::of_deployment(&set.name_any()).is_some_and(|one| one.name == name);
        self.deployments.iter().filter(belongs)
    }

    fn is_settled(&self, all: &[Pod]) -> bool {
        let now = amiproof_time::now();
        self.deployments.iter().all(|deployment| !matches!(health(deployment, all, now), Health::Waiting(_)))
    }

    fn judge(&self, name: &str) -> Decision {
        let managed = self.managed.get(name);
        let deployments: Vec<&Deployment> = self.of(name).collect();
        if deployments.is_empty() && managed.is_none() {
            return not_installed().into();
        }
        let mut findings: Vec<Finding> = managed.and_then(broken_at_eks).into_iter().collect();
        let mut elsewhere = None;
        let mut found = Vec::new();
        for deployment in &deployments {
            let own = pods_of(deployment, &self.pods);
            match health(deployment, &self.pods, self.now) {
                Health::Healthy => {}
                Health::Infrastructure(why) => elsewhere = Some(why),
                Health::Waiting(why) | Health::Unhealthy(why) => findings.push(self.finding(deployment, &own, &why)),
            }
            found.extend(own);
        }
        let mut proof = if deployments.is_empty() { Vec::new() } else { seen::proof(&found, &self.events) };
        proof.extend(managed.map(|state| evidence("EKS", state.to_string())));
        let verdict = match (findings.is_empty(), elsewhere) {
            (false, _) => Verdict::Fail(findings),
            (true, Some(why)) => Verdict::NotEvaluated(why),
            (true, None) => Verdict::Pass,
        };
        Decision { verdict, evidence: proof, placements: seen::placements(&found, &self.nodes), traffic: Vec::new() }
    }

    fn finding(&self, deployment: &Deployment, own: &[&Pod], why: &str) -> Finding {
        let name = deployment.name_any();
        let events = seen::events_about(own, &self.events);
        let events = if events.is_empty() { String::new() } else { format!("\n\nevents:\n{events}") };
        let on: BTreeSet<&str> = own.iter().filter_map(|pod| pods::node(pod)).collect();
        let on = if on.is_empty() { "no node".to_owned() } else { on.into_iter().collect::<Vec<_>>().join(", ") };
        let summary = why.split_whitespace().collect::<Vec<_>>().join(" ");
        Finding::new(format!("deployment {name}"), format!("{name} is not available: {summary}"))
            .with_detail(format!("{why}\n\nits pods are on {on}{events}"))
            .with_remediation(format!(
                "check the pods' termination messages and events, and whether their nodes run a stock image: kubectl -n {} describe \
                 deployment {name}",
                deployment.namespace().unwrap_or_default()
            ))
    }
}

/// An add-on that EKS could not make or change, or that it calls degraded for another reason than missing pods: those are judged
/// where they run.
fn broken_at_eks(state: &State) -> Option<Finding> {
    let failed = state.status.ends_with("_FAILED");
    let degraded = state.status == "DEGRADED" && state.issues.iter().any(|issue| issue.code != MISSING_PODS);
    if !failed && !degraded {
        return None;
    }
    let issues: Vec<String> = state.issues.iter().map(ToString::to_string).collect();
    let summary = format!("EKS reports that it is {}: {}", state.status, issues.join("; "));
    Some(Finding::new("EKS add-on", summary.split_whitespace().collect::<Vec<_>>().join(" ")).with_remediation(
        "see `aws eks describe-addon`; a conflict is resolved with --resolve-conflicts OVERWRITE, missing permissions with a pod identity \
         association",
    ))
}

fn pods_of<'a>(deployment: &Deployment, all: &'a [Pod]) -> Vec<&'a Pod> {
    let target = Target { kind: Kind::Deployment, name: deployment.name_any() };
    let namespace = deployment.namespace();
    let here = Observed {
        pods: all.iter().filter(|pod| pod.namespace() == namespace).cloned().collect(),
        ..Observed::default()
    };
    let names: BTreeSet<String> = pods::of(&target, &here).into_iter().map(ResourceExt::name_any).collect();
    all.iter().filter(|pod| pod.namespace() == namespace && names.contains(&pod.name_any())).collect()
}

/// Healthy if as many pods as the Deployment wants are; otherwise the worst state among the others.
fn health(deployment: &Deployment, all: &[Pod], now: Timestamp) -> Health {
    let wanted = deployment.spec.replicas.unwrap_or(1);
    let wanted = usize::try_from(wanted).unwrap_or_default();
    let own: Vec<Health> = pods_of(deployment, all).into_iter().map(|pod| health::of(pod, now)).collect();
    let healthy = own.iter().filter(|health| **health == Health::Healthy).count();
    if healthy >= wanted {
        return Health::Healthy;
    }
    let of_kind = |kind: fn(&Health) -> bool| own.iter().find(|health| kind(health)).cloned();
    of_kind(|health| matches!(health, Health::Unhealthy(_)))
        .or_else(|| of_kind(|health| matches!(health, Health::Infrastructure(_))))
        .or_else(|| of_kind(|health| matches!(health, Health::Waiting(_))))
        .unwrap_or_else(|| Health::Waiting(format!("{healthy} of {wanted} pods exist")))
}

#[cfg(test)]
mod tests;
