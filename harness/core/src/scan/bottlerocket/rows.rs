//! Rows from Bottlerocket's reports: one per control, never greener than the evidence. Pure.

use amiproof_model::name::{Benchmark, CheckId, ControlId, Level, NameError};
use amiproof_model::verdict::{Evidence, Finding, Placement, Verdict};

use super::Kind;
use super::parse::{Check, Report, Status};
use crate::check::{Decision, ScanRow};

/// The benchmark of a report.
///
/// # Errors
/// When the report does not say its version.
pub fn benchmark(kind: Kind, report: &Report) -> Result<Benchmark, NameError> {
    format!("{}-{}", kind.family(), report.version).parse()
}

/// One row per control of a report. A control that is listed twice with different results is not evaluated.
///
/// # Errors
/// When a control's number is none.
pub fn rows(kind: Kind, report: &Report, resource: &str, placement: &Placement) -> Result<Vec<ScanRow>, NameError> {
    let benchmark = benchmark(kind, report)?;
    let mut rows: Vec<ScanRow> = Vec::new();
    for check in &report.checks {
        let control = ControlId::new(&benchmark, &check.number)?;
        let verdict = verdict(check, resource);
        let id = CheckId::try_from(format!("os-cis/{control}"))?;
        match rows.iter_mut().find(|known| known.check == id) {
            Some(known) if known.decision.verdict != verdict => {
                known.decision.verdict = Verdict::NotEvaluated(format!(
                    "the report lists control {} twice, with different results",
                    check.number
                ));
            }
            Some(_) => {}
            None => rows.push(ScanRow {
                check: id,
                title: check.title.clone(),
                control: Some(control),
                level: Level::try_from(check.level).ok(),
                severity: None,
                scanner: kind.scanner().to_owned(),
                decision: Decision {
                    evidence: vec![Evidence {
                        name: format!("{} on {resource}", kind.command()),
                        text: format!("{}{}", word(&check.status), detail(check)),
                        file: None,
                    }],
                    placements: vec![placement.clone()],
                    ..verdict.into()
                },
            }),
        }
    }
    rows.sort_by_cached_key(|row| row.control.as_ref().map(|control| numbers(control.number())));
    Ok(rows)
}

fn verdict(check: &Check, resource: &str) -> Verdict {
    match (&check.status, check.manual) {
        (Status::Pass, _) => Verdict::Pass,
        (Status::Fail, _) => {
            let summary = if check.error.is_empty() { "the control is not met" } else { first_line(&check.error) };
            Verdict::Fail(vec![Finding::new(resource, summary).with_detail(&check.error)])
        }
        (Status::Skip, true) => Verdict::Manual(format!("manual, according to Bottlerocket: {}", check.title)),
        (Status::Skip, false) => Verdict::NotEvaluated(format!("Bottlerocket could not check it{}", detail(check))),
        (Status::Other(word), _) => Verdict::NotEvaluated(format!(
            "Bottlerocket reports {word}, which this build does not know{}",
            detail(check)
        )),
    }
}

fn word(status: &Status) -> &str {
    match status {
        Status::Pass => "PASS",
        Status::Fail => "FAIL",
        Status::Skip => "SKIP",
        Status::Other(word) => word,
    }
}

fn detail(check: &Check) -> String {
    if check.error.is_empty() { String::new() } else { format!(": {}", check.error) }
}

fn first_line(text: &str) -> &str {
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default()
}

/// A key that sorts `3.10` after `3.9`.
fn numbers(number: &str) -> Vec<u32> {
    number.split('.').map(|part| part.parse().unwrap_or(u32::MAX)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(number: &str, status: Status, manual: bool, error: &str) -> Check {
        Check {
            number: number.to_owned(),
            title: "a title".to_owned(),
            level: 2,
            manual,
            status,
            error: error.to_owned(),
        }
    }

    fn placement() -> Placement {
        Placement { pod: None, node: "node-a".to_owned(), instance_id: None, ami_id: None }
    }

    fn report(checks: Vec<Check>) -> Report {
        Report { name: String::new(), version: "1.0.0".to_owned(), level: 2, total: checks.len(), checks }
    }

    #[test]
    fn every_status_means_what_it_says() {
        let checks = vec![
            check("3.10", Status::Fail, false, "FORWARD is ACCEPT\nmore"),
            check("3.9", Status::Pass, false, ""),
            check("1.6", Status::Skip, true, "Manual check"),
            check("1.7", Status::Skip, false, "unable to read"),
            check("1.8", Status::Other("{\"OVERRIDE\":\"PASS\"}".to_owned()), false, ""),
        ];
        let rows = rows(Kind::Os, &report(checks), "node 1", &placement()).unwrap();
        let ids: Vec<&str> = rows.iter().map(|row| row.check.as_str().rsplit('/').next().unwrap()).collect();
        assert_eq!(ids, ["1.6", "1.7", "1.8", "3.9", "3.10"]);
        assert!(matches!(rows[0].decision.verdict, Verdict::Manual(_)));
        assert_eq!(
            rows[1].decision.verdict,
            Verdict::NotEvaluated("Bottlerocket could not check it: unable to read".to_owned())
        );
        assert!(matches!(rows[2].decision.verdict, Verdict::NotEvaluated(_)));
        assert_eq!(rows[3].decision.verdict, Verdict::Pass);
        let Verdict::Fail(findings) = &rows[4].decision.verdict else { panic!("{:?}", rows[4]) };
        assert_eq!((findings[0].resource.as_str(), findings[0].summary.as_str()), ("node 1", "FORWARD is ACCEPT"));
        assert_eq!((rows[3].level, rows[3].scanner.as_str()), (Some(Level::Two), "bottlerocket"));
    }

    #[test]
    fn the_kubernetes_report_has_a_benchmark_and_a_scanner_of_its_own() {
        let rows =
            rows(Kind::Kubernetes, &report(vec![check("4.1.1", Status::Pass, false, "")]), "node 1", &placement())
                .unwrap();
        assert_eq!(rows[0].check.as_str(), "os-cis/cis-kubernetes-1.0.0/4.1.1");
        assert_eq!(rows[0].scanner, "bottlerocket-k8s");
    }

    #[test]
    fn a_control_that_is_listed_twice_with_two_answers_has_none_and_a_report_without_version_no_rows() {
        let twice = vec![check("1.6", Status::Pass, false, ""), check("1.6", Status::Fail, false, "")];
        let rows_of = |report: &Report| rows(Kind::Os, report, "node 1", &placement());
        let rows = rows_of(&report(twice)).unwrap();
        assert!(matches!(&rows[..], [row] if matches!(row.decision.verdict, Verdict::NotEvaluated(_))));
        let nameless = Report { version: String::new(), ..report(vec![check("1.6", Status::Pass, false, "")]) };
        assert!(rows_of(&nameless).is_err());
    }
}
