//! Who judged what.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::result::CheckResult;
use super::subject::Subject;
use crate::name::{Benchmark, Level};

/// A file of results: importing it again replaces what it said before, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportedFrom {
    /// The scanner as the file or the user calls it. Where several files of one scanner are about one subject, the scan's own name holds
    /// that of the file, too.
    pub scanner: String,
    /// The file's name without extension, as a word; empty where the user named the import.
    pub file: String,
    /// What tells files of one name apart: a digest of where the file was and of the machine that it is about.
    pub key: String,
}

impl ImportedFrom {
    /// Whether it is the file at the place whose digest this is, whatever machine it is about.
    pub fn is_of(&self, digest: &str) -> bool {
        self.key.split('-').next() == Some(digest)
    }
}

/// One scanner on one subject: who judged, by which benchmark, and how much there was to judge. The verdicts themselves are the
/// results with the same subject, suite and scanner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScanRecord {
    /// What it was run on.
    pub subject: Subject,
    /// The suite of its results (`os-cis`, `kube-bench`).
    pub suite: String,
    /// `kube-bench`, `inspector`, `bottlerocket`, `openscap`, `amiproof`, or what a file was imported as.
    pub scanner: String,
    /// The scanner's own version, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scanner_version: Option<String>,
    /// The benchmark that it judged by; absent where it judged by something that is no CIS benchmark, or not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub benchmark: Option<Benchmark>,
    /// The profile level that it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// How many controls the benchmark has for this subject at that level; absent where nobody knows. Fewer results with a verdict
    /// are a gap in coverage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<usize>,
    /// The file that its results were imported from; absent where amiproof itself had it scan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<ImportedFrom>,
    /// Why it did not judge, or what is to be known about how it did; empty for nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl ScanRecord {
    /// Whether a result is one of this scan's.
    pub fn owns(&self, result: &CheckResult) -> bool {
        result.subject == self.subject
            && result.check.suite() == self.suite
            && result.scanner.as_deref() == Some(self.scanner.as_str())
    }
}
