//! Forms for other programs: every row is there once, with its own state, and nothing undecided looks decided.

use std::collections::BTreeMap;

use amiproof_model::report::Report;
use amiproof_reports::{Format, Options, render};
use serde_json::Value;

use crate::fixture;

/// The forms, each with where its rows are and where a row has the report's own word for its disposition.
const FORMS: [(Format, Rows); 6] = [
    (Format::Sarif, sarif),
    (Format::Ctrf, ctrf),
    (Format::Hdf, hdf),
    (Format::Ocsf, ocsf),
    (Format::Asff, asff),
    (Format::Oscal, oscal),
];

/// The rows of a document: the subject, the check and the disposition of each, and its state in the words of the format.
type Rows = fn(&Value) -> Vec<Found>;

#[derive(Debug)]
struct Found {
    subject: String,
    check: String,
    disposition: String,
    /// The state in the words of the format.
    state: String,
    /// What accepts a failure.
    accepted: String,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is not text")).to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("{value} is not a list"))
}

fn sarif(log: &Value) -> Vec<Found> {
    let run = &log["runs"][0];
    let rules = list(&run["tool"]["driver"]["rules"]);
    let found = list(&run["results"]).iter().map(|result| {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        Found {
            subject: text(&result["properties"]["subject"]),
            check: text(&result["ruleId"]),
            disposition: text(&result["properties"]["disposition"]),
            state: text(&result["kind"]),
            accepted: list(&result["suppressions"]).iter().map(|one| text(&one["justification"])).collect(),
        }
    });
    found.collect()
}

fn ctrf(document: &Value) -> Vec<Found> {
    let results = &document["results"];
    let tests = list(&results["tests"]);
    for state in ["passed", "failed", "skipped", "pending", "other"] {
        let number = tests.iter().filter(|test| test["status"] == state).count();
        assert_eq!(results["summary"][state], number, "{state}");
    }
    assert_eq!(results["summary"]["tests"], tests.len());
    let found = tests.iter().map(|test| Found {
        subject: text(&test["suite"][0]),
        check: text(&test["extra"]["check"]),
        disposition: text(&test["rawStatus"]),
        state: text(&test["status"]),
        accepted: all_text(&test["extra"]["accepted"]),
    });
    found.collect()
}

/// The state is the one that Heimdall derives from result, impact and waiver.
fn hdf(document: &Value) -> Vec<Found> {
    let mut found = Vec::new();
    for profile in list(&document["profiles"]) {
        let controls = list(&profile["controls"]);
        let grouped: usize = list(&profile["groups"]).iter().map(|group| list(&group["controls"]).len()).sum();
        assert_eq!(grouped, controls.len(), "every control is in one group");
        found.extend(controls.iter().map(|control| {
            let status = text(&control["results"][0]["status"]);
            let is_waived = control["waiver_data"]["skipped_due_to_waiver"] == true;
            let state = match status.as_str() {
                "error" => "Profile Error",
                _ if is_waived || control["impact"] == 0.0 => "Not Applicable",
                "failed" => "Failed",
                "passed" => "Passed",
                _ => "Not Reviewed",
            };
            Found {
                subject: text(&control["tags"]["subject"]),
                check: text(&control["tags"]["check"]),
                disposition: text(&control["tags"]["disposition"]),
                state: state.to_owned(),
                accepted: all_text(&control["waiver_data"]),
            }
        }));
    }
    found
}

fn ocsf(events: &Value) -> Vec<Found> {
    let found = list(events).iter().map(|event| Found {
        subject: text(&event["unmapped"]["subject"]),
        check: text(&event["compliance"]["checks"][0]["uid"]),
        disposition: text(&event["compliance"]["status_code"]),
        state: format!("{} {}", event["compliance"]["status_id"], text(&event["status"])),
        accepted: all_text(&event["unmapped"]["suppression"]),
    });
    found.collect()
}

fn asff(findings: &Value) -> Vec<Found> {
    let found = list(findings).iter().map(|finding| Found {
        subject: text(&finding["ProductFields"]["amiproof/subject"]),
        check: text(&finding["ProductFields"]["amiproof/check"]),
        disposition: text(&finding["ProductFields"]["amiproof/disposition"]),
        state: format!("{} {}", text(&finding["Compliance"]["Status"]), text(&finding["Workflow"]["Status"])),
        accepted: all_text(&finding["Note"]),
    });
    found.collect()
}

fn oscal(document: &Value) -> Vec<Found> {
    let result = &document["assessment-results"]["results"][0];
    let by_observation = |list: &str| -> BTreeMap<String, &Value> {
        let all = result[list].as_array().map_or(&[][..], Vec::as_slice);
        all.iter().map(|one| (text(&one["related-observations"][0]["observation-uuid"]), one)).collect()
    };
    let (findings, risks) = (by_observation("findings"), by_observation("risks"));
    let observations = result["observations"].as_array().map_or(&[][..], Vec::as_slice);
    let found = observations.iter().map(|observation| {
        let property = |name: &str| {
            let property = list(&observation["props"]).iter().find(|property| property["name"] == name);
            text(&property.unwrap_or_else(|| panic!("no {name} in {observation}"))["value"])
        };
        let uuid = text(&observation["uuid"]);
        let state = findings.get(&uuid).and_then(|finding| finding["target"]["status"]["state"].as_str());
        Found {
            subject: property("subject"),
            check: property("check"),
            disposition: property("disposition"),
            state: state.unwrap_or("no finding").to_owned(),
            accepted: risks.get(&uuid).map(|risk| all_text(risk)).unwrap_or_default(),
        }
    });
    found.collect()
}

/// Every text in a value, if it is there.
fn all_text(value: &Value) -> String {
    let mut strings = Vec::new();
    collect(value, &mut strings);
    strings.join(" ")
}

fn document(format: Format, report: &Report) -> Value {
    serde_json::from_str(&render(format, report, &Options::default()).unwrap()).unwrap()
}

/// Rows of the report itself, without those of the run's events.
fn rows(format: Format, of: Rows, report: &Report) -> Vec<Found> {
    let mut rows = of(&document(format, report));
    rows.retain(|row| !row.check.starts_with("run/"));
    rows
}

#[test]
fn every_result_is_there_once_and_the_numbers_are_those_of_the_report() {
    // The big one has nothing that the others lack.
    for (name, report) in fixture::all().into_iter().filter(|(name, _)| *name != "big") {
        let mut expected: BTreeMap<String, usize> = BTreeMap::new();
        for result in &report.results {
            *expected.entry(result.disposition.as_str().to_owned()).or_default() += 1;
        }
        for (format, of) in FORMS {
            let rows = rows(format, of, &report);
            let mut found: BTreeMap<String, usize> = BTreeMap::new();
            for row in &rows {
                *found.entry(row.disposition.clone()).or_default() += 1;
            }
            assert_eq!(found, expected, "{name} as {format:?}");
            let by_name: BTreeMap<(&str, &str), &str> =
                rows.iter().map(|row| ((row.subject.as_str(), row.check.as_str()), row.disposition.as_str())).collect();
            assert_eq!(by_name.len(), rows.len(), "{name} as {format:?}: no row is listed twice");
            for result in &report.results {
                let found = by_name.get(&(result.subject.as_str(), result.check.as_str()));
                assert_eq!(found, Some(&result.disposition.as_str()), "{name} as {format:?}: {}", result.check);
            }
        }
    }
}

#[test]
fn scanners_that_share_a_cell_share_a_row_which_is_that_of_the_worse_answer() {
    for (format, of) in FORMS {
        let report = fixture::disagreeing();
        let found = rows(format, of, &report);
        assert_eq!(found.len(), report.results.len() - 1, "{format:?}");
        let row = found.iter().find(|row| row.check == "os-cis/cis-al2023-1.0.0/3.3.1").unwrap();
        assert_eq!(row.disposition, "failed", "{format:?}");
        let text = render(format, &report, &Options::default()).unwrap();
        assert!(text.contains("inspector: passed (os-cis/cis-al2023-1.0.0/3.3.1)"), "{format:?}: the other answer");
        assert!(!rows(format, of, &fixture::judged_twice()).is_empty());
    }
}

/// The state of every disposition in the fixture, per format.
#[test]
fn what_is_undecided_is_never_a_pass_nor_not_applicable() {
    for (format, of) in FORMS {
        let mut states: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in rows(format, of, &fixture::mixed()) {
            let states = states.entry(row.disposition).or_default();
            if !states.contains(&row.state) {
                states.push(row.state);
            }
        }
        let lines: Vec<String> = states.iter().map(|(word, states)| format!("{word}: {}", states.join(", "))).collect();
        let expected: &[&str] = match format {
            Format::Sarif => &[
                "error: open",
                "failed: fail",
                "flaky: pass",
                "not applicable: notApplicable",
                "not evaluated: open",
                "passed: pass",
                "tolerated: fail",
                "waived: fail",
            ],
            Format::Ctrf => &[
                "error: other",
                "failed: failed",
                "flaky: passed",
                "not applicable: skipped",
                "not evaluated: other",
                "passed: passed",
                "tolerated: skipped",
                "waived: skipped",
            ],
            Format::Hdf => &[
                "error: Profile Error",
                "failed: Failed",
                "flaky: Passed",
                "not applicable: Not Applicable",
                "not evaluated: Not Reviewed",
                "passed: Passed",
                "tolerated: Not Applicable",
                "waived: Not Applicable",
            ],
            Format::Ocsf => &[
                "error: 0 New",
                "failed: 3 New",
                "flaky: 1 New",
                "not applicable: 99 New",
                "not evaluated: 0 New",
                "passed: 1 New",
                "tolerated: 3 Suppressed",
                "waived: 3 Suppressed",
            ],
            Format::Asff => &[
                "error: NOT_AVAILABLE NEW",
                "failed: FAILED NEW",
                "flaky: PASSED NEW",
                "not applicable: NOT_AVAILABLE NEW",
                "not evaluated: NOT_AVAILABLE NEW",
                "passed: PASSED NEW",
                "tolerated: FAILED SUPPRESSED",
                "waived: FAILED SUPPRESSED",
            ],
            Format::Oscal => &[
                "error: no finding",
                "failed: not-satisfied",
                "flaky: satisfied",
                "not applicable: no finding",
                "not evaluated: no finding",
                "passed: satisfied",
                "tolerated: not-satisfied",
                "waived: not-satisfied",
            ],
            _ => &[],
        };
        assert_eq!(lines, expected, "{format:?}");
    }
}

#[test]
fn a_waived_failure_names_its_owner_its_reason_and_its_last_day() {
    for (format, of) in FORMS {
        for row in rows(format, of, &fixture::mixed()) {
            match row.disposition.as_str() {
                "waived" => {
                    for part in ["platform", "rebuild is scheduled", "2027-01-31"] {
                        assert!(row.accepted.contains(part), "{format:?}: {part} in {row:?}");
                    }
                }
                "tolerated" => assert!(row.accepted.contains("threshold"), "{format:?}: {row:?}"),
                _ => assert_eq!(row.accepted, "", "{format:?}: {row:?}"),
            }
        }
    }
}

#[test]
fn events_of_the_run_are_there_and_never_green() {
    for (format, _) in FORMS {
        for (report, expected) in [
            (fixture::interrupted(), &["run/interrupted", "run/phase-error"][..]),
            (fixture::leftovers(), &["run/left-behind"]),
            (fixture::not_verified(), &["run/not-verified"]),
            (fixture::empty(), &["run/nothing-selected"]),
        ] {
            let text = render(format, &report, &Options::default()).unwrap();
            for part in expected {
                assert!(text.contains(part), "{format:?}: {part}");
            }
            if format == Format::Sarif {
                assert!(text.contains("\"executionSuccessful\": false"));
            }
        }
    }
}

#[test]
fn a_run_in_the_lab_says_so_and_names_no_account() {
    for (format, _) in FORMS {
        let text = |lab: bool| {
            let mut report = fixture::green();
            report.cluster.lab = lab;
            render(format, &report, &Options::default()).unwrap()
        };
        assert_ne!(text(true), text(false), "{format:?}");
        assert!(!text(true).contains("111122223333"), "{format:?}");
    }
}

#[test]
fn text_from_outside_stays_text() {
    for (format, _) in FORMS {
        let mut strings = Vec::new();
        collect(&document(format, &fixture::mixed()), &mut strings);
        for text in &strings {
            let is_bad = |c: char| c.is_control() && c != '\n' && c != '\t';
            assert!(!text.chars().any(is_bad), "{format:?}: {text:?}");
            assert!(text.len() < 20_000, "{format:?}: {} bytes", text.len());
        }
        assert!(strings.iter().any(|text| text.contains("<img src=x onerror=alert(1)>")), "{format:?}");
        if format == Format::Oscal {
            let mut markup = document(format, &fixture::mixed());
            drop_properties(&mut markup);
            let text = all_text(&markup);
            assert!(text.contains("&lt;img") && !text.contains("<img"), "texts of OSCAL are markup");
        }
    }
}

fn collect(value: &Value, strings: &mut Vec<String>) {
    match value {
        Value::String(text) => strings.push(text.clone()),
        Value::Array(list) => list.iter().for_each(|one| collect(one, strings)),
        Value::Object(map) => {
            strings.extend(map.keys().cloned());
            map.values().for_each(|one| collect(one, strings));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Leaves out the properties of OSCAL, which are not markup.
fn drop_properties(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(drop_properties),
        Value::Object(map) => {
            map.remove("props");
            map.values_mut().for_each(drop_properties);
        }
        _ => {}
    }
}

#[test]
fn placeholders_and_links_in_a_message_of_sarif_are_text() {
    let mut report = fixture::green();
    report.results[0].title = "{0} [click](http://example.com)".into();
    let log = document(Format::Sarif, &report);
    assert_eq!(log["runs"][0]["results"][0]["message"]["text"], "passed: {{0}} [click] (http://example.com)");
}

/// A report in which every format has something of each of its parts, and no more.
fn small() -> Report {
    let mut report = fixture::mixed();
    report.variants.retain(|variant| variant.name.as_str() == "al2023-eks-l1");
    let wanted =
        ["node/ready", "node/age", "workload/pod-to-pod", "os-cis/cis-al2023-1.0.0/3.3.1", "kubelet-path/exec"];
    report
        .results
        .retain(|result| result.subject.as_str() == "al2023-eks-l1" && wanted.contains(&result.check.as_str()));
    report.cluster.lab = false;
    report.cleanup = fixture::leftovers().cleanup;
    report.cleanup.leftovers.truncate(1);
    report
}

#[test]
fn every_form_of_a_small_report() {
    for (format, _) in FORMS {
        insta::assert_snapshot!(format.as_str(), render(format, &small(), &Options::default()).unwrap());
    }
}
