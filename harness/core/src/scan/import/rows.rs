//! From a file of results to rows of the matrix. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use amiproof_model::name::{Benchmark, CheckId, ControlId, Level};
use amiproof_model::report::{NodeRecord, ScanRecord, Subject};
use amiproof_model::verdict::{Evidence, Verdict};
use sha2::{Digest, Sha256};

use super::document::{Answer, Document, badness, word};
use super::{Import, ImportError, Kind};
use crate::check::{Decision, ScanRow};
use crate::scan::{inspector, kube_bench};

/// What a file is imported as.
#[derive(Clone, Debug)]
pub struct Target {
    /// The variant, or the cluster.
    pub subject: Subject,
    /// The benchmark that the user says it is.
    pub benchmark: Option<Benchmark>,
    /// The benchmark that the variant is hardened to: Inspector judges by it, and its file does not name it.
    pub hardened_to: Option<Benchmark>,
    /// The level that the user says it was scanned for.
    pub level: Option<Level>,
    /// What reports call the scanner, instead of the name that the file gives.
    pub name: Option<String>,
    /// The variant's nodes, for findings that name an instance.
    pub nodes: Vec<NodeRecord>,
    /// Where a copy of the file lies, relative to the folder of the report.
    pub copy: Option<String>,
}

/// The rows of a document.
///
/// # Errors
/// When the benchmark is needed and nobody says which one it is.
pub(super) fn rows(kind: Kind, document: Document, target: &Target) -> Result<Import, ImportError> {
    let benchmark = target.benchmark.clone().or_else(|| document.benchmark.clone());
    let benchmark = match kind {
        Kind::InspectorCsv => Some(
            benchmark
                .or_else(|| target.hardened_to.clone())
                .ok_or(ImportError::NeedsBenchmark { what: "an Inspector report" })?,
        ),
        _ => benchmark,
    };
    let scanner = match (kind, &target.name) {
        // The same scanner as a run's own scan: its rows are the same rows.
        (Kind::InspectorCsv, _) => inspector::SCANNER.to_owned(),
        (_, Some(name)) => word(name),
        (_, None) => document.scanner.clone(),
    };
    let scanner = if scanner.is_empty() { kind.word().to_owned() } else { scanner };
    let facts = facts(&document, target);
    let resources = resources(&document, &target.nodes);
    let mut taken = BTreeSet::new();
    let mut found: Vec<ScanRow> = Vec::with_capacity(document.answers.len());
    let mut places: HashMap<CheckId, usize> = HashMap::new();
    for answer in &document.answers {
        let control = benchmark.as_ref().zip(answer.number.as_ref());
        let control = control.and_then(|(benchmark, number)| ControlId::new(benchmark, number).ok());
        let check = match &control {
            Some(control) if kind.judges_os() => format!("{OS_SUITE}/{control}"),
            _ => format!("{}/{scanner}/{}", kind.suite(), unique(&answer.id, &mut taken)),
        };
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
    let of_suite = |suite: &str| found.iter().any(|row| row.check.suite() == suite);
    let suites = if kind.suite() == OS_SUITE { vec![OS_SUITE] } else { vec![OS_SUITE, kind.suite()] };
    let note = note(&document);
    let record = |suite: &&str| ScanRecord {
        subject: target.subject.clone(),
        suite: (*suite).to_owned(),
        scanner: scanner.clone(),
        scanner_version: document.version.clone(),
        benchmark: benchmark.clone().filter(|_| *suite == OS_SUITE),
        level: target.level.or(document.level),
        expected: None,
        note: note.clone(),
    };
    let scans: Vec<ScanRecord> = suites.iter().filter(|suite| of_suite(suite)).map(record).collect();
    let rows = found.into_iter().map(|row| (target.subject.clone(), row)).collect();
    Ok(Import { scans, suites, rows, when: document.when })
}

/// The suite of controls of an operating system's benchmark, whoever judged them: two scanners' answers stand in one row.
const OS_SUITE: &str = "os-cis";

/// Joins the answers of two rules that a benchmark has as one control: the worse counts, findings add up, both are in evidence.
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
        lines.push(format!("answered {} times in this file: the worst answer counts", answer.times));
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

/// What is the same for every row of a file.
struct Facts {
    lines: Vec<String>,
    copy: Option<String>,
}

fn facts(document: &Document, target: &Target) -> Facts {
    let pairs = [("content", &document.content), ("profile", &document.profile), ("machine", &document.target)];
    let mut lines: Vec<String> =
        pairs.iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| format!("{name}: {text}")).collect();
    let version = document.version.as_deref().unwrap_or_default();
    lines.push(format!("scanner: {} {version}", document.scanner).trim_end().to_owned());
    Facts { lines, copy: target.copy.clone() }
}

/// Instances under the names of the variant's nodes; those of another run as nodes in the order in which the file has them.
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
    let mut parts = vec![format!("imported: {}", document.content)];
    if !document.profile.is_empty() {
        parts.push(format!("profile {}", document.profile));
    }
    if document.left_out > 0 {
        parts.push(format!("{} of the file's rules were not selected", document.left_out));
    }
    let doubled = document.answers.iter().filter(|answer| answer.times > 1).count();
    if doubled > 0 {
        parts.push(format!("{doubled} rules are answered more than once: the worst answer counts"));
    }
    parts.extend(document.notes.iter().cloned());
    parts.join("; ")
}

/// The longest last part of a check id that is still readable.
const MOST_ID: usize = 90;

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
    let short = if legal.len() > MOST_ID || legal.is_empty() || taken.contains(legal) {
        let digest: String = Sha256::digest(id).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{digest}", legal.get(..MOST_ID - 10).unwrap_or(legal).trim_end_matches('-'))
            .trim_start_matches('-')
            .to_owned()
    } else {
        legal.to_owned()
    };
    taken.insert(short.clone());
    short
}

/// The rows of kube-bench's own JSON: node controls are the variant's, all others the cluster's.
///
/// # Errors
/// When the benchmark is unknown or another than the user says.
pub(super) fn kube_bench_rows(text: &str, target: &Target) -> Result<Import, ImportError> {
    let output = kube_bench::parse::parse(text).map_err(|error| ImportError::KubeBench(error.to_string()))?;
    let benchmark = kube_bench_benchmark(&output.benchmark, target)?;
    let mut import = Import::default();
    let node = target.nodes.first();
    for (subject, of_node) in [(target.subject.clone(), true), (Subject::Cluster, false)] {
        let controls: Vec<_> =
            output.controls.iter().filter(|control| (control.target == "node") == of_node).cloned().collect();
        if controls.is_empty() {
            continue;
        }
        let about = kube_bench::rows::About {
            benchmark: benchmark.clone(),
            resource: if of_node { "node 1" } else { "cluster" }.to_owned(),
            placement: amiproof_model::verdict::Placement {
                pod: None,
                node: node.map_or_else(|| "of the imported file".to_owned(), |node| node.name.clone()),
                instance_id: node.and_then(|node| node.instance_id.clone()),
                ami_id: None,
            },
        };
        let part = kube_bench::parse::Output { controls, ..output.clone() };
        let rows = kube_bench::rows::rows(&part, &about).map_err(|error| ImportError::Id(error.to_string()))?;
        import.add_kube_bench(subject, &benchmark, target, rows);
    }
    Ok(import)
}

fn kube_bench_benchmark(named: &str, target: &Target) -> Result<Benchmark, ImportError> {
    let own = match named {
        "" => None,
        // kube-bench calls the CIS Kubernetes benchmarks `cis-1.10`, and those of EKS `eks-1.8.0`.
        named if named.starts_with("cis-") => named.replacen("cis-", "cis-kubernetes-", 1).parse().ok(),
        named => kube_bench::benchmark::key(named).ok(),
    };
    match (own, &target.benchmark) {
        (Some(own), Some(said)) if own != *said => {
            Err(ImportError::OtherBenchmark { said: said.to_string(), found: own.to_string() })
        }
        (Some(own), _) => Ok(own),
        (None, Some(said)) => Ok(said.clone()),
        (None, None) => {
            Err(ImportError::NeedsBenchmark { what: "a kube-bench result without a version that amiproof reads" })
        }
    }
}

impl Import {
    fn add_kube_bench(&mut self, subject: Subject, benchmark: &Benchmark, target: &Target, rows: Vec<ScanRow>) {
        self.suites = vec!["kube-bench"];
        let rows = rows.into_iter().map(|mut row| {
            row.decision.evidence.extend(target.copy.as_ref().map(|copy| Evidence {
                name: "kube-bench output".to_owned(),
                text: "imported from a file".to_owned(),
                file: Some(copy.clone()),
            }));
            (subject.clone(), row)
        });
        self.rows.extend(rows);
        self.scans.push(ScanRecord {
            subject,
            suite: "kube-bench".to_owned(),
            scanner: kube_bench::rows::SCANNER.to_owned(),
            scanner_version: None,
            benchmark: Some(benchmark.clone()),
            level: target.level,
            expected: None,
            note: "imported".to_owned(),
        });
    }
}

#[cfg(test)]
mod tests;
