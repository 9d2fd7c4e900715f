//! What happens during a run: the interface between the work and everyone who listens.
//!
//! Work sends events; one dispatcher receives them in order, folds them into the report ([`super::recorder`]) and shows each to a
//! listener. The work knows neither the report nor any renderer.

use amiproof_model::name::VariantName;
use amiproof_model::report::{
    AmiRecord, CheckResult, Cleanup, ClusterRecord, NodeRecord, Phase, PhaseEnd, ScanRecord, Subject,
};
use jiff::Timestamp;

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What it is about; [`Subject::Cluster`] for what all variants share.
    pub subject: Subject,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum EventKind {
    /// A phase of the subject started.
    PhaseStarted(Phase),
    /// Something worth a line while a phase goes on (`2 of 2 nodes ready`).
    Progress(Phase, String),
    /// A phase of the subject ended.
    PhaseEnded(Phase, PhaseEnd),
    /// The control plane answered.
    Cluster(ClusterRecord),
    /// The subject's image is known.
    Ami(AmiRecord),
    /// The subject's node group is named.
    NodeGroup(String),
    /// The subject's nodes are Ready.
    Nodes(Vec<NodeRecord>),
    /// What was read from the subject's nodes: facts by the node's index.
    Facts(Vec<(u32, indexmap::IndexMap<String, String>)>),
    /// A check of the subject started.
    CheckStarted {
        /// Its id.
        check: String,
    },
    /// An attempt ended and another follows.
    CheckRetried {
        /// Its id.
        check: String,
        /// Why.
        reason: String,
    },
    /// A scanner judged the subject, or did not, and why.
    Scanned(Box<ScanRecord>),
    /// One cell of the matrix has its answer. The disposition is set when the run ends.
    Result(Box<CheckResult>),
    /// The user asked to stop.
    Interrupted,
    /// Everything was taken down, or it was tried.
    CleanedUp(Cleanup),
}

/// Where work reports events. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Events(tokio::sync::mpsc::UnboundedSender<Event>);

impl Events {
    /// A sender and the receiver that the dispatcher reads. Unbounded, because a listener that is slow must not slow the work
    /// down, and a run has thousands of events at the most.
    pub fn channel() -> (Self, tokio::sync::mpsc::UnboundedReceiver<Event>) {
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    /// Reports something. A dispatcher that is gone is no reason to stop working.
    pub fn send(&self, subject: &Subject, kind: EventKind) {
        let event = Event { at: Timestamp::now(), subject: subject.clone(), kind };
        if self.0.send(event).is_err() {
            tracing::debug!("an event came after the run had ended");
        }
    }

    /// Runs a phase and reports its start and its end.
    ///
    /// # Errors
    /// What the phase itself returns.
    pub async fn phase<T>(
        &self,
        subject: &Subject,
        phase: Phase,
        work: impl Future<Output = Result<T, Broken>>,
    ) -> Result<T, Broken> {
        self.send(subject, EventKind::PhaseStarted(phase));
        let answer = work.await;
        let end = match &answer {
            Ok(_) => PhaseEnd::Done,
            Err(Broken::Cancelled) => PhaseEnd::Cancelled,
            Err(Broken::Because { message, evidence }) => {
                PhaseEnd::Broken { message: message.clone(), evidence: evidence.clone() }
            }
        };
        self.send(subject, EventKind::PhaseEnded(phase, end));
        answer
    }
}

/// Why a phase did not do what it should.
#[derive(Clone, Debug)]
pub enum Broken {
    /// The run was interrupted.
    Cancelled,
    /// What happened, where, what to do next; with what was collected about it.
    Because {
        /// The message.
        message: String,
        /// The proof.
        evidence: Vec<amiproof_model::verdict::Evidence>,
    },
}

impl Broken {
    /// With a message and no more proof than that.
    pub fn because(message: String) -> Self {
        Self::Because { message, evidence: Vec::new() }
    }

    /// From any error, with its whole chain of causes.
    pub fn from_error(error: &(dyn std::error::Error + 'static)) -> Self {
        Self::Because { message: chain(error), evidence: Vec::new() }
    }

    /// The message.
    pub fn message(&self) -> &str {
        match self {
            Self::Cancelled => "interrupted",
            Self::Because { message, .. } => message,
        }
    }
}

/// An error with its causes, each once: `a: b: c`.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    crate::cluster::explain::chain(error)
}

/// The subject of a variant.
pub fn of_variant(name: &VariantName) -> Subject {
    Subject::Variant(name.clone())
}
