//! Suite `addon`: the add-ons of the cluster, their DaemonSets per variant, their controllers once.
//!
//! An add-on is found by the names of its objects ([`amiproof_core::cluster::addons`]), however it was installed: EKS, Helm or `kubectl
//! apply`. Everything but the state that EKS reports comes from Kubernetes alone.

pub mod controllers;
pub mod daemonsets;
mod health;
mod seen;

use amiproof_core::check::{CheckError, Decision, ScanAnswer, ScanRow};
use amiproof_model::verdict::Verdict;

/// How long the pods of an add-on may take to be Ready. In EKS they are when the add-on is ACTIVE; in an existing cluster they may have
/// just been applied.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(180);

/// Deadline of one attempt: the timeout, and time to read the evidence of a failure.
const ATTEMPT: std::time::Duration = std::time::Duration::from_secs(300);

/// The row of an add-on.
fn row(addon: &str, title: String, decision: impl Into<Decision>) -> Result<ScanRow, CheckError> {
    let check = format!("addon/{addon}").parse();
    let check = check.map_err(|error| CheckError::Undecided(format!("add-on {addon} cannot be reported: {error}")))?;
    let (scanner, decision) = (String::new(), decision.into());
    Ok(ScanRow { check, title, control: None, level: None, severity: None, scanner, decision })
}

/// All rows, without a scan record, because no scanner was involved.
fn answer(rows: impl Iterator<Item = Result<ScanRow, CheckError>>) -> Result<ScanAnswer, CheckError> {
    Ok(ScanAnswer { scans: Vec::new(), rows: rows.collect::<Result<_, _>>()? })
}

fn not_installed() -> Verdict {
    Verdict::NotApplicable("it is not installed in this cluster".to_owned())
}
