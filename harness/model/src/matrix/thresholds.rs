//! The section `thresholds`.

use std::collections::BTreeMap;

use super::file::{SeveritiesSection, ThresholdSection};
use super::resolve::{Asked, list};
use super::variant::Named;
use crate::form::List;
use crate::name::Level;
use crate::problem::instead;
use crate::report::Severity;
use crate::threshold::{SCANNED, Share, Threshold};

/// Resolves every threshold; those that are wrong were noted.
pub(super) fn all(
    asked: &mut Asked<'_>,
    raw: List<ThresholdSection>,
    suites: &[&str],
    variants: &[Named],
) -> Vec<Threshold> {
    let sections = raw.into_iter().enumerate();
    sections.filter_map(|(index, raw)| one(asked, &format!("thresholds[{index}]"), raw?, suites, variants)).collect()
}

fn one(
    asked: &mut Asked<'_>,
    path: &str,
    raw: ThresholdSection,
    suites: &[&str],
    variants: &[Named],
) -> Option<Threshold> {
    let suite = raw.suite?;
    if !SCANNED.contains(&suite.as_str()) {
        let message = if suites.contains(&suite.as_str()) {
            format!("the suite '{suite}' has no controls that a threshold could count")
        } else {
            format!("there is no suite '{suite}'")
        };
        asked.problem(&format!("{path}.suite"), message, instead(&suite, &SCANNED));
        return None;
    }
    let known: Vec<&str> = variants.iter().filter_map(Named::name).collect();
    let variants = list(asked, &format!("{path}.variants"), raw.variants, |asked, path, name| {
        if !known.contains(&name.as_str()) {
            asked.problem(path, format!("there is no variant '{name}'"), instead(&name, &known));
            return None;
        }
        asked.name(path, name.parse())
    });
    let threshold = Threshold {
        suite,
        variants,
        level: raw.level.and_then(|level| u8::try_from(level).ok()).and_then(|level| Level::try_from(level).ok()),
        pass: share(asked, &format!("{path}.pass"), raw.pass),
        failures: raw.failures.and_then(|most| usize::try_from(most).ok()),
        severities: severities(&raw.severities.unwrap_or_default()),
        coverage: share(asked, &format!("{path}.coverage"), raw.coverage),
    };
    let is_empty = threshold.pass.is_none()
        && threshold.failures.is_none()
        && threshold.severities.is_empty()
        && threshold.coverage.is_none();
    if is_empty && !asked.is_wrong(path) {
        asked.problem(path, "this threshold asks for nothing", "add pass, failures, severities or coverage");
    }
    Some(threshold)
}

fn share(asked: &mut Asked<'_>, path: &str, text: Option<String>) -> Option<Share> {
    match text?.parse() {
        Ok(share) => Some(share),
        Err(message) => {
            let message: String = message;
            asked.problem(path, message, "write a share like 95%");
            None
        }
    }
}

fn severities(raw: &SeveritiesSection) -> BTreeMap<Severity, usize> {
    let all = [
        (Severity::Critical, raw.critical),
        (Severity::High, raw.high),
        (Severity::Medium, raw.medium),
        (Severity::Low, raw.low),
    ];
    all.into_iter().filter_map(|(severity, most)| Some((severity, usize::try_from(most?).ok()?))).collect()
}
