//! A namespace for one check, with its other objects in the cluster: all deleted when the check ends, however it ends.

use std::time::Duration;

use amiproof_model::report::Subject;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{Access, FIELD_MANAGER, MANAGED_BY, RUN_LABEL, namespace, objects, pull_secret};
use crate::check::{CheckError, Doing as _};
use crate::context::Context;
use crate::ledger::{Created, Ledger};
use crate::resource::{self, object};

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

/// Creates what `wanted` describes, runs `work` with the name of the namespace, and deletes everything.
///
/// Deletion happens in a task of its own. When the run is interrupted, or the returned future is dropped because a deadline
/// passed, the work stops and the deletion still runs. What cannot be deleted stays in the ledger, for `destroy` to retry.
///
/// # Errors
/// Those of `work`; [`CheckError::Cancelled`] when the run is interrupted; those of creating the namespace.
pub async fn within<T, F, Fut>(context: &Context, wanted: CheckNamespace, work: F) -> Result<T, CheckError>
where
    T: Send + 'static,
    F: FnOnce(Context, String) -> Fut + Send + 'static,
    Fut: Future<Output = Result<T, CheckError>> + Send + 'static,
{
    let stop = context.cancel.child_token();
    let _stops_when_dropped = stop.clone().drop_guard();
    match tokio::spawn(live(context.clone(), wanted, work, stop)).await {
        Ok(result) => result,
        Err(join) if join.is_cancelled() => Err(CheckError::Cancelled),
        Err(join) => Err(CheckError::Panicked(join.to_string())),
    }
}

async fn live<T, F, Fut>(
    context: Context,
    wanted: CheckNamespace,
    work: F,
    stop: CancellationToken,
) -> Result<T, CheckError>
where
    T: Send + 'static,
    F: FnOnce(Context, String) -> Fut + Send + 'static,
    Fut: Future<Output = Result<T, CheckError>> + Send + 'static,
{
    if stop.is_cancelled() {
        return Err(CheckError::Cancelled);
    }
    let spec = namespace::Spec {
        name: wanted.namespace(&context),
        run: context.run.clone(),
        variant: match &context.subject {
            Subject::Variant(name) => Some(name.clone()),
            Subject::Cluster => None,
        },
        privileged: wanted.privileged,
    };
    let (cluster, ledger) = (context.cluster.clone(), context.ledger.clone());
    // Its capacity stays taken until the last pod is deleted, even if the caller has gone.
    let _pods = context.pods.clone();
    let made = resource::namespace::create(&cluster, &ledger, &spec).await;
    let pulls = match (&made, &context.pull_secret) {
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
        Ok(_) => match prepared(pulls, &context, &wanted.cluster_wide, &mut objects).await {
            Ok(()) => {
                // A task of its own, so that a panic inside cannot skip the removal.
                let name = spec.name.clone();
                let mut task = tokio::spawn(work(context, name));
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
    context: &Context,
    wanted: &[Value],
    made: &mut Vec<Made>,
) -> Result<(), CheckError> {
    pulls.doing("giving the check's pods their image pull secret")?;
    make(context, wanted, made).await
}

/// Creates the objects outside of the namespace, each through the ledger.
async fn make(context: &Context, wanted: &[Value], made: &mut Vec<Made>) -> Result<(), CheckError> {
    for object in wanted {
        let object = labelled(object, context);
        let created = object::create(&context.cluster, &context.ledger, &object).await;
        let created = created.doing("preparing the check")?;
        made.push((created, object));
    }
    Ok(())
}

/// Adds the labels of everything that a run creates in a cluster: it can be found without the ledger, and checks ignore it.
fn labelled(object: &Value, context: &Context) -> Value {
    let mut object = object.clone();
    object["metadata"]["labels"][RUN_LABEL] = json!(context.run.as_str());
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
