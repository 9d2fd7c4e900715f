//! Scanners: what they are asked, what they answer, and what the answers mean.

pub mod bottlerocket;
pub mod import;
pub mod inspector;
pub mod kube_bench;
pub mod openscap;

use camino::Utf8Path;

/// How a report points to a file in a subject's folder of evidence: relative to `report.json`.
pub(crate) fn evidence_path(folder: &Utf8Path, name: &str) -> String {
    format!("evidence/{}/{name}", folder.file_name().unwrap_or_default())
}
