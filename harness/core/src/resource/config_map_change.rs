//! A changed key of a config map that was there before: undone only if it still has the value that the run wrote.

use std::collections::BTreeMap;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::kind::{Home, Kind, Target};
use super::kubernetes::{bounded, unread};
use super::object::ObjectRef;
use super::outcome::{NotDeleted, Removed};
use super::owned::{Claim, Owner};
use super::reach::Reach;
use super::removal::needed;
use crate::cluster::{Access, FIELD_MANAGER, MANAGED_BY, RUN_LABEL, objects};
use crate::ledger::{self, Created, Ledger, Resource, ResourceKind};

/// Its name in the ledger. The name of an entry is that of the config map.
pub const KIND: ResourceKind = ResourceKind::new(NAME);
const NAME: &str = "config-map-change";

#[derive(Debug)]
pub(super) struct ConfigMapChange;

impl Kind for ConfigMapChange {
    fn as_str(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "config map change"
    }

    fn plural(&self) -> &'static str {
        "config map changes"
    }

    fn home(&self) -> Home {
        Home::Kubernetes
    }

    fn after(&self) -> &'static [&'static str] {
        &["namespace"]
    }

    fn remove<'a>(
        &'a self,
        reach: Reach<'a>,
        target: &'a Target,
        _claim: &'a Claim,
    ) -> BoxFuture<'a, Result<Removed, NotDeleted>> {
        bounded(reach, async move {
            let change = ConfigMapKey::of(&target.attributes).map_err(NotDeleted::There)?;
            undo(reach.kubernetes()?, &change, &target.name).await
        })
        .boxed()
    }

    fn help(&self, target: &Target) -> String {
        let of = |key: &str| target.attributes.get(key).map(String::as_str).unwrap_or_default();
        let before = target.attributes.get("before").map_or_else(|| "null".to_owned(), |text| format!("{text:?}"));
        format!(
            "kubectl -n {} patch configmap {} --type merge -p '{{\"data\":{{\"{}\":{before}}}}}'",
            of("namespace"),
            target.name,
            of("key")
        )
    }
}

/// What is needed to undo the change of a config map: its place, what the run wrote, and the previous value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigMapKey {
    /// The config map's namespace.
    pub namespace: String,
    /// The key in `data`.
    pub key: String,
    /// What the run wrote: nothing else is ever undone.
    pub value: String,
    /// The previous value; `None` if the key did not exist.
    pub before: Option<String>,
}

impl ConfigMapKey {
    /// The resource of this change in the config map of a name.
    pub fn resource(self, config_map: impl Into<String>) -> Resource {
        let Self { namespace, key, value, before } = self;
        let given = [("namespace", Some(namespace)), ("key", Some(key)), ("value", Some(value)), ("before", before)];
        let given = given.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        Resource::new(KIND, config_map).with(given.collect())
    }

    fn of(attributes: &BTreeMap<String, String>) -> Result<Self, String> {
        Ok(Self {
            namespace: needed(attributes, "namespace")?,
            key: needed(attributes, "key")?,
            value: needed(attributes, "value")?,
            before: attributes.get("before").cloned(),
        })
    }
}

/// Restores the previous value, or removes the key, if the value is the one that the run wrote; then verifies it by a read.
async fn undo(access: &Access, change: &ConfigMapKey, name: &str) -> Result<Removed, NotDeleted> {
    let ConfigMapKey { namespace, key, value, before } = change;
    let api: Api<ConfigMap> = Api::namespaced(access.client(), namespace);
    let read = async || -> Result<Option<String>, NotDeleted> {
        let there = api.get_opt(name).await.map_err(|error| unread(&error, "ConfigMap"))?;
        Ok(there.and_then(|map| map.data?.get(key).cloned()))
    };
    match read().await? {
        None => return Ok(Removed::Absent),
        // Undone already, or never done.
        Some(now) if Some(&now) == before.as_ref() => return Ok(Removed::Absent),
        Some(now) if now != *value => {
            return Ok(Removed::Foreign(Owner::new(format!(
                "has {key} at {now:?} now, but the run had written {value:?}"
            ))));
        }
        Some(_) => {}
    }
    let patch = json!({"data": {key: before}});
    match api.patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await {
        Ok(_) => {}
        Err(error) if objects::is_not_found(&error) => return Ok(Removed::Gone),
        Err(error) => return Err(NotDeleted::There(error.to_string())),
    }
    match read().await? {
        now if now == *before => Ok(Removed::Gone),
        now => Err(NotDeleted::There(format!("{key} is {} after it was put back", now.unwrap_or_default()))),
    }
}

/// Why a key was not set.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server rejected the request.
    #[error(transparent)]
    Api(#[from] kube::Error),
    /// The ledger could not be written, and then nothing was changed.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
}

/// Sets a key of a config map. If there is no such config map, the run creates one of its own, with its label; `None` if the key has the
/// value already.
///
/// # Guarantees
/// The previous value is in the ledger before the change, and `destroy` restores it.
///
/// # Errors
/// If the API server rejects the change, or the ledger cannot be written. The client retries 429, 5xx and broken connections first.
pub(crate) async fn set(
    access: &Access,
    ledger: &Ledger,
    (namespace, name): (&str, &str),
    key: &str,
    value: &str,
) -> Result<Option<Created>, Error> {
    let api: Api<ConfigMap> = Api::namespaced(access.client(), namespace);
    let (resource, labels) = match api.get_opt(name).await? {
        Some(map) => {
            let before = map.data.and_then(|mut data| data.remove(key));
            if before.as_deref() == Some(value) {
                return Ok(None);
            }
            let (namespace, key, value) = (namespace.to_owned(), key.to_owned(), value.to_owned());
            (ConfigMapKey { namespace, key, value, before }.resource(name), json!({}))
        }
        None => {
            let (api_version, kind) = ("v1".to_owned(), "ConfigMap".to_owned());
            let object = ObjectRef { api_version, kind, namespace: Some(namespace.to_owned()) };
            (object.resource(name), json!({RUN_LABEL: ledger.header().run, MANAGED_BY: FIELD_MANAGER}))
        }
    };
    let object = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "data": {key: value},
    });
    let (name, id) = (name.to_owned(), format!("{namespace}/{name}"));
    let change = || async move {
        api.patch(&name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(&object)).await?;
        Ok(id)
    };
    ledger.create_resource(resource.in_cluster(access.name()), change).await.map(Some)
}
