//! OpenSCAP for real: what it finds on this machine, and content that is for another one.

use std::path::{Path, PathBuf};
use std::process::Command;

use amiproof_model::report::CheckResult;
use amiproof_model::verdict::Outcome;

use crate::import::{folder, import, outcomes, report_of};
use crate::process::stderr;

/// The content that Debian packages for its own releases, the newest first.
fn content() -> Option<PathBuf> {
    let folder = std::fs::read_dir("/usr/share/xml/scap/ssg/content").ok()?;
    let is_stream = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with("ssg-debian") && name.ends_with("-ds.xml")
    };
    folder.map(|entry| entry.unwrap().path()).filter(is_stream).max()
}

/// Debian's content, where OpenSCAP is there too.
fn oscap_content() -> Option<PathBuf> {
    let there = Command::new("oscap").arg("--version").output().is_ok_and(|output| output.status.success());
    let content = content().filter(|_| there);
    if content.is_none() {
        let required = std::env::var_os("AMIPROOF_REQUIRE_OSCAP").is_some();
        assert!(!required, "oscap or its content is not there: run `make oscap`");
        eprintln!("skipped: oscap or its content is not there: run `make oscap`");
    }
    content
}

/// Judges this machine; exit code 2 says that a rule failed.
fn evaluate(folder: &Path, content: &Path) {
    let output = Command::new("oscap")
        .current_dir(folder)
        .args(["xccdf", "eval", "--profile", "xccdf_org.ssgproject.content_profile_anssi_np_nt28_high"])
        .args(["--results", "xccdf.xml", "--results-arf", "arf.xml"])
        .arg(content)
        .output()
        .unwrap();
    assert!(matches!(output.status.code(), Some(0 | 2)), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What Python's own XML parser finds: rule, result and severity of every rule-result.
const PYTHON: &str = "
import json, sys, xml.etree.ElementTree as E
ns = '{http://checklists.nist.gov/xccdf/1.2}'
found = [(r.get('idref').split('_rule_')[1], r.find(ns + 'result').text, r.get('severity'))
         for r in E.parse(sys.argv[1]).iter(ns + 'rule-result')]
print(json.dumps(found))
";

fn second_opinion(file: &Path) -> Vec<(String, String, String)> {
    let python = std::env::var("AMIPROOF_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = Command::new(python).args(["-c", PYTHON]).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn what_openscap_finds_on_this_machine_is_read_as_another_parser_reads_it() {
    let Some(path) = oscap_content() else { return };
    let folder = folder();
    // The content is for the release before this one: without its platform it applies anywhere.
    let content = std::fs::read_to_string(path).unwrap();
    let (with, without): (Vec<&str>, Vec<&str>) =
        content.lines().partition(|line| line.contains("platform idref=\"cpe:/o:debian:debian_linux:"));
    assert!(!with.is_empty(), "the content names its platform in another way");
    std::fs::write(folder.path().join("content.xml"), without.join("\n")).unwrap();
    evaluate(folder.path(), Path::new("content.xml"));

    // Some rules of the content have no check, and what was not evaluated is not green.
    let xccdf = import(folder.path(), &["auto", "xccdf.xml", "--variant", "al2023-l1", "--no-fail"]);
    let arf = import(folder.path(), &["auto", "arf.xml", "--variant", "al2023-l1", "--name", "arf", "--no-fail"]);
    let code = |undecided: bool| Some(if undecided { 3 } else { 0 });

    let report = report_of(folder.path());
    let expected = second_opinion(&folder.path().join("xccdf.xml"));
    assert_eq!(expected, second_opinion(&folder.path().join("arf.xml")));
    let word = |result: &str| match result {
        "pass" | "fixed" => "pass",
        "fail" => "fail",
        "notapplicable" | "informational" => "not applicable",
        _ => "not evaluated",
    };
    let mut wanted: Vec<(String, &str)> = expected
        .iter()
        .filter(|(_, result, _)| result != "notselected")
        .map(|(rule, result, _)| (rule.clone(), word(result)))
        .collect();
    wanted.sort();
    let undecided = wanted.iter().any(|(_, word)| *word == "not evaluated");
    assert_eq!(xccdf.status.code(), code(undecided), "{}", stderr(&xccdf));
    assert_eq!(arf.status.code(), code(undecided), "{}", stderr(&arf));
    assert_eq!(outcomes(&report, "openscap"), wanted);
    assert_eq!(outcomes(&report, "arf"), wanted, "both files tell the same");
    for outcome in ["pass", "fail", "not applicable"] {
        assert!(wanted.iter().any(|(_, have)| *have == outcome), "the content has no {outcome}: {wanted:?}");
    }
    for (rule, _, severity) in &expected {
        let of_rule = |result: &&CheckResult| result.check.as_str() == format!("xccdf/openscap/{rule}");
        if let Some(result) = report.results.iter().find(of_rule) {
            let have = result.severity.map_or("unknown", |severity| severity.as_str());
            assert_eq!(have, severity, "{rule}");
            assert!(
                !result.title.is_empty() && *result.title != rule.replace('_', " "),
                "{rule} has the title of its content"
            );
        }
    }
    let scan = report.scans.iter().find(|scan| scan.scanner == "openscap").unwrap();
    let skipped = expected.len() - wanted.len();
    assert!(scan.note.contains(&format!("not selected: {skipped} of the file's rules or tests")), "{}", scan.note);
    assert!(scan.scanner_version.as_deref().is_some_and(|version| version.starts_with("1.")), "{scan:?}");
    let run = std::fs::read_dir(folder.path().join("runs-of-test/runs")).unwrap().next().unwrap().unwrap().path();
    let kept = std::fs::read(run.join("evidence/al2023-l1/import-xccdf.xml")).unwrap();
    assert!(kept == std::fs::read(folder.path().join("xccdf.xml")).unwrap(), "the file is kept as it came");
}

#[test]
fn content_for_another_platform_never_makes_a_green_row() {
    let Some(path) = oscap_content() else { return };
    let folder = folder();
    evaluate(folder.path(), &path);
    if second_opinion(&folder.path().join("arf.xml")).iter().any(|(_, result, _)| result == "pass" || result == "fail")
    {
        eprintln!("skipped: the content is for the release of this machine");
        return;
    }
    let output = import(folder.path(), &["arf", "arf.xml", "--variant", "al2023-l1"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let report = report_of(folder.path());
    let of_scan = || report.results.iter().filter(|result| result.check.suite() == "xccdf");
    assert!(of_scan().count() > 10);
    assert!(of_scan().all(|result| matches!(result.outcome, Outcome::NotEvaluated { .. })));
}
