//! Watches that resume by themselves, as a stream of complete lists.

use std::collections::BTreeMap;
use std::fmt::Debug;

use futures::{Stream, StreamExt as _};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

/// Why a watch ended without an answer.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// The deadline passed first.
    #[error("the deadline passed{}", last_error.as_deref().map(|error| format!("; the API server's last error: {error}")).unwrap_or_default())]
    Deadline {
        /// The API server's last error, if it was unavailable at the end.
        last_error: Option<String>,
    },
    /// The API server rejects the list or watch.
    #[error("{}", super::explain_watch(.0))]
    Refused(#[source] Box<watcher::Error>),
}

/// Every object that matches, again after each change. Broken connections and expired resource versions are handled;
/// an error is passed on for the record, and the stream continues after a pause.
pub fn follow<K>(api: Api<K>, config: watcher::Config) -> impl Stream<Item = Result<Vec<K>, watcher::Error>> + Send
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let mut known: BTreeMap<(Option<String>, String), K> = BTreeMap::new();
    let mut listing = BTreeMap::new();
    let key = |object: &K| (object.namespace(), object.name_any());
    watcher(api, config).default_backoff().filter_map(move |event| {
        let changed = match event {
            Ok(Event::Init) => {
                listing.clear();
                None
            }
            Ok(Event::InitApply(object)) => {
                listing.insert(key(&object), object);
                None
            }
            Ok(Event::InitDone) => {
                known = std::mem::take(&mut listing);
                Some(Ok(()))
            }
            Ok(Event::Apply(object)) => {
                known.insert(key(&object), object);
                Some(Ok(()))
            }
            Ok(Event::Delete(object)) => {
                known.remove(&key(&object));
                Some(Ok(()))
            }
            Err(error) => Some(Err(error)),
        };
        futures::future::ready(changed.map(|changed| changed.map(|()| known.values().cloned().collect())))
    })
}

/// Whether a watch error can go away. Missing permissions and unknown kinds do not.
pub(crate) fn may_pass(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => !matches!(status.code, 400 | 401 | 403 | 404 | 405),
        _ => true,
    }
}

/// Passes every list of `stream` to `judge` until that returns an answer.
///
/// # Errors
/// [`Stopped`] if the deadline passed, with the last error of the API server. A broken watch is resumed until then; a
/// denied or invalid one (400, 401, 403, 404, 405) ends at once.
pub async fn until<S, T, A>(stream: S, deadline: Instant, mut judge: impl FnMut(T) -> Option<A>) -> Result<A, Stopped>
where
    S: Stream<Item = Result<T, watcher::Error>>,
{
    let mut stream = std::pin::pin!(stream);
    let mut last_error = None;
    loop {
        match tokio::time::timeout_at(deadline, stream.next()).await {
            Err(_) | Ok(None) => return Err(Stopped::Deadline { last_error }),
            Ok(Some(Ok(seen))) => {
                last_error = None;
                if let Some(answer) = judge(seen) {
                    return Ok(answer);
                }
            }
            Ok(Some(Err(error))) if may_pass(&error) => {
                tracing::debug!(%error, "watch broke, resuming");
                last_error = Some(super::explain_watch(&error));
            }
            Ok(Some(Err(error))) => return Err(Stopped::Refused(Box::new(error))),
        }
    }
}
