//! A namespace for one check, with its other objects in the cluster: all deleted when the check ends, however it ends.

use std::time::Duration;

use amiproof_model::name::RunId;
use amiproof_model::report::Subject;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{Access, FIELD_MANAGER, MANAGED_BY, RUN_LABEL, namespace, objects, pull_secret};
use crate::check::{CheckError, Doing as _};
use crate::context::Context;
use crate::ledger::{Created, Ledger};
use crate::resource::{self, object};
use crate::run::budget::Share;

/// Deadline for deleting everything. A pod on a node that does not answer takes its grace period and a little more.
const REMOVAL: Duration = Duration::from_secs(120);

/// What a check needs in the cluster.
#[derive(Clone, Debug, Default)]
pub struct CheckNamespace {
    /// The check, within the name of the namespace: `web-service`.
    pub what: String,
    /// Whether its pods need the host.
    pub privileged: bool,
    /// Objects outside of the namespace: roles and bindings of the run's own.
    pub cluster_wide: Vec<Value>,
}

impl CheckNamespace {
    /// The namespace that it will have.
    pub fn namespace(&self, context: &Context) -> String {
        namespace::name(&context.run, context.subject.as_str(), &self.what)
    }
}

/// What a namespace of a check needs to be created: taken from the check's context, or from what `destroy` knows.
#[derive(Clone)]
pub(crate) struct Place {
    /// The run.
    pub(crate) run: RunId,
    /// What it is about.
    pub(crate) subject: Subject,
    /// Kubernetes.
    pub(crate) cluster: Access,
    /// Records what is created.
    pub(crate) ledger: Ledger,
    /// Installed in the namespace.
    pub(crate) pull_secret: Option<pull_secret::PullSecret>,
    /// The reserved pods; kept until the last one is deleted.
    pub(crate) pods: Share,
    /// Stops the work.
    pub(crate) cancel: CancellationToken,
}

impl From<&Context> for Place {
    fn from(context: &Context) -> Self {
        Self {
            run: context.run.clone(),
            subject: context.subject.clone(),
            cluster: context.cluster.clone(),
            ledger: context.ledger.clone(),
            pull_secret: context.pull_secret.clone(),
            pods: context.pods.clone(),
            cancel: context.cancel.clone(),
        }
    }
}

/// Creates what `wanted` describes, runs `work` with the name of the namespace, and deletes everything.
///
/// Deletion happens in a task of its own. When the run is interrupted, or the returned future is dropped because a deadline
/// passed, the work stops and the deletion still runs. What cannot be deleted stays in the ledger, for `destroy` to retry.
///
/// # Errors
/// The errors of `work` and of creating the namespace; [`CheckError::Cancelled`] when the run is interrupted.
pub async fn within<T, F, Fut>(context: &Context, wanted: CheckNamespace, work: F) -> Result<T, CheckError>
where
    T: Send + 'static,
    F: FnOnce(Context, String) -> Fut + Send + 'static,
    Fut: Future<Output = Result<T, CheckError>> + Send + 'static,
{
    let own = context.clone();
    within_place(context.into(), wanted, move |namespace| work(own, namespace)).await
}

/// As [`within`], for commands that belong to no check.
///
/// # Errors
/// As those of [`within`].
pub(crate) async fn within_place<T, F, Fut>(place: Place, wanted: CheckNamespace, work: F) -> Result<T, CheckError>
where
    T: Send + 'static,
    F: FnOnce(String) -> Fut + Send + 'static,
    Fut: Future<Output = Result<T, CheckError>> + Send + 'static,
{
    let stop = place.cancel.child_token();
    let _stops_when_dropped = stop.clone().drop_guard();
    match tokio::spawn(live(place, wanted, work, stop)).await {
        Ok(result) => result,
        Err(join) if join.is_cancelled() => Err(CheckError::Cancelled),
        Err(join) => Err(CheckError::Panicked(join.to_string())),
    }
}

async fn live<T, F, Fut>(
    place: Place,
    wanted: CheckNamespace,
    work: F,
    stop: CancellationToken,
) -> Result<T, CheckError>
where
    T: Send + 'static,
    F: FnOnce(String) -> Fut + Send + 'static,
    Fut: Future<Output = Result<T, CheckError>> + Send + 'static,
{
    if stop.is_cancelled() {
        return Err(CheckError::Cancelled);
    }
    let spec = namespace::Spec {
        name: namespace::name(&place.run, place.subject.as_str(), &wanted.what),
        run: place.run.clone(),
        variant: match &place.subject {
            Subject::Variant(name) => Some(name.clone()),
            Subject::Cluster => None,
        },
        privileged: wanted.privileged,
    };
    let (cluster, ledger) = (place.cluster.clone(), place.ledger.clone());
    // Its capacity stays taken until the last pod is deleted, even if the caller has gone.
    let _pods = place.pods.clone();
    let made = resource::namespace::create(&cluster, &ledger, &spec).await;
    let pulls = match (&made, &place.pull_secret) {
        (Ok(_), Some(secret)) => pull_secret::install(&cluster, &spec.name, secret).await,
        _ => Ok(()),
    };
    let mut objects = Vec::new();
    let result = match made {
        // It may exist nevertheless: the response was lost, or its service account was never created.
        Err(error) => {
            remove(&cluster, &ledger, &spec.name, None, objects).await;
            return Err(CheckError::api("preparing the check", error));
        }
        Ok(_) => match prepared(pulls, &place, &wanted.cluster_wide, &mut objects).await {
            Ok(()) => {
                // A task of its own, so that a panic inside cannot skip the removal.
                let name = spec.name.clone();
                let mut task = tokio::spawn(work(name));
                tokio::select! {
                    biased;
                    ended = &mut task => ended.unwrap_or_else(|join| Err(CheckError::Panicked(join.to_string()))),
                    () = stop.cancelled() => {
                        task.abort();
                        Err(CheckError::Cancelled)
                    }
                }
            }
            Err(error) => Err(error),
        },
    };
    remove(&cluster, &ledger, &spec.name, made.ok(), objects).await;
    result
}

type Made = (Created, Value);

/// Adds the image pull secret to the namespace, and creates the cluster-scoped objects of `wanted`.
async fn prepared(
    pulls: Result<(), objects::ApplyError>,
    place: &Place,
    wanted: &[Value],
    made: &mut Vec<Made>,
) -> Result<(), CheckError> {
    pulls.doing("giving the check's pods their image pull secret")?;
    make(place, wanted, made).await
}

/// Creates the objects outside of the namespace, each through the ledger.
async fn make(place: &Place, wanted: &[Value], made: &mut Vec<Made>) -> Result<(), CheckError> {
    for object in wanted {
        let object = labelled(object, place);
        let created = object::create(&place.cluster, &place.ledger, &object).await;
        let created = created.doing("preparing the check")?;
        made.push((created, object));
    }
    Ok(())
}

/// Adds the labels of everything that a run creates in a cluster: it can be found without the ledger, and checks ignore it.
fn labelled(object: &Value, place: &Place) -> Value {
    let mut object = object.clone();
    object["metadata"]["labels"][RUN_LABEL] = json!(place.run.as_str());
    object["metadata"]["labels"][MANAGED_BY] = json!(FIELD_MANAGER);
    object
}

/// Deletes everything, the last created first, and records it in the ledger. Failures are logged and left to `destroy`.
async fn remove(access: &Access, ledger: &Ledger, namespace: &str, made: Option<Created>, objects: Vec<Made>) {
    for (created, object) in objects.into_iter().rev() {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (api_version, kind, name) =
            (text(&object["apiVersion"]), text(&object["kind"]), text(&object["metadata"]["name"]));
        match objects::delete(access, &api_version, &kind, None, &name).await {
            Ok(()) => note_gone(ledger, &created).await,
            Err(error) => tracing::warn!(kind, name, %error, "could not be deleted; destroy will try again"),
        }
    }
    match namespace::delete(access, &ledger.header().run, namespace, REMOVAL).await {
        Ok(()) => {
            if let Some(created) = made {
                note_gone(ledger, &created).await;
            }
        }
        Err(error) => tracing::warn!(namespace, %error, "could not be deleted; destroy will try again"),
    }
}

async fn note_gone(ledger: &Ledger, created: &Created) {
    if let Err(error) = ledger.gone(created.key).await {
        tracing::warn!(id = created.id, %error, "is deleted, but the ledger could not be updated");
    }
}

#[cfg(test)]
mod tests;
