//! The rows of kube-bench's own JSON: of a run per node, or of many.

use amiproof_model::name::Benchmark;
use amiproof_model::report::{ScanRecord, Subject};
use amiproof_model::verdict::{Evidence, Placement};
use amiproof_model::vocabulary::of_kube_bench;

use super::{Target, scanner_name};
use crate::check::ScanRow;
use crate::scan::import::{Import, ImportError};
use crate::scan::kube_bench::merge::merge;
use crate::scan::kube_bench::parse::{Control, Output, runs};
use crate::scan::kube_bench::rows::{self, About};

/// The scanner's name and its suite, as of a run's own scan.
pub(super) const SCANNER: &str = rows::SCANNER;

/// Node controls are the variant's, all others the cluster's. Every run in the file counts: a control fails where any of them fails it.
///
/// # Errors
/// When the benchmark is unknown, or another than the user named.
pub(in crate::scan::import) fn rows(text: &str, target: &Target) -> Result<Import, ImportError> {
    let outputs = runs(text).map_err(|error| ImportError::Form(error.to_string()))?;
    let scanner = scanner_name(target, SCANNER);
    let source = target.source(&scanner, "");
    let mut import = Import { subject: Some(target.subject.clone()), source: source.clone(), ..Import::default() };
    let mut benchmarks: Vec<Benchmark> = Vec::new();
    for output in &outputs {
        let own = benchmark(&output.benchmark, target)?;
        if !benchmarks.contains(&own) {
            benchmarks.push(own);
        }
    }
    for own in benchmarks {
        let of_benchmark = |output: &&Output| benchmark(&output.benchmark, target).is_ok_and(|known| known == own);
        for (subject, of_node) in [(target.subject.clone(), true), (Subject::Cluster, false)] {
            let is_wanted = |control: &&Control| (control.target == "node") == of_node;
            let part = |output: &Output| Output {
                controls: output.controls.iter().filter(is_wanted).cloned().collect(),
                ..output.clone()
            };
            let parts: Vec<Output> =
                outputs.iter().filter(of_benchmark).map(part).filter(|part| !part.controls.is_empty()).collect();
            if parts.is_empty() {
                continue;
            }
            let (rows, count) = (rows_of(&parts, &own, target, of_node)?, parts.len());
            import.rows.extend(rows.into_iter().map(|row| (subject.clone(), finished(row, &scanner, target))));
            import.scans.push(ScanRecord {
                benchmark: Some(own.clone()),
                level: target.level,
                source: source.clone(),
                note: if count == 1 {
                    "imported".to_owned()
                } else {
                    format!("imported: {count} runs, the worst result counts")
                },
                ..ScanRecord::new(subject, SCANNER.to_owned(), scanner.clone())
            });
        }
    }
    Ok(import)
}

fn rows_of(
    parts: &[Output],
    benchmark: &Benchmark,
    target: &Target,
    of_node: bool,
) -> Result<Vec<ScanRow>, ImportError> {
    let mut of_runs = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let resource = match (of_node, parts.len()) {
            (true, _) => format!("node {}", at + 1),
            (false, 1) => "cluster".to_owned(),
            (false, _) => format!("cluster, run {}", at + 1),
        };
        // The output of a run does not name its node; with one run and one node there is no doubt.
        let node = target.nodes.first().filter(|_| parts.len() == 1 && target.nodes.len() == 1);
        let about = About {
            benchmark: benchmark.clone(),
            resource: resource.clone(),
            placement: Placement {
                pod: None,
                node: node.map_or_else(|| "not named in the file".to_owned(), |node| node.name.clone()),
                instance_id: node.and_then(|node| node.instance_id.clone()),
                ami_id: None,
            },
        };
        of_runs.push((resource, rows::rows(part, &about).map_err(|error| ImportError::Id(error.to_string()))?));
    }
    Ok(merge(of_runs))
}

fn finished(mut row: ScanRow, scanner: &str, target: &Target) -> ScanRow {
    scanner.clone_into(&mut row.scanner);
    row.decision.placements.dedup();
    row.decision.evidence.extend(target.copy.as_ref().map(|copy| Evidence {
        name: "kube-bench output".to_owned(),
        text: "imported from a file".to_owned(),
        file: Some(copy.clone()),
    }));
    row
}

fn benchmark(named: &str, target: &Target) -> Result<Benchmark, ImportError> {
    match (of_kube_bench(named), &target.benchmark) {
        (Some(own), Some(requested)) if own != *requested => {
            Err(ImportError::OtherBenchmark { wanted: requested.to_string(), found: own.to_string() })
        }
        (Some(own), _) => Ok(own),
        (None, Some(requested)) => Ok(requested.clone()),
        (None, None) => {
            Err(ImportError::NeedsBenchmark { what: "a kube-bench result without a version that amiproof reads" })
        }
    }
}
