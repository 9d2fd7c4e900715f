//! Asks the account for resources with amiproof's tags, kind by kind.

use crate::aws::error::{AwsError, found};
use crate::ledger::Ledger;
use crate::resource::lookup::Lookup;
use crate::resource::query::Query;
use crate::resource::{self, Home, Kind, Target, cluster, namespace};

/// Kinds to ask for.
pub(super) type Kinds = Vec<&'static dyn Kind>;

/// Every kind.
pub(super) fn all() -> Kinds {
    resource::ALL.to_vec()
}

/// The kinds that runs do not create: AWS or a driver does, and they disappear with what the run deletes.
pub(super) fn not_created_by_runs() -> Kinds {
    resource::ALL.iter().copied().filter(|kind| !kind.is_created_by_runs()).collect()
}

/// The kinds that a run may have left in the account. If its ledger is incomplete, that is any.
pub(super) fn used(ledger: &Ledger) -> Kinds {
    let by_kubeconfig = ledger.header().kubeconfig.is_some();
    if !ledger.torn().is_empty() && !by_kubeconfig {
        return all();
    }
    let mut names = std::collections::BTreeSet::new();
    for entry in ledger.entries() {
        let kind = resource::of(&entry.resource.kind);
        // If the cluster was given by a kubeconfig, the account of its resources is unknown.
        if by_kubeconfig && kind.home() == Home::Kubernetes {
            continue;
        }
        names.insert(kind.as_str());
        names.extend(kind.brings());
    }
    let is_asked_for = |kind: &&dyn Kind| names.contains(kind.as_str()) && kind.home() != Home::Kubernetes;
    resource::ALL.iter().copied().filter(is_asked_for).collect()
}

/// The query after the teardown of a run.
pub(super) fn of_run(ledger: &Ledger) -> Query {
    let entries = ledger.entries();
    let named =
        |kind| entries.iter().filter(move |entry| entry.resource.kind == kind).map(|entry| entry.resource.name.clone());
    let used = entries.iter().filter_map(|entry| entry.resource.cluster.clone());
    Query::Run {
        run: ledger.header().run.clone(),
        namespaces: named(namespace::KIND).collect(),
        clusters: used.chain(named(cluster::KIND)).collect(),
    }
}

/// Everything that matches, and the kinds that no answer came for. A service that an endpoint does not have counts as empty.
pub(super) async fn find(
    lookup: &Lookup<'_>,
    kinds: &[&'static dyn Kind],
) -> (Vec<Target>, Vec<(&'static dyn Kind, AwsError)>) {
    let asked = kinds.iter().filter_map(|kind| {
        let answer = kind.find(lookup)?;
        Some(async move { (*kind, answer.await) })
    });
    let (mut targets, mut problems) = (Vec::new(), Vec::new());
    for (kind, answer) in futures::future::join_all(asked).await {
        match found(answer) {
            Ok(found) => targets.extend(found.unwrap_or_default()),
            Err(error) => problems.push((kind, error)),
        }
    }
    (targets, problems)
}
