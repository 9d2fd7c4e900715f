//! Records of scans.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::result::CheckResult;
use super::subject::Subject;
use crate::name::{Benchmark, Level};

/// An imported file: importing it again replaces its earlier rows, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportedFrom {
    /// The scanner as the file or the user calls it. Where several files of one scanner are about one subject, the scan's own name holds
    /// that of the file, too.
    pub scanner: String,
    /// Name of the file without extension; empty if the user named the import.
    pub file: String,
    /// Distinguishes files of the same name: a digest of the path and of the machine that the results are about.
    pub key: String,
}

impl ImportedFrom {
    /// Whether it is the file with this digest of its path, whatever machine it is about.
    pub fn is_of(&self, digest: &str) -> bool {
        self.key.split('-').next() == Some(digest)
    }
}

/// One scanner on one subject: the benchmark that it evaluated, and the number of its controls. The verdicts
/// themselves are the results with the same subject, suite and scanner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScanRecord {
    /// What it was run on.
    pub subject: Subject,
    /// The suite of its results (`os-cis`, `kube-bench`).
    pub suite: String,
    /// `kube-bench`, `inspector`, `bottlerocket`, `openscap`, `amiproof`, or what a file was imported as.
    pub scanner: String,
    /// Version of the scanner, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scanner_version: Option<String>,
    /// The benchmark that it evaluated against; absent if that is not a CIS benchmark, or nothing was evaluated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub benchmark: Option<Benchmark>,
    /// The profile level that it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// Number of controls of the benchmark for this subject at that level; absent if unknown. Fewer results with a verdict
    /// are a gap in coverage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<usize>,
    /// The file that its results were imported from; absent if amiproof ran the scan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<ImportedFrom>,
    /// Why it evaluated nothing, or a note about how it did; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl ScanRecord {
    /// A scan of which nothing more is known than what it was run on.
    pub fn new(subject: Subject, suite: impl Into<String>, scanner: impl Into<String>) -> Self {
        Self {
            subject,
            suite: suite.into(),
            scanner: scanner.into(),
            scanner_version: None,
            benchmark: None,
            level: None,
            expected: None,
            source: None,
            note: String::new(),
        }
    }

    /// Whether a result is one of this scan's.
    pub fn owns(&self, result: &CheckResult) -> bool {
        result.subject == self.subject
            && result.check.suite() == self.suite
            && result.scanner.as_deref() == Some(self.scanner.as_str())
    }
}
