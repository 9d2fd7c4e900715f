//! The log group of a control plane. EKS creates it with the first line that a cluster logs, and leaves it when the cluster is deleted.
//!
//! It carries no tag, and its name follows from that of the cluster. It belongs to the run that created the cluster if there was none before
//! ([`LOG_GROUP_TAG`] on the cluster, and an entry in the ledger), and as long as no cluster of another owner has the name.

use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::time::Instant;

use super::kind::{Found, Kind, Target};
use super::lookup::Lookup;
use super::outcome::{NotDeleted, Removed};
use super::owned::{Claim, LiveState, Look, Owned};
use super::reach::{Cx, Reach};
use super::removal::{POLL, look};
use crate::aws::error::AwsError;
use crate::aws::names::{EXPIRES_TAG, LOG_GROUP_TAG, RUN_TAG};
use crate::aws::{self, Clients, log_groups};
use crate::iam::action::{
    Action,
    Goal::{Apply, Destroy, Sweep},
};
use crate::iam::scope::{self, EVERYTHING};
use crate::ledger::{self, Ledger, Resource, ResourceKind};

/// Its name in the ledger.
pub const KIND: ResourceKind = ResourceKind::new(NAME);
const NAME: &str = "log-group";

/// The attribute of a log group that may have existed before the run.
const MAY_BE_OLDER: &str = "mayHaveBeenThere";

/// How long the cluster may still be seen after its deletion.
const SEEN: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct ControlPlaneLogGroup;

impl Kind for ControlPlaneLogGroup {
    fn as_str(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "log group"
    }

    fn plural(&self) -> &'static str {
        "log groups of control planes"
    }

    /// The control plane writes to it until the end, and would create it again.
    fn after(&self) -> &'static [&'static str] {
        &["cluster"]
    }

    fn find<'a>(&'a self, lookup: &'a Lookup<'a>) -> Option<Found<'a>> {
        Some(find(lookup).boxed())
    }

    fn remove<'a>(
        &'a self,
        reach: Reach<'a>,
        target: &'a Target,
        claim: &'a Claim,
    ) -> BoxFuture<'a, Result<Removed, NotDeleted>> {
        async move {
            let (cx, (cluster, group)) = (reach.aws()?, target.in_cluster()?);
            if let Some(removed) = with_its_cluster(cx, cluster, claim).await? {
                return Ok(removed);
            }
            if target.attributes.contains_key(MAY_BE_OLDER) {
                return match log_groups::exists(cx.clients, group).await.map_err(NotDeleted::unread)? {
                    false => Ok(Removed::Absent),
                    true => Err(NotDeleted::Unverified(
                        "when the cluster was created, its log groups could not be listed, so this one may be older than the run".to_owned(),
                    )),
                };
            }
            // The cluster's tags when it was found, or the run whose ledger records that there was no such group before.
            let of_cluster = [RUN_TAG, EXPIRES_TAG].into_iter().filter_map(|key| {
                let value = target.attributes.get(key).or_else(|| target.run.as_ref().filter(|_| key == RUN_TAG))?;
                Some((key.to_owned(), value.clone()))
            });
            match claim.own(group.to_owned(), &LiveState { tags: of_cluster.collect(), id: None }) {
                Ok(owned) => delete(cx, &owned).await,
                Err(owner) => Ok(Removed::Foreign(owner)),
            }
        }
        .boxed()
    }

    fn actions(&self) -> &'static [Action] {
        ACTIONS
    }

    fn help(&self, target: &Target) -> String {
        target.aws(&format!("logs delete-log-group --log-group-name {}", target.name))
    }
}

/// What it needs of IAM.
const ACTIONS: &[Action] = &[
    Action::call("logs:DescribeLogGroups", &[Apply], &EVERYTHING, "the log group of the control plane"),
    Action::call(
        "logs:DeleteLogGroup",
        &[Apply, Destroy, Sweep],
        &scope::LOG_GROUP,
        "the log group of the control plane; when applying, that of an earlier cluster of the run",
    )
    .unreached(&[Apply], "no run of the lab creates a cluster again whose log group stayed"),
];

/// What a run expects before it creates a cluster that logs, if there is no such group yet.
pub(super) fn expected(clients: &Clients, cluster: &str) -> Resource {
    Resource::new(KIND, log_groups::of_cluster(cluster)).in_region(clients.region()).in_cluster(cluster)
}

/// What a run expects before it creates a cluster that logs, if it cannot find out whether the group exists already: the group is kept, and
/// reported.
pub(super) fn doubtful(clients: &Clients, cluster: &str) -> Resource {
    let attributes = [(MAY_BE_OLDER.to_owned(), "yes".to_owned())].into();
    expected(clients, cluster).with(attributes)
}

/// Deletes the log group that the ledger expects of a cluster that no longer exists: otherwise the next cluster of its name would take it
/// for someone else's, and leave it.
pub(super) async fn delete_of_gone<E>(clients: &Clients, ledger: &Ledger, cluster: &str) -> Result<(), E>
where
    E: From<AwsError> + From<ledger::Error>,
{
    let group = log_groups::of_cluster(cluster);
    let standing = ledger.standing(KIND, &group);
    if standing.is_some_and(|entry| !entry.resource.attributes.contains_key(MAY_BE_OLDER)) {
        log_groups::delete(clients, &group).await?;
        ledger.all_gone(&KIND, &group).await?;
    }
    Ok(())
}

/// The cluster that writes to it, and its owner.
async fn look_at(cx: Cx<'_>, cluster: &str, claim: &Claim) -> Result<Look<()>, NotDeleted> {
    let there = aws::cluster::describe(cx.clients, cluster).await;
    look(&claim.without_id(), there.map(|there| there.map(|there| ((), LiveState { tags: there.tags, id: None }))))
}

/// The outcome if there is a cluster of the name; `None` if it is gone.
async fn with_its_cluster(cx: Cx<'_>, cluster: &str, claim: &Claim) -> Result<Option<Removed>, NotDeleted> {
    let until = Instant::now() + amiproof_time::scaled(SEEN);
    loop {
        match look_at(cx, cluster, claim).await? {
            Look::Absent => return Ok(None),
            Look::Foreign(owner) => return Ok(Some(Removed::Foreign(owner))),
            Look::Ours(_) if Instant::now() < until => cx.clients.pause(POLL).await,
            Look::Ours(_) => {
                return Err(NotDeleted::There(format!("cluster {cluster}, which writes to it, still exists")));
            }
        }
    }
}

/// Deletes it. CloudWatch Logs answers when it is gone, so the answer is the proof.
async fn delete(cx: Cx<'_>, owned: &Owned<String>) -> Result<Removed, NotDeleted> {
    let was_there = log_groups::delete(cx.clients, owned.get()).await.map_err(|error| NotDeleted::refused(&error))?;
    Ok(if was_there { Removed::Gone } else { Removed::Absent })
}

/// The log groups of clusters that match the query. When such a cluster is gone, only the ledger knows of its log group.
async fn find(lookup: &Lookup<'_>) -> Result<Vec<Target>, AwsError> {
    let clusters = match lookup.clusters().await {
        // That clusters may not be listed is reported once, by the kind of the clusters.
        Err(error) if error.is_permanent() => return Ok(Vec::new()),
        clusters => clusters?,
    };
    let wanted = clusters.iter().filter(|one| one.tags.contains_key(LOG_GROUP_TAG) && lookup.query.wants(&one.tags));
    let target = |cluster: &aws::cluster::ClusterEndpoint| {
        let group = log_groups::of_cluster(&cluster.name);
        let found = Target::found(&ControlPlaneLogGroup, &group, &cluster.tags, lookup.clients);
        let tags = cluster.tags.iter().filter(|(key, _)| [RUN_TAG, EXPIRES_TAG].contains(&key.as_str()));
        let attributes = tags.map(|(key, value)| (key.clone(), value.clone())).collect();
        // It is there as soon as the control plane has written to it.
        Target { cluster: Some(cluster.name.clone()), attributes, was_made: false, ..found }
    };
    Ok(wanted.map(target).collect())
}
