//! OpenID Connect providers of IAM. An account has one per cluster, which others may use; its ARN follows from its URL, so only the
//! run's tag proves ownership.

use futures::FutureExt as _;
use futures::future::{self, BoxFuture};

use super::in_use::{InUse, LiveCluster};
use super::kind::{Found, Kind, Target};
use super::lookup::Lookup;
use super::outcome::{NotCreated, NotDeleted, Removed};
use super::owned::{Claim, LiveState, Owned, Owner};
use super::reach::{Cx, Reach};
use super::removal::take;
use crate::aws::error::{AwsError, Class, Explain as _, found};
use crate::aws::names::Tags;
use crate::aws::{Clients, iam_tags, oidc_provider};
use crate::iam::action::{
    Action,
    Goal::{Apply, Destroy, Sweep, Test},
    REMOVES, WORKLOADS,
};
use crate::iam::scope::{self, EVERYTHING};
use crate::ledger::{Created, Ledger, Resource, ResourceKind};

/// Its name in the ledger. The name of an entry is the issuer without `https://`, its id the ARN.
pub const KIND: ResourceKind = ResourceKind::new(NAME);
const NAME: &str = "oidc-provider";

#[derive(Debug)]
pub(super) struct IamOidcProvider;

impl Kind for IamOidcProvider {
    fn as_str(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "IAM OpenID Connect provider"
    }

    fn plural(&self) -> &'static str {
        "IAM OpenID Connect providers"
    }

    fn after(&self) -> &'static [&'static str] {
        &["cluster"]
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn find<'a>(&'a self, lookup: &'a Lookup<'a>) -> Option<Found<'a>> {
        Some(find(lookup).boxed())
    }

    fn reason_to_keep<'a>(
        &'a self,
        _cx: Cx<'a>,
        target: &'a Target,
        in_use: &'a InUse,
    ) -> BoxFuture<'a, Result<Option<Owner>, AwsError>> {
        let is_its = |cluster: &&LiveCluster| {
            cluster.issuer.as_deref().is_some_and(|issuer| oidc_provider::bare(issuer) == target.name)
        };
        future::ready(Ok(in_use.clusters.iter().find(is_its).map(LiveCluster::keeps))).boxed()
    }

    fn remove<'a>(
        &'a self,
        reach: Reach<'a>,
        target: &'a Target,
        claim: &'a Claim,
    ) -> BoxFuture<'a, Result<Removed, NotDeleted>> {
        async move {
            let cx = reach.aws()?;
            let read = oidc_provider::find(cx.clients, &target.name).await;
            let read = read.map(|found| found.map(|one| (one.arn, LiveState { tags: one.tags, id: None })));
            take(claim, read, |owned| delete(cx, owned)).await
        }
        .boxed()
    }

    fn actions(&self) -> &'static [Action] {
        ACTIONS
    }

    fn help(&self, target: &Target) -> String {
        target.aws(&match &target.id {
            Some(arn) => format!("iam delete-open-id-connect-provider --open-id-connect-provider-arn {arn}"),
            None => "iam list-open-id-connect-providers".to_owned(),
        })
    }
}

/// What it needs of IAM.
const ACTIONS: &[Action] = &[
    Action::call("iam:ListOpenIDConnectProviders", &[Apply, Test, Destroy, Sweep], &EVERYTHING, "workload irsa"),
    Action::call(
        "iam:GetOpenIDConnectProvider",
        &[Apply, Test, Destroy, Sweep],
        &scope::OIDC_PROVIDERS,
        "who owns a provider",
    ),
    Action::call("iam:CreateOpenIDConnectProvider", WORKLOADS, &scope::NEW_OIDC_PROVIDER, "workload irsa")
        .unreached(&[Test], "apply has created it"),
    Action::behind("iam:TagOpenIDConnectProvider", WORKLOADS, &scope::NEW_OIDC_PROVIDER, "workload irsa"),
    Action::call("iam:DeleteOpenIDConnectProvider", REMOVES, &scope::OWN_OIDC_PROVIDERS, "workload irsa"),
];

/// Creates the provider of a cluster's issuer (without its scheme).
///
/// # Guarantees
/// The provider is in the ledger before it is created; it belongs to the run and to no variant.
///
/// # Errors
/// [`AwsError`] of [CreateOpenIDConnectProvider](https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html),
/// with [`Class::Exists`] if another run or another team has created one; or the ledger cannot be written.
pub async fn create(
    clients: &Clients,
    ledger: &Ledger,
    cluster: &str,
    url: &str,
    tags: &Tags,
) -> Result<Created, NotCreated> {
    let resource = Resource::new(KIND, url).in_cluster(cluster);
    let (clients, url, tags) = (clients.clone(), url.to_owned(), tags.clone());
    let create = || async move {
        clients.write_idempotent(|| create_once(&clients, &url, &tags)).await.map_err(NotCreated::from)
    };
    ledger.create_resource(resource, create).await
}

/// Creates the provider of an issuer (without its scheme); its ARN. Needs no thumbprint: IAM checks the certificate of EKS by
/// authorities that it trusts (IAM API, `CreateOpenIDConnectProvider.ThumbprintList`).
async fn create_once(clients: &Clients, url: &str, tags: &Tags) -> Result<String, AwsError> {
    const OPERATION: &str = "CreateOpenIDConnectProvider";
    let tags = iam_tags::tag_list(tags, OPERATION, url)?;
    let request = clients.iam.create_open_id_connect_provider().url(format!("https://{url}"));
    let answer =
        request.client_id_list(oidc_provider::AUDIENCE).set_tags(Some(tags)).send().await.explain(OPERATION, url)?;
    let arn = answer.open_id_connect_provider_arn.filter(|arn| !arn.is_empty());
    arn.ok_or_else(|| AwsError::new(Class::Infrastructure, OPERATION, url, "the answer has no ARN"))
}

async fn delete(cx: Cx<'_>, owned: Owned<String>) -> Result<(), NotDeleted> {
    let arn = owned.get();
    let deleted = cx.clients.until_free(|| async {
        let request = cx.clients.iam.delete_open_id_connect_provider().open_id_connect_provider_arn(arn);
        request.send().await.explain("DeleteOpenIDConnectProvider", arn)
    });
    found(deleted.await).map(|_| ()).map_err(|error| NotDeleted::refused(&error))
}

async fn find(lookup: &Lookup<'_>) -> Result<Vec<Target>, AwsError> {
    let (clients, query) = (lookup.clients, lookup.query);
    let mut targets = Vec::new();
    for arn in oidc_provider::of_clusters(clients).await? {
        // It may have been deleted since it was listed.
        let Some(provider) = oidc_provider::read(clients, &arn).await? else { continue };
        if query.wants(&provider.tags) {
            let url = oidc_provider::url_of(&arn);
            let target = Target::found(&IamOidcProvider, url, &provider.tags, clients);
            targets.push(Target { id: Some(arn), ..target });
        }
    }
    Ok(targets)
}
