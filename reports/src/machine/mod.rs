//! Formats for other programs, rendered only on request: SARIF, CTRF, HDF, OCSF, ASFF, OSCAL and in-toto.
//!
//! All but the last, which states only what each image passed, are made of the same rows: one per cell of the sheet,
//! then what went wrong that is not a result of a check. Their states differ, and the head of each file has a table of
//! them. One rule holds for all: what was not evaluated, or ended with an error, is neither a pass nor a failure nor
//! "not applicable". That applies to an informational result without evidence, too. The report's own word for a status
//! is always there.

mod asff;
mod ctrf;
mod hdf;
mod in_toto;
mod ocsf;
mod oscal;
mod row;
mod sarif;

use amiproof_model::report::Report;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use self::row::Rows;
use crate::context::Context;
use crate::error::RenderError;

/// SARIF 2.1.0.
///
/// # Errors
/// When the JSON cannot be written, which would be a bug in amiproof.
pub fn sarif(report: &Report, baseline: Option<&Report>) -> Result<String, RenderError> {
    json(&sarif::document(&Rows::of(&Context::of(report, baseline))))
}

/// CTRF, the Common Test Report Format.
///
/// # Errors
/// When the JSON cannot be written, which would be a bug in amiproof.
pub fn ctrf(report: &Report, baseline: Option<&Report>) -> Result<String, RenderError> {
    json(&ctrf::document(&Rows::of(&Context::of(report, baseline))))
}

/// HDF, the Heimdall Data Format.
///
/// # Errors
/// When the JSON cannot be written, which would be a bug in amiproof.
pub fn hdf(report: &Report, baseline: Option<&Report>) -> Result<String, RenderError> {
    json(&hdf::document(&Rows::of(&Context::of(report, baseline))))
}

/// OCSF 1.5.0, a list of compliance findings.
///
/// # Errors
/// When the JSON cannot be written, which would be a bug in amiproof.
pub fn ocsf(report: &Report, baseline: Option<&Report>) -> Result<String, RenderError> {
    json(&ocsf::document(&Rows::of(&Context::of(report, baseline))))
}

/// ASFF, a list of findings for AWS Security Hub.
///
/// # Errors
/// When the JSON cannot be written, which would be a bug in amiproof.
pub fn asff(report: &Report, baseline: Option<&Report>) -> Result<String, RenderError> {
    json(&asff::document(&Rows::of(&Context::of(report, baseline))))
}

/// OSCAL 1.1.3, assessment results.
///
/// # Errors
/// When the JSON cannot be written, which would be a bug in amiproof.
pub fn oscal(report: &Report, baseline: Option<&Report>) -> Result<String, RenderError> {
    json(&oscal::document(&Rows::of(&Context::of(report, baseline))))
}

/// In-toto statements, one line per image of the run; `digest` is that of the file that holds the report, SHA-256 in hexadecimal.
///
/// # Errors
/// When no image of the run is known.
pub fn in_toto(report: &Report, baseline: Option<&Report>, digest: &str) -> Result<String, RenderError> {
    in_toto::lines(&Context::of(report, baseline), digest)
}

/// SHA-256 of a text, in hexadecimal.
pub(crate) fn digest(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn json(document: &impl Serialize) -> Result<String, RenderError> {
    let mut json = serde_json::to_string_pretty(document)?;
    json.push('\n');
    Ok(json)
}
