//! Objects of any kind, applied as they are written.

use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::discovery::Scope;
use kube::{Api, ResourceExt as _};
use serde_json::Value;

use super::{Access, FIELD_MANAGER, RUN_LABEL, explain};

/// Why an object could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// It has no `apiVersion`, `kind` or `metadata.name`, or is not an object at all.
    #[error("{object}: not a Kubernetes object: {reason}")]
    Form {
        /// `Deployment web`, or `object 3`.
        object: String,
        /// What is missing.
        reason: String,
    },
    /// The cluster does not serve its kind.
    #[error("{object}: the cluster does not serve {api_version} {kind}: {}", explain(source))]
    UnknownKind {
        /// `Deployment web`.
        object: String,
        /// As the file writes it.
        api_version: String,
        /// As the file writes it.
        kind: String,
        /// The answer.
        #[source]
        source: Box<kube::Error>,
    },
    /// The API server rejected it.
    #[error("{object}: {}", explain(source))]
    Refused {
        /// `Deployment web`.
        object: String,
        /// The answer.
        #[source]
        source: Box<kube::Error>,
    },
}

impl ApplyError {
    /// The status code of the API server's answer, if any.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Refused { source, .. } | Self::UnknownKind { source, .. } => match &**source {
                kube::Error::Api(status) => Some(status.code),
                _ => None,
            },
            Self::Form { .. } => None,
        }
    }

    /// The API server's message, if any.
    pub fn message(&self) -> Option<&str> {
        match self {
            Self::Refused { source, .. } | Self::UnknownKind { source, .. } => match &**source {
                kube::Error::Api(status) => Some(&status.message),
                _ => None,
            },
            Self::Form { .. } => None,
        }
    }
}

/// Applies an object by [server-side apply](https://kubernetes.io/docs/reference/using-api/server-side-apply/), so that applying it twice
/// equals applying it once. With `namespace` its kind must be namespaced, without it cluster-scoped.
///
/// # Errors
/// If it is not an object, the cluster does not serve its kind, the kind has the other scope, or the API server rejects it.
/// The client retries 429, 5xx and broken connections first, a POST only after 429.
pub async fn apply(access: &Access, namespace: Option<&str>, object: &Value) -> Result<DynamicObject, ApplyError> {
    let label = label(object);
    let form = |reason: &str| ApplyError::Form { object: label.clone(), reason: reason.to_owned() };
    let api_version = object["apiVersion"].as_str().ok_or_else(|| form("there is no apiVersion"))?;
    let kind = object["kind"].as_str().ok_or_else(|| form("there is no kind"))?;
    let name = object["metadata"]["name"].as_str().ok_or_else(|| form("there is no metadata.name"))?;
    let (resource, scope) = kind_of(access, api_version, kind).await.map_err(|source| ApplyError::UnknownKind {
        object: label.clone(),
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        source: Box::new(source),
    })?;
    let api: Api<DynamicObject> = match (scope, namespace) {
        (Scope::Namespaced, Some(namespace)) => Api::namespaced_with(access.client(), namespace, &resource),
        (Scope::Cluster, None) => Api::all_with(access.client(), &resource),
        (Scope::Cluster, Some(_)) => {
            return Err(form(&format!(
                "{kind} is cluster-scoped and would be left behind when the namespace is deleted"
            )));
        }
        (Scope::Namespaced, None) => return Err(form(&format!("{kind} needs a namespace"))),
    };
    let how = PatchParams::apply(FIELD_MANAGER).force();
    api.patch(name, &how, &Patch::Apply(object))
        .await
        .map_err(|source| ApplyError::Refused { object: label.clone(), source: Box::new(source) })
}

/// Reads an object by the [dynamic API](https://kubernetes.io/docs/reference/using-api/api-concepts/); `None` if it, or its kind, does not exist.
///
/// # Errors
/// If the API server rejects the request.
/// The client retries 429, 5xx and broken connections first, a POST only after 429.
pub async fn get(
    access: &Access,
    api_version: &str,
    kind: &str,
    namespace: Option<&str>,
    name: &str,
) -> Result<Option<DynamicObject>, kube::Error> {
    let (resource, scope) = match kind_of(access, api_version, kind).await {
        Ok(known) => known,
        Err(error) if is_not_found(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let api: Api<DynamicObject> = match scope {
        Scope::Namespaced => Api::namespaced_with(access.client(), namespace.unwrap_or("default"), &resource),
        Scope::Cluster => Api::all_with(access.client(), &resource),
    };
    api.get_opt(name).await
}

/// The names of the cluster-scoped objects of a kind that carry the [label](https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/)
/// of a run; none if the cluster does not serve the kind.
///
/// # Errors
/// If the API server rejects the request.
/// The client retries 429, 5xx and broken connections first, a POST only after 429.
pub async fn of_run(access: &Access, api_version: &str, kind: &str, run: &str) -> Result<Vec<String>, kube::Error> {
    let resource = match kind_of(access, api_version, kind).await {
        Ok((resource, _)) => resource,
        Err(error) if is_not_found(&error) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let api: Api<DynamicObject> = Api::all_with(access.client(), &resource);
    let found = api.list_metadata(&ListParams::default().labels(&format!("{RUN_LABEL}={run}"))).await?;
    Ok(found.items.iter().map(|object| object.name_any()).collect())
}

/// Deletes an object, its dependents [in the background](https://kubernetes.io/docs/concepts/architecture/garbage-collection/); one that
/// does not exist counts as deleted.
///
/// # Errors
/// If the API server rejects the request.
/// The client retries 429, 5xx and broken connections first, a POST only after 429.
pub async fn delete(
    access: &Access,
    api_version: &str,
    kind: &str,
    namespace: Option<&str>,
    name: &str,
) -> Result<(), kube::Error> {
    let (resource, scope) = kind_of(access, api_version, kind).await?;
    let api: Api<DynamicObject> = match scope {
        Scope::Namespaced => Api::namespaced_with(access.client(), namespace.unwrap_or("default"), &resource),
        Scope::Cluster => Api::all_with(access.client(), &resource),
    };
    match api.delete(name, &DeleteParams::background()).await {
        Ok(_) => Ok(()),
        Err(error) if is_not_found(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether an error means that the object does not exist.
pub fn is_not_found(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

/// How a kind is served; the cluster is queried once per kind.
async fn kind_of(access: &Access, api_version: &str, kind: &str) -> Result<(ApiResource, Scope), kube::Error> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let gvk = GroupVersionKind::gvk(group, version, kind);
    let key = (api_version.to_owned(), kind.to_owned());
    if let Some((resource, capabilities)) = access.kinds.lock().await.get(&key) {
        return Ok((resource.clone(), capabilities.scope.clone()));
    }
    let found = kube::discovery::pinned_kind(&access.client(), &gvk).await?;
    access.kinds.lock().await.insert(key, found.clone());
    Ok((found.0, found.1.scope))
}

/// `Deployment web`: the name of an object in messages.
fn label(object: &Value) -> String {
    let kind = object["kind"].as_str().unwrap_or("object");
    match object["metadata"]["name"].as_str() {
        Some(name) => format!("{kind} {name}"),
        None => format!("{kind} without a name"),
    }
}
