//! The matrix as one self-contained page.

use amiproof_model::report::Report;

use crate::RenderError;

/// The report as a page; so far only its frame.
///
/// # Errors
/// See [`RenderError`].
pub fn render(_report: &Report, _baseline: Option<&Report>) -> Result<String, RenderError> {
    Ok("<!doctype html><title>amiproof</title>".to_owned())
}
