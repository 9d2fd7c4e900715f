//! What a run created in clusters that stay: add-ons, access entries, Pod Identity associations. They are found by their tags, cluster by
//! cluster, even when their ledger is lost.

use std::collections::BTreeMap;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::kind::{Kind, Target};
use super::lookup::Lookup;
use super::query::Query;
use crate::aws::error::{AwsError, Class, found};

/// How many clusters are asked at the same time.
const AT_ONCE: usize = 8;

/// A part of a cluster, with its tags.
pub(super) struct Part {
    /// Its name in the ledger.
    pub(super) name: String,
    /// Its tags.
    pub(super) tags: BTreeMap<String, String>,
}

/// The parts that match the query, in the clusters where they may be: those of the run's ledger, or for expired ones every cluster that has
/// not expired itself, because a cluster is deleted with its parts. `parts` lists those of one cluster.
///
/// # Errors
/// The first [`AwsError`]. A cluster that is gone has none, and one that does not know what is asked for (access entries in a cluster that
/// only uses aws-auth) neither.
pub(super) async fn find<Fut>(
    kind: &'static dyn Kind,
    lookup: &Lookup<'_>,
    parts: impl Fn(String) -> Fut,
) -> Result<Vec<Target>, AwsError>
where
    Fut: Future<Output = Result<Vec<Part>, AwsError>>,
{
    let (clients, query) = (lookup.clients, lookup.query);
    let clusters: Vec<String> = match query {
        Query::Run { clusters, .. } => clusters.iter().cloned().collect(),
        Query::Expired(_) => {
            let staying = lookup.clusters().await?.iter().filter(|cluster| !query.wants(&cluster.tags));
            staying.map(|cluster| cluster.name.clone()).collect()
        }
    };
    let asked = stream::iter(clusters).map(|cluster| {
        let asked = parts(cluster.clone());
        async move {
            let parts = match asked.await {
                Err(error) if error.class == Class::Request => Vec::new(),
                answer => found(answer)?.unwrap_or_default(),
            };
            Ok::<_, AwsError>((cluster, parts))
        }
    });
    let parts: Vec<(String, Vec<Part>)> = asked.buffered(AT_ONCE).try_collect().await?;
    let of_cluster = |(cluster, parts): (String, Vec<Part>)| {
        let wanted = parts.into_iter().filter(|part| query.wants(&part.tags));
        wanted.map(move |Part { name, tags }| {
            let target = Target::found(kind, &name, &tags, clients);
            Target { cluster: Some(cluster.clone()), ..target }
        })
    };
    Ok(parts.into_iter().flat_map(of_cluster).collect())
}
