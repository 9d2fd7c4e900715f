//! The result of reading a file.

use amiproof_model::report::{ImportedFrom, ScanRecord, Subject};
use jiff::Timestamp;

use crate::check::ScanRow;

/// The rows of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Import {
    /// Its subject.
    pub subject: Option<Subject>,
    /// The file and the name of its scanner; rows of an earlier import of the file are replaced.
    pub source: Option<ImportedFrom>,
    /// The records of its scans.
    pub scans: Vec<ScanRecord>,
    /// The rows, each with its subject.
    pub rows: Vec<(Subject, ScanRow)>,
    /// When it was evaluated, if the file has the time.
    pub when: Option<Timestamp>,
}
