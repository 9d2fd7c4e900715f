//! How many pods a check may have, and on whose nodes.

use std::time::Duration;

use amiproof_model::matrix::Family;
use amiproof_model::name::VariantName;
use amiproof_model::report::Phase;

use super::budget::{Budget, Pool, Share};
use crate::check::{Body, Check, Scope};
use crate::context::Context;
use crate::workload::capacity::{self, Capacity};
use crate::workload::demand::{self, Demand, NodeCounts};

/// Pods that fit on a node of the smallest instance type in use, where they cannot be counted.
const PER_NODE: usize = 8;

/// How many more pods the nodes of the context's variant take; also sets the limit in the budget.
pub(super) async fn capacity(context: &Context, budget: &Budget) -> Capacity {
    let guess = Capacity { all: PER_NODE * context.nodes.len(), one: PER_NODE };
    let counted = capacity::of_nodes(&context.cluster, &context.selector).await;
    let capacity = counted.unwrap_or_else(|error| {
        tracing::warn!(variant = %context.variant.name, %error, "the capacity of its nodes cannot be determined");
        guess
    });
    budget.limit(&context.variant.name, count(capacity.all));
    capacity
}

/// Reserves the maximum number of pods of a check, and waits until they are free.
///
/// # Errors
/// Why the check never fits: it needs more pods than the limit of the run, which is never exceeded.
pub(super) async fn reserve(
    context: &Context,
    check: &Check,
    capacity: Capacity,
    budget: &Budget,
) -> Result<Share, String> {
    let (least, all) = (demand(context, check, 1).all(), budget.all());
    // Checks that query the nodes, mostly without a pod, are not refused because there are many nodes.
    if least > all && matches!(check.body, Body::Workload(_)) {
        return Err(format!(
            "it needs up to {least} pods at a time, but the run is limited to {all} (--max-pods, cluster.maxPods)"
        ));
    }
    let demand = demand(context, check, count(capacity.one));
    let of = |variant: &VariantName, count: u32| (Pool::Nodes(variant.clone()), count);
    let mut wants = vec![(Pool::Run, demand.all()), of(&context.variant.name, demand.own)];
    if let Some(reference) = context.variant.reference.as_ref().filter(|_| demand.peer > 0) {
        wants.push(of(reference, demand.peer));
    }
    Ok(budget.take(wants, expected(check)).await)
}

/// The maximum number of pods of a check; a workload that fills a node puts `max_fill` there.
fn demand(context: &Context, check: &Check, max_fill: u32) -> Demand {
    let nodes = count(context.nodes.len());
    match (&check.body, check.phase) {
        (Body::Workload(workload), _) => {
            demand::of(workload, &NodeCounts { max_fill, ..crate::workload::node_counts(context) })
        }
        // Inspector works through the agents of the nodes and may take most of an hour; Bottlerocket's report needs a pod on each.
        (Body::Scan(_), Phase::OsScan) if context.variant.family != Family::Bottlerocket => Demand::default(),
        (Body::Scan(_), _) if check.scope == Scope::Cluster => Demand { own: 1, peer: 0 },
        (Body::Code(_), _) if check.id.suite() == "kubelet-path" => Demand { own: 1, peer: 0 },
        // A command on each node, if only a pod can reach them.
        (Body::Scan(_) | Body::Code(_), _) => Demand { own: nodes, peer: 0 },
    }
}

/// How long a check is expected to take, which decides the order. Queries of nodes are short and use what is left.
fn expected(check: &Check) -> Duration {
    match &check.body {
        Body::Workload(workload) => workload.timeout,
        Body::Scan(_) => check.timeout.unwrap_or(Duration::from_secs(300)),
        Body::Code(_) => Duration::ZERO,
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
