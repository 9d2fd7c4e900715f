//! The checks, one file each, and the interface for cargo test.
//!
//! A check is a [`Definition`] in the file that its id names (`node/ready` is `node/ready.rs`): data, a thin asynchronous body and
//! a pure `assess` that the tests call. [`registry::CHECKS`] lists all of them; a workload is a YAML file and needs no Rust.

pub mod addon;
pub mod benchmark;
pub mod controls;
pub mod definition;
pub mod disruptive;
pub mod eks_cis;
pub mod host;
pub mod kube_bench;
pub mod kubelet_path;
pub mod node;
pub mod os_cis;
pub mod registry;
mod scans;
pub mod settings;
pub mod test_runner;
pub mod windows;
pub mod workload;

use amiproof_core::check::Check;
use amiproof_model::name::NameError;
use amiproof_model::workload::Workload;

pub use self::definition::Definition;
pub use self::registry::SUITES;

/// Every check in the order of reports: that of [`SUITES`], and within a suite that of the registry or of the workloads.
///
/// # Errors
/// If a workload's name cannot be part of a check id.
pub fn all(workloads: &[Workload]) -> Result<Vec<Check>, NameError> {
    let registered = registry::CHECKS.iter().map(|definition| definition.check());
    let mut checks: Vec<Check> = registered.chain(workloads.iter().map(workload::check)).collect::<Result<_, _>>()?;
    checks.sort_by_key(|check| SUITES.iter().position(|suite| *suite == check.id.suite()));
    Ok(checks)
}
