//! A workload file while it is read: what is wrong with it.

use crate::problem::{Place, Problem};

/// Whose manifest a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Written for amiproof: namespaces and the like are mistakes.
    Own,
    /// Written for something else: what amiproof sets itself is left out of it.
    Foreign,
}

pub(super) struct Reader {
    pub(super) file: String,
    pub(super) problems: Vec<Problem>,
    /// Whether the manifests are elsewhere and were not fetched, so that nothing is said of them.
    pub(super) unseen: bool,
}

impl Reader {
    /// Notes a problem.
    pub(super) fn problem(&mut self, place: Place, path: &str, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Problem {
            place: Some(place),
            path: path.to_owned(),
            ..Problem::of_file(&self.file, message, help)
        });
    }
}
