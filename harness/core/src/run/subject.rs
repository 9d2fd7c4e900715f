//! What the checks of one subject of a run may use.

use std::sync::Arc;

use amiproof_model::matrix::Variant;
use amiproof_model::report::{NodeRecord, Subject};
use amiproof_time::watch;

use super::event::PhaseError;
use super::session::Session;
use super::shared::ClusterReady;
use crate::cluster::nodes::selector_of;
use crate::context::{Context, Peers};

/// What is needed to build a [`Context`].
pub(super) struct Checked {
    /// What the checks are about.
    pub(super) subject: Subject,
    /// The variant whose nodes they use.
    pub(super) variant: Arc<Variant>,
    /// Its nodes.
    pub(super) nodes: Arc<Vec<NodeRecord>>,
    /// The nodes of its reference.
    pub(super) peers: watch::Receiver<Peers>,
}

/// The context of a subject's checks. Creates its folder for evidence.
///
/// # Errors
/// If the folder cannot be created.
pub(super) fn context(session: &Session, cluster: &ClusterReady, checked: Checked) -> Result<Context, PhaseError> {
    let evidence = session.plan.folder.join("evidence").join(checked.subject.as_str());
    std::fs::create_dir_all(&evidence).map_err(|error| PhaseError::Other {
        message: format!("cannot create the evidence folder {evidence}: {error}"),
        evidence: Vec::new(),
    })?;
    Ok(Context {
        run: session.plan.run.clone(),
        matrix: Arc::clone(&session.plan.matrix),
        subject: checked.subject,
        selector: selector_of(&session.plan.run, &checked.variant),
        variant: checked.variant,
        nodes: checked.nodes,
        peers: checked.peers,
        facts: Default::default(),
        cluster: cluster.access.clone(),
        kubernetes: cluster.kubernetes.clone(),
        aws: session.tools.clients.clone(),
        ledger: session.tools.ledger.clone(),
        evidence,
        image_registry: session.plan.image_registry.clone(),
        pull_secret: session.plan.pull_secret.clone(),
        pods: Default::default(),
        cancel: session.stop.cancel.child_token(),
    })
}
