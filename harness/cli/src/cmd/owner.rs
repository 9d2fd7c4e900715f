//! Which run a command continues: state belongs to the cluster, not to the invocation.

use std::collections::BTreeSet;

use amiproof_core::ledger::{Entry, Ledger, ResourceKind, State};
use amiproof_core::resource::{self, cluster, node_group, stack};
use amiproof_model::matrix::Matrix;
use camino::Utf8Path;
use jiff::Timestamp;

use crate::rundir::RunDir;

/// The run of this folder that created the cluster of the matrix, its network, or node groups in it, and did not delete them; the newest
/// of several. `endpoint` is what stands in for AWS. A ledger that cannot be read is not an answer here; the commands that name its run
/// say why.
pub(crate) fn of_cluster(dir: &Utf8Path, matrix: &Matrix, endpoint: Option<&str>) -> Option<RunDir> {
    let region = matrix.cluster.region.as_deref()?;
    let owned = RunDir::all(dir).into_iter().filter_map(|run| {
        let (header, entries) = Ledger::replay(run.path()).ok()?;
        let is_here = header.region == region && same(header.endpoint.as_deref(), endpoint);
        let rank = if is_here { rank(&entries, &matrix.cluster.name, header.keep) } else { None };
        rank.map(|rank| ((rank, header.started), run))
    });
    owned.max_by_key(|(key, _): &((Rank, Timestamp), RunDir)| *key).map(|(_, run)| run)
}

/// Which part of a cluster a run owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// The network, and it was stopped before the cluster.
    Network,
    /// The run was stopped while it was creating the cluster, or node groups in it.
    Planned,
    /// Node groups in it.
    NodeGroups,
    /// The cluster itself.
    Cluster,
}

fn rank(entries: &[Entry], name: &str, keep: bool) -> Option<Rank> {
    let network = amiproof_core::aws::names::network_stack(name);
    let of = |entry: &Entry| {
        let resource = &entry.resource;
        let is = |kind: &ResourceKind| resource.kind == *kind;
        match entry.state {
            State::Gone | State::Foreign => None,
            // A permanent network is used by other runs, and is not a cluster.
            _ if is(&stack::KIND) && resource.name == network && !keep => Some(Rank::Network),
            state if is(&cluster::KIND) && resource.name == name => {
                Some(if state == State::Created { Rank::Cluster } else { Rank::Planned })
            }
            state if is(&node_group::KIND) && resource.cluster.as_deref() == Some(name) => {
                Some(if state == State::Created { Rank::NodeGroups } else { Rank::Planned })
            }
            _ => None,
        }
    };
    entries.iter().filter_map(of).max()
}

fn same(one: Option<&str>, other: Option<&str>) -> bool {
    let bare = |url: &'_ str| url.trim_end_matches('/').to_owned();
    one.map(bare) == other.map(bare)
}

/// The resources of a ledger that cost money: everything created in AWS, each once, however often it was confirmed.
pub(crate) fn standing(ledger: &Ledger) -> BTreeSet<(ResourceKind, String)> {
    let stays = |entry: &Entry| entry.state == State::Created && !resource::is_kubernetes(&entry.resource.kind);
    let entries = ledger.entries().into_iter().filter(stays);
    entries.map(|entry| (entry.resource.kind.clone(), entry.resource.name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use amiproof_core::ledger::Resource;

    fn entry(resource: Resource, state: State) -> Entry {
        Entry { state, ..Entry::planned(serde_json::from_str("1").unwrap(), resource) }
    }

    #[test]
    fn the_cluster_itself_counts_more_than_node_groups_in_it_and_nothing_gone_counts() {
        let cluster = || Resource::new(cluster::KIND, "pair").in_cluster("pair");
        let group = || Resource::new(node_group::KIND, "l1").in_cluster("pair");
        let network = || Resource::new(stack::KIND, "amiproof-pair");
        for (entries, wanted) in [
            (vec![entry(cluster(), State::Created), entry(group(), State::Created)], Some(Rank::Cluster)),
            (vec![entry(cluster(), State::Gone), entry(group(), State::Created)], Some(Rank::NodeGroups)),
            (vec![entry(cluster(), State::Planned)], Some(Rank::Planned)),
            (vec![entry(cluster(), State::Gone)], None),
            (vec![entry(Resource::new(cluster::KIND, "other"), State::Created)], None),
            (vec![entry(network(), State::Planned)], Some(Rank::Network)),
            (vec![entry(network(), State::Created), entry(cluster(), State::Planned)], Some(Rank::Planned)),
            (vec![entry(network(), State::Foreign)], None),
        ] {
            assert_eq!(rank(&entries, "pair", false), wanted, "{entries:?}");
        }
        assert_eq!(rank(&[entry(network(), State::Created)], "pair", true), None, "it was made to stay");
        assert!(same(Some("http://127.0.0.1:1/"), Some("http://127.0.0.1:1")) && !same(None, Some("http://a")));
    }
}
