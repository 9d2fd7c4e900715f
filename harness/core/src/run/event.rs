//! What happens during a run: the interface between the work and everyone who listens.
//!
//! Work sends events; one dispatcher receives them in order, folds them into the report ([`super::recorder`]) and shows each to a
//! listener. The work knows neither the report nor any renderer.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use amiproof_model::name::{CheckId, VariantName};
use amiproof_model::report::{
    AmiRecord, CheckResult, Cleanup, ClusterRecord, Impact, NodeRecord, Phase, PhaseEnd, Proof, ScanRecord, Subject,
};
use amiproof_model::verdict::{Evidence, Finding};
use jiff::Timestamp;

use super::clock::Clock;
use crate::cluster::explain::chain;

/// How often a phase reports what it is waiting for: CI systems end jobs that print nothing.
pub(crate) const BEAT: Duration = Duration::from_secs(30);

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// When: the start of the run plus the time that has passed by a monotonic clock.
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
    /// Something worth a line while a phase runs (`2 of 2 nodes ready`).
    Progress(Phase, String),
    /// What a phase is still waiting for, and for how long it has.
    Waiting(Phase, String),
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
    /// Instances of the subject that never became nodes.
    NeverJoined(Vec<NodeRecord>),
    /// Facts of the subject's nodes, by node index.
    Facts(Vec<(u32, indexmap::IndexMap<String, String>)>),
    /// A check of the subject started.
    CheckStarted {
        /// Its id.
        check: String,
    },
    /// A check of the subject is finished; its results came before.
    CheckEnded {
        /// Its id.
        check: String,
        /// Which results are its: controls of a scan have ids of their own. Results of several checks may come in between.
        rows: Vec<RowKey>,
    },
    /// An attempt ended and another follows.
    CheckRetried {
        /// Its id.
        check: String,
        /// Why.
        reason: String,
    },
    /// A scanner evaluated the subject, or did not, and why.
    Scanned(Box<ScanRecord>),
    /// The result of one cell of the matrix. The disposition is set when the run ends.
    Result(Box<CheckResult>),
    /// What a bisection found.
    Proof(Box<Proof>),
    /// What controls break.
    Impact(Box<Impact>),
    /// The user asked to stop.
    Interrupted,
    /// The run exceeded its deadline of this duration and stops.
    DeadlineExceeded(Duration),
    /// Teardown has ended.
    CleanedUp(Cleanup),
}

/// What identifies a result of a subject: its check or control, and the scanner.
pub type RowKey = (CheckId, Option<String>);

/// Where work reports events. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Events {
    sender: tokio::sync::mpsc::UnboundedSender<Event>,
    clock: Clock,
    /// How often a phase reports what it is waiting for.
    beat: Duration,
    /// What each subject is waiting for, in one line.
    waiting: Arc<Mutex<BTreeMap<Subject, String>>>,
}

impl Events {
    /// A sender and the receiver that the dispatcher reads. Unbounded, because a slow listener must not slow the work
    /// down, and a run has a few thousand events at most.
    pub fn channel(clock: Clock) -> (Self, tokio::sync::mpsc::UnboundedReceiver<Event>) {
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        (Self { sender, clock, beat: BEAT, waiting: Arc::default() }, receiver)
    }

    /// The time, as events have it.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Reports something. Work continues even if the dispatcher is gone.
    pub fn send(&self, subject: &Subject, kind: EventKind) {
        let event = Event { at: self.now(), subject: subject.clone(), kind };
        if self.sender.send(event).is_err() {
            tracing::debug!("an event came after the run had ended");
        }
    }

    /// Sets what a subject is waiting for, for the next progress line.
    pub fn waiting(&self, subject: &Subject, text: String) {
        self.lock().insert(subject.clone(), text);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Subject, String>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a phase and reports its start and its end; in between, every 30 seconds, what it is waiting for.
    ///
    /// # Errors
    /// The error of the phase itself. Nothing is retried here.
    pub async fn phase<T>(
        &self,
        subject: &Subject,
        phase: Phase,
        work: impl Future<Output = Result<T, PhaseError>>,
    ) -> Result<T, PhaseError> {
        self.send(subject, EventKind::PhaseStarted(phase));
        self.lock().remove(subject);
        let what = || self.lock().get(subject).cloned().unwrap_or_else(|| awaited(phase).to_owned());
        let answer = self.beating(subject, phase, what, work).await;
        let end = match &answer {
            Ok(_) => PhaseEnd::Done,
            Err(PhaseError::Cancelled) => PhaseEnd::Cancelled,
            Err(PhaseError::Failed(failed)) => {
                PhaseEnd::Failed { check: failed.check.clone(), message: failed.finding.summary.clone() }
            }
            Err(PhaseError::Other { message, evidence }) => {
                PhaseEnd::Error { message: message.clone(), evidence: evidence.clone() }
            }
        };
        self.send(subject, EventKind::PhaseEnded(phase, end));
        answer
    }

    /// Runs work and reports every 30 seconds what it is waiting for.
    pub(crate) async fn beating<T>(
        &self,
        subject: &Subject,
        phase: Phase,
        what: impl Fn() -> String,
        work: impl Future<Output = T>,
    ) -> T {
        let mut work = pin!(work);
        let mut beats: u64 = 0;
        loop {
            match tokio::time::timeout(self.beat, work.as_mut()).await {
                Ok(answer) => return answer,
                Err(_) => {
                    beats += 1;
                    let text = format!("waiting for {} ({} s so far)", what(), beats * self.beat.as_secs());
                    self.send(subject, EventKind::Waiting(phase, text));
                }
            }
        }
    }
}

/// What a phase is waiting for, if it reports nothing more specific.
fn awaited(phase: Phase) -> &'static str {
    match phase {
        Phase::Network => "CloudFormation to create the network stack",
        Phase::Cluster => "the cluster to be ACTIVE and to answer",
        Phase::Addons => "the cluster's add-ons, which need a node",
        Phase::Ami => "EC2 to describe the image",
        Phase::LaunchTemplate => "EC2 to create the launch template",
        Phase::NodeGroup => "instances to start and to join the cluster",
        Phase::Nodes => "the nodes to be Ready",
        Phase::Test | Phase::KubeBench | Phase::OsScan => "checks",
        Phase::Teardown => "the resources of the run to be deleted",
    }
}

/// Why a phase failed.
#[derive(Clone, Debug)]
pub enum PhaseError {
    /// The run was interrupted, or nothing waits for the phase any more.
    Cancelled,
    /// The subject itself failed: a verdict.
    Failed(Box<Failed>),
    /// What happened, where, what to do next; with what was collected about it. Says nothing about the subject.
    Other {
        /// The message.
        message: String,
        /// The proof.
        evidence: Vec<Evidence>,
    },
}

/// A failure of a check that provisioning itself decides: nodes that never joined, or were never Ready.
#[derive(Clone, Debug)]
pub struct Failed {
    /// `node/joined` or `node/ready`.
    pub check: CheckId,
    /// What is wrong, in one sentence.
    pub finding: Finding,
    /// The proof.
    pub evidence: Vec<Evidence>,
    /// The instances that never became nodes, with the facts that could be read from them.
    pub instances: Vec<NodeRecord>,
}

impl PhaseError {
    /// With a message and no more proof than that.
    pub fn other(message: String) -> Self {
        Self::Other { message, evidence: Vec::new() }
    }

    /// From any error, with its whole chain of causes.
    pub fn from_error(error: &(dyn std::error::Error + 'static)) -> Self {
        Self::Other { message: chain(error), evidence: Vec::new() }
    }

    /// The message.
    pub fn message(&self) -> &str {
        match self {
            Self::Cancelled => "interrupted",
            Self::Failed(failed) => &failed.finding.summary,
            Self::Other { message, .. } => message,
        }
    }
}

/// The subject of a variant.
pub fn of_variant(name: &VariantName) -> Subject {
    Subject::Variant(name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_phase_that_waits_says_for_what_again_and_again() {
        let (mut events, mut incoming) = Events::channel(Clock::start());
        assert_eq!(events.beat, Duration::from_secs(30));
        events.beat = Duration::from_millis(1);
        let subject = Subject::Variant("l2".parse().unwrap());
        let (enough, seen) = tokio::sync::oneshot::channel();
        let phase = events.phase(&subject, Phase::NodeGroup, async { seen.await.map_err(|_| PhaseError::Cancelled) });
        let listen = async {
            let mut lines = Vec::new();
            let mut enough = Some(enough);
            while let Some(event) = incoming.recv().await {
                match event.kind {
                    EventKind::Waiting(Phase::NodeGroup, text) => {
                        lines.push(text);
                        events.waiting(&subject, "1 of 2 instances".to_owned());
                        if lines.iter().any(|text| text.contains("1 of 2"))
                            && let Some(enough) = enough.take()
                        {
                            enough.send(()).unwrap();
                        }
                    }
                    EventKind::PhaseEnded(..) => break,
                    _ => {}
                }
            }
            lines
        };
        let (ended, lines) = tokio::join!(phase, listen);
        ended.unwrap();
        assert!(lines[0].starts_with("waiting for instances to start and to join the cluster ("), "{lines:?}");
        assert!(lines[1].starts_with("waiting for 1 of 2 instances ("), "{lines:?}");
    }
}
