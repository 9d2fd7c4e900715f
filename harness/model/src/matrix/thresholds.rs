//! The section `thresholds`.

use std::collections::BTreeMap;

use super::file::{SeveritiesSection, ThresholdSection};
use super::resolver::{Resolver, list};
use super::spec::scans::ScanSettings;
use super::spec::{Family, SuiteSelection};
use super::variant::Named;
use crate::form::List;
use crate::name::{Level, VariantName};
use crate::problem::instead;
use crate::report::severity::Severity;
use crate::threshold::declared::{SCANNED, Share, Threshold};

/// What a threshold can be about.
pub(super) struct Judged<'a> {
    /// The names of all suites that exist.
    pub(super) suites: &'a [&'a str],
    /// Which of them run.
    pub(super) selection: &'a SuiteSelection,
    pub(super) scans: &'a ScanSettings,
    pub(super) variants: &'a [Named],
}

/// Resolves every threshold; those that are wrong were noted.
pub(super) fn all(resolver: &mut Resolver<'_>, raw: List<ThresholdSection>, judged: &Judged<'_>) -> Vec<Threshold> {
    let sections = raw.into_iter().enumerate();
    sections.filter_map(|(index, raw)| one(resolver, &format!("thresholds[{index}]"), raw?, judged)).collect()
}

fn one(resolver: &mut Resolver<'_>, path: &str, raw: ThresholdSection, judged: &Judged<'_>) -> Option<Threshold> {
    let suite = raw.suite?;
    let limits = raw.pass.is_some() || raw.failures.is_some() || raw.severities.is_some();
    let is_scanned = SCANNED.contains(&suite.as_str());
    if !is_scanned && (limits || !judged.suites.contains(&suite.as_str())) {
        let message = if judged.suites.contains(&suite.as_str()) {
            format!("the suite '{suite}' has no controls that a threshold could count")
        } else {
            format!("there is no suite '{suite}'")
        };
        resolver.problem(&format!("{path}.suite"), message, instead(&suite, &SCANNED));
        return None;
    }
    let variants = judged.variants;
    let known: Vec<&str> = variants.iter().filter_map(Named::name).collect();
    let variants = list(resolver, &format!("{path}.variants"), raw.variants, |resolver, path, name| {
        if !known.contains(&name.as_str()) {
            resolver.problem(path, format!("there is no variant '{name}'"), instead(&name, &known));
            return None;
        }
        resolver.name(path, name.parse())
    });
    let threshold = Threshold {
        suite,
        variants,
        level: raw.level.and_then(|level| u8::try_from(level).ok()).and_then(|level| Level::try_from(level).ok()),
        pass: share(resolver, &format!("{path}.pass"), raw.pass),
        failures: raw.failures.and_then(|most| usize::try_from(most).ok()),
        severities: severities(&raw.severities.unwrap_or_default()),
        coverage: share(resolver, &format!("{path}.coverage"), raw.coverage),
    };
    if let Some(scanner) = ungraded(&threshold, judged) {
        let message = format!("{scanner} reports no severity, so this would count none of its failures");
        resolver.problem(&format!("{path}.severities"), message, "limit them by failures or pass instead");
    }
    let is_empty = threshold.pass.is_none()
        && threshold.failures.is_none()
        && threshold.severities.is_empty()
        && threshold.coverage.is_none();
    if is_empty && !resolver.is_wrong(path) {
        resolver.problem(path, "this threshold has no condition", "add pass, failures, severities or coverage");
    }
    Some(threshold)
}

/// The only scanner of the rows that a threshold by severities covers, if that scanner reports no severities.
fn ungraded(threshold: &Threshold, judged: &Judged<'_>) -> Option<&'static str> {
    if threshold.severities.is_empty() {
        return None;
    }
    match threshold.suite.as_str() {
        "os-cis" => {
            let is_meant = |named: &&Named| {
                let hardened_to = named.variant.as_ref().and_then(|variant| variant.hardening.as_ref());
                let level = hardened_to.map(|hardening| hardening.level);
                let is_named = |name: &VariantName| Some(name.as_str()) == named.name();
                (threshold.variants.is_empty() || threshold.variants.iter().any(is_named))
                    && (threshold.level.is_none() || threshold.level == level)
            };
            let scanners: Vec<Option<&'static str>> =
                judged.variants.iter().filter(is_meant).map(|named| only_scanner(named, judged)).collect();
            scanners.into_iter().collect::<Option<Vec<&'static str>>>()?.into_iter().next()
        }
        suite => never_graded(suite),
    }
}

/// The scanner of a suite whose results never have a severity.
fn never_graded(suite: &str) -> Option<&'static str> {
    match suite {
        "kube-bench" => Some("kube-bench"),
        "eks-cis" => Some("amiproof's own scan of the cluster"),
        "junit" => Some("a JUnit file"),
        _ => None,
    }
}

/// The only scanner of a variant's operating system, if there is exactly one; OpenSCAP and imported files have severities, and files are
/// imported where no
/// scanner runs.
fn only_scanner(named: &Named, judged: &Judged<'_>) -> Option<&'static str> {
    let (check, scanner) = match named.family? {
        Family::Al2023 | Family::Windows => ("os-cis/inspector", "Amazon Inspector"),
        Family::Bottlerocket => ("os-cis/bottlerocket", "Bottlerocket's own report"),
        Family::Al2 => return None,
    };
    let has_openscap = named.variant.as_ref().is_none_or(|variant| judged.scans.openscap_of(&variant.name).is_some());
    let runs = check.parse().is_ok_and(|check| judged.selection.selects(&check, false));
    (runs && !has_openscap).then_some(scanner)
}

fn share(resolver: &mut Resolver<'_>, path: &str, text: Option<String>) -> Option<Share> {
    match text?.parse() {
        Ok(share) => Some(share),
        Err(message) => {
            let message: String = message;
            resolver.problem(path, message, "write a share like 95%");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_of_scans_is_known_to_grade_or_not() {
        let ungraded: Vec<&str> = SCANNED.into_iter().filter(|suite| never_graded(suite).is_some()).collect();
        assert_eq!(ungraded, ["kube-bench", "eks-cis", "junit"]);
    }
}
