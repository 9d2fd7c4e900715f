//! The rows of Bottlerocket's own report (`apiclient report cis -f json`, `cis-k8s`), the same as of a run's own scan.

use amiproof_model::name::{Benchmark, Level};
use amiproof_model::report::ScanRecord;
use amiproof_model::verdict::{Evidence, Placement};

use super::{OS_SUITE, Target, scanner_name};
use crate::scan::bottlerocket::Kind;
use crate::scan::bottlerocket::parse::reports;
use crate::scan::bottlerocket::rows;
use crate::scan::import::{Import, ImportError};
use crate::scan::kube_bench::merge::{complete, merge};

/// One row per control of the reports in the file, which may be of several nodes: the worst result counts.
///
/// # Errors
/// If the report is incomplete, or its benchmark is not the one that the user named.
pub(in crate::scan::import) fn rows(text: &str, target: &Target) -> Result<Import, ImportError> {
    let reports = reports(text).map_err(|error| ImportError::Form(error.to_string()))?;
    let mut first: Option<(Kind, Benchmark)> = None;
    for report in &reports {
        let kind = if report.name.contains("Kubernetes") { Kind::Kubernetes } else { Kind::Os };
        let own = rows::benchmark(kind, report).map_err(|_| ImportError::NotThis {
            wanted: "a report of Bottlerocket",
            found: "one that does not name the version of its benchmark".to_owned(),
        })?;
        let (_, known) = first.get_or_insert_with(|| (kind, own.clone()));
        if *known != own {
            return Err(ImportError::SeveralBenchmarks { benchmarks: format!("{known}, {own}") });
        }
    }
    let Some(((kind, own), report)) = first.zip(reports.first()) else {
        return Err(ImportError::NoResults { what: "report" });
    };
    if let Some(requested) = target.benchmark.as_ref().filter(|requested| **requested != own) {
        return Err(ImportError::OtherBenchmark { wanted: requested.to_string(), found: own.to_string() });
    }
    let node = target.nodes.first().filter(|_| target.nodes.len() == 1 && reports.len() == 1);
    let placement = Placement {
        pod: None,
        node: node.map_or_else(|| "not named in the file".to_owned(), |node| node.name.clone()),
        instance_id: node.and_then(|node| node.instance_id.clone()),
        ami_id: None,
    };
    let mut of_nodes = Vec::new();
    for (at, report) in reports.iter().enumerate() {
        let resource = format!("node {}", at + 1);
        let own = rows::rows(kind, report, &resource, &placement);
        of_nodes.push((resource, own.map_err(|error| ImportError::Id(error.to_string()))?));
    }
    complete(&mut of_nodes);
    let mut found = merge(of_nodes);
    let scanner = scanner_name(target, kind.scanner());
    for row in &mut found {
        row.scanner.clone_from(&scanner);
        row.decision.placements.dedup();
        row.decision.evidence.extend(target.copy.as_ref().map(|copy| Evidence {
            name: "Bottlerocket's report".to_owned(),
            text: "imported from a file".to_owned(),
            file: Some(copy.clone()),
        }));
    }
    let source = target.source(&scanner, "");
    let scan = ScanRecord {
        benchmark: Some(own),
        level: target.level.or_else(|| Level::try_from(report.level).ok()),
        source: source.clone(),
        note: match report.name.is_empty() {
            true => "imported".to_owned(),
            false => format!("imported: {}", super::super::document::title(&report.name)),
        },
        ..ScanRecord::new(target.subject.clone(), OS_SUITE.to_owned(), scanner)
    };
    let rows = found.into_iter().map(|row| (target.subject.clone(), row)).collect();
    Ok(Import { subject: Some(target.subject.clone()), source, scans: vec![scan], rows, when: None })
}
