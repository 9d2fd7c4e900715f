use serde_json::{Value, json};

use super::*;

fn row(check: &str, subject: &str, disposition: Value) -> Value {
    let subject = if subject == "cluster" { json!("cluster") } else { json!({"variant": subject}) };
    json!({"check": check, "title": "t", "subject": subject, "outcome": "pass", "disposition": disposition,
           "started": "2026-11-21T03:00:00Z", "seconds": 1.0})
}

fn report(interrupted: bool, rows: &[Value]) -> Report {
    let document = json!({
        "schemaVersion": 1, "tool": {"name": "amiproof", "version": "2.0.0"},
        "run": {"id": "r-1", "matrix": "nightly", "started": "2026-11-21T03:00:00.25Z", "seconds": 61.5, "criticalPathSeconds": 1.0,
                "interrupted": interrupted},
        "cluster": {"name": "c"},
        "variants": [{"name": "l1", "family": "al2023", "benchmark": "cis-al2023-1.0.0", "level": 1,
                      "ami": {"id": "ami-0123456789abcdef0", "source": "id"}},
                     {"name": "stock", "family": "al2023"}],
        "results": rows, "cleanup": {"ran": true, "created": 0, "deleted": 0, "leftovers": []},
    });
    Report::parse(&document.to_string()).unwrap()
}

fn whole() -> Report {
    let waived = json!({"waived": {"owner": "o", "reason": "r", "until": "2027-01-31"}});
    report(
        false,
        &[
            row("node/ready", "l1", json!("passed")),
            row("node/ready", "stock", json!("flaky")),
            row("addon/dns", "cluster", json!("error")),
            row("os-cis/1", "l1", waived),
            row("os-cis/1", "stock", json!("informational")),
        ],
    )
}

#[test]
fn an_entry_has_a_letter_for_every_check_of_a_subject() {
    let night = Night::of(&whole());
    insta::assert_snapshot!(serde_json::to_string_pretty(&night).unwrap());
    let bytes = serde_json::to_vec(&night).unwrap();
    assert_eq!(Night::parse(&bytes, &night.key()).unwrap(), night);
    assert_eq!(night.ami("l1").unwrap().as_str(), "ami-0123456789abcdef0");
    assert_eq!((night.ami("stock"), night.ami("cluster")), (None, None));
    let rows: Vec<_> = night.rows("l1").collect();
    assert_eq!(rows, [("addon/dns", Mark::Absent), ("node/ready", Mark::Passed), ("os-cis/1", Mark::Waived)]);
}

#[test]
fn what_is_no_whole_entry_of_the_night_is_refused_and_says_why() {
    let night = Night::of(&whole());
    let key = night.key();
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut entry = serde_json::to_value(&night).unwrap();
        change(&mut entry);
        Night::parse(entry.to_string().as_bytes(), &key).unwrap_err().to_string()
    };
    for (said, wanted) in [
        (refused(&|entry| entry["outcomes"]["l1"] = json!("..")), "it has 3 checks and 2 outcomes of l1"),
        (refused(&|entry| entry["schemaVersion"] = json!(2)), "its format has version 2"),
        (refused(&|entry| *entry = json!({"schemaVersion": 9, "nights": []})), "its format has version 9"),
        (refused(&|entry| entry["run"] = json!("r-2")), "it is the entry of 20261121T030000Z-r-2"),
        (refused(&|entry| *entry = json!([])), "not the entry of a nightly run: "),
        (Night::parse(b"\x1f\x8b", &key).unwrap_err().to_string(), "not the entry of a nightly run: "),
    ] {
        assert!(said.contains(wanted), "{said}");
    }
}

#[test]
fn a_night_without_an_end_or_without_verdicts_is_no_baseline() {
    let rows = |count: usize, disposition: &str| {
        (0..count)
            .map(|number| row(&format!("node/{disposition}-{number}"), "l1", json!(disposition)))
            .collect::<Vec<_>>()
    };
    let mixed = |decided: usize, open: usize| [rows(decided, "passed"), rows(open, "error")].concat();
    for (interrupted, results, wanted) in [
        (false, mixed(1, 0), true),
        (false, rows(3, "failed"), true),
        (false, mixed(2, 2), true),
        (false, mixed(1, 2), false),
        (false, mixed(0, 2), false),
        (false, rows(2, "informational"), false),
        (false, vec![], false),
        (true, mixed(5, 0), false),
    ] {
        let night = Night::of(&report(interrupted, &results));
        assert_eq!(night.is_baseline(), wanted, "{:?}", night.counts);
    }
}

#[test]
fn of_two_rows_of_a_cell_the_worse_one_counts() {
    let mut report = report(false, &[]);
    for (scanner, disposition) in [("inspector", "failed"), ("openscap", "passed")] {
        let mut one = row("os-cis/1", "l1", json!(disposition));
        one["scanner"] = json!(scanner);
        report.results.push(serde_json::from_value(one).unwrap());
    }
    let night = Night::of(&report);
    assert_eq!(night.rows("l1").collect::<Vec<_>>(), [("os-cis/1", Mark::Failed)]);
}
