//! Waivers by the command line: taken from a table, counted on imported results, audited.

use std::process::{Output, Stdio};

use serde_json::Value;

use crate::import::{NO_WAIVERS, folder, import, json, outcomes, report_of};
use crate::process::{amiproof, finish, stderr};

#[test]
fn waivers_come_from_a_table_count_on_imported_rows_and_are_audited() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let table = "| CIS ID | CIS Description | Reason | Alternative control |\n|---|---|---|---|\n\
                 | 3.2.1 | forwarding | pods are routed | N/A |\n| 6.1.11 | world-writable | folders of the runtime | |\n";
    std::fs::write(at("TABLE.md"), table).unwrap();
    let waiver = |arguments: &[&str]| {
        let mut command = amiproof(&folder.path().join("runs-of-test"));
        command.current_dir(folder.path()).arg("waiver").args(arguments);
        finish(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    };
    let from_table = [
        "import",
        "--from",
        "table",
        "TABLE.md",
        "--benchmark",
        "cis-al2023-1.0.0",
        "--owner",
        "platform",
        "--ticket",
        "SEC-1",
        "--into",
        "waivers.yaml",
    ];
    let without_date = waiver(&from_table);
    assert!(
        without_date.status.code() == Some(2) && stderr(&without_date).contains("--expires"),
        "{}",
        stderr(&without_date)
    );
    assert_eq!(
        std::fs::read_to_string(at("waivers.yaml")).unwrap(),
        NO_WAIVERS,
        "a table with a problem changes nothing"
    );
    let soon = today_plus(20);
    let output = waiver(&[&from_table[..], &["--expires", &soon]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));

    let csv = "Check ID,Title,Status,Level\n3.2.1,forwarding,FAILED,LEVEL_1\n6.1.11,world-writable,PASSED,LEVEL_1\n5.1.1,cron,PASSED,LEVEL_1\n";
    std::fs::write(at("inspector.csv"), csv).unwrap();
    let imported =
        import(folder.path(), &["inspector-csv", "inspector.csv", "--variant", "al2023-l1", "--output", "json"]);
    assert_eq!(
        imported.status.code(),
        Some(3),
        "the failure is waived, most controls have no answer: {}",
        stderr(&imported)
    );
    assert_eq!(json(&imported)["added"], 3);
    let again = import(folder.path(), &["auto", "inspector.csv", "--variant", "al2023-l1", "--output", "json"]);
    assert_eq!((&json(&again)["added"], &json(&again)["replaced"]), (&Value::from(0), &Value::from(3)));

    let audited = waiver(&["audit", "--run", "latest", "--output", "json"]);
    assert_eq!(audited.status.code(), Some(0), "warnings are not failures: {}", stderr(&audited));
    let kinds = |output: &Output| -> Vec<String> {
        json(output)["remarks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|remark| format!("{} {}", remark["kind"].as_str().unwrap(), remark["index"]))
            .collect()
    };
    assert_eq!(kinds(&audited), ["expiring 0", "expiring 1", "unused 1"]);
    assert_eq!(kinds(&waiver(&["audit", "--within", "5d", "--output", "json"])), [""; 0]);
    let text = std::fs::read_to_string(at("waivers.yaml")).unwrap();
    std::fs::write(at("waivers.yaml"), text.replacen(&soon, "2020-01-31", 1)).unwrap();
    let audited = waiver(&["audit", "--within", "5d"]);
    assert_eq!(audited.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&audited.stdout).contains("expired   waivers[0] cis-al2023-1.0.0/3.2.1"),
        "{audited:?}"
    );
    let expired = import(folder.path(), &["auto", "inspector.csv", "--variant", "al2023-l1"]);
    let actual = String::from_utf8_lossy(&expired.stdout);
    assert_eq!(expired.status.code(), Some(1), "it fails, whatever the other controls come to: {actual}");
    assert!(actual.trim_end().ends_with("(exit code 1)"), "the conclusion is the last line: {actual}");
    let failing: Vec<String> = outcomes(&report_of(folder.path()), "inspector")
        .into_iter()
        .filter_map(|(control, word)| (word == "fail").then_some(control))
        .collect();
    assert_eq!(failing, ["3.2.1"], "an expired waiver counts no more");
    let run = std::fs::read_dir(at("runs-of-test/runs")).unwrap().next().unwrap().unwrap().path();
    let markdown = std::fs::read_to_string(run.join("matrix.md")).unwrap();
    assert!(markdown.contains("Waivers to review") && markdown.contains("1 failure is no longer waived"), "{markdown}");
}

/// A day from now on, as a waiver writes it.
fn today_plus(days: i64) -> String {
    let later = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
    later.strftime("%Y-%m-%d").to_string()
}
