//! EKS access entries. EKS creates some itself, for the roles of nodes: those carry no tag, and do not belong to a run.

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::kept_clusters::{self, Part};
use super::kind::{Found, Home, Kind, Target};
use super::lookup::Lookup;
use super::outcome::{NotDeleted, Removed};
use super::owned::{Claim, LiveState, Owned};
use super::reach::{Cx, Reach};
use super::removal::{tags_of, take};
use crate::aws::error::{AwsError, Class, Explain as _, found};
use crate::aws::names::Tags;
use crate::aws::{Clients, access};
use crate::iam::action::{
    Action,
    Goal::{Apply, Sweep},
    NO_OTHER_CLUSTER, REMOVES, WITH_CLUSTER,
};
use crate::iam::scope;
use crate::ledger::{Ledger, Resource, ResourceKind, State};

/// Its name in the ledger. The name of an entry is the principal's ARN.
pub const KIND: ResourceKind = ResourceKind::new(NAME);
const NAME: &str = "access-entry";

#[derive(Debug)]
pub(super) struct EksAccessEntry;

impl Kind for EksAccessEntry {
    fn as_str(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "EKS access entry"
    }

    fn plural(&self) -> &'static str {
        "EKS access entries"
    }

    fn home(&self) -> Home {
        Home::Cluster
    }

    fn after(&self) -> &'static [&'static str] {
        &["node-group"]
    }

    fn has_unique_ids(&self) -> bool {
        true
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
            let (cx, (cluster, principal)) = (reach.aws()?, target.in_cluster()?);
            let read = access::describe(cx.clients, cluster, principal).await.map(|entry| {
                let entry = entry?;
                let seen = LiveState { tags: tags_of(entry.tags()), id: entry.access_entry_arn.clone() };
                Some((principal.to_owned(), seen))
            });
            take(claim, read, |owned| delete(cx, cluster, owned)).await
        }
        .boxed()
    }

    fn actions(&self) -> &'static [Action] {
        ACTIONS
    }

    fn help(&self, target: &Target) -> String {
        let cluster = target.cluster.as_deref().unwrap_or_default();
        target.aws(&format!("eks delete-access-entry --cluster-name {cluster} --principal-arn {}", target.name))
    }
}

/// What it needs of IAM.
const ACTIONS: &[Action] = &[
    Action::call("eks:CreateAccessEntry", &[Apply], &scope::CLUSTER, "admits Windows nodes"),
    Action::call("eks:DescribeAccessEntry", &[Apply], &scope::ACCESS_ENTRIES, "who owns an access entry"),
    Action::call("eks:DescribeAccessEntry", REMOVES, &scope::ALL_ACCESS_ENTRIES, "who owns an access entry")
        .unreached(REMOVES, WITH_CLUSTER),
    Action::call("eks:ListAccessEntries", REMOVES, &scope::CLUSTERS, "access entries of runs in clusters that stay")
        .unreached(&[Sweep], NO_OTHER_CLUSTER),
    Action::call("eks:DeleteAccessEntry", REMOVES, &scope::OWN_ACCESS_ENTRIES, "in a cluster that stays")
        .unreached(REMOVES, WITH_CLUSTER),
];

/// Admits the Windows nodes of a role to a cluster that uses access entries. EKS creates an entry when a node group comes up, but for a
/// custom image it has the type of Linux nodes, and Services then fail on every node (aws/containers-roadmap#2327). The right entry must
/// exist before. An existing one is used and not deleted with the run.
///
/// # Guarantees
/// The entry is in the ledger before it is created, so `destroy` finds it even if the answer is lost.
///
/// # Errors
/// [`access::Error::OtherType`] if the role has an entry of another type; [`access::Error::Aws`] of
/// [CreateAccessEntry](https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateAccessEntry.html), which carries a client token, so transient errors are
/// retried; [`access::Error::Ledger`] if the ledger cannot be written, and then nothing is created.
pub async fn admit_windows(
    clients: &Clients,
    ledger: &Ledger,
    cluster: &str,
    role: &str,
    tags: &Tags,
) -> Result<(), access::Error> {
    let Some(entry) = access::describe(clients, cluster, role).await? else {
        // What an earlier process of the run created, it deleted.
        ledger.all_gone(&KIND, role).await?;
        return create(clients, ledger, cluster, role, tags).await;
    };
    let kind = entry.r#type().unwrap_or("STANDARD");
    let is_unanswered = ledger.standing(KIND, role).is_some_and(|entry| entry.state == State::Planned);
    if kind == access::WINDOWS && !is_unanswered {
        return Ok(());
    }
    if kind != access::WINDOWS {
        let (role, kind, cluster) = (role.to_owned(), kind.to_owned(), cluster.to_owned());
        return Err(access::Error::OtherType { role, kind, cluster });
    }
    create(clients, ledger, cluster, role, tags).await
}

async fn create(
    clients: &Clients,
    ledger: &Ledger,
    cluster: &str,
    role: &str,
    tags: &Tags,
) -> Result<(), access::Error> {
    let resource = Resource::new(KIND, role).in_region(clients.region()).in_cluster(cluster);
    let token = ledger.client_token(&resource);
    let (clients, cluster, role, tags) = (clients.clone(), cluster.to_owned(), role.to_owned(), tags.clone());
    ledger
        .create_resource(resource, || async move {
            clients
                .write_idempotent(|| create_once(&clients, &cluster, &role, &tags, &token))
                .await
                .map_err(access::Error::from)
        })
        .await?;
    Ok(())
}

async fn create_once(
    clients: &Clients,
    cluster: &str,
    role: &str,
    tags: &Tags,
    token: &str,
) -> Result<String, AwsError> {
    let answer = clients
        .eks
        .create_access_entry()
        .cluster_name(cluster)
        .principal_arn(role)
        .r#type(access::WINDOWS)
        .client_request_token(token)
        .set_tags(Some(tags.pairs().into_iter().collect()))
        .send()
        .await
        .explain("CreateAccessEntry", role);
    match answer {
        Ok(answer) => {
            Ok(answer.access_entry.and_then(|entry| entry.access_entry_arn).unwrap_or_else(|| role.to_owned()))
        }
        // A lost answer of an earlier try: it was not there before.
        Err(error) if matches!(error.class, Class::Exists | Class::InUse) => Ok(role.to_owned()),
        // The role was made seconds ago and is not known everywhere yet.
        Err(error) if error.class == Class::Request && error.message.contains("principalArn") => {
            Err(AwsError { class: Class::Infrastructure, ..error })
        }
        Err(error) => Err(error),
    }
}

async fn delete(cx: Cx<'_>, cluster: &str, owned: Owned<String>) -> Result<(), NotDeleted> {
    let principal = owned.get();
    let deleted = cx.clients.until_free(|| async {
        let request = cx.clients.eks.delete_access_entry().cluster_name(cluster).principal_arn(principal);
        request.send().await.explain("DeleteAccessEntry", principal)
    });
    found(deleted.await).map(|_| ()).map_err(|error| NotDeleted::refused(&error))
}

async fn find(lookup: &Lookup<'_>) -> Result<Vec<Target>, AwsError> {
    let clients = lookup.clients;
    kept_clusters::find(&EksAccessEntry, lookup, |cluster| async move {
        let mut parts = Vec::new();
        for name in access::principals(clients, &cluster, None).await? {
            if let Some(entry) = access::describe(clients, &cluster, &name).await? {
                parts.push(Part { name, tags: tags_of(entry.tags()) });
            }
        }
        Ok(parts)
    })
    .await
}
