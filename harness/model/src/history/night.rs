//! What is kept of a night beside its report, so that a year of nights can be asked without reading the reports.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::key::Key;
use super::mark::Mark;
use crate::conclusion::{Conclusion, Scope, Summary};
use crate::name::{AmiId, Benchmark, Level, NameError, RunId, VariantName};
use crate::report::{Counts, Report, Subject};

/// The major version of the format of an entry that this build writes, and the highest that it reads.
pub const SCHEMA_VERSION: u32 = 1;

/// The entry of a night in the index of a store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Night {
    /// Version of the format; see [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The run.
    pub run: RunId,
    /// `metadata.name` of the matrix.
    pub matrix: String,
    /// When the run started.
    pub started: Timestamp,
    /// How long it took, seconds.
    pub seconds: f64,
    /// The version of amiproof.
    pub tool_version: String,
    /// Whether the run was interrupted.
    pub interrupted: bool,
    /// The conclusion of the run, without a baseline: `passed`, `failed`, `inconclusive`.
    pub conclusion: String,
    /// The rows by disposition.
    pub counts: Counts,
    /// The variants, in the order of the matrix file.
    pub variants: Vec<Column>,
    /// Every check that has a row, sorted.
    pub checks: Vec<String>,
    /// The outcomes by subject (`cluster`, or the name of a variant): a letter for each of `checks`; see [`Mark`].
    pub outcomes: BTreeMap<String, String>,
}

/// A variant in a night.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Column {
    /// Its name.
    pub name: VariantName,
    /// The image; absent where it was not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ami: Option<AmiId>,
    /// The benchmark that it is hardened to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub benchmark: Option<Benchmark>,
    /// The level of the benchmark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// The conclusion of the variant: `passed`, `failed`, `inconclusive`.
    pub conclusion: String,
}

/// Why bytes are not the entry of a nightly run.
#[derive(Debug, thiserror::Error)]
pub enum NightError {
    /// Not JSON of this format.
    #[error("not the entry of a nightly run: {0}")]
    Form(#[from] serde_json::Error),
    /// It has a version that this build does not read.
    #[error("its format has version {0}, and this amiproof reads up to {SCHEMA_VERSION}: use a newer amiproof")]
    Version(u32),
    /// A subject does not have one letter for each check.
    #[error("incomplete entry: it has {checks} checks and {letters} outcomes of {subject}")]
    Outcomes {
        /// The subject.
        subject: String,
        /// How many checks there are.
        checks: usize,
        /// How many outcomes.
        letters: usize,
    },
    /// It is the entry of another night than its name says.
    #[error("it is the entry of {0}, not of the nightly run in its name")]
    Other(Key),
}

impl Night {
    /// The entry of a report.
    pub fn of(report: &Report) -> Self {
        let mut checks: Vec<&str> = report.results.iter().map(|result| result.check.as_str()).collect();
        checks.sort_unstable();
        checks.dedup();
        let mut marks: BTreeMap<&str, Vec<Mark>> = BTreeMap::new();
        for result in &report.results {
            let row = marks.entry(result.subject.as_str()).or_insert_with(|| vec![Mark::Absent; checks.len()]);
            let place = checks.binary_search(&result.check.as_str()).ok().and_then(|index| row.get_mut(index));
            if let Some(mark) = place {
                *mark = (*mark).max(Mark::of(&result.disposition));
            }
        }
        let letters = |row: Vec<Mark>| row.into_iter().map(Mark::letter).collect();
        let column = |variant: &crate::report::VariantRecord| Column {
            name: variant.name.clone(),
            ami: variant.ami.as_ref().map(|ami| ami.id.clone()),
            benchmark: variant.benchmark.clone(),
            level: variant.level,
            conclusion: concluded(report, Scope::Of(&Subject::Variant(variant.name.clone()))),
        };
        Self {
            schema_version: SCHEMA_VERSION,
            run: report.run.id.clone(),
            matrix: report.run.matrix.clone(),
            started: report.run.started,
            seconds: report.run.seconds,
            tool_version: report.tool.version.clone(),
            interrupted: report.run.interrupted,
            conclusion: concluded(report, Scope::Run),
            counts: report.counts(),
            variants: report.variants.iter().map(column).collect(),
            checks: checks.iter().map(|check| (*check).to_owned()).collect(),
            outcomes: marks.into_iter().map(|(subject, row)| (subject.to_owned(), letters(row))).collect(),
        }
    }

    /// Reads an entry. Fields that this build does not know are passed over.
    ///
    /// # Errors
    /// When the bytes are not of this format, of a newer major version, or the entry of another night.
    pub fn parse(bytes: &[u8], key: &Key) -> Result<Self, NightError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Version {
            schema_version: u32,
        }
        let night: Self = match serde_json::from_slice(bytes) {
            Ok(night) => night,
            // An entry of a newer format may be anything beside its version.
            Err(error) => {
                let version = serde_json::from_slice::<Version>(bytes).map(|version| version.schema_version);
                return Err(version
                    .ok()
                    .filter(|version| *version > SCHEMA_VERSION)
                    .map_or(NightError::Form(error), NightError::Version));
            }
        };
        if night.schema_version > SCHEMA_VERSION {
            return Err(NightError::Version(night.schema_version));
        }
        for (subject, row) in &night.outcomes {
            if row.len() != night.checks.len() {
                let (subject, checks, letters) = (subject.clone(), night.checks.len(), row.len());
                return Err(NightError::Outcomes { subject, checks, letters });
            }
        }
        if night.key() == *key { Ok(night) } else { Err(NightError::Other(night.key())) }
    }

    /// Its name in a store.
    pub fn key(&self) -> Key {
        Key::new(self.started, self.run.clone())
    }

    /// Whether a later night can be compared with it: the run came to its end, and at least half of the rows that can have a verdict have
    /// one. Compared with a night without verdicts everything would be new.
    pub fn is_baseline(&self) -> bool {
        let Counts { passed, failed, waived, flaky, tolerated, .. } = self.counts;
        let decided = passed + failed + waived + flaky + tolerated;
        let open = self.counts.not_evaluated + self.counts.blocked + self.counts.error;
        !self.interrupted && decided > 0 && decided >= open
    }

    /// The image of a subject; `None` where it was not known, and for the cluster.
    pub fn ami(&self, subject: &str) -> Option<&AmiId> {
        self.variants.iter().find(|column| column.name.as_str() == subject).and_then(|column| column.ami.as_ref())
    }

    /// The rows of a subject: each check with its mark.
    pub fn rows<'a>(&'a self, subject: &str) -> impl Iterator<Item = (&'a str, Mark)> {
        self.checks.iter().map(String::as_str).zip(self.marks(subject))
    }

    /// The outcomes of a subject, one for each of `checks`.
    pub(super) fn marks(&self, subject: &str) -> impl Iterator<Item = Mark> {
        let letters = self.outcomes.get(subject).map(String::as_bytes).unwrap_or_default();
        letters.iter().map(|letter| Mark::from_letter(*letter))
    }
}

/// The name of a matrix, where it may be a part of the name of an object.
///
/// # Errors
/// When it is none that a matrix file can have.
pub fn matrix_name(text: &str) -> Result<&str, NameError> {
    if crate::name::is_label(text, 40) {
        return Ok(text);
    }
    let rule = "1 to 40 lower-case letters, digits and '-', starting with a letter".to_owned();
    Err(NameError { what: "matrix name", text: text.to_owned(), rule })
}

fn concluded(report: &Report, scope: Scope<'_>) -> String {
    let conclusion: Conclusion = Summary::of(report, scope, 0).conclusion;
    conclusion.as_str().to_owned()
}

#[cfg(test)]
mod tests;
