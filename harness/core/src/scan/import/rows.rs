//! From a file of results to rows of the matrix. Pure.

pub(super) mod bottlerocket;
pub(super) mod import;
pub(super) mod kube_bench;
mod target;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use amiproof_model::name::{Benchmark, CheckId, ControlId};
use amiproof_model::report::{NodeRecord, ScanRecord};
use amiproof_model::verdict::{Evidence, Verdict};
use amiproof_model::vocabulary::of_inspector;

pub use self::target::{File, Target, digest_of};
use self::target::{OS_SUITE, digest, scanner_name};
use super::document::{Answer, Document, badness};
use super::own::RUN;
use super::xml::clip;
use super::{Import, ImportError, Kind};
use crate::check::{Decision, ScanRow};

/// The rows of a document.
///
/// # Errors
/// If the benchmark is needed, but neither the file nor the user names it.
pub(super) fn rows(kind: Kind, document: Document, target: &Target) -> Result<Import, ImportError> {
    let document = of_subject(document, target)?;
    let benchmark = benchmark(kind, &document, target)?;
    let own = if document.scanner.is_empty() { kind.as_str() } else { &document.scanner };
    let scanner = scanner_name(target, own);
    let source = target.source(&scanner, &document.target);
    let facts = facts(&document, target);
    let resources = resources(&document, &target.nodes);
    let mut taken = BTreeSet::new();
    let mut found: Vec<ScanRow> = Vec::with_capacity(document.answers.len());
    let mut places: HashMap<CheckId, usize> = HashMap::new();
    let mut joined_suites: BTreeSet<&str> = BTreeSet::new();
    for answer in &document.answers {
        let benchmark = answer.benchmark.as_ref().or(benchmark.as_ref());
        let control = |number: &String| ControlId::new(benchmark?, number).ok();
        let controls: Vec<ControlId> = answer.numbers.iter().filter_map(control).collect();
        let joined = joined_suite(kind, &document, benchmark);
        let checks: Vec<(String, Option<ControlId>)> = match joined {
            Some(suite) if !controls.is_empty() => {
                joined_suites.insert(suite);
                controls.into_iter().map(|control| (format!("{suite}/{control}"), Some(control))).collect()
            }
            _ => {
                let id = format!("{}/{scanner}/{}", kind.suite(), unique(&answer.id, &mut taken));
                vec![(id, controls.into_iter().next())]
            }
        };
        for (check, control) in checks {
            let check = CheckId::try_from(check).map_err(|error| ImportError::Id(error.to_string()))?;
            let row = row(answer, check.clone(), control, &scanner, &facts, &resources);
            match places.get(&check).and_then(|at| found.get_mut(*at)) {
                Some(known) => join(known, row),
                None => {
                    places.insert(check, found.len());
                    found.push(row);
                }
            }
        }
    }
    let note = note(&document);
    // One record per suite, and where a file judges by several benchmarks one per benchmark.
    let mut judged: BTreeSet<(String, Option<Benchmark>)> = BTreeSet::new();
    for row in &found {
        let of = row.control.as_ref().and_then(|control| control.benchmark().parse().ok());
        let is_joined = joined_suites.contains(row.check.suite());
        judged.insert((row.check.suite().to_owned(), of.or_else(|| benchmark.clone()).filter(|_| is_joined)));
    }
    let record = |(suite, benchmark): (String, Option<Benchmark>)| ScanRecord {
        subject: target.subject.clone(),
        suite,
        scanner: scanner.clone(),
        scanner_version: document.version.clone(),
        benchmark,
        level: target.level.or(document.level),
        // What a file happens to contain does not tell how much was expected.
        expected: None,
        source: source.clone(),
        note: note.clone(),
    };
    let scans: Vec<ScanRecord> = judged.into_iter().map(record).collect();
    let rows = found.into_iter().map(|row| (target.subject.clone(), row)).collect();
    Ok(Import { subject: Some(target.subject.clone()), source, scans, rows, when: document.when })
}

/// For a file that amiproof wrote: the results of the column that it is imported for, and those of its run as a whole.
/// For any other file: all results.
///
/// # Errors
/// When it is about other columns only.
fn of_subject(mut document: Document, target: &Target) -> Result<Document, ImportError> {
    let wanted = target.subject.as_str();
    let found: BTreeSet<&str> = document
        .answers
        .iter()
        .map(|answer| answer.subject.as_str())
        .filter(|name| !name.is_empty() && *name != RUN)
        .collect();
    if found.is_empty() {
        return Ok(document);
    }
    if !found.contains(wanted) {
        let found = found.into_iter().collect::<Vec<_>>().join(", ");
        return Err(ImportError::OtherSubject { wanted: wanted.to_owned(), found: clip(found, 300) });
    }
    let others: Vec<&str> = found.into_iter().filter(|name| *name != wanted).collect();
    if !others.is_empty() {
        let note = format!("the file's rows about {} were left out", clip(others.join(", "), 300));
        document.notes.push(note);
    }
    document.answers.retain(|answer| matches!(answer.subject.as_str(), "" | RUN) || answer.subject == wanted);
    Ok(document)
}

/// The suite for the controls of a file, shared with a run's own scans; none without a benchmark.
fn joined_suite(kind: Kind, document: &Document, benchmark: Option<&Benchmark>) -> Option<&'static str> {
    let is_of_kubernetes = |benchmark: &Benchmark| matches!(benchmark.family(), "cis-eks" | "cis-kubernetes");
    match kind {
        // Formats that hold benchmarks of any kind.
        Kind::Hdf | Kind::Ocsf | Kind::Asff if benchmark.is_some_and(is_of_kubernetes) => Some(kube_bench::SCANNER),
        Kind::Junit if document.scanner == kube_bench::SCANNER => Some(kube_bench::SCANNER),
        kind if kind.may_judge_os() => Some(OS_SUITE),
        _ => None,
    }
}

/// The benchmark of the numbers in a document: the file takes precedence over the user, and the user over the hardening of the variant,
/// which is only an intention.
fn benchmark(kind: Kind, document: &Document, target: &Target) -> Result<Option<Benchmark>, ImportError> {
    let wanted = target.benchmark.as_ref();
    let other = |found: &Benchmark| match wanted {
        Some(wanted) => ImportError::OtherBenchmark { wanted: wanted.to_string(), found: found.to_string() },
        None => ImportError::NeedsBenchmark { what: "an Inspector report" },
    };
    if !kind.is_inspectors() {
        let mut own = document.answers.iter().filter_map(|answer| answer.benchmark.as_ref()).chain(&document.benchmark);
        return match own.find(|own| wanted.is_some_and(|wanted| wanted != *own)) {
            Some(found) => Err(other(found)),
            None => Ok(document.benchmark.clone().or_else(|| wanted.cloned())),
        };
    }
    // Inspector's file names the platform; only its guide says which benchmark version it uses. An unknown platform is
    // not the variant's: its controls have the same numbers, and would count as results of the variant's benchmark.
    let platform = of_inspector(&document.platform);
    let is_foreign = platform.is_none() && !document.platform.is_empty();
    let fits = |one: &Benchmark| platform.as_ref().is_none_or(|platform| platform.family() == one.family());
    match (wanted, &target.hardened_to, platform.as_ref()) {
        (Some(wanted), ..) if fits(wanted) => Ok(Some(wanted.clone())),
        (Some(_), _, Some(platform)) => Err(other(platform)),
        (None, Some(hardened_to), _) if !is_foreign && fits(hardened_to) => Ok(Some(hardened_to.clone())),
        (None, _, Some(platform)) => Ok(Some(platform.clone())),
        _ => Err(ImportError::NeedsBenchmark { what: "an Inspector report" }),
    }
}

/// Joins the results of two rules that belong to one control: the worse counts, findings add up, both are in the evidence.
fn join(known: &mut ScanRow, other: ScanRow) {
    let (own, more) = (&mut known.decision, other.decision);
    match (&mut own.verdict, more.verdict) {
        (Verdict::Fail(findings), Verdict::Fail(others)) => findings.extend(others),
        (verdict, other) if badness(&other) > badness(verdict) => *verdict = other,
        _ => {}
    }
    own.evidence.extend(more.evidence);
    known.severity = known.severity.max(other.severity);
}

fn row(
    answer: &Answer,
    check: CheckId,
    control: Option<ControlId>,
    scanner: &str,
    facts: &Facts,
    resources: &BTreeMap<String, String>,
) -> ScanRow {
    let mut lines = vec![format!("rule: {}", answer.id)];
    if !answer.identifiers.is_empty() {
        lines.push(format!("identifiers: {}", answer.identifiers.join(", ")));
    }
    if answer.times > 1 {
        lines.push(format!("listed {} times in this file: the worst result counts", answer.times));
    }
    lines.extend(facts.lines.iter().cloned());
    let verdict = match answer.verdict.clone() {
        Verdict::Fail(mut findings) => {
            for finding in &mut findings {
                if let Some(name) = resources.get(&finding.resource) {
                    finding.resource.clone_from(name);
                }
            }
            Verdict::Fail(findings)
        }
        other => other,
    };
    let evidence =
        Evidence { name: "imported from a file".to_owned(), text: lines.join("\n"), file: facts.copy.clone() };
    ScanRow {
        check,
        title: answer.title.clone(),
        control,
        level: answer.level,
        severity: answer.severity,
        scanner: scanner.to_owned(),
        decision: Decision { evidence: vec![evidence], ..Decision::from(verdict) },
    }
}

/// The common data of all rows of a file.
struct Facts {
    lines: Vec<String>,
    copy: Option<String>,
}

fn facts(document: &Document, target: &Target) -> Facts {
    let pairs = [
        ("content", &document.content),
        ("profile", &document.profile),
        ("platform", &document.platform),
        ("machine", &document.target),
    ];
    let mut lines: Vec<String> =
        pairs.iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| format!("{name}: {text}")).collect();
    let version = document.version.as_deref().unwrap_or_default();
    lines.push(format!("scanner: {} {version}", document.scanner).trim_end().to_owned());
    Facts { lines, copy: target.copy.clone() }
}

/// Instances under the names of the variant's nodes; those of another run as nodes in the order of the file.
fn resources(document: &Document, nodes: &[NodeRecord]) -> BTreeMap<String, String> {
    let instances = document.answers.iter().flat_map(|answer| match &answer.verdict {
        Verdict::Fail(findings) => findings.as_slice(),
        _ => &[],
    });
    let mut names = BTreeMap::new();
    for resource in instances.map(|finding| &finding.resource).filter(|resource| resource.starts_with("i-")) {
        let known = nodes.iter().find(|node| node.instance_id.as_ref() == Some(resource));
        let next = names.len() + 1;
        names
            .entry(resource.clone())
            .or_insert_with(|| known.map_or_else(|| format!("node {next}"), |node| format!("node {}", node.index)));
    }
    names
}

fn note(document: &Document) -> String {
    let mut parts = match document.content.is_empty() {
        true => vec!["imported".to_owned()],
        false => vec![format!("imported: {}", document.content)],
    };
    if !document.profile.is_empty() {
        parts.push(format!("profile {}", document.profile));
    }
    if document.left_out > 0 {
        parts.push(format!("not selected: {} of the file's rules or tests", document.left_out));
    }
    let doubled = document.answers.iter().filter(|answer| answer.times > 1).count();
    if doubled > 0 {
        parts.push(format!("{doubled} of the file's rules with several results: the worst counts"));
    }
    parts.extend(document.notes.iter().cloned());
    parts.join("; ")
}

/// The longest last part of a check id that is still readable.
const MAX_ID: usize = 90;

/// A rule's id as a part of a check id: illegal characters become dashes; what then is too long, or is taken, ends with a digest of
/// the whole, so that it stays the same from import to import.
fn unique(id: &str, taken: &mut BTreeSet<String>) -> String {
    let mut legal = String::new();
    for char in id.chars() {
        if char.is_ascii_alphanumeric() || "._".contains(char) {
            legal.push(char);
        } else if !legal.ends_with('-') {
            legal.push('-');
        }
    }
    let legal = legal.trim_matches('-');
    let short = if legal.len() > MAX_ID || legal.is_empty() || taken.contains(legal) {
        format!("{}-{}", legal.get(..MAX_ID - 10).unwrap_or(legal).trim_end_matches('-'), digest(id))
            .trim_start_matches('-')
            .to_owned()
    } else {
        legal.to_owned()
    };
    taken.insert(short.clone());
    short
}

#[cfg(test)]
mod tests;
