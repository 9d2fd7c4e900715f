//! A scan by kube-bench from the choice of the benchmark to the answer.

use std::collections::BTreeSet;

use amiproof_model::matrix::ScannedNodes;
use amiproof_model::name::Level;
use amiproof_model::report::{NodeRecord, ScanRecord};
use amiproof_model::verdict::Placement;

use super::benchmark::{self, Choice};
use super::job::{self, IMAGE, Scope};
use super::merge::merge;
use super::rows::{About, SCANNER};
use super::{assess, configuration, effective, existing, others, run};
use crate::check::{CheckError, ScanAnswer, ScanRow};
use crate::context::Context;

/// The node target on the first node of the context's variant, or on all of them: a row for every control of it, and one that says whether
/// the kubelets run with the configuration that kube-bench read. kube-bench is run once per node, as a Job ([kube-bench:
/// running](https://github.com/aquasecurity/kube-bench/blob/main/docs/running.md)).
///
/// # Errors
/// When the cluster refuses the Job, or it ran elsewhere.
pub async fn scan_node(context: &Context) -> Result<ScanAnswer, CheckError> {
    let settings = &context.matrix.scans.kube_bench;
    let nodes: &[NodeRecord] = match settings.nodes {
        // Where someone else chose the nodes, every node that has a run counts.
        ScannedNodes::One if settings.from.is_none() => context.nodes.get(..1).unwrap_or_default(),
        ScannedNodes::One | ScannedNodes::All => &context.nodes,
    };
    if nodes.is_empty() {
        return Err(CheckError::Undecided("kube-bench has no node to run on".to_owned()));
    }
    scan(context, Scope::Node, nodes).await
}

/// All other targets, once for the cluster, from the first node of the context's variant; its pods must reach the API.
///
/// # Errors
/// As [`scan_node`].
pub async fn scan_cluster(context: &Context) -> Result<ScanAnswer, CheckError> {
    match context.nodes.get(..1) {
        Some(nodes) => scan(context, Scope::Cluster, nodes).await,
        None => Err(CheckError::Undecided("kube-bench has no node to run on".to_owned())),
    }
}

async fn scan(context: &Context, scope: Scope, nodes: &[NodeRecord]) -> Result<ScanAnswer, CheckError> {
    let settings = &context.matrix.scans.kube_bench;
    let version = &context.kubernetes;
    let choice = match benchmark::choose(version, settings.benchmark.as_ref()) {
        Ok(choice) => choice,
        Err(reason) => return too_old(context, scope, nodes, reason),
    };
    let is_own_scan_of_cluster = scope == Scope::Cluster && settings.from.is_none();
    let mut beside = if is_own_scan_of_cluster { others::present(context).await? } else { BTreeSet::new() };
    let seen = match &settings.from {
        Some(from) => existing::look(context, scope, nodes, from).await?,
        None => {
            let image = settings.image.as_deref().unwrap_or(IMAGE);
            run::look(context, scope, &choice.benchmark, nodes, image).await?
        }
    };
    if is_own_scan_of_cluster {
        beside.extend(others::present(context).await?);
    }
    if seen.is_empty() {
        let from = settings.from.as_ref().map(ToString::to_string).unwrap_or_default();
        let reason = match scope {
            Scope::Node => format!("{from} has no pod on a node of this variant"),
            Scope::Cluster => format!("{from} has no pod with results of policies, managed services and control plane"),
        };
        let about = about(scope, &choice, &nodes[0], None);
        return Ok(answer(context, &choice, assess::nothing(scope, &about, &reason)?));
    }
    let mut of_nodes = Vec::new();
    for (node, seen) in &seen {
        let about = about(scope, &choice, node, seen.pod.clone());
        keep(context, scope, node, seen).await;
        let mut rows = assess::assess(scope, &about, seen)?;
        if scope == Scope::Node {
            let truth = configuration::of(context, node).await;
            let own = effective::reconcile(&mut rows, &choice.benchmark, &about.resource, &truth);
            let own = own.map_err(|error| CheckError::Undecided(error.to_string()))?;
            rows.push(placed(own, &about));
        }
        others::doubt(&mut rows, &beside);
        of_nodes.push((about.resource, rows));
    }
    Ok(answer(context, &choice, merge(of_nodes)))
}

fn about(scope: Scope, choice: &Choice, node: &NodeRecord, pod: Option<String>) -> About {
    About {
        benchmark: choice.benchmark.clone(),
        resource: if scope == Scope::Node { format!("node {}", node.index) } else { "cluster".to_owned() },
        placement: Placement {
            pod,
            node: node.name.clone(),
            instance_id: node.instance_id.clone(),
            ami_id: node.ami_id.as_ref().map(ToString::to_string),
        },
    }
}

fn placed(mut row: ScanRow, about: &About) -> ScanRow {
    row.decision.placements.push(Placement { pod: None, ..about.placement.clone() });
    row
}

/// A Kubernetes version that is older than every benchmark: its controls are listed by the oldest, none of them evaluated.
fn too_old(context: &Context, scope: Scope, nodes: &[NodeRecord], reason: String) -> Result<ScanAnswer, CheckError> {
    let benchmark = benchmark::OLDEST.parse();
    let benchmark =
        benchmark.map_err(|error: amiproof_model::name::NameError| CheckError::Undecided(error.to_string()))?;
    let choice = Choice { benchmark, note: reason.clone() };
    let rows = assess::nothing(scope, &about(scope, &choice, &nodes[0], None), &reason)?;
    Ok(answer(context, &choice, rows))
}

/// kube-bench has a row for every control of its target, evaluated or not, so the rows say how many there are.
fn answer(context: &Context, choice: &Choice, rows: Vec<ScanRow>) -> ScanAnswer {
    let settings = &context.matrix.scans.kube_bench;
    let (version, source) = match &settings.from {
        // Its output does not say which version wrote it.
        Some(from) => (None, format!("read from {from}")),
        None => (job::version(settings.image.as_deref().unwrap_or(IMAGE)), String::new()),
    };
    let notes = [source, choice.note.clone()].into_iter().filter(|note| !note.is_empty());
    let record = ScanRecord {
        subject: context.subject.clone(),
        suite: "kube-bench".to_owned(),
        scanner: SCANNER.to_owned(),
        scanner_version: version,
        benchmark: Some(choice.benchmark.clone()),
        // It has no profiles: all controls are asked, and level 2 holds those of level 1.
        level: Some(Level::Two),
        expected: Some(rows.iter().filter(|row| row.control.is_some()).count()),
        source: None,
        note: notes.collect::<Vec<_>>().join("; "),
    };
    ScanAnswer { scans: vec![record], rows }
}

/// Keeps the whole output beside the report; the rows are valid without it.
async fn keep(context: &Context, scope: Scope, node: &NodeRecord, seen: &assess::RawOutput) {
    let Some(log) = &seen.log else { return };
    let name = match scope {
        Scope::Node => format!("kube-bench-node-{}.json", node.index),
        Scope::Cluster => "kube-bench-cluster.json".to_owned(),
    };
    let path = context.evidence.join(name);
    if let Err(error) = amiproof_time::write_file(&path, log.as_str()).await {
        tracing::warn!(%path, %error, "kube-bench's output could not be kept");
    }
}
