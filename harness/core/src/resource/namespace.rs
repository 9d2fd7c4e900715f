//! A namespace of a run, with everything in it.

use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::api::{Patch, PatchParams};
use kube::runtime::watcher;
use kube::{Api, ResourceExt as _};
use serde_json::json;
use tokio::time::Instant;

use super::kind::{Home, Kind, Target};
use super::kubernetes::{Served, bounded, own};
use super::outcome::{NotDeleted, Removed};
use super::owned::{Claim, Owned};
use super::reach::Reach;
use crate::cluster::namespace::{self, NamespaceError, Spec};
use crate::cluster::watch::{self, Stopped};
use crate::cluster::{Access, FIELD_MANAGER};
use crate::ledger::{Created, Ledger, Resource, ResourceKind};

/// How long the controllers of a healthy cluster take at most to give a new namespace its service account.
const SERVICE_ACCOUNT: Duration = Duration::from_secs(30);

/// How often that wait is repeated: a control plane that is busy with all the namespaces of a run needs longer.
const SERVICE_ACCOUNT_TRIES: u32 = 4;

/// How long an old namespace may take to be deleted before a new one of its name is created.
const LEFT_BEHIND: Duration = Duration::from_secs(90);

/// Its name in the ledger.
pub const KIND: ResourceKind = ResourceKind::new(NAME);
const NAME: &str = "namespace";

#[derive(Debug)]
pub(super) struct RunNamespace;

impl Kind for RunNamespace {
    fn as_str(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "namespace"
    }

    fn plural(&self) -> &'static str {
        "namespaces"
    }

    fn home(&self) -> Home {
        Home::Kubernetes
    }

    fn after(&self) -> &'static [&'static str] {
        &[]
    }

    fn brings(&self) -> &'static [&'static str] {
        &["load-balancer"]
    }

    fn served_as(&self) -> &'static [(&'static str, &'static str)] {
        &[("v1", "Namespace")]
    }

    fn remove<'a>(
        &'a self,
        reach: Reach<'a>,
        target: &'a Target,
        claim: &'a Claim,
    ) -> BoxFuture<'a, Result<Removed, NotDeleted>> {
        bounded(reach, async move {
            let access = reach.kubernetes()?;
            let served = Served { api_version: "v1", kind: "Namespace", namespace: None };
            match own(access, served, &target.name, claim).await? {
                Ok(Some(owned)) => delete(access, claim, &target.name, &owned, reach.deadlines.kubernetes).await,
                Ok(None) => Ok(Removed::Absent),
                Err(foreign) => Ok(foreign),
            }
        })
        .boxed()
    }

    fn help(&self, target: &Target) -> String {
        format!("kubectl delete namespace {}", target.name)
    }
}

/// Creates a namespace and waits until pods can be created in it. One of the same name from an earlier attempt is deleted first.
///
/// # Guarantees
/// The namespace is in the ledger before it is created, and carries the label of the run.
///
/// # Errors
/// [`NamespaceError`]: the API server rejects the request ([Namespace](https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/namespace-v1/)),
/// the ledger cannot be written, or the namespace of the earlier attempt cannot be deleted.
/// The client retries 429, 5xx and broken connections first, a POST only after 429.
pub async fn create(access: &Access, ledger: &Ledger, spec: &Spec) -> Result<Created, NamespaceError> {
    let api: Api<Namespace> = Api::all(access.client());
    if api.get_opt(&spec.name).await.map_err(NamespaceError::api(&spec.name, "look for it"))?.is_some() {
        namespace::delete(access, &spec.run, &spec.name, LEFT_BEHIND).await?;
    }
    let mut resource = Resource::new(KIND, &spec.name).in_cluster(access.name());
    if let Some(variant) = &spec.variant {
        resource = resource.for_variant(variant);
    }
    let object = json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": spec.name, "labels": spec.labels()},
    });
    let name = spec.name.clone();
    let made = ledger.create_resource(resource, || async move {
        // Applied, not created: an answer that got lost on the way can be asked for again.
        let applied = api.patch(&name, &PatchParams::apply(FIELD_MANAGER), &Patch::Apply(&object)).await;
        applied.map(|made| made.name_any()).map_err(NamespaceError::api(&name, "create it"))
    });
    let made: Created = made.await?;
    service_account(access, &spec.name).await?;
    Ok(made)
}

/// Waits for the default service account of a namespace. Until it exists, the API server rejects pods.
async fn service_account(access: &Access, namespace: &str) -> Result<(), NamespaceError> {
    let mut tries = 1;
    loop {
        let api: Api<ServiceAccount> = Api::namespaced(access.client(), namespace);
        let stream = watch::follow(api, watcher::Config::default().fields("metadata.name=default"));
        let deadline = Instant::now() + SERVICE_ACCOUNT;
        match watch::until(stream, deadline, |accounts| (!accounts.is_empty()).then_some(())).await {
            Ok(()) => return Ok(()),
            // A new watch each time, so that one that hangs does not end the wait.
            Err(Stopped::Deadline { .. }) if tries < SERVICE_ACCOUNT_TRIES => tries += 1,
            Err(source) => {
                return Err(NamespaceError::Api {
                    name: namespace.to_owned(),
                    doing: "get its default service account",
                    source: Box::new(source),
                });
            }
        }
    }
}

/// Deletes it, and waits until it and its volumes are gone.
async fn delete(
    access: &Access,
    claim: &Claim,
    name: &str,
    _owned: &Owned<()>,
    deadline: Duration,
) -> Result<Removed, NotDeleted> {
    let Some(run) = claim.run() else {
        return Err(NotDeleted::There("only the destroy of its run deletes it".to_owned()));
    };
    let deleted = namespace::delete(access, run, name, deadline).await;
    deleted.map(|()| Removed::Gone).map_err(|error| NotDeleted::There(error.to_string()))
}
