//! The words of a conclusion.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};

use indexmap::IndexMap;

use super::Tally;
use super::tally::{Conclusion, Scope};
use crate::judge::disposition::Disposition;
use crate::name::{CheckId, ControlId, VariantName};
use crate::report::Report;
use crate::report::result::CheckResult;
use crate::report::subject::Subject;
use crate::threshold;
use crate::verdict::Outcome;

/// Why, worst first: what the conclusion itself does not say comes after it.
pub(super) fn of(report: &Report, scope: Scope<'_>, tally: &Tally<'_>) -> String {
    let mut parts = Vec::new();
    if tally.leftovers > 0 {
        parts.push(format!("{} left behind", count(tally.leftovers, "resource")));
    }
    if tally.interrupted {
        parts.push("interrupted before all checks had run".to_owned());
    }
    if tally.unverified > 0 {
        parts.push(format!("{} not verified as deleted", count(tally.unverified, "resource")));
    }
    parts.extend(broken(tally, scope));
    parts.extend(open(&tally.open));
    if tally.regressions > 0 {
        parts.push(format!("{} against the baseline", count(tally.regressions, "regression")));
    }
    let failed = cells(&tally.failed);
    if !failed.is_empty() {
        parts.push(format!("{} failed ({})", failed.len(), by_suite(&failed)));
    }
    parts.extend(open(&tally.settled));
    let counts = &tally.counts;
    let blocked = counted(report, scope, |disposition| matches!(disposition, Disposition::Blocked { .. }));
    if blocked > 0 {
        parts.push(format!("{blocked} blocked by a failure{}", blockers(report, scope)));
    }
    if !parts.is_empty() {
        return parts.join("; ");
    }
    match tally.conclusion() {
        Conclusion::NothingSelected if counts.total() == 0 => "no check ran".to_owned(),
        Conclusion::NothingSelected => "no check applies".to_owned(),
        Conclusion::NothingEvaluated => "nothing was evaluated".to_owned(),
        Conclusion::Incomplete => {
            let allowed = counted(report, scope, |disposition| matches!(disposition, Disposition::Allowed));
            format!("{allowed} not evaluated, as a threshold allows")
        }
        _ => passed(report, scope),
    }
}

fn passed(report: &Report, scope: Scope<'_>) -> String {
    let words = ["passed", "flaky", "waived", "tolerated", "informational"];
    let counted_words =
        words.iter().map(|word| (counted(report, scope, |disposition| disposition.as_str() == *word), word));
    counted_words
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{number} {word}"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// How many cells have a row with such a disposition.
fn counted(report: &Report, scope: Scope<'_>, is_meant: impl Fn(&Disposition) -> bool) -> usize {
    let rows = report.results.iter().filter(|row| scope.has(&row.subject) && is_meant(&row.disposition));
    cells(&rows.collect::<Vec<_>>()).len()
}

/// `node group of al2023-l1 broke`, or how many phases of how many variants.
fn broken(tally: &Tally<'_>, scope: Scope<'_>) -> Option<String> {
    let words: BTreeSet<&str> = tally.broken.iter().map(|(_, phase)| phase.phase.as_str()).collect();
    let words = words.into_iter().collect::<Vec<_>>().join(", ");
    let variants: BTreeSet<&str> = tally.broken.iter().filter_map(|(name, _)| Some((*name)?.as_str())).collect();
    match (variants.len(), scope) {
        _ if tally.broken.is_empty() => None,
        (0, _) | (_, Scope::Of(_)) => Some(format!("error in {words}")),
        (1..=3, Scope::Run) => {
            let names = variants.into_iter().collect::<Vec<_>>().join(", ");
            Some(format!("error in {words} ({names})"))
        }
        (many, Scope::Run) => Some(format!("errors in {words} ({many} variants)")),
    }
}

/// `2 errors; 50 not evaluated (workload 48, gate 2)`.
fn open(rows: &[&CheckResult]) -> Option<String> {
    let (errors, silent): (Vec<&CheckResult>, Vec<&CheckResult>) =
        cells(rows).into_iter().partition(|row| matches!(row.disposition, Disposition::Error));
    let mut parts = Vec::new();
    if !errors.is_empty() {
        parts.push(format!("{} ({})", count(errors.len(), "error"), by_suite(&errors)));
    }
    if !silent.is_empty() {
        parts.push(format!("{} not evaluated ({})", silent.len(), by_suite(&silent)));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// ` of node/joined`, where all of them are blocked by the same check.
fn blockers(report: &Report, scope: Scope<'_>) -> String {
    let rows = report.results.iter().filter(|row| scope.has(&row.subject));
    let checks: BTreeSet<&str> = rows
        .filter_map(|row| match &row.disposition {
            Disposition::Blocked { check, .. } => Some(check.as_str()),
            _ => None,
        })
        .collect();
    match checks.first() {
        Some(check) if checks.len() == 1 => format!(" of {check}"),
        _ => String::new(),
    }
}

/// A note besides the verdict: the findings of an operating system's benchmark on images that are not hardened to it.
pub(super) fn notes(report: &Report, scope: Scope<'_>) -> Vec<String> {
    let mut notes = missed(report, scope);
    notes.extend(images(report, scope));
    notes
}

/// What is to be known of images: a base that is not the reference, and a deprecation.
fn images(report: &Report, scope: Scope<'_>) -> Vec<String> {
    let image_of = |name: &VariantName| {
        let variant = report.variants.iter().find(|variant| variant.name == *name)?;
        variant.ami.as_ref()
    };
    let mut notes = Vec::new();
    for variant in &report.variants {
        let subject = Subject::Variant(variant.name.clone());
        let Some(image) = variant.ami.as_ref().filter(|_| scope.has(&subject)) else { continue };
        let mut note = |sentence: String| {
            notes.push(match scope {
                Scope::Run => format!("{}: {sentence}", variant.name),
                Scope::Of(_) => sentence,
            });
        };
        if let (Some(name), Some(base)) = (&variant.reference, image.ancestors.first())
            && let Some(reference) = image_of(name)
            && image.id != reference.id
            && !image.ancestors.contains(&reference.id)
        {
            let (other, is_from) = (&reference.id, "so differences may come from the base image");
            note(format!("the image was built on {base}, and its reference {name} is {other}, {is_from}"));
        }
        if let Some(since) = image.deprecated.filter(|since| *since <= report.run.started) {
            note(format!("the image has been deprecated since {}", since.strftime("%Y-%m-%d")));
        }
    }
    notes
}

fn missed(report: &Report, scope: Scope<'_>) -> Vec<String> {
    let mut subjects: IndexMap<&Subject, (usize, usize)> = IndexMap::new();
    let suites: BTreeSet<(&Subject, &str)> = report
        .results
        .iter()
        .filter(|row| matches!(row.disposition, Disposition::Informational) && scope.has(&row.subject))
        .map(|row| (&row.subject, row.check.suite()))
        .filter(|(_, suite)| *suite != threshold::SUITE)
        .collect();
    for row in report.results.iter().filter(|row| suites.contains(&(&row.subject, row.check.suite()))) {
        let (missed, whole) = subjects.entry(&row.subject).or_default();
        match (&row.outcome, &row.disposition) {
            (Outcome::Fail { .. }, Disposition::Informational) => {
                *missed += 1;
                *whole += 1;
            }
            (Outcome::Pass | Outcome::Fail { .. }, _) => *whole += 1,
            _ => {}
        }
    }
    let counted_words = subjects.into_iter().filter(|(_, (missed, _))| *missed > 0);
    counted_words
        .map(|(subject, (missed, whole))| {
            let sentence = format!("{missed} of {whole} controls not met, as expected of a stock image");
            match scope {
                Scope::Run => format!("{}: {sentence}", subject.as_str()),
                Scope::Of(_) => sentence,
            }
        })
        .collect()
}

/// The rows that stand for a cell of the matrix each: a control of a subject counts once, whichever scanners and suites judge it, as in
/// every other number of a report.
fn cells<'a>(rows: &[&'a CheckResult]) -> Vec<&'a CheckResult> {
    let mut checks: HashSet<(&Subject, &CheckId)> = HashSet::new();
    let mut controls: HashMap<(&Subject, &ControlId), &str> = HashMap::new();
    let is_first = |row: &&&'a CheckResult| {
        let suite = row.check.suite();
        let is_new = checks.insert((&row.subject, &row.check));
        let home = row.control.as_ref().map(|control| *controls.entry((&row.subject, control)).or_insert(suite));
        is_new && home.is_none_or(|home| home == suite)
    };
    rows.iter().filter(is_first).copied().collect()
}

/// `workload 15, addon 1`: the suites of some rows, those that users notice first, then the one with the most.
fn by_suite(rows: &[&CheckResult]) -> String {
    let mut suites: IndexMap<&str, usize> = IndexMap::new();
    for row in rows {
        *suites.entry(row.check.suite()).or_default() += 1;
    }
    suites.sort_by_key(|suite, number| (weight(suite), Reverse(*number)));
    suites.iter().map(|(suite, number)| format!("{suite} {number}")).collect::<Vec<_>>().join(", ")
}

/// How soon a reader wants to know of a failure in a suite: what users run, what everyone hangs on, the nodes, scans, amiproof's gates.
pub fn weight(suite: &str) -> u8 {
    match suite {
        "workload" => 0,
        "addon" => 1,
        threshold::SUITE => 4,
        scanned if threshold::SCANNED.contains(&scanned) => 3,
        _ => 2,
    }
}

fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}
