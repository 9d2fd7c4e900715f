//! Results that other tools wrote, read from their files as further rows of the matrix.
//!
//! Each format has a parser of its own that turns a stream into a [`Document`]; `rows` turns a document into rows, and [`merge`]
//! puts them into a report. Files come from anywhere, so nothing is decompressed, no DTD is read, nothing is fetched, and memory
//! is bounded whatever the length of the file ([`guard`], `xml`).

mod document;
pub mod guard;
mod inspec;
mod inspector_csv;
mod json;
mod junit;
pub mod merge;
mod rows;
mod sarif;
mod xccdf;
mod xml;

use amiproof_model::report::{ScanRecord, Subject};
use jiff::Timestamp;

pub use self::document::{Answer, Document};
pub use self::guard::Source;
pub use self::rows::Target;
use crate::check::ScanRow;

/// What a file of results is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `kube-bench run --json`.
    KubeBench,
    /// XCCDF 1.1 or 1.2 with a TestResult.
    Xccdf,
    /// An Asset Reporting Format file with such results inside.
    Arf,
    /// The CSV of an Inspector CIS report.
    InspectorCsv,
    /// SARIF 2.1.0.
    Sarif,
    /// JUnit XML.
    Junit,
    /// InSpec's JSON report.
    Inspec,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::KubeBench, Self::Xccdf, Self::Arf, Self::InspectorCsv, Self::Sarif, Self::Junit, Self::Inspec];

    /// The word for it on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::KubeBench => "kube-bench",
            Self::Xccdf => "xccdf",
            Self::Arf => "arf",
            Self::InspectorCsv => "inspector-csv",
            Self::Sarif => "sarif",
            Self::Junit => "junit",
            Self::Inspec => "inspec",
        }
    }

    /// The suite of its rows. A file of kube-bench or Inspector answers the same checks as a run's own scan; an ARF holds XCCDF. What
    /// is a control of a known benchmark goes to `os-cis` instead.
    pub fn suite(self) -> &'static str {
        match self {
            Self::Xccdf | Self::Arf => "xccdf",
            Self::InspectorCsv => "os-cis",
            other => other.word(),
        }
    }

    /// Whether it judges an operating system, so that what it says of a control is an answer to the same question as Inspector's.
    fn judges_os(self) -> bool {
        matches!(self, Self::Xccdf | Self::Arf | Self::InspectorCsv | Self::Inspec)
    }

    /// What a file is by its first bytes; nothing when they fit no format.
    pub fn detect(head: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(head);
        let text = text.trim_start();
        if text.starts_with('<') {
            return Self::of_root(root(text)?);
        }
        let has = |key: &str| text.contains(&format!("\"{key}\""));
        match text.starts_with(['{', '[']) || text.contains("\n{") {
            true if has("test_number") || has("Controls") || has("detected_version") => Some(Self::KubeBench),
            true if has("runs") && (has("$schema") || has("version")) => Some(Self::Sarif),
            true if has("profiles") || has("platform") => Some(Self::Inspec),
            true => None,
            false => {
                text.lines().next().filter(|line| line.matches([',', ';']).count() > 1).map(|_| Self::InspectorCsv)
            }
        }
    }

    fn of_root(name: &str) -> Option<Self> {
        match name {
            "Benchmark" | "TestResult" => Some(Self::Xccdf),
            "asset-report-collection" => Some(Self::Arf),
            "testsuites" | "testsuite" => Some(Self::Junit),
            _ => None,
        }
    }
}

/// The name of a document's first element, without its prefix.
fn root(text: &str) -> Option<&str> {
    let mut rest = text;
    loop {
        rest = &rest[rest.find('<')? + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = &comment[comment.find("-->")?..];
        } else if !rest.starts_with(['?', '!']) {
            let name = rest.split(|c: char| c.is_whitespace() || c == '>' || c == '/').next()?;
            return Some(name.rsplit(':').next().unwrap_or(name));
        }
    }
}

/// What came of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Import {
    /// Who judged what.
    pub scans: Vec<ScanRecord>,
    /// The suites in which the scanner's earlier rows give way to these.
    pub suites: Vec<&'static str>,
    /// The rows, each with what it is about.
    pub rows: Vec<(Subject, ScanRow)>,
    /// When it was judged, where the file says so.
    pub when: Option<Timestamp>,
}

/// kube-bench writes a few hundred kilobytes.
const MOST_KUBE_BENCH: u64 = 64 * 1024 * 1024;

/// Reads a file of results as rows for a target.
///
/// # Errors
/// When it is not what `kind` says, is cut off, holds no result, or breaks a limit; see [`ImportError`].
pub fn read(kind: Kind, source: Source, target: &Target) -> Result<Import, ImportError> {
    let document = match kind {
        Kind::KubeBench => return rows::kube_bench_rows(&source.text(MOST_KUBE_BENCH)?, target),
        Kind::Xccdf | Kind::Arf => xccdf::read(source.reader())?,
        Kind::InspectorCsv => inspector_csv::read(source.reader())?,
        Kind::Sarif => sarif::read(source.reader())?,
        Kind::Junit => junit::read(source.reader())?,
        Kind::Inspec => inspec::read(source.reader())?,
    };
    rows::rows(kind, document, target)
}

/// Why a file cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It could not be read.
    #[error("cannot be read: {0}")]
    Read(String),
    /// There is nothing in it.
    #[error("is empty")]
    Empty,
    /// It is compressed.
    #[error("is compressed with {how}; unpack it first: amiproof decompresses nothing that comes from outside")]
    Compressed {
        /// With what.
        how: &'static str,
    },
    /// It is in another encoding than Unicode.
    #[error("is not in a Unicode encoding (found {found}); convert it with `iconv -t UTF-8`")]
    Encoding {
        /// What was found.
        found: String,
    },
    /// It has a document type declaration.
    #[error(
        "has a document type declaration (<!DOCTYPE ..>), which could make entities that grow or that fetch other files; no scanner writes one: remove it"
    )]
    Dtd,
    /// It uses an entity.
    #[error("uses the entity '{name}', which XML itself does not define and amiproof does not expand")]
    Entity {
        /// The entity.
        name: String,
    },
    /// It breaks a limit.
    #[error("{what} is over the limit of {most}")]
    TooLarge {
        /// Of what there is too much.
        what: String,
        /// How much there may be.
        most: String,
    },
    /// It ends too early.
    #[error("is cut off: it ends in the middle, behind byte {at}; nothing of it was imported")]
    CutOff {
        /// Where.
        at: u64,
    },
    /// It breaks the rules of its form.
    #[error("is malformed at byte {at}: {reason}")]
    Malformed {
        /// Where.
        at: u64,
        /// What is wrong.
        reason: String,
    },
    /// It is JSON of another form.
    #[error("is not {wanted} JSON as this build reads it: {reason}")]
    Json {
        /// What was wanted.
        wanted: &'static str,
        /// What is wrong, with its line.
        reason: String,
    },
    /// It is not what the user says.
    #[error("is not {wanted}: found {found}")]
    NotThis {
        /// What was wanted.
        wanted: &'static str,
        /// What was found.
        found: String,
    },
    /// It is of another version.
    #[error("is {what} {found}; this build reads {reads}")]
    Version {
        /// Of what.
        what: &'static str,
        /// The version found.
        found: String,
        /// The version that is read.
        reads: &'static str,
    },
    /// There is no result in it.
    #[error("holds no {what}: no evidence is never taken for a clean scan")]
    NoResults {
        /// What is missing.
        what: &'static str,
    },
    /// It is about several machines.
    #[error("holds results of several machines ({targets}); write one file per machine")]
    SeveralTargets {
        /// Their names.
        targets: String,
    },
    /// A CSV without the columns that are needed.
    #[error("has no column for {missing}; its columns are: {header}")]
    Columns {
        /// What is missing.
        missing: &'static str,
        /// The header row.
        header: String,
    },
    /// It is no CSV.
    #[error("is not CSV: {0}")]
    Csv(String),
    /// kube-bench's parser refuses it.
    #[error("{0}")]
    KubeBench(String),
    /// Nobody says which benchmark it is.
    #[error("is {what}: say which benchmark it is with --benchmark, like cis-al2023-1.0.0")]
    NeedsBenchmark {
        /// What it is.
        what: &'static str,
    },
    /// The user says another benchmark than the file.
    #[error("judges by {found}, not by {said}")]
    OtherBenchmark {
        /// What the user said.
        said: String,
        /// What the file says.
        found: String,
    },
    /// A rule's id cannot be part of a check id.
    #[error("has an id that cannot be a row's: {0}")]
    Id(String),
}

impl ImportError {
    /// Sorts an error of the JSON parser: cut off, unreadable, or of another form.
    fn json(wanted: &'static str, error: &serde_json::Error) -> Self {
        match error.classify() {
            serde_json::error::Category::Eof => Self::CutOff { at: u64::try_from(error.line()).unwrap_or(u64::MAX) },
            serde_json::error::Category::Io => Self::Read(error.to_string()),
            _ => Self::Json { wanted, reason: error.to_string() },
        }
    }
}

impl From<std::io::Error> for ImportError {
    fn from(error: std::io::Error) -> Self {
        Self::Read(error.to_string())
    }
}

#[cfg(test)]
mod tests;
