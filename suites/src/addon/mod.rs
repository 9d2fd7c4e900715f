//! Suite `addon`: the add-ons that are in the cluster, their DaemonSet parts per variant, their controllers once.
//!
//! An add-on is found by the names of its objects ([`amiproof_core::cluster::addons`]), whoever installed it: EKS, Helm or `kubectl apply`. Everything but the
//! state that EKS reports comes from Kubernetes alone.

pub mod controllers;
pub mod daemonsets;
mod health;
mod seen;

use amiproof_core::check::{CheckError, Decision, ScanAnswer, ScanRow};
use amiproof_model::verdict::Verdict;

/// How long an add-on's pods get to be Ready. EKS calls an add-on ACTIVE when they are; on a cluster that someone else made they
/// may have just been applied.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(180);

/// For one attempt: the timeout, and time to read what explains a failure.
const ATTEMPT: std::time::Duration = std::time::Duration::from_secs(300);

/// The row of an add-on.
fn row(addon: &str, title: String, decision: impl Into<Decision>) -> Result<ScanRow, CheckError> {
    let check = format!("addon/{addon}").parse();
    let check = check.map_err(|error| CheckError::Undecided(format!("add-on {addon} cannot be reported: {error}")))?;
    let (scanner, decision) = (String::new(), decision.into());
    Ok(ScanRow { check, title, control: None, level: None, severity: None, scanner, decision })
}

/// All rows. No scanner judged them, so there is no record of one.
fn answer(rows: impl Iterator<Item = Result<ScanRow, CheckError>>) -> Result<ScanAnswer, CheckError> {
    Ok(ScanAnswer { scans: Vec::new(), rows: rows.collect::<Result<_, _>>()? })
}

fn not_installed() -> Verdict {
    Verdict::NotApplicable("it is not installed in this cluster".to_owned())
}
