//! Any other Kubernetes object outside of the namespaces of the run.

use std::collections::BTreeMap;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::Value;

use super::kind::{Home, Kind, Target};
use super::kubernetes::{Served, bounded, remove};
use super::outcome::{NotDeleted, Removed};
use super::owned::Claim;
use super::reach::Reach;
use super::removal::needed;
use crate::cluster::objects::ApplyError;
use crate::cluster::{Access, objects};
use crate::ledger::{self, Created, Ledger, Resource, ResourceKind};

/// Its name in the ledger.
pub const KIND: ResourceKind = ResourceKind::new(NAME);
const NAME: &str = "kubernetes-object";

#[derive(Debug)]
pub(super) struct ClusterObject;

impl Kind for ClusterObject {
    fn as_str(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "Kubernetes object"
    }

    fn plural(&self) -> &'static str {
        "Kubernetes objects"
    }

    fn home(&self) -> Home {
        Home::Kubernetes
    }

    fn after(&self) -> &'static [&'static str] {
        &["namespace"]
    }

    fn served_as(&self) -> &'static [(&'static str, &'static str)] {
        &[("rbac.authorization.k8s.io/v1", "ClusterRole"), ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding")]
    }

    fn remove<'a>(
        &'a self,
        reach: Reach<'a>,
        target: &'a Target,
        claim: &'a Claim,
    ) -> BoxFuture<'a, Result<Removed, NotDeleted>> {
        bounded(reach, async move {
            let access = reach.kubernetes()?;
            let ObjectRef { api_version, kind, namespace } =
                ObjectRef::of(&target.attributes).map_err(NotDeleted::There)?;
            let served = Served { api_version: &api_version, kind: &kind, namespace: namespace.as_deref() };
            remove(access, served, &target.name, claim).await
        })
        .boxed()
    }

    fn help(&self, target: &Target) -> String {
        let of = |key: &str| target.attributes.get(key).map(String::as_str);
        let namespace = of("namespace").map(|namespace| format!(" -n {namespace}")).unwrap_or_default();
        let kind = of("kind").unwrap_or("object").to_ascii_lowercase();
        format!("kubectl delete{namespace} {kind} {}", target.name)
    }
}

/// How an object is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRef {
    /// `rbac.authorization.k8s.io/v1`.
    pub api_version: String,
    /// `ClusterRole`.
    pub kind: String,
    /// `None` for a cluster-wide kind.
    pub namespace: Option<String>,
}

impl ObjectRef {
    /// The resource of an object of this name.
    pub fn resource(self, name: impl Into<String>) -> Resource {
        let Self { api_version, kind, namespace } = self;
        let given = [("apiVersion", Some(api_version)), ("kind", Some(kind)), ("namespace", namespace)];
        let given = given.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        Resource::new(KIND, name).with(given.collect())
    }

    fn of(attributes: &BTreeMap<String, String>) -> Result<Self, String> {
        Ok(Self {
            api_version: needed(attributes, "apiVersion")?,
            kind: needed(attributes, "kind")?,
            namespace: attributes.get("namespace").cloned(),
        })
    }
}

/// Why an object was not created.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server rejected it.
    #[error(transparent)]
    Api(#[from] ApplyError),
    /// The ledger could not be written, and then nothing was created.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
}

/// Applies an object outside of the namespaces of the run. It must carry the run's label.
///
/// # Guarantees
/// The object is in the ledger before it is created.
///
/// # Errors
/// If the API server rejects it, or the ledger cannot be written. The client retries 429, 5xx and broken connections first.
pub async fn create(access: &Access, ledger: &Ledger, object: &Value) -> Result<Created, Error> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (name, namespace) = (text(&object["metadata"]["name"]), object["metadata"]["namespace"].as_str());
    let served = ObjectRef {
        api_version: text(&object["apiVersion"]),
        kind: text(&object["kind"]),
        namespace: namespace.map(str::to_owned),
    };
    let resource = served.resource(&name).in_cluster(access.name());
    let (access, object) = (access.clone(), object.clone());
    let create = || async move {
        objects::apply(&access, object["metadata"]["namespace"].as_str(), &object).await?;
        Ok(name)
    };
    ledger.create_resource(resource, create).await
}
