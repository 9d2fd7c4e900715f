//! What a run knows, written as it happens: a run that ended without a report (`kill -9`, a closed laptop, lost credentials) is resumed from it.
//!
//! One JSON object per line, appended by the dispatcher. A check counts as answered once all its rows and its end are in the file, so a torn
//! last line costs one check. The file is only read by the run that wrote it ([`answers`]); reports never depend on it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use amiproof_model::name::CheckId;
use amiproof_model::report::{AmiRecord, CheckResult, ClusterRecord, NodeRecord, ScanRecord, Subject};
use amiproof_model::verdict::Outcome;
use camino::Utf8Path;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::{Event, EventKind};

/// The name of the file within the folder of a run.
pub const FILE_NAME: &str = "journal.jsonl";

/// Maximum size of a journal, bytes: a run of 100,000 rows has some 200 MB.
const LONGEST: u64 = 1 << 30;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    at: Timestamp,
    subject: Subject,
    what: What,
}

/// What is worth keeping of an event.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum What {
    Cluster(ClusterRecord),
    Ami(AmiRecord),
    NodeGroup(String),
    Nodes(Vec<NodeRecord>),
    NeverJoined(Vec<NodeRecord>),
    Facts(Vec<(u32, indexmap::IndexMap<String, String>)>),
    Scanned(Box<ScanRecord>),
    Result(Box<CheckResult>),
    Answered(String),
}

impl What {
    fn of(kind: &EventKind) -> Option<Self> {
        Some(match kind {
            EventKind::Cluster(cluster) => Self::Cluster(cluster.clone()),
            EventKind::Ami(ami) => Self::Ami(ami.clone()),
            EventKind::NodeGroup(name) => Self::NodeGroup(name.clone()),
            EventKind::Nodes(nodes) => Self::Nodes(nodes.clone()),
            EventKind::NeverJoined(instances) => Self::NeverJoined(instances.clone()),
            EventKind::Facts(facts) => Self::Facts(facts.clone()),
            EventKind::Scanned(scan) => Self::Scanned(scan.clone()),
            EventKind::Result(result) => Self::Result(result.clone()),
            EventKind::CheckEnded { check } => Self::Answered(check.clone()),
            EventKind::PhaseStarted(_)
            | EventKind::PhaseEnded(..)
            | EventKind::Progress(..)
            | EventKind::CheckStarted { .. }
            | EventKind::CheckRetried { .. }
            | EventKind::Interrupted
            | EventKind::DeadlineExceeded(_)
            | EventKind::CleanedUp(_) => return None,
        })
    }

    fn kind(self) -> EventKind {
        match self {
            Self::Cluster(cluster) => EventKind::Cluster(cluster),
            Self::Ami(ami) => EventKind::Ami(ami),
            Self::NodeGroup(name) => EventKind::NodeGroup(name),
            Self::Nodes(nodes) => EventKind::Nodes(nodes),
            Self::NeverJoined(instances) => EventKind::NeverJoined(instances),
            Self::Facts(facts) => EventKind::Facts(facts),
            Self::Scanned(scan) => EventKind::Scanned(scan),
            Self::Result(result) => EventKind::Result(result),
            Self::Answered(check) => EventKind::CheckEnded { check },
        }
    }
}

/// Appends events to the file. One that cannot be written is reported once: the run goes on, and only `resume` will know less.
#[derive(Debug)]
pub(super) struct Journal {
    file: Option<File>,
}

impl Journal {
    /// Opens the journal of a run's folder.
    pub(super) fn open(folder: &Utf8Path) -> Self {
        let path = folder.join(FILE_NAME);
        let opened = OpenOptions::new().append(true).create(true).mode(0o600).open(&path);
        let file = opened.map_err(|error| tracing::warn!(%path, %error, "the run cannot be resumed")).ok();
        Self { file }
    }

    /// Appends an event.
    pub(super) fn note(&mut self, event: &Event) {
        let Some(what) = What::of(&event.kind) else { return };
        let Some(file) = &mut self.file else { return };
        let line = Line { at: event.at, subject: event.subject.clone(), what };
        let written = serde_json::to_vec(&line).map_err(std::io::Error::from).and_then(|mut line| {
            line.push(b'\n');
            file.write_all(&line)
        });
        if let Err(error) = written {
            tracing::warn!(%error, "the journal of the run cannot be written, so `amiproof resume` will repeat checks");
            self.file = None;
        }
    }
}

/// Which answers of an earlier command are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Those that decided something: what failed has failed.
    Decided,
    /// Those that neither failed nor stayed undecided.
    Passed,
}

impl Keep {
    fn keeps(self, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Pass | Outcome::NotApplicable { .. } | Outcome::Manual { .. } => true,
            Outcome::Fail { .. } => self == Self::Decided,
            Outcome::NotEvaluated { .. } | Outcome::Error { .. } => false,
        }
    }
}

/// What earlier commands of a run found out.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// The checks that are not run again.
    pub answered: BTreeSet<(Subject, CheckId)>,
    /// The events that say what is known.
    pub(super) events: Vec<Event>,
}

impl Answers {
    /// Whether a check of a subject is answered.
    pub(super) fn has(&self, subject: &Subject, check: &CheckId) -> bool {
        // The set is empty in every run that is not resumed.
        !self.answered.is_empty() && self.answered.contains(&(subject.clone(), check.clone()))
    }
}

/// Reads the journal of a run's folder; empty if there is none.
///
/// # Errors
/// If the file cannot be read. A line that is incomplete or of another build ends what is known of its check, nothing else.
pub fn answers(folder: &Utf8Path, keep: Keep) -> std::io::Result<Answers> {
    let path = folder.join(FILE_NAME);
    if !path.exists() {
        return Ok(Answers::default());
    }
    Ok(read(&crate::bounded::bytes(&path, LONGEST)?, keep))
}

fn read(text: &[u8], keep: Keep) -> Answers {
    let mut known = Vec::new();
    let mut rows: BTreeMap<Subject, Vec<Event>> = BTreeMap::new();
    let mut answers: BTreeMap<(Subject, CheckId), Vec<Event>> = BTreeMap::new();
    // After a torn line, the subjects whose next answer is whole again. The rows of an answer come in one piece, just before its end.
    let mut whole: Option<BTreeSet<Subject>> = None;
    for line in text.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
        let Ok(Line { at, subject, what }) = serde_json::from_slice(line) else {
            rows.clear();
            whole = Some(BTreeSet::new());
            continue;
        };
        let event = Event { at, subject: subject.clone(), kind: what.kind() };
        match &event.kind {
            EventKind::Result(_) => rows.entry(subject).or_default().push(event),
            EventKind::CheckEnded { check } => {
                let Ok(id) = check.parse::<CheckId>() else { continue };
                let mut answer = rows.remove(&subject).unwrap_or_default();
                // The torn line may have been one of its rows.
                if whole.as_mut().is_some_and(|whole| whole.insert(subject.clone())) {
                    continue;
                }
                answer.push(event);
                answers.insert((subject, id), answer);
            }
            _ => known.push(event),
        }
    }
    let is_kept = |events: &Vec<Event>| {
        events.iter().all(|event| match &event.kind {
            EventKind::Result(row) => keep.keeps(&row.outcome),
            _ => true,
        })
    };
    answers.retain(|_, events| is_kept(events));
    known.extend(answers.values().flatten().cloned());
    Answers { answered: answers.into_keys().collect(), events: known }
}

#[cfg(test)]
mod tests;
