//! What a file comes to.

use amiproof_model::report::{ImportedFrom, ScanRecord, Subject};
use jiff::Timestamp;

use crate::check::ScanRow;

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
