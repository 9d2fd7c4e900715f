//! Results that other tools wrote, read from their files as further rows of the matrix.
//!
//! Each format has a parser of its own that turns a stream into a [`Document`]; `rows` turns a document into rows, and [`merge`]
//! puts them into a report. Files come from anywhere, so nothing is decompressed, no DTD is read, nothing is fetched, and memory
//! is bounded whatever the length of the file ([`guard`], `xml`).

mod detect;
mod document;
mod error;
pub mod guard;
mod inspec;
mod inspector;
mod inspector_csv;
mod inspector_json;
mod json;
mod junit;
pub mod merge;
mod rows;
mod sarif;
mod xccdf;
mod xml;

use amiproof_model::report::{ImportedFrom, ScanRecord, Subject};
use jiff::Timestamp;

pub use self::detect::detect;
pub use self::document::{Answer, Document};
pub use self::error::ImportError;
pub use self::guard::Source;
pub use self::rows::{File, Target, digest_of};
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
    /// The JSON of `apiclient report cis` on a Bottlerocket host.
    Bottlerocket,
    /// The JSON of `aws inspector2 get-cis-scan-result-details`.
    InspectorJson,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::KubeBench,
        Self::Xccdf,
        Self::Arf,
        Self::InspectorCsv,
        Self::InspectorJson,
        Self::Sarif,
        Self::Junit,
        Self::Inspec,
        Self::Bottlerocket,
    ];

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
            Self::Bottlerocket => "bottlerocket",
            Self::InspectorJson => "inspector-json",
        }
    }

    /// The suite of its rows. A file of kube-bench or Inspector answers the same checks as a run's own scan; an ARF holds XCCDF. What
    /// is a control of a known benchmark goes to `os-cis` instead.
    pub fn suite(self) -> &'static str {
        match self {
            Self::Xccdf | Self::Arf => "xccdf",
            Self::InspectorCsv | Self::InspectorJson | Self::Bottlerocket => "os-cis",
            other => other.word(),
        }
    }

    /// Whether it judges an operating system, so that what it says of a control is an answer to the same question as Inspector's.
    fn judges_os(self) -> bool {
        !matches!(self, Self::KubeBench | Self::Sarif | Self::Junit)
    }

    /// Whether its results are always about a machine, so that they belong to a variant.
    pub fn is_about_a_machine(self) -> bool {
        !matches!(self, Self::Sarif | Self::Junit | Self::Inspec)
    }

    /// Whether it is what Inspector found.
    fn is_inspectors(self) -> bool {
        matches!(self, Self::InspectorCsv | Self::InspectorJson)
    }
}

/// What came of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Import {
    /// What it is about beside the cluster.
    pub subject: Option<Subject>,
    /// The file, and what it calls the scanner: whatever it said before gives way.
    pub source: Option<ImportedFrom>,
    /// Who judged what.
    pub scans: Vec<ScanRecord>,
    /// The rows, each with what it is about.
    pub rows: Vec<(Subject, ScanRow)>,
    /// When it was judged, where the file says so.
    pub when: Option<Timestamp>,
}

/// kube-bench writes a few hundred kilobytes per node, Bottlerocket a few kilobytes.
const MOST_TEXT: u64 = 64 * 1024 * 1024;

/// Reads a file of results as rows for a target.
///
/// # Errors
/// When it is not what `kind` says, is cut off, holds no result, or breaks a limit; see [`ImportError`].
pub fn read(kind: Kind, source: Source, target: &Target) -> Result<Import, ImportError> {
    let document = match kind {
        Kind::KubeBench => return rows::kube_bench::rows(&source.text(MOST_TEXT)?, target),
        Kind::Bottlerocket => return rows::bottlerocket::rows(&source.text(MOST_TEXT)?, target),
        Kind::InspectorJson => inspector_json::read(source.reader())?,
        Kind::Xccdf | Kind::Arf => xccdf::read(source.reader())?,
        Kind::InspectorCsv => inspector_csv::read(source.reader())?,
        Kind::Sarif => sarif::read(source.reader())?,
        Kind::Junit => junit::read(source.reader())?,
        Kind::Inspec => inspec::read(source.reader())?,
    };
    rows::rows(kind, document, target)
}

#[cfg(test)]
mod tests;
