//! Counts the pods of runs that an API server says are alive.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use amiproof_core::cluster::{Access, watch};
use camino::Utf8Path;
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, runtime::watcher};
use tokio_util::sync::CancellationToken;

/// Watches until it is asked for the most pods that were alive at a time.
pub(crate) struct Living {
    most: Arc<Mutex<Vec<String>>>,
    stop: CancellationToken,
    thread: JoinHandle<()>,
}

impl Living {
    /// Watches the cluster of a kubeconfig.
    pub(crate) fn watch(kubeconfig: &Path) -> Self {
        let (most, stop) = (Arc::new(Mutex::new(Vec::new())), CancellationToken::new());
        let (seen, stopped) = (Arc::clone(&most), stop.clone());
        let path = Utf8Path::from_path(kubeconfig).unwrap().to_owned();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(stopped.run_until_cancelled(count(&path, &seen)));
        });
        Self { most, stop, thread }
    }

    /// Those that were alive when the most were, as `namespace/pod`.
    pub(crate) fn most(self) -> Vec<String> {
        self.stop.cancel();
        self.thread.join().unwrap();
        self.most.lock().unwrap().clone()
    }
}

async fn count(kubeconfig: &Utf8Path, most: &Mutex<Vec<String>>) {
    let access = Access::kubeconfig(kubeconfig, None).await.unwrap();
    let api: Api<Pod> = Api::all(access.client());
    let mut changes = std::pin::pin!(watch::follow(api, watcher::Config::default()));
    while let Some(change) = changes.next().await {
        let Ok(pods) = change else { continue };
        let alive: Vec<String> = pods.iter().filter(|pod| is_of_a_run(pod) && is_alive(pod)).map(name).collect();
        let mut most = most.lock().unwrap();
        if alive.len() > most.len() {
            *most = alive;
        }
    }
}

fn name(pod: &Pod) -> String {
    let going = if pod.metadata.deletion_timestamp.is_some() { " (going)" } else { "" };
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    format!("{}/{}{going}", text(&pod.metadata.namespace), text(&pod.metadata.name))
}

fn is_of_a_run(pod: &Pod) -> bool {
    pod.metadata.namespace.as_ref().is_some_and(|namespace| namespace.starts_with("ap-"))
}

/// Whether a pod has not ended; one that is being deleted is alive until it is gone.
fn is_alive(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    !matches!(phase, Some("Succeeded" | "Failed"))
}
