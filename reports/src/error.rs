//! Why a format could not be rendered.

use std::path::PathBuf;

/// Why a format could not be rendered. Renderers accept every report, so all but [`RenderError::File`],
/// [`RenderError::Write`] and [`RenderError::NoImage`] are bugs in amiproof.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The report, or a comparison, could not be written as JSON.
    #[error("could not write the report as JSON: {0}")]
    Json(serde_json::Error),
    /// JUnit could not be written.
    #[error("could not write JUnit XML: {0}")]
    Xml(String),
    /// The template of the page could not be filled.
    #[error("could not fill the template of the matrix: {0}")]
    Template(#[from] askama::Error),
    /// CSV could not be written.
    #[error("could not write CSV: {0}")]
    Csv(String),
    /// There is nothing to make statements about.
    #[error(
        "run {run} has not recorded which image its nodes booted, so there is nothing to state; run variants with `ami` in an account"
    )]
    NoImage {
        /// The run.
        run: String,
    },
    /// What was rendered could not be written.
    #[error("could not write: {0}")]
    Write(std::io::Error),
    /// The file could not be written.
    #[error("could not write {}: {source}; make the folder writable and run 'amiproof report' again", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
}

impl From<serde_json::Error> for RenderError {
    fn from(error: serde_json::Error) -> Self {
        if error.is_io() { Self::Write(error.into()) } else { Self::Json(error) }
    }
}
