use serde_json::json;

use super::*;
use crate::judge::Disposition;
use crate::verdict::Outcome;

fn document() -> serde_json::Value {
    json!({
        "schemaVersion": SCHEMA_VERSION,
        "tool": {"name": "amiproof", "version": "2.0.0"},
        "run": {"id": "r-1", "matrix": "m", "started": "2026-11-21T00:00:00Z", "seconds": 1.0, "criticalPathSeconds": 1.0,
                "interrupted": false},
        "cluster": {"name": "c"},
        "variants": [{"name": "l1", "family": "al2023"}],
        "results": [{"check": "node/ready", "title": "t", "subject": {"variant": "l1"}, "outcome": "pass", "disposition": "passed",
                     "started": "2026-11-21T00:00:00Z", "seconds": 1.0}],
        "cleanup": {"ran": true, "created": 0, "deleted": 0, "leftovers": []},
    })
}

#[test]
fn reports_with_the_names_of_earlier_builds_are_read() {
    let waiver =
        json!({"variants": ["l1"], "check": "node/ready", "reason": "r", "owner": "o", "expires": "2027-01-31"});
    let phase = |end: &str| json!([{"phase": "node-group", "started": "2026-11-21T00:00:00Z", "seconds": 1.0, "ended": {end: {"message": "throttled"}}}]);
    let with = |deleted: &str, end: &str, state: &str| {
        let mut report = document();
        report["cleanup"] = json!({"ran": true, "created": 3, deleted: 2, "leftovers": []});
        report["run"]["phases"] = phase(end);
        report["waivers"] = json!([{"waiver": waiver.clone(), "state": state, "failures": 0}]);
        Report::parse(&report.to_string()).unwrap()
    };
    let read = with("deleted", "error", "notRun");
    assert_eq!(read, with("gone", "broken", "notAsked"));
    assert_eq!((read.cleanup.deleted, read.waivers[0].state), (2, crate::waiver::WaiverState::NotRun));
    let written = serde_json::to_value(&read).unwrap();
    assert_eq!(written["cleanup"]["deleted"], 2);
    assert!(written["run"]["phases"][0]["ended"].get("error").is_some(), "{written}");
}

#[test]
fn fields_of_a_newer_build_are_passed_over_wherever_they_are() {
    let plain = Report::parse(&document().to_string()).unwrap();
    let mut newer = document();
    for path in ["", "/tool", "/run", "/cluster", "/variants/0", "/results/0", "/cleanup"] {
        newer.pointer_mut(path).unwrap()["novelty"] = json!({"of": ["a", "newer", "build"]});
    }
    assert_eq!(Report::parse(&newer.to_string()).unwrap(), plain);
}

#[test]
fn a_newer_major_version_is_refused_by_its_name_and_with_what_to_do() {
    let mut newer = document();
    newer["schemaVersion"] = json!(SCHEMA_VERSION + 1);
    newer["run"] = json!("another form");
    let actual = Report::parse(&newer.to_string()).unwrap_err().to_string();
    assert_eq!(
        actual,
        "this report has schema version 2, and this amiproof reads up to 1: read it with the amiproof that wrote it (amiproof 2.0.0) or \
         a newer one"
    );
    assert!(matches!(Report::parse("{}"), Err(ParseError::Form(_))));
}

#[test]
fn a_result_that_is_about_nothing_special_means_what_its_outcome_says() {
    let outcome = Outcome::NotEvaluated { reason: "no evidence".into() };
    let result = CheckResult::new("gate/os-cis-coverage".parse().unwrap(), Subject::Cluster, outcome);
    assert_eq!(result.disposition, Disposition::NotEvaluated);
    assert!(result.is_gate() && result.scanner.is_none() && result.title.is_empty());
}
