//! The target of an import, as given by the user.

use crate::digest::short_sha256;
use crate::scan::import::document::word;
use amiproof_model::name::{Benchmark, Level};
use amiproof_model::report::{ImportedFrom, NodeRecord, Subject};

/// The target of an import.
#[derive(Clone, Debug)]
pub struct Target {
    /// The variant, or the cluster.
    pub subject: Subject,
    /// The benchmark given by the user.
    pub benchmark: Option<Benchmark>,
    /// The benchmark that the variant is hardened to: Inspector uses it, and its file does not name it.
    pub hardened_to: Option<Benchmark>,
    /// The level given by the user.
    pub level: Option<Level>,
    /// The name of the scanner in reports, instead of that in the file.
    pub name: Option<String>,
    /// The variant's nodes, for findings that name an instance.
    pub nodes: Vec<NodeRecord>,
    /// The path of a copy of the file, relative to the folder of the report.
    pub copy: Option<String>,
    /// The file; absent for what a run's own scan wrote.
    pub file: Option<File>,
}

/// Identifies a file, so that importing it again replaces its earlier rows, and importing another one does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name without extension.
    pub name: String,
    /// Its path, or a digest of the content for a stream: the same text for the same file, another one for every other.
    pub place: String,
}

impl File {
    /// Eight digits that stand for its place.
    pub fn digest(&self) -> String {
        digest(&self.place)
    }
}

/// A digest of a stream, which identifies input that has no path.
///
/// # Errors
/// When it cannot be read.
pub fn digest_of(from: impl std::io::Read) -> std::io::Result<String> {
    crate::digest::sha256_of(from)
}

impl Target {
    /// Identifies the file in the report. If the user gave a name, it alone identifies the import.
    pub(super) fn source(&self, scanner: &str, machine: &str) -> Option<ImportedFrom> {
        let file = self.file.as_ref()?;
        let (name, key) = match &self.name {
            Some(_) => (String::new(), String::new()),
            None if machine.is_empty() => (word(&file.name), file.digest()),
            None => (word(&file.name), format!("{}-{}", file.digest(), digest(machine))),
        };
        Some(ImportedFrom { scanner: scanner.to_owned(), file: name, key })
    }
}

/// Eight digits that stand for a text.
pub(super) fn digest(text: &str) -> String {
    short_sha256(text, 4)
}

/// The name of a scanner: the user's word for it, or the file's.
pub(super) fn scanner_name(target: &Target, own: &str) -> String {
    let name = target.name.as_deref().map(word).filter(|name| !name.is_empty());
    name.unwrap_or_else(|| own.to_owned())
}

/// The suite for controls of an operating system's benchmark: the results of two scanners share one row.
pub(super) const OS_SUITE: &str = "os-cis";
