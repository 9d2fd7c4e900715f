use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::matrix::Family;
use crate::name::Level;
use crate::report::{AmiRecord, ClusterRecord, NodeRecord, RunRecord};
use crate::verdict::Finding;

const DAY: Duration = Duration::from_secs(86_400);

fn ami(digit: char) -> AmiId {
    format!("ami-{}", digit.to_string().repeat(17)).parse().unwrap()
}

fn noon() -> Timestamp {
    "2026-11-30T12:00:00Z".parse().unwrap()
}

fn row(check: &str, disposition: Disposition) -> CheckResult {
    let outcome = match disposition {
        Disposition::Passed | Disposition::Flaky => Outcome::Pass,
        Disposition::NotApplicable => Outcome::NotApplicable { reason: "none".to_owned() },
        Disposition::NotEvaluated | Disposition::Allowed => Outcome::NotEvaluated { reason: "silent".to_owned() },
        _ => Outcome::Fail { findings: vec![Finding::new("node 1", "no")] },
    };
    let control = check.strip_prefix("os-cis/").and_then(|control| control.parse().ok());
    let subject = Subject::Variant("l1".parse().unwrap());
    let started = "2026-11-30T10:30:00Z".parse().unwrap();
    CheckResult { control, disposition, started, ..CheckResult::new(check.parse().unwrap(), subject, outcome) }
}

/// A run that ended an hour ago, of an image hardened to level 1 that passes everything.
pub(crate) fn passing() -> Report {
    let node = |index: u32| -> NodeRecord {
        serde_json::from_value(serde_json::json!({"index": index, "name": format!("n{index}"), "amiId": ami('a')}))
            .unwrap()
    };
    let image = AmiRecord {
        id: ami('a'),
        name: "hardened".to_owned(),
        created: None,
        source: "id".to_owned(),
        architecture: "x86_64".to_owned(),
        deprecated: None,
        ancestors: Vec::new(),
    };
    let variant = VariantRecord {
        benchmark: Some("cis-al2023-1.0.0".parse().unwrap()),
        level: Some(Level::One),
        ami: Some(image),
        nodes: vec![node(1), node(2)],
        ..VariantRecord::new("l1".parse().unwrap(), Family::Al2023)
    };
    let run = RunRecord {
        seconds: 3600.0,
        ..RunRecord::new("night-1".parse().unwrap(), "nightly", "2026-11-30T10:00:00Z".parse().unwrap())
    };
    Report {
        variants: vec![VariantRecord::new("stock".parse().unwrap(), Family::Al2023), variant],
        results: vec![
            row("node/ready", Disposition::Passed),
            row("workload/web-service", Disposition::Passed),
            row("os-cis/cis-al2023-1.0.0/1.1.1", Disposition::Passed),
        ],
        ..Report::new("0.1.0", run, ClusterRecord::new("c"))
    }
}

fn required() -> Vec<CheckId> {
    ["node/ready", "workload/web-service"].map(|id| id.parse().unwrap()).to_vec()
}

pub(crate) fn gates<'a>(required: &'a [CheckId]) -> Gates<'a> {
    Gates { variant: "l1", image: None, max_age: DAY, required, may_be_incomplete: false, in_lab: false }
}

fn refused(report: &Report, later: &[Report], gates: &Gates<'_>, now: Timestamp) -> Vec<String> {
    let refusals = decide(report, later, gates, now).err().unwrap_or_default();
    assert!(refusals.iter().all(|refusal| !refusal.help().is_empty()));
    refusals.iter().map(ToString::to_string).collect()
}

#[test]
fn an_image_that_passes_everything_is_promoted() {
    let (report, required) = (passing(), required());
    let promotion = decide(&report, &[], &gates(&required), noon()).unwrap();
    assert_eq!((promotion.image, promotion.variant.name.as_str()), (&ami('a'), "l1"));
    assert_eq!(promotion.tested.to_string(), "2026-11-30T11:00:00Z");
}

/// Every gate on its own, and exactly its sentence.
#[test]
fn each_gate_refuses_with_its_sentence() {
    let waived = |year| Disposition::Waived { owner: "team".into(), reason: "AWS-1".into(), until: date(year, 1, 31) };
    type Case = (&'static str, fn(&mut Report), &'static [&'static str]);
    let cases: &[Case] = &[
        (
            "lab",
            |report| report.cluster.lab = true,
            &["run night-1 ran in the lab, which says nothing about an image in an account"],
        ),
        (
            "no image",
            |report| {
                report.variants[1].ami = None;
                report.variants[1].nodes.iter_mut().for_each(|node| node.ami_id = None);
            },
            &["the image of l1 is unknown: the run did not record which AMI its nodes booted"],
        ),
        ("no node", |report| report.variants[1].nodes.clear(), &["no node of l1 joined the cluster"]),
        (
            "another node",
            |report| report.variants[1].nodes[1].ami_id = Some(ami('b')),
            &["node n2 of l1 booted ami-bbbbbbbbbbbbbbbbb, not ami-aaaaaaaaaaaaaaaaa"],
        ),
        (
            "an unknown node",
            |report| report.variants[1].nodes[1].ami_id = None,
            &["node n2 of l1 booted an unknown image, not ami-aaaaaaaaaaaaaaaaa"],
        ),
        (
            "failed",
            |report| report.results.push(row("workload/other", Disposition::Failed)),
            &["the verdict of l1 is failed: 1 failed (workload 1)"],
        ),
        (
            "undecided",
            |report| report.results.push(row("workload/other", Disposition::NotEvaluated)),
            &["the verdict of l1 is inconclusive: 1 not evaluated (workload 1)"],
        ),
        (
            "allowed",
            |report| report.results.push(row("workload/other", Disposition::Allowed)),
            &["l1 has checks without a result, which a threshold of the matrix allows (1)"],
        ),
        (
            "left out",
            |report| drop(report.results.remove(1)),
            &["the run has no result for 1 of the required checks on l1, workload/web-service among them"],
        ),
        (
            "not scanned",
            |report| drop(report.results.remove(2)),
            &["no control of cis-al2023-1.0.0 passed in a scan of l1"],
        ),
        (
            "scanned for another benchmark",
            |report| {
                report.results[2] = row("os-cis/cis-al2-3.0.0/1.1.1", Disposition::Passed);
            },
            &["no control of cis-al2023-1.0.0 passed in a scan of l1"],
        ),
        (
            "interrupted",
            |report| {
                report.run.interrupted = true;
            },
            &["the verdict of l1 is interrupted: interrupted before all checks had run"],
        ),
    ];
    let required = required();
    for (name, change, expected) in cases {
        let mut report = passing();
        change(&mut report);
        assert_eq!(refused(&report, &[], &gates(&required), noon()), *expected, "{name}");
    }
    let mut report = passing();
    report.results.push(row("workload/other", waived(2027)));
    assert!(decide(&report, &[], &gates(&required), noon()).is_ok());
    report.results.push(row("workload/late", waived(2026)));
    report.results.push(row("workload/later", waived(2026)));
    assert_eq!(
        refused(&report, &[], &gates(&required), noon()),
        ["the waiver of workload/late (AWS-1) expired on 2026-01-31, after the run"]
    );
}

#[test]
fn what_is_asked_for_must_be_what_was_tested() {
    let (report, required) = (passing(), required());
    let (own, other) = (ami('a'), ami('b'));
    let with = |image| refused(&report, &[], &Gates { image: Some(image), ..gates(&required) }, noon());
    assert_eq!(with(&own), [""; 0]);
    assert_eq!(with(&other), ["run night-1 tested ami-aaaaaaaaaaaaaaaaa as l1, not ami-bbbbbbbbbbbbbbbbb"]);
    let unknown = Gates { variant: "l2", ..gates(&required) };
    assert_eq!(refused(&report, &[], &unknown, noon()), ["run night-1 has no variant l2"]);
}

#[test]
fn a_report_is_neither_too_old_nor_of_a_time_to_come() {
    let (report, required) = (passing(), required());
    let at = |time: &str| refused(&report, &[], &gates(&required), time.parse().unwrap());
    assert_eq!(at("2026-12-01T10:30:00Z"), [""; 0]);
    assert_eq!(at("2026-12-01T10:30:01Z"), ["the oldest result on l1 is 24h1s old, older than 24h"]);
    assert_eq!(at("2026-11-30T10:56:00Z"), [""; 0]);
    let in_lab = Gates { in_lab: true, ..gates(&required) };
    assert_eq!(
        refused(&report, &[], &in_lab, "2026-11-30T10:00:00Z".parse().unwrap()),
        [""; 0],
        "its time is simulated"
    );
    assert_eq!(
        at("2026-11-30T10:00:00Z"),
        ["run night-1 ended 1h in the future: the clock of this machine or of the run is wrong"]
    );
}

#[test]
fn a_later_run_that_fails_the_same_image_counts_whatever_it_called_it() {
    let (report, required) = (passing(), required());
    let mut later = passing();
    later.run.id = "night-2".parse().unwrap();
    later.run.started = "2026-11-30T11:30:00Z".parse().unwrap();
    assert_eq!(refused(&report, std::slice::from_ref(&later), &gates(&required), noon()), [""; 0]);
    later.results.push(row("workload/other", Disposition::NotEvaluated));
    assert_eq!(refused(&report, std::slice::from_ref(&later), &gates(&required), noon()), [""; 0]);
    later.results.push(row("workload/third", Disposition::Failed));
    let sentence = "the later run night-2 tested the same image, and its verdict is inconclusive: ";
    assert!(refused(&report, std::slice::from_ref(&later), &gates(&required), noon())[0].starts_with(sentence));
    // An earlier run, and one of another image, say nothing.
    let earlier = Report {
        run: RunRecord { started: "2026-11-29T11:30:00Z".parse().unwrap(), ..later.run.clone() },
        ..later.clone()
    };
    assert_eq!(refused(&report, &[earlier], &gates(&required), noon()), [""; 0]);
    later.variants[1].ami.as_mut().unwrap().id = ami('b');
    assert_eq!(refused(&report, &[later], &gates(&required), noon()), [""; 0]);
}

/// A run that is continued keeps the answers of its earlier commands, and its report may have been written by others.
#[test]
fn old_answers_contradictions_and_answers_that_are_none_are_refused() {
    let required = required();
    let with = |change: fn(&mut Report)| {
        let mut report = passing();
        change(&mut report);
        refused(&report, &[], &gates(&required), noon())
    };
    let old = with(|report| report.results[0].started = "2026-11-01T00:00:00Z".parse().unwrap());
    assert_eq!(old, ["the oldest result on l1 is 708h old, older than 24h"]);
    let said = with(|report| report.results[0].outcome = Outcome::NotEvaluated { reason: "silent".to_owned() });
    assert_eq!(said, ["node/ready on l1 is reported as passed, but its outcome is not evaluated"]);
    let shown = with(|report| {
        report.results[1].disposition = Disposition::Informational;
        report.results[1].outcome = Outcome::NotEvaluated { reason: "silent".to_owned() };
    });
    assert_eq!(shown, ["the run has no result for 1 of the required checks on l1, workload/web-service among them"]);
    let tolerated = with(|report| report.results[2].disposition = Disposition::Tolerated);
    assert_eq!(tolerated, ["no control of cis-al2023-1.0.0 passed in a scan of l1"]);
    let twice = with(|report| report.variants.push(report.variants[1].clone()));
    assert_eq!(twice, ["the report has l1 more than once"]);
}

fn any_disposition() -> impl Strategy<Value = Disposition> {
    prop_oneof![
        Just(Disposition::Passed),
        Just(Disposition::Flaky),
        Just(Disposition::Waived { owner: "o".into(), reason: "r".into(), until: date(2027, 1, 31) }),
        Just(Disposition::Tolerated),
        Just(Disposition::NotApplicable),
        Just(Disposition::Manual),
        Just(Disposition::Allowed),
        Just(Disposition::Failed),
        Just(Disposition::NotEvaluated),
        Just(Disposition::Error),
    ]
}

proptest! {
    /// Whatever rows a report has: nothing that failed, is undecided or is accepted only from habit is ever promoted.
    #[test]
    fn nothing_undecided_or_failed_is_promoted(rows in proptest::collection::vec(any_disposition(), 0..12)) {
        let mut report = passing();
        let bad = [Disposition::Allowed, Disposition::Failed, Disposition::NotEvaluated, Disposition::Error];
        let is_bad = rows.iter().any(|disposition| bad.contains(disposition));
        let rows = rows.into_iter().enumerate();
        report.results.extend(rows.map(|(at, disposition)| row(&format!("workload/r{at}"), disposition)));
        let required = required();
        prop_assert_eq!(decide(&report, &[], &gates(&required), noon()).is_err(), is_bad);
    }
}
