//! A namespace per check and variant: created through the ledger, and deleted until it is verified as gone.

use std::collections::BTreeMap;
use std::time::Duration;

use amiproof_model::name::{RunId, VariantName};
use k8s_openapi::api::core::v1::{Namespace, PersistentVolume, PersistentVolumeClaim};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, DynamicObject};
use kube::discovery::{Scope, verbs};
use kube::runtime::watcher;
use kube::{Api, Discovery, ResourceExt as _};
use serde_json::json;
use tokio::time::Instant;

use super::objects::is_not_found;
use super::watch::{self, Stopped};
use super::{Access, FIELD_MANAGER, MANAGED_BY, RUN_LABEL, VARIANT_LABEL};
use crate::digest::short_sha256;
use crate::ledger;

/// The longest name of a namespace (a DNS label).
const LONGEST: usize = 63;

/// How long the deletion of a namespace takes if nothing blocks it: the grace period of its pods and a little more.
const ORDINARY: Duration = Duration::from_secs(45);

/// How long the search for what blocks a namespace may take: one list per kind of the cluster.
const SEARCH: Duration = Duration::from_secs(20);

/// Why a namespace could not be created or deleted.
#[derive(Debug, thiserror::Error)]
pub enum NamespaceError {
    /// The API server rejected the request, or was unavailable.
    #[error("namespace {name}: cannot {doing}: {}", super::explain::chain(&**source))]
    Api {
        /// The namespace.
        name: String,
        /// `create it`, `delete it` …
        doing: &'static str,
        /// The answer.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It still exists.
    #[error("namespace {name} still exists after {}s: {why}", after.as_secs())]
    Stuck {
        /// The namespace.
        name: String,
        /// The deadline.
        after: Duration,
        /// The finalizers and objects that block it.
        why: String,
    },
    /// Its volumes still exist.
    #[error("namespace {name} is deleted, but its volumes {} still exist after {}s: is the CSI driver's controller running?", volumes.join(", "), after.as_secs())]
    Volumes {
        /// The namespace.
        name: String,
        /// The PersistentVolumes.
        volumes: Vec<String>,
        /// The deadline.
        after: Duration,
    },
    /// It has another owner.
    #[error(
        "namespace {name} exists without the label {RUN_LABEL}={run}: this run does not own it, so it was left alone"
    )]
    Foreign {
        /// The namespace.
        name: String,
        /// The run.
        run: String,
    },
    /// The ledger cannot be written.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
}

impl NamespaceError {
    pub(crate) fn api(name: &str, doing: &'static str) -> impl FnOnce(kube::Error) -> Self {
        move |source| Self::Api { name: name.to_owned(), doing, source: Box::new(source) }
    }
}

/// `ap-<run>-<subject>-<what>`: the same in each attempt, so that the namespace of an earlier one is found. If that is too long for a
/// name, its end is replaced by a digest.
pub fn name(run: &RunId, subject: &str, what: &str) -> String {
    let what: String =
        what.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let whole = format!("ap-{run}-{subject}-{what}");
    if whole.len() <= LONGEST {
        return whole.trim_end_matches('-').to_owned();
    }
    let digest = short_sha256(&whole, 4);
    let head: String = whole.chars().take(LONGEST - digest.len() - 1).collect();
    format!("{}-{digest}", head.trim_end_matches('-'))
}

/// The input for a namespace.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Its name; see [`name`].
    pub name: String,
    /// The run.
    pub run: RunId,
    /// The variant; `None` for the cluster as a whole.
    pub variant: Option<VariantName>,
    /// Whether its pods need the host: Pod Security level `privileged`, else `baseline`.
    pub privileged: bool,
}

impl Spec {
    pub(crate) fn labels(&self) -> BTreeMap<&'static str, String> {
        let mut labels = BTreeMap::from([(RUN_LABEL, self.run.to_string()), (MANAGED_BY, FIELD_MANAGER.to_owned())]);
        if let Some(variant) = &self.variant {
            labels.insert(VARIANT_LABEL, variant.to_string());
        }
        // Set on every namespace, so that the cluster's admission defaults do not affect results.
        let level = if self.privileged { "privileged" } else { "baseline" };
        for mode in [
            "pod-security.kubernetes.io/enforce",
            "pod-security.kubernetes.io/audit",
            "pod-security.kubernetes.io/warn",
        ] {
            labels.insert(mode, level.to_owned());
        }
        labels
    }
}

/// Deletes a namespace of a run with everything in it, and waits until it and its volumes are gone. One that does not exist is not an error.
///
/// # Guarantees
/// A namespace without the label of the run is never deleted.
///
/// # Errors
/// [`NamespaceError::Foreign`] if it does not carry the label. [`NamespaceError::Stuck`] if it still exists after `within`: with the objects
/// and finalizers that block it.
/// The client retries 429, 5xx and broken connections first, a POST only after 429.
pub async fn delete(access: &Access, run: &RunId, name: &str, within: Duration) -> Result<(), NamespaceError> {
    let deadline = Instant::now() + within;
    let api: Api<Namespace> = Api::all(access.client());
    match api.get_opt(name).await.map_err(NamespaceError::api(name, "look for it"))? {
        None => return Ok(()),
        Some(there) if there.labels().get(RUN_LABEL).map(String::as_str) != Some(run.as_str()) => {
            return Err(NamespaceError::Foreign { name: name.to_owned(), run: run.to_string() });
        }
        Some(_) => {}
    }
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(access.client(), name);
    let claims = claims.list_metadata(&ListParams::default()).await;
    let has_volumes = claims.is_ok_and(|claims| !claims.items.is_empty());
    match api.delete(name, &DeleteParams::background()).await {
        Ok(_) => {}
        // 409: it is going already.
        Err(kube::Error::Api(status)) if status.code == 409 => {}
        Err(error) if is_not_found(&error) => return Ok(()),
        Err(error) => return Err(NamespaceError::api(name, "delete it")(error)),
    }
    let soon = deadline.min(Instant::now() + ORDINARY);
    let mut gone = until_gone(&api, name, soon).await;
    if matches!(gone, Err(Stopped::Deadline { .. })) && soon < deadline {
        release(access, name).await;
        gone = until_gone(&api, name, deadline).await;
    }
    match gone {
        Ok(()) => {}
        Err(Stopped::Refused(source)) => {
            return Err(NamespaceError::Api { name: name.to_owned(), doing: "wait until it is gone", source });
        }
        Err(Stopped::Deadline { last_error: Some(error) }) => {
            return Err(NamespaceError::Stuck { name: name.to_owned(), after: within, why: error });
        }
        Err(Stopped::Deadline { last_error: None }) => {
            let why = what_keeps(access, name).await;
            return Err(NamespaceError::Stuck { name: name.to_owned(), after: within, why });
        }
    }
    if has_volumes { volumes_gone(access, name, deadline, within).await } else { Ok(()) }
}

async fn until_gone(api: &Api<Namespace>, name: &str, deadline: Instant) -> Result<(), Stopped> {
    let stream = watch::follow(api.clone(), watcher::Config::default().fields(&format!("metadata.name={name}")));
    watch::until(stream, deadline, |left: Vec<Namespace>| left.is_empty().then_some(())).await
}

/// Removes the finalizers that amiproof itself set on objects of a namespace because they are in a workload file: nothing else will.
/// Finalizers of controllers are kept; what they protect (a load balancer, a volume) would be left in the account. Never fails: what is left
/// is reported when the deadline passes.
async fn release(access: &Access, namespace: &str) {
    let kept = match tokio::time::timeout(SEARCH, kept_in(access, namespace)).await {
        Ok(Ok(kept)) => kept,
        Ok(Err(error)) => {
            return tracing::warn!(namespace, %error, "the objects that block its deletion cannot be listed");
        }
        Err(_) => return tracing::warn!(namespace, "the objects that block its deletion could not be listed in time"),
    };
    for Kept { resource, object } in kept {
        let own = own_finalizers(&object);
        let (kind, name) = (&resource.kind, object.name_any());
        if own.is_empty() {
            continue;
        }
        let rest: Vec<&String> = object.finalizers().iter().filter(|finalizer| !own.contains(finalizer)).collect();
        let patch = json!({"metadata": {"finalizers": rest}});
        let api: Api<DynamicObject> = Api::namespaced_with(access.client(), namespace, &resource);
        match api.patch(&name, &PatchParams::default(), &Patch::Merge(&patch)).await {
            Ok(_) => tracing::warn!(
                namespace,
                "{kind} {name} could not be deleted because of {}, a finalizer set by its workload file: removed the finalizer",
                own.join(", ")
            ),
            Err(error) if is_not_found(&error) => {}
            Err(error) => tracing::warn!(namespace, kind, name, %error, "its own finalizers cannot be removed"),
        }
    }
}

/// The finalizers of an object that amiproof's own server-side apply set (Kubernetes, "Server-Side Apply", field management).
fn own_finalizers(object: &DynamicObject) -> Vec<String> {
    let ours = object.managed_fields().iter().filter(|entry| entry.manager.as_deref() == Some(FIELD_MANAGER));
    let sets = ours.filter_map(|entry| entry.fields_v1.as_ref()?.0.get("f:metadata")?.get("f:finalizers")?.as_object());
    let names = sets.flat_map(|set| set.keys()).filter_map(|key| {
        let quoted = key.strip_prefix("v:")?;
        serde_json::from_str::<String>(quoted).ok()
    });
    names.filter(|name| object.finalizers().contains(name)).collect()
}

/// Waits until the volumes that were claimed in a namespace are deleted: a driver deletes them after the claim, and if the cluster is
/// deleted first, they are left in the account forever.
async fn volumes_gone(
    access: &Access,
    namespace: &str,
    deadline: Instant,
    within: Duration,
) -> Result<(), NamespaceError> {
    let api: Api<PersistentVolume> = Api::all(access.client());
    let mut left = Vec::new();
    let stream = watch::follow(api, watcher::Config::default());
    let gone = watch::until(stream, deadline, |volumes: Vec<PersistentVolume>| {
        left = volumes.iter().filter(|volume| goes_with(volume, namespace)).map(|volume| volume.name_any()).collect();
        left.is_empty().then_some(())
    });
    match gone.await {
        Ok(()) => Ok(()),
        Err(Stopped::Refused(source)) => {
            Err(NamespaceError::Api { name: namespace.to_owned(), doing: "wait until its volumes are gone", source })
        }
        Err(Stopped::Deadline { .. }) => {
            Err(NamespaceError::Volumes { name: namespace.to_owned(), volumes: left, after: within })
        }
    }
}

fn goes_with(volume: &PersistentVolume, namespace: &str) -> bool {
    volume.spec.as_ref().is_some_and(|spec| {
        let claimed_here = spec.claim_ref.as_ref().and_then(|claim| claim.namespace.as_deref()) == Some(namespace);
        claimed_here && spec.persistent_volume_reclaim_policy.as_deref() != Some("Retain")
    })
}

/// The finalizers and objects that block a namespace, or its own conditions if none is found.
async fn what_keeps(access: &Access, name: &str) -> String {
    if let Ok(Ok(kept)) = tokio::time::timeout(SEARCH, kept_in(access, name)).await
        && !kept.is_empty()
    {
        let describe = |Kept { resource, object }: &Kept| {
            format!("{} {} has the finalizer {}", resource.kind, object.name_any(), object.finalizers().join(", "))
        };
        return kept.iter().map(describe).collect::<Vec<_>>().join("; ");
    }
    let api: Api<Namespace> = Api::all(access.client());
    let conditions = match api.get(name).await {
        Ok(namespace) => namespace.status.and_then(|status| status.conditions).unwrap_or_default(),
        Err(error) => return format!(", and its state cannot be read: {}", super::explain(&error)),
    };
    let says = conditions
        .iter()
        .filter(|condition| condition.status == "True")
        .filter_map(|condition| condition.message.clone());
    let says: Vec<_> = says.collect();
    if says.is_empty() { "its conditions give no reason".to_owned() } else { says.join("; ") }
}

/// An object with finalizers.
struct Kept {
    resource: ApiResource,
    object: DynamicObject,
}

async fn kept_in(access: &Access, namespace: &str) -> Result<Vec<Kept>, kube::Error> {
    let discovery = Discovery::new(access.client()).run().await?;
    let mut kept = Vec::new();
    for (resource, capabilities) in discovery.groups().flat_map(|group| group.recommended_resources()) {
        if capabilities.scope != Scope::Namespaced || !capabilities.supports_operation(verbs::LIST) {
            continue;
        }
        let api: Api<DynamicObject> = Api::namespaced_with(access.client(), namespace, &resource);
        // A kind that cannot be listed (an aggregated API that is down) must not hide the others.
        let Ok(objects) = api.list(&ListParams::default()).await else { continue };
        let with_finalizers = objects.items.into_iter().filter(|object| !object.finalizers().is_empty());
        kept.extend(with_finalizers.map(|object| Kept { resource: resource.clone(), object }));
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_legal_stable_and_different_for_different_checks() {
        let run: RunId = "r-20261121-074220-4f2a".parse().unwrap();
        let short = name(&run, "al2023-eks-l1", "web-service");
        assert_eq!(short, "ap-r-20261121-074220-4f2a-al2023-eks-l1-web-service");
        let subject = "a-variant-name-of-32-characters-";
        let long = name(&run, subject, "kube-bench/node");
        assert!(long.len() <= LONGEST && !long.ends_with('-'), "{long}");
        assert_eq!(long, name(&run, subject, "kube-bench/node"));
        assert_ne!(long, name(&run, subject, "kube-bench/cluster"));
        assert!(name(&run, "a", "x/y_z.").chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
    }

    #[test]
    fn only_volumes_that_go_with_their_claim_are_waited_for() {
        let volume = |namespace: &str, policy: &str| -> PersistentVolume {
            let spec =
                json!({"claimRef": {"namespace": namespace, "name": "a"}, "persistentVolumeReclaimPolicy": policy});
            serde_json::from_value(json!({"metadata": {"name": "pv"}, "spec": spec})).unwrap()
        };
        assert!(goes_with(&volume("mine", "Delete"), "mine"));
        assert!(!goes_with(&volume("mine", "Retain"), "mine"));
        assert!(!goes_with(&volume("other", "Delete"), "mine"));
    }
}
