//! The problems of a workload file while it is read.

use crate::problem::{Place, Problem};

/// The origin of a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Written for amiproof: a namespace in it, for example, is a mistake.
    Own,
    /// Written for other purposes: fields that amiproof sets are removed.
    Foreign,
}

pub(super) struct Reader {
    pub(super) file: String,
    pub(super) problems: Vec<Problem>,
    /// Whether the manifests were not fetched, so that nothing is known about them.
    pub(super) unseen: bool,
}

impl Reader {
    /// Adds a problem.
    pub(super) fn problem(&mut self, place: Place, path: &str, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Problem {
            place: Some(place),
            path: path.to_owned(),
            ..Problem::of_file(&self.file, message, help)
        });
    }
}
