//! Counts the pods of runs that an API server says are alive.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use amiproof_core::cluster::{Access, watch};
use camino::Utf8Path;
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, runtime::watcher};
use tokio_util::sync::CancellationToken;

/// Watches until it is asked for the most pods that were alive at a time.
pub(crate) struct Living {
    most: Arc<AtomicUsize>,
    stop: CancellationToken,
    thread: JoinHandle<()>,
}

impl Living {
    /// Watches the cluster of a kubeconfig.
    pub(crate) fn watch(kubeconfig: &Path) -> Self {
        let (most, stop) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
        let (seen, stopped) = (Arc::clone(&most), stop.clone());
        let path = Utf8Path::from_path(kubeconfig).unwrap().to_owned();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(stopped.run_until_cancelled(count(&path, &seen)));
        });
        Self { most, stop, thread }
    }

    /// The most that were alive at a time.
    pub(crate) fn most(self) -> usize {
        self.stop.cancel();
        self.thread.join().unwrap();
        self.most.load(Ordering::Relaxed)
    }
}

async fn count(kubeconfig: &Utf8Path, most: &AtomicUsize) {
    let access = Access::kubeconfig(kubeconfig, None).await.unwrap();
    let api: Api<Pod> = Api::all(access.client());
    let mut changes = std::pin::pin!(watch::follow(api, watcher::Config::default()));
    while let Some(change) = changes.next().await {
        let Ok(pods) = change else { continue };
        let alive = pods.iter().filter(|pod| is_of_a_run(pod) && is_alive(pod)).count();
        most.fetch_max(alive, Ordering::Relaxed);
    }
}

fn is_of_a_run(pod: &Pod) -> bool {
    pod.metadata.namespace.as_ref().is_some_and(|namespace| namespace.starts_with("ap-"))
}

/// Whether a pod has not ended; one that is being deleted is alive until it is gone.
fn is_alive(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    !matches!(phase, Some("Succeeded" | "Failed"))
}
