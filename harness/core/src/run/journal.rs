//! What a run knows, written as it happens: a run that ended without a report (`kill -9`, a closed laptop, lost credentials) is resumed from it.
//!
//! One JSON object per line, appended by the dispatcher. A check is one line with all its results, written when it has ended: it is answered
//! as a whole or not at all, and a torn line costs one check. The file is only read by the run that wrote it ([`answers`]); reports never depend on it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use amiproof_model::name::CheckId;
use amiproof_model::report::{AmiRecord, CheckResult, ClusterRecord, Impact, NodeRecord, Proof, ScanRecord, Subject};
use amiproof_model::verdict::Outcome;
use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::{Event, EventKind, RowKey};

/// The name of the file within the folder of a run.
pub const FILE_NAME: &str = "journal.jsonl";

/// Maximum size of a journal, bytes: a run of 100,000 rows has some 200 MB.
pub(crate) const LONGEST: u64 = 1 << 30;

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
    Proof(Box<Proof>),
    Impact(Box<Impact>),
    Answered { check: String, rows: Vec<CheckResult> },
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
            EventKind::Proof(proof) => Self::Proof(proof.clone()),
            EventKind::Impact(impact) => Self::Impact(impact.clone()),
            EventKind::Result(_)
            | EventKind::CheckEnded { .. }
            | EventKind::PhaseStarted(_)
            | EventKind::PhaseEnded(..)
            | EventKind::Progress(..)
            | EventKind::Waiting(..)
            | EventKind::CheckStarted { .. }
            | EventKind::CheckRetried { .. }
            | EventKind::Interrupted
            | EventKind::DeadlineExceeded(_)
            | EventKind::CleanedUp(_) => return None,
        })
    }

    /// The events that reproduce it.
    fn events(self, at: Timestamp, subject: &Subject) -> Vec<Event> {
        let kinds = match self {
            Self::Cluster(cluster) => vec![EventKind::Cluster(cluster)],
            Self::Ami(ami) => vec![EventKind::Ami(ami)],
            Self::NodeGroup(name) => vec![EventKind::NodeGroup(name)],
            Self::Nodes(nodes) => vec![EventKind::Nodes(nodes)],
            Self::NeverJoined(instances) => vec![EventKind::NeverJoined(instances)],
            Self::Facts(facts) => vec![EventKind::Facts(facts)],
            Self::Scanned(scan) => vec![EventKind::Scanned(scan)],
            Self::Proof(proof) => vec![EventKind::Proof(proof)],
            Self::Impact(impact) => vec![EventKind::Impact(impact)],
            Self::Answered { check, rows } => {
                let results = rows.into_iter().map(|row| EventKind::Result(Box::new(row)));
                results.chain([EventKind::CheckEnded { check, rows: Vec::new() }]).collect()
            }
        };
        kinds.into_iter().map(|kind| Event { at, subject: subject.clone(), kind }).collect()
    }
}

/// Appends events to the file. One that cannot be written is reported once: the run goes on, and only `resume` will know less.
#[derive(Debug)]
pub(super) struct Journal {
    file: Option<File>,
    /// Results of checks that have not ended yet.
    open: BTreeMap<(Subject, RowKey), CheckResult>,
}

impl Journal {
    /// Opens the journal of a run's folder.
    pub(super) fn open(folder: &Utf8Path) -> Self {
        let path = folder.join(FILE_NAME);
        let opened = OpenOptions::new().append(true).create(true).mode(0o600).open(&path).and_then(|mut file| {
            // The last line of a killed process may be incomplete; the next line must not be appended to it.
            if file.metadata()?.len() > 0 {
                file.write_all(b"\n")?;
            }
            Ok(file)
        });
        let file = opened.map_err(|error| tracing::warn!(%path, %error, "the run cannot be resumed")).ok();
        Self { file, open: BTreeMap::new() }
    }

    /// Appends what an event says. The results of a check wait for its end.
    pub(super) fn note(&mut self, event: &Event) {
        let Event { at, subject, kind } = event;
        let what = match kind {
            EventKind::Result(result) => {
                let key = (result.check.clone(), result.scanner.clone());
                self.open.insert((subject.clone(), key), CheckResult::clone(result));
                return;
            }
            EventKind::CheckEnded { check, rows } => {
                let rows = rows.iter().filter_map(|key| self.open.remove(&(subject.clone(), key.clone())));
                What::Answered { check: check.clone(), rows: rows.collect() }
            }
            kind => match What::of(kind) {
                Some(what) => what,
                None => return,
            },
        };
        let Some(file) = &mut self.file else { return };
        let line = Line { at: *at, subject: subject.clone(), what };
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
    /// Answers with a verdict, failures included.
    Decided,
    /// Answers that neither failed nor stayed undecided.
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
/// If the file cannot be read. An incomplete line, or one of another build, loses the result of its check and nothing
/// else.
pub fn answers(folder: &Utf8Path, keep: Keep) -> std::io::Result<Answers> {
    let path = folder.join(FILE_NAME);
    if !path.exists() {
        return Ok(Answers::default());
    }
    Ok(read(&crate::bounded::bytes(&path, LONGEST)?, keep))
}

/// The files below the folder of the run that the answers in these lines name as their evidence.
pub(crate) fn evidence(lines: &[u8]) -> Vec<Utf8PathBuf> {
    let mut files = BTreeSet::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let Ok(Line { what: What::Answered { rows, .. }, .. }) = serde_json::from_slice(line) else { continue };
        let named = rows.into_iter().flat_map(|row| row.evidence).filter_map(|piece| piece.file);
        files.extend(named.map(Utf8PathBuf::from).filter(|file| crate::evidence::is_in_folder(file)));
    }
    files.into_iter().collect()
}

fn read(text: &[u8], keep: Keep) -> Answers {
    let mut events = Vec::new();
    let mut answers: BTreeMap<(Subject, CheckId), Vec<Event>> = BTreeMap::new();
    for line in text.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
        let Ok(Line { at, subject, what }) = serde_json::from_slice(line) else { continue };
        let What::Answered { check, rows } = &what else {
            events.extend(what.events(at, &subject));
            continue;
        };
        let Ok(check) = check.parse::<CheckId>() else { continue };
        // The last result counts, even if the check will be run again because of it.
        if rows.iter().all(|row| keep.keeps(&row.outcome)) {
            answers.insert((subject.clone(), check), what.events(at, &subject));
        } else {
            answers.remove(&(subject, check));
        }
    }
    events.extend(answers.values().flatten().cloned());
    Answers { answered: answers.into_keys().collect(), events }
}

#[cfg(test)]
mod tests;
