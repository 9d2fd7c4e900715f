//! EKS Pod Identity associations: at most one per service account.

use amiproof_model::name::VariantName;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::kept_clusters::{self, Part};
use super::kind::{Found, Home, Kind, Target};
use super::lookup::Lookup;
use super::outcome::{NotCreated, NotDeleted, Removed};
use super::owned::{Claim, LiveState, Owned};
use super::reach::{Cx, Reach};
use super::removal::{tags_of, take};
use crate::aws::error::{AwsError, Class, Explain as _, found};
use crate::aws::names::Tags;
use crate::aws::{Clients, pages};
use crate::iam::action::{Action, Goal::Sweep, NO_OTHER_CLUSTER, REMOVES, WITH_CLUSTER, WORKLOADS};
use crate::iam::scope;
use crate::ledger::{Created, Ledger, Resource, ResourceKind};

/// Its name in the ledger. The name of an entry is `namespace/service account`.
pub const KIND: ResourceKind = ResourceKind::new(NAME);
const NAME: &str = "pod-identity-association";

#[derive(Debug)]
pub(super) struct EksPodIdentityAssociation;

impl Kind for EksPodIdentityAssociation {
    fn as_str(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "EKS Pod Identity association"
    }

    fn plural(&self) -> &'static str {
        "EKS Pod Identity associations"
    }

    fn after(&self) -> &'static [&'static str] {
        &["namespace", "storage-class", "config-map-change", "kubernetes-object"]
    }

    fn home(&self) -> Home {
        Home::Cluster
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
            let (cx, (cluster, subject)) = (reach.aws()?, target.in_cluster()?);
            let read = read(cx, cluster, subject, claim.id()).await;
            take(claim, read, |owned| delete(cx, cluster, subject, owned)).await
        }
        .boxed()
    }

    fn actions(&self) -> &'static [Action] {
        ACTIONS
    }

    fn help(&self, target: &Target) -> String {
        let (namespace, account) = parts(&target.name);
        let cluster = target.cluster.as_deref().unwrap_or_default();
        target.aws(&format!(
            "eks list-pod-identity-associations --cluster-name {cluster} --namespace {namespace} --service-account {account}"
        ))
    }
}

/// What it needs of IAM.
const ACTIONS: &[Action] = &[
    Action::call("eks:CreatePodIdentityAssociation", WORKLOADS, &scope::CLUSTER, "roles of add-ons and workloads"),
    Action::call("eks:DescribePodIdentityAssociation", WORKLOADS, &scope::POD_IDENTITIES, "who owns an association"),
    Action::call("eks:DescribePodIdentityAssociation", REMOVES, &scope::ALL_POD_IDENTITIES, "who owns an association")
        .unreached(REMOVES, WITH_CLUSTER),
    Action::call("eks:ListPodIdentityAssociations", WORKLOADS, &scope::CLUSTER, "associations that exist")
        .unreached(WORKLOADS, "in the lab no answer about an association is lost"),
    Action::call(
        "eks:ListPodIdentityAssociations",
        REMOVES,
        &scope::CLUSTERS,
        "associations of runs in clusters that stay",
    )
    .unreached(&[Sweep], NO_OTHER_CLUSTER),
    Action::call("eks:DeletePodIdentityAssociation", WORKLOADS, &scope::OWN_POD_IDENTITIES, "after each workload"),
    Action::call("eks:DeletePodIdentityAssociation", REMOVES, &scope::OWN_POD_IDENTITIES, "what is left of a run")
        .unreached(REMOVES, WITH_CLUSTER),
];

/// The service that assumes the roles (EKS user guide, "Create IAM role with trust policy required by EKS Pod Identity").
const PRINCIPAL: &str = "pods.eks.amazonaws.com";

/// The trust policy of a role that EKS Pod Identity gives to pods.
pub fn trust() -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": PRINCIPAL}, "Action": ["sts:AssumeRole", "sts:TagSession"]}],
    })
}

/// Associates a service account of a cluster with a role, by its ARN. The resource's name is `namespace/service account`.
///
/// # Guarantees
/// The association is in the ledger before it is created.
///
/// # Errors
/// [`AwsError`] of [CreatePodIdentityAssociation](https://docs.aws.amazon.com/eks/latest/APIReference/API_CreatePodIdentityAssociation.html),
/// which carries a client token, so transient errors are retried; or the ledger cannot be written.
pub async fn create(
    clients: &Clients,
    ledger: &Ledger,
    (cluster, namespace, account): (&str, &str, &str),
    variant: &VariantName,
    role: &str,
    tags: &Tags,
) -> Result<Created, NotCreated> {
    let resource = Resource::new(KIND, format!("{namespace}/{account}")).in_cluster(cluster).for_variant(variant);
    let token = ledger.client_token(&resource);
    let (clients, cluster, role, tags) = (clients.clone(), cluster.to_owned(), role.to_owned(), tags.clone());
    let (namespace, account) = (namespace.to_owned(), account.to_owned());
    let create = || async move {
        let create = || create_once(&clients, (&cluster, &namespace, &account), &role, &tags, &token);
        clients.write_idempotent(create).await.map_err(NotCreated::from)
    };
    ledger.create_resource(resource, create).await
}

/// Creates it; its id. One that already exists, after a lost answer, is fine. EKS may not know a role yet that was created a moment ago, which
/// passes.
async fn create_once(
    clients: &Clients,
    (cluster, namespace, account): (&str, &str, &str),
    role: &str,
    tags: &Tags,
    token: &str,
) -> Result<String, AwsError> {
    let subject = format!("{namespace}/{account}");
    let request = clients.eks.create_pod_identity_association().cluster_name(cluster).namespace(namespace);
    let request = request.service_account(account).role_arn(role);
    let request = request.client_request_token(token);
    let request = request.set_tags(Some(tags.pairs().into_iter().collect()));
    match request.send().await.explain("CreatePodIdentityAssociation", &subject) {
        Ok(answer) => answer.association.and_then(|association| association.association_id).ok_or_else(|| {
            AwsError::new(Class::Infrastructure, "CreatePodIdentityAssociation", &subject, "the answer has no id")
        }),
        Err(error) if matches!(error.class, Class::Exists | Class::InUse) => {
            ids(clients, cluster, namespace, account).await?.into_iter().next().ok_or(error)
        }
        Err(error) => Err(error),
    }
}

/// The ids of the associations of a service account.
async fn ids(clients: &Clients, cluster: &str, namespace: &str, account: &str) -> Result<Vec<String>, AwsError> {
    let request = clients.eks.list_pod_identity_associations().cluster_name(cluster).namespace(namespace);
    let answer = request.service_account(account).send().await;
    let answer = found(answer.explain("ListPodIdentityAssociations", format!("{namespace}/{account}")))?;
    let associations = answer.map(|answer| answer.associations.unwrap_or_default()).unwrap_or_default();
    Ok(associations.into_iter().filter_map(|association| association.association_id).collect())
}

/// Namespace and service account.
fn parts(subject: &str) -> (&str, &str) {
    subject.split_once('/').unwrap_or((subject, "default"))
}

/// The association with this id, or the one that its service account has now.
async fn read(
    cx: Cx<'_>,
    cluster: &str,
    subject: &str,
    id: Option<&str>,
) -> Result<Option<(String, LiveState)>, AwsError> {
    if let Some(id) = id
        && let Some(there) = read_by_id(cx, cluster, subject, id).await?
    {
        return Ok(Some(there));
    }
    let (namespace, account) = parts(subject);
    let list = || async {
        let request = cx.clients.eks.list_pod_identity_associations().cluster_name(cluster).namespace(namespace);
        request.service_account(account).send().await.explain("ListPodIdentityAssociations", subject)
    };
    let listed = found(cx.clients.read(list).await)?.and_then(|answer| answer.associations).unwrap_or_default();
    match listed.into_iter().find_map(|association| association.association_id) {
        Some(id) => read_by_id(cx, cluster, subject, &id).await,
        None => Ok(None),
    }
}

async fn read_by_id(
    cx: Cx<'_>,
    cluster: &str,
    subject: &str,
    id: &str,
) -> Result<Option<(String, LiveState)>, AwsError> {
    let describe = || async {
        let request = cx.clients.eks.describe_pod_identity_association().cluster_name(cluster).association_id(id);
        request.send().await.explain("DescribePodIdentityAssociation", subject)
    };
    let Some(answer) = found(cx.clients.read(describe).await)? else { return Ok(None) };
    let tags = answer.association().map(|association| tags_of(association.tags())).unwrap_or_default();
    Ok(Some((id.to_owned(), LiveState { tags, id: Some(id.to_owned()) })))
}

async fn delete(cx: Cx<'_>, cluster: &str, subject: &str, owned: Owned<String>) -> Result<(), NotDeleted> {
    let deleted = cx.clients.until_free(|| async {
        let request = cx.clients.eks.delete_pod_identity_association().cluster_name(cluster);
        let request = request.association_id(owned.get());
        request.send().await.explain("DeletePodIdentityAssociation", subject)
    });
    found(deleted.await).map(|_| ()).map_err(|error| NotDeleted::refused(&error))
}

async fn find(lookup: &Lookup<'_>) -> Result<Vec<Target>, AwsError> {
    let clients = lookup.clients;
    kept_clusters::find(&EksPodIdentityAssociation, lookup, |cluster| async move {
        let listed = pages::every(clients, async |token| {
            let request = clients.eks.list_pod_identity_associations().cluster_name(&cluster).set_next_token(token);
            let answer = request.send().await;
            let answer = answer.explain("ListPodIdentityAssociations", format!("cluster {cluster}"))?;
            Ok((answer.associations.unwrap_or_default(), answer.next_token))
        });
        let mut parts = Vec::new();
        for association in listed.await? {
            let id = association.association_id().unwrap_or_default();
            let name = format!(
                "{}/{}",
                association.namespace().unwrap_or_default(),
                association.service_account().unwrap_or_default()
            );
            let describe = || async {
                let request = clients.eks.describe_pod_identity_association().cluster_name(&cluster).association_id(id);
                request.send().await.explain("DescribePodIdentityAssociation", &name)
            };
            let answer = found(clients.read(describe).await)?.and_then(|answer| answer.association);
            if let Some(association) = answer {
                parts.push(Part { name, tags: tags_of(association.tags()) });
            }
        }
        Ok(parts)
    })
    .await
}
