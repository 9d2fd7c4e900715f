//! What all variants share: the network stack, the cluster, its add-ons. Brought up once, beside the variants' own first steps.

use std::sync::Arc;
use std::time::Duration;

use amiproof_model::name::{KubernetesVersion, NameError};
use amiproof_model::report::{ClusterRecord, Phase, PhaseEnd, Subject};
use amiproof_time::watch;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::eks::{self, Eks};
use super::event::{EventKind, PhaseError};
use super::session::{Session, guarded};
use crate::aws::names::Tags;
use crate::cluster::explain::chain;
use crate::cluster::{self, Access};
use crate::resource;

/// A cluster that answers.
pub(crate) struct ClusterReady {
    /// Kubernetes.
    pub(crate) access: Access,
    /// The version that the control plane reports.
    pub(crate) kubernetes: KubernetesVersion,
    /// What node groups are made with; `None` for a cluster that is known by its kubeconfig alone.
    pub(crate) eks: Option<Eks>,
}

impl ClusterReady {
    /// What node groups are made with.
    ///
    /// # Errors
    /// When the cluster is known by its kubeconfig alone.
    pub(crate) fn eks(&self) -> Result<&Eks, PhaseError> {
        let why =
            "no node groups are created in a cluster given by kubeconfig: give the variant `nodes: {selector: ..}`";
        self.eks.as_ref().ok_or_else(|| PhaseError::other(why.to_owned()))
    }
}

/// The state of a shared resource.
#[derive(Clone)]
enum State<T> {
    Pending,
    Ready(T),
    Failed(PhaseError),
}

/// What the pipelines see of it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Shared {
    cluster: watch::Receiver<State<Arc<ClusterReady>>>,
    addons: watch::Receiver<State<()>>,
    task: Arc<std::sync::Mutex<Option<JoinHandle<()>>>>,
}

/// Held by every variant that may still provide a node for the controllers of add-ons. When the last one is dropped, add-ons are not
/// waited for any longer.
#[derive(Clone)]
pub(crate) struct Arrival {
    _open: mpsc::Sender<()>,
}

/// Starts to bring it up.
pub(crate) fn start(session: &Arc<Session>) -> (Shared, Arrival) {
    let (open, mut arrivals) = mpsc::channel(1);
    let (cluster_sender, cluster) = watch::channel(State::Pending);
    let (addons_sender, addons) = watch::channel(State::Pending);
    let session = Arc::clone(session);
    let task = tokio::spawn(async move {
        match bring_up(&session).await {
            Ok(Some(ready)) => {
                let ready = Arc::new(ready);
                cluster_sender.send_replace(State::Ready(Arc::clone(&ready)));
                let settled = match add(&session, &ready, &mut arrivals).await {
                    Ok(()) => State::Ready(()),
                    Err(broken) => State::Failed(broken),
                };
                addons_sender.send_replace(settled);
            }
            Ok(None) => {}
            Err(broken) => {
                cluster_sender.send_replace(State::Failed(broken));
            }
        }
    });
    (Shared { cluster, addons, task: Arc::new(std::sync::Mutex::new(Some(task))) }, Arrival { _open: open })
}

impl Shared {
    /// Waits for the cluster.
    ///
    /// # Errors
    /// If there will be none, or the run was interrupted.
    pub(crate) async fn ready(&self, session: &Session) -> Result<Arc<ClusterReady>, PhaseError> {
        let mut cluster = self.cluster.clone();
        guarded(session, async move {
            match cluster.wait_for(|state| !matches!(state, State::Pending)).await.as_deref() {
                Ok(State::Ready(ready)) => Ok(Arc::clone(ready)),
                Ok(State::Failed(PhaseError::Cancelled)) => Err(PhaseError::Cancelled),
                Ok(State::Failed(broken)) => {
                    Err(PhaseError::other(format!("there is no cluster: {}", broken.message())))
                }
                Ok(State::Pending) | Err(_) => {
                    Err(PhaseError::other("there is no cluster: its setup ended without a result".to_owned()))
                }
            }
        })
        .await
    }

    /// The connection to the cluster, if there ever was one.
    pub(crate) fn access(&self) -> Option<Access> {
        match &*self.cluster.borrow() {
            State::Ready(ready) => Some(ready.access.clone()),
            State::Pending | State::Failed(_) => None,
        }
    }

    /// Waits until the add-ons are ready or have failed; checks that depend on them report that themselves.
    pub(crate) async fn addons_settled(&self, session: &Session) {
        let mut addons = self.addons.clone();
        let settled = addons.wait_for(|state| !matches!(state, State::Pending));
        // An interruption and a dropped sender both mean that there is nothing more to wait for.
        let _settled = session.stop.cancel.run_until_cancelled(settled).await;
    }

    /// Waits for the setup itself; a panic in it is a failed phase of the cluster.
    pub(crate) async fn finished(&self, session: &Session) {
        let task = self.task.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(task) = task
            && let Err(failure) = task.await
        {
            let message = format!("bringing up the cluster panicked, which is a bug in amiproof: {failure}");
            let end = PhaseEnd::Error { message, evidence: Vec::new() };
            session.events.send(&Subject::Cluster, EventKind::PhaseEnded(Phase::Cluster, end));
        }
    }
}

/// The cluster of a kubeconfig; or network, then cluster, and nothing more when only the network is wanted.
async fn bring_up(session: &Session) -> Result<Option<ClusterReady>, PhaseError> {
    let subject = Subject::Cluster;
    let (plan, events) = (&session.plan, &session.events);
    if let Some(access) = &session.tools.access {
        let kubernetes = events.phase(&subject, Phase::Cluster, guarded(session, given(session, access))).await?;
        met(session, access).await?;
        return Ok(Some(ClusterReady { access: access.clone(), kubernetes, eks: None }));
    }
    let own = if plan.steps.network_only {
        Tags::kept(plan.run.clone())
    } else {
        Tags::of_run(plan.run.clone(), plan.expires)
    };
    let tags = own.with(&plan.matrix.cluster.governance.tags);
    let stack = events.phase(&subject, Phase::Network, guarded(session, eks::network(session, &tags))).await?;
    if plan.steps.network_only {
        return Ok(None);
    }
    let up = async {
        let (eks, access) = eks::cluster(session, stack.as_ref(), &tags).await?;
        let is_new = plan.matrix.cluster.create && plan.steps.provision;
        let kubernetes = if is_new { admitted(&access).await? } else { version(&access).await? };
        let asked = plan.matrix.cluster.kubernetes_version.as_ref();
        match asked.map_or(Skew::None, |asked| skew(asked, &kubernetes)) {
            Skew::None => {}
            Skew::Allowed => {
                events.send(&subject, EventKind::Progress(Phase::Cluster, skew_note(access.name(), asked, &kubernetes)))
            }
            Skew::Refused => return Err(PhaseError::other(skew_note(access.name(), asked, &kubernetes))),
        }
        met(session, &access).await?;
        Ok(ClusterReady { access, kubernetes, eks: Some(eks) })
    };
    events.phase(&subject, Phase::Cluster, guarded(session, up)).await.map(Some)
}

/// Records the identity of the cluster before anything is created in it: a name or a context may mean another one at teardown.
async fn met(session: &Session, access: &Access) -> Result<(), PhaseError> {
    let identity = cluster::identity::read(access, access.name().to_owned()).await;
    session.tools.ledger.met(identity).await.map_err(|error| PhaseError::from_error(&error))
}

/// Asks the cluster of a kubeconfig what it is.
async fn given(session: &Session, access: &Access) -> Result<KubernetesVersion, PhaseError> {
    let kubernetes = version(access).await?;
    let (region, account) = match &session.tools.clients {
        Some(clients) => {
            let identity = clients.whoami().await.map_err(|error| PhaseError::from_error(&error))?;
            (clients.region().to_owned(), identity.account)
        }
        None => (String::new(), String::new()),
    };
    let record = ClusterRecord {
        name: access.name().to_owned(),
        region,
        account,
        kubernetes_version: Some(kubernetes.clone()),
        lab: session.plan.lab,
        made: false,
    };
    session.events.send(&Subject::Cluster, EventKind::Cluster(record));
    Ok(kubernetes)
}

/// How often a new cluster is asked, and the interval: the access entry of its creator takes a moment to reach its API server.
const LOOKS: u32 = 12;
const LOOK: Duration = Duration::from_secs(10);

/// The version of a cluster that may have been made a moment ago.
async fn admitted(access: &Access) -> Result<KubernetesVersion, PhaseError> {
    let mut looks = 1;
    loop {
        match version(access).await {
            Err(broken) if looks < LOOKS => {
                tracing::debug!(looks, "retrying: {}", broken.message());
                amiproof_time::sleep(LOOK).await;
                looks += 1;
            }
            answer => return answer,
        }
    }
}

/// The control plane's version as its API server says it.
async fn version(access: &Access) -> Result<KubernetesVersion, PhaseError> {
    let refused = |why: String| {
        let name = access.name();
        PhaseError::other(format!(
            "cannot read the version of the API server of {name}: {why}; does `kubectl version` work?"
        ))
    };
    let answer = access.client().apiserver_version().await.map_err(|error| refused(chain(&error)))?;
    // EKS and GKE write the minor version as `36+`.
    let text = format!("{}.{}", answer.major, answer.minor.trim_end_matches('+'));
    text.parse().map_err(|error: NameError| refused(error.to_string()))
}

/// How the version of the matrix, which selects images, relates to that of the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Skew {
    /// They are the same.
    None,
    /// Kubelets are older, by no more than Kubernetes supports.
    Allowed,
    /// Kubelets would be newer than the API server, or too old for it.
    Refused,
}

/// A kubelet is never newer than its API server, and at most three minor versions older (Kubernetes, "Version Skew Policy").
fn skew(asked: &KubernetesVersion, server: &KubernetesVersion) -> Skew {
    const OLDEST: u64 = 3;
    let number = |version: &KubernetesVersion| {
        let (major, minor) = version.as_str().split_once('.')?;
        Some((major.parse::<u64>().ok()?, minor.parse::<u64>().ok()?))
    };
    match (number(asked), number(server)) {
        (Some(asked), Some(server)) if asked == server => Skew::None,
        (Some((major, asked)), Some((of_server, server))) if major == of_server => {
            if asked < server && server - asked <= OLDEST { Skew::Allowed } else { Skew::Refused }
        }
        // What cannot be compared is not rejected: node/kubelet-skew checks the nodes themselves.
        (None, _) | (_, None) => Skew::Allowed,
        _ => Skew::Refused,
    }
}

fn skew_note(cluster: &str, asked: Option<&KubernetesVersion>, server: &KubernetesVersion) -> String {
    let asked = asked.map_or("none", KubernetesVersion::as_str);
    format!(
        "cluster {cluster} runs Kubernetes {server}, but images are looked up for cluster.kubernetesVersion {asked}: a kubelet may be \
         at most three versions older than its API server and never newer, so set cluster.kubernetesVersion to {server}"
    )
}

/// Creates what all variants share inside the cluster: the storage classes of the catalogue and, if the run provisions, add-ons.
async fn add(session: &Session, ready: &ClusterReady, arrivals: &mut mpsc::Receiver<()>) -> Result<(), PhaseError> {
    let steps = session.plan.steps;
    let given = session.tools.access.is_some();
    if !(steps.provision || given && steps.test) {
        return Ok(());
    }
    let work = async {
        let made = resource::storage_class::ensure_classes(
            &ready.access,
            &session.tools.ledger,
            &session.plan.matrix.cluster.governance.tags,
        )
        .await;
        made.map_err(|error| PhaseError::from_error(&error))?;
        match &ready.eks {
            Some(eks) if steps.provision => eks.install(session, &ready.access, arrivals).await,
            _ => Ok(()),
        }
    };
    session.events.phase(&Subject::Cluster, Phase::Addons, guarded(session, work)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubelets_are_never_newer_than_the_api_server_and_at_most_three_versions_older() {
        for (asked, server, wanted) in [
            ("1.36", "1.36", Skew::None),
            ("1.35", "1.36", Skew::Allowed),
            ("1.33", "1.36", Skew::Allowed),
            ("1.32", "1.36", Skew::Refused),
            ("1.36", "1.35", Skew::Refused),
        ] {
            assert_eq!(skew(&asked.parse().unwrap(), &server.parse().unwrap()), wanted, "{asked} {server}");
        }
        let note = skew_note("c", "1.36".parse().ok().as_ref(), &"1.35".parse().unwrap());
        assert!(note.contains("set cluster.kubernetesVersion to 1.35"), "{note}");
    }
}
