//! Turns the output of a kube-bench run into rows. Pure.

use amiproof_model::name::NameError;

use super::benchmark::{cluster_controls, name_in_kube_bench, node_controls};
use super::job::Scope;
use super::parse::{Output, parse, parse_compact};
use super::rows::{About, missing_rows, rows};
use crate::check::{CheckError, ScanRow};
use crate::wait::Progress;

/// The output of kube-bench that reached amiproof.
#[derive(Clone, Debug)]
pub struct RawOutput {
    /// How the Job ended, or what it waited for.
    pub progress: Progress,
    /// The pod.
    pub pod: Option<String>,
    /// Its log.
    pub log: Option<String>,
    /// Why there is no log.
    pub log_error: Option<String>,
    /// Its termination message.
    pub message: Option<String>,
}

impl Default for RawOutput {
    fn default() -> Self {
        Self {
            progress: Progress::NotYet("it did not start".to_owned()),
            pod: None,
            log: None,
            log_error: None,
            message: None,
        }
    }
}

/// One row per control: from the log, else from the termination message. Controls that neither tells of are not evaluated.
///
/// # Errors
/// When kube-bench numbers a control in a way that is not a control number.
pub fn assess(scope: Scope, about: &About, seen: &RawOutput) -> Result<Vec<ScanRow>, CheckError> {
    let whole = seen.log.as_deref().map(parse);
    let compact = seen.message.as_deref().map(parse_compact);
    let (output, reason): (Option<Output>, String) = match (whole, compact) {
        (Some(Ok(output)), _) => (Some(output), "kube-bench does not have this control".to_owned()),
        (_, Some(Ok(output))) => {
            let cut = if output.cut { ", and its termination message ends before this control" } else { "" };
            (Some(output), format!("the log of kube-bench cannot be read ({}){cut}", why_no_log(seen)))
        }
        (Some(Err(error)), _) => (None, format!("{error}{}", how_it_ended(seen))),
        (None, _) => (None, format!("no result of kube-bench{}: {}", how_it_ended(seen), why_no_log(seen))),
    };
    let other = output.as_ref().map(|output| output.benchmark.as_str()).filter(|ran| {
        // The compact form leaves it out.
        !ran.is_empty() && *ran != name_in_kube_bench(&about.benchmark)
    });
    if let Some(ran) = other {
        let reason = format!("kube-bench ran {ran} instead of {}", name_in_kube_bench(&about.benchmark));
        return nothing(scope, about, &reason);
    }
    let own = output.map(|output| Output {
        controls: output.controls.into_iter().filter(|control| scope.includes(control)).collect(),
        ..output
    });
    let mut found = match &own {
        Some(own) => rows(own, about).map_err(illegal)?,
        None => Vec::new(),
    };
    found.extend(missing(scope, about, &found, &reason)?);
    Ok(found)
}

/// Every control not evaluated, for one reason.
///
/// # Errors
/// Never for the controls of this build.
pub fn nothing(scope: Scope, about: &About, reason: &str) -> Result<Vec<ScanRow>, CheckError> {
    missing(scope, about, &[], reason)
}

fn missing(scope: Scope, about: &About, found: &[ScanRow], reason: &str) -> Result<Vec<ScanRow>, CheckError> {
    match scope {
        Scope::Node => {
            let numbers = node_controls(&about.benchmark).into_iter().map(|(number, _)| number);
            missing_rows(found, about, numbers, reason)
        }
        Scope::Cluster => missing_rows(found, about, cluster_controls(&about.benchmark), reason),
    }
    .map_err(illegal)
}

fn illegal(error: NameError) -> CheckError {
    CheckError::Undecided(format!("kube-bench's output: {error}"))
}

fn why_no_log(seen: &RawOutput) -> String {
    match (&seen.log_error, &seen.log) {
        (Some(error), _) => error.clone(),
        (None, Some(log)) => parse(log).err().map_or_else(String::new, |error| error.to_string()),
        (None, None) => "its container did not finish".to_owned(),
    }
}

fn how_it_ended(seen: &RawOutput) -> String {
    match &seen.progress {
        Progress::Met => String::new(),
        Progress::NotYet(why) => format!(" (deadline exceeded: {why})"),
        Progress::Failed(why) => format!(" ({why})"),
    }
}

#[cfg(test)]
mod tests;
