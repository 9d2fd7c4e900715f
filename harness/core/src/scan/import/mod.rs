//! Imports result files of other tools as additional rows of the matrix.
//!
//! Each format has a parser of its own that turns a stream into a [`Document`]; `rows` turns a document into rows, and [`merge`]
//! puts them into a report. Files come from anywhere, so nothing is decompressed, no DTD is read, nothing is fetched, and memory
//! is bounded whatever the length of the file ([`guard`], `xml`).

mod asff;
mod ctrf;
mod detect;
mod document;
mod error;
mod goss;
pub mod guard;
mod inspec;
mod inspector;
mod inspector_csv;
mod inspector_json;
mod json;
mod junit;
mod kind;
pub mod merge;
mod ocsf;
mod own;
mod rows;
mod sarif;
mod xccdf;
mod xml;

pub use self::detect::detect;
pub use self::document::{Answer, Document};
pub use self::error::ImportError;
pub use self::guard::Source;
pub use self::kind::Kind;
pub use self::rows::import::Import;
pub use self::rows::{File, Target, digest_of};

/// kube-bench writes a few hundred kilobytes per node, Bottlerocket a few kilobytes.
const MAX_TEXT: u64 = 64 * 1024 * 1024;

/// Reads a file of results as rows for a target.
///
/// # Errors
/// When it is not what `kind` says, is cut off, holds no result, or breaks a limit; see [`ImportError`].
pub fn read(kind: Kind, source: Source, target: &Target) -> Result<Import, ImportError> {
    let document = match kind {
        Kind::KubeBench => return rows::kube_bench::rows(&source.text(MAX_TEXT)?, target),
        Kind::Bottlerocket => return rows::bottlerocket::rows(&source.text(MAX_TEXT)?, target),
        Kind::InspectorJson => inspector_json::read(source.reader())?,
        Kind::Xccdf | Kind::Arf => xccdf::read(source.reader())?,
        Kind::InspectorCsv => inspector_csv::read(source.reader())?,
        Kind::Sarif => sarif::read(source.reader())?,
        Kind::Junit => junit::read(source.reader())?,
        Kind::Inspec => inspec::read(source.reader(), inspec::INSPEC)?,
        Kind::Hdf => inspec::read(source.reader(), inspec::HDF)?,
        Kind::Ocsf => ocsf::read(source.reader())?,
        Kind::Asff => asff::read(source.reader())?,
        Kind::Ctrf => ctrf::read(source.reader())?,
        Kind::Goss => goss::read(source.reader())?,
    };
    rows::rows(kind, document, target)
}

#[cfg(test)]
mod tests;
