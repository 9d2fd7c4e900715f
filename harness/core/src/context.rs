//! The context of a check: everything that it may use.

use std::sync::Arc;

use amiproof_model::matrix::{Matrix, Variant};
use amiproof_model::name::{KubernetesVersion, RunId};
use amiproof_model::report::{NodeRecord, Subject};
use amiproof_model::selector::NodeSelector;
use amiproof_model::verdict::Verdict;
use amiproof_time::watch;
use camino::Utf8PathBuf;
use tokio_util::sync::CancellationToken;

/// What a check may use. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    /// The run.
    pub run: RunId,
    /// The whole matrix.
    pub matrix: Arc<Matrix>,
    /// What the check is about.
    pub subject: Subject,
    /// The variant under test; for a check of the cluster the one whose nodes it may use.
    pub variant: Arc<Variant>,
    /// Selects its nodes; pods are pinned to it.
    pub selector: NodeSelector,
    /// Its nodes, by index.
    pub nodes: Arc<Vec<NodeRecord>>,
    /// The nodes of the reference variant: `Pending` until they are Ready.
    pub peers: watch::Receiver<Peers>,
    /// The facts of the nodes, read on first use.
    pub facts: crate::probe::facts::collected::Facts,
    /// Kubernetes.
    pub cluster: crate::cluster::Access,
    /// The control plane's version, as its API server says.
    pub kubernetes: KubernetesVersion,
    /// AWS; `None` if the cluster is tested by kubeconfig alone.
    pub aws: Option<crate::aws::Clients>,
    /// The record of everything that the run creates.
    pub ledger: crate::ledger::Ledger,
    /// The folder for evidence of this subject; exists.
    pub evidence: Utf8PathBuf,
    /// The registry that all images are pulled from (`registry.example.com/mirror`).
    pub image_registry: Option<String>,
    /// The image pull secret, if the registry requires credentials; installed in every namespace of a check.
    pub pull_secret: Option<crate::cluster::pull_secret::PullSecret>,
    /// How many pods the check may have, reserved from the run's budget; released when its last pod is deleted.
    pub pods: crate::run::budget::Share,
    /// Cancelled when the run is interrupted. Long work selects on it; the runner cancels the rest.
    pub cancel: CancellationToken,
}

impl Context {
    /// The EKS node group of the variant, if it has one: created by the run, or named by the selector.
    pub fn node_group(&self) -> Option<&str> {
        self.selector.value_of(crate::cluster::NODE_GROUP_LABEL)
    }

    /// The AWS clients, or the verdict of a check that needs AWS.
    ///
    /// # Errors
    /// [`Verdict::NotApplicable`] where the run has no AWS account.
    pub fn account(&self) -> Result<&crate::aws::Clients, Verdict> {
        self.aws.as_ref().ok_or_else(|| Verdict::NotApplicable(NO_ACCOUNT.to_owned()))
    }
}

/// Why a check that needs AWS does not apply to a cluster given by kubeconfig.
pub const NO_ACCOUNT: &str = "no AWS account";

/// The nodes of the reference variant.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Peers {
    /// Not known yet.
    #[default]
    Pending,
    /// Ready.
    Ready(Arc<Vec<NodeRecord>>),
    /// They will not become Ready, and why.
    Unavailable(String),
    /// The variant has no reference.
    None,
}
