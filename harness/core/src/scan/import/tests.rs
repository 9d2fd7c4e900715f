//! What a file is worth, kind by kind: the same rules for all.

use amiproof_model::report::Subject;
use amiproof_model::verdict::Outcome;
use jiff::Timestamp;
use proptest::prelude::*;

use super::merge::merge;
use super::*;
use crate::check::ScanRow;

fn target(file: &str) -> Target {
    Target {
        subject: Subject::Variant("l1".parse().unwrap()),
        benchmark: Some("cis-eks-1.8.0".parse().unwrap()),
        hardened_to: None,
        level: None,
        name: None,
        nodes: Vec::new(),
        copy: None,
        file: Some(File { name: file.to_owned(), place: format!("/results/{file}") }),
    }
}

fn import(kind: Kind, text: &str, target: &Target) -> Result<Import, ImportError> {
    read(kind, Source::open(std::io::Cursor::new(text.as_bytes().to_vec()))?, target)
}

/// The rows as `check: outcome`, in the order of their checks.
fn summary_of(kind: Kind, text: &str, benchmark: Option<&str>) -> Vec<String> {
    let target = Target { benchmark: benchmark.map(|name| name.parse().unwrap()), ..target("a") };
    let import = import(kind, text, &target).unwrap_or_else(|error| panic!("{error}: {text}"));
    let row = |(_, row): &(Subject, ScanRow)| {
        format!("{}: {}", row.check, Outcome::from(row.decision.verdict.clone()).as_str())
    };
    let mut rows: Vec<String> = import.rows.iter().map(row).collect();
    rows.sort();
    rows
}

fn xccdf(results: &str) -> String {
    format!("<TestResult end-time='2026-11-28T10:00:00'><target>n</target>{results}</TestResult>")
}

/// Each kind can record that something was not looked at; that is never a result.
#[test]
fn what_no_program_looked_at_is_an_answer_in_no_kind() {
    let rule = |word: &str| xccdf(&format!("<rule-result idref='r'><result>{word}</result></rule-result>"));
    let case = |attributes: &str, child: &str| {
        format!("<testsuite name='s'><testcase name='t' {attributes}>{child}</testcase></testsuite>")
    };
    let check = |status: &str| {
        format!(
            r#"{{"Controls":[{{"id":"3","version":"eks-1.8.0","node_type":"node","tests":[{{"results":[{{"test_number":"3.1.1","test_desc":"d","status":"{status}"}}]}}]}}]}}"#
        )
    };
    let sarif = |more: &str| format!(r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"T"}}}}{more}}}]}}"#);
    let inspec = |profile: &str| format!(r#"{{"version":"5","platform":{{}},"profiles":[{{"name":"p"{profile}}}]}}"#);
    let table: Vec<(Kind, String)> = vec![
        (Kind::Xccdf, rule("notchecked")),
        (Kind::Xccdf, rule("notapplicable")),
        (Kind::Xccdf, rule("unknown")),
        (Kind::Junit, case("", "<skipped/>")),
        (Kind::Junit, case("status='disabled'", "")),
        (Kind::Junit, case("status='notrun' result='suppressed'", "")),
        (Kind::Junit, case("status='run' result='skipped'", "")),
        (Kind::Junit, case("status='of course'", "")),
        (Kind::Junit, case("status='interrupted'", "")),
        (Kind::KubeBench, check("INFO")),
        (Kind::KubeBench, check("")),
        (Kind::InspectorCsv, "Check ID,Status\n3.1.1,SKIPPED\n".to_owned()),
        (Kind::InspectorCsv, "Check ID,Status\n3.1.1,\n".to_owned()),
        (Kind::InspectorJson, r#"{"scanResultDetails":[{"checkId":"3.1.1","status":"SKIPPED"}]}"#.to_owned()),
        (Kind::Sarif, sarif("")),
        (Kind::Sarif, sarif(r#","results":null"#)),
        (Kind::Sarif, sarif(r#","results":[],"invocations":[{"executionSuccessful":false}]"#)),
        (Kind::Sarif, sarif(r#","results":[],"externalPropertyFileReferences":{"results":[{}]}"#)),
        (Kind::Sarif, sarif(r#","results":[{"ruleId":"r","kind":"open"}]"#)),
        (Kind::Inspec, inspec(r#","status":"skipped","status_message":"another platform","controls":[]"#)),
        (Kind::Inspec, inspec(r#","status":"failed","controls":[]"#)),
        (Kind::Inspec, inspec(r#","controls":[{"id":"c","impact":0.5,"results":[]}]"#)),
        (Kind::InspectorJson, r#"{"checkAggregations":[{"checkId":"3.1.1","statusCounts":{"skipped":1}}]}"#.to_owned()),
        (Kind::Hdf, inspec(r#","controls":[{"id":"c","impact":0.5,"results":[{"status":"error","code_desc":"x"}]}]"#)),
        (Kind::Hdf, inspec(r#","controls":[{"id":"c","impact":0.5,"results":[]}]"#)),
        (Kind::Ocsf, r#"{"class_uid":2003,"compliance":{"control":"3.1.1","status_id":2}}"#.to_owned()),
        (Kind::Ocsf, r#"{"class_uid":2003,"compliance":{"control":"3.1.1","status":"Ignored"}}"#.to_owned()),
        (
            Kind::Asff,
            r#"[{"SchemaVersion":"2018-10-08","GeneratorId":"g","Compliance":{"Status":"NOT_AVAILABLE"}}]"#.to_owned(),
        ),
        (Kind::Ctrf, r#"{"results":{"tests":[{"name":"t","status":"pending"}]}}"#.to_owned()),
        (
            Kind::Goss,
            r#"{"results":[{"resource-type":"File","resource-id":"/a","result":2,"successful":true}]}"#.to_owned(),
        ),
    ];
    for (kind, text) in table {
        let rows = summary_of(kind, &text, Some("cis-eks-1.8.0"));
        assert!(!rows.is_empty() && rows.iter().all(|row| row.ends_with(": not evaluated")), "{text}: {rows:?}");
    }
}

#[test]
fn a_clean_log_of_sarif_is_a_result() {
    for more in [
        r#","results":[]"#,
        r#","results":[],"invocations":[{"executionSuccessful":true}]"#,
        r#","results":[{"ruleId":"r","baselineState":"absent","message":{"text":"gone"}}]"#,
    ] {
        let text = format!(r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"T"}}}}{more}}}]}}"#);
        assert_eq!(summary_of(Kind::Sarif, &text, None), ["sarif/t/run: pass"], "{more}");
    }
}

#[test]
fn a_rule_answers_every_control_that_it_belongs_to() {
    let rule = "<Rule id='xccdf_a_rule_x'><title>t</title>\
        <reference href='https://www.cisecurity.org/benchmark/x/'>6.1.1</reference>\
        <reference href='https://www.cisecurity.org/benchmark/x/'>6.1.2</reference></Rule>\
        <Rule id='xccdf_a_rule_y'><reference href='https://www.cisecurity.org/benchmark/x/'>6.1.2</reference></Rule>";
    let result = |rule: &str, word: &str| {
        format!("<rule-result idref='xccdf_a_rule_{rule}'><result>{word}</result></rule-result>")
    };
    let text = format!("<Benchmark id='b'>{rule}{}</Benchmark>", xccdf(&(result("x", "fail") + &result("y", "pass"))));
    let expected = ["os-cis/cis-al2023-1.0.0/6.1.1: fail", "os-cis/cis-al2023-1.0.0/6.1.2: fail"];
    assert_eq!(summary_of(Kind::Xccdf, &text, Some("cis-al2023-1.0.0")), expected);
    let inspec = r#"{"version":"5","profiles":[{"name":"p","controls":[{"id":"c","tags":{"cis":["6.1.1","6.1.2"]},"results":[{"status":"failed","code_desc":"x"}]}]}]}"#;
    assert_eq!(summary_of(Kind::Inspec, inspec, Some("cis-al2023-1.0.0")), expected);
}

#[test]
fn every_reader_calls_a_benchmark_and_its_controls_by_one_name() {
    let control = "os-cis/cis-windows-2022-5.0.0/1.1.1: pass";
    let cis_cat = "<TestResult><benchmark id='xccdf_org.cisecurity.benchmarks_benchmark_5.0.0_CIS_Microsoft_Windows_Server_2022_Benchmark'/>\
        <target>n</target><rule-result idref='xccdf_org.cisecurity.benchmarks_rule_1.1.1_L1_Ensure_a'><result>pass</result></rule-result></TestResult>";
    assert_eq!(summary_of(Kind::Xccdf, cis_cat, None), [control]);
    let csv = "Check ID,Status,Platform\n1.1.1,PASSED,WINDOWS_SERVER_2022\n";
    assert_eq!(summary_of(Kind::InspectorCsv, csv, None), [control]);
    let json = r#"{"scanResultDetails":[{"checkId":"1.1.1","status":"PASSED","platform":"WINDOWS_SERVER_2022"}]}"#;
    assert_eq!(summary_of(Kind::InspectorJson, json, None), [control]);
    let chef = r#"{"version":"5","profiles":[{"name":"p","controls":[{"id":"xccdf_org.cisecurity.benchmarks_rule_1.1.1_L1_Ensure_a","results":[{"status":"passed"}]}]}]}"#;
    assert_eq!(summary_of(Kind::Inspec, chef, Some("cis-windows-2022-5.0.0")), [control]);
    // The benchmark in the file takes precedence over the one that the variant is hardened to.
    let target = Target { benchmark: None, hardened_to: Some("cis-al2023-1.0.0".parse().unwrap()), ..target("a") };
    let foreign = import(Kind::InspectorCsv, csv, &target).unwrap();
    assert_eq!(foreign.rows[0].1.check.as_str(), "os-cis/cis-windows-2022-5.0.0/1.1.1");
    let requested = Target { benchmark: target.hardened_to.clone(), ..target };
    for (kind, text) in [(Kind::Xccdf, cis_cat), (Kind::InspectorCsv, csv)] {
        let error = import(kind, text, &requested).unwrap_err().to_string();
        assert_eq!(error, "was evaluated against cis-windows-2022-5.0.0, not cis-al2023-1.0.0");
    }
}

#[test]
fn what_amiproof_reads_on_a_run_can_be_imported_too() {
    let bottlerocket = r#"{"level":1,"total":2,"name":"CIS Bottlerocket Benchmark","version":"v1.0.0","results":{
        "a":{"id":"1.1.1.1","level":2,"title":"udf","mode":"Automatic","status":"FAIL","error":"loaded"},
        "b":{"id":"1.2.1","level":1,"title":"ask","mode":"Manual","status":"SKIP","error":""}}}"#;
    assert_eq!(
        summary_of(Kind::Bottlerocket, bottlerocket, None),
        ["os-cis/cis-bottlerocket-1.0.0/1.1.1.1: fail", "os-cis/cis-bottlerocket-1.0.0/1.2.1: manual"]
    );
    let page = r#"{"scanResultDetails":[{"checkId":"1.1.1","title":"A","status":"FAILED","level":"LEVEL_1","platform":"AMAZON_LINUX_2023",
        "statusReason":"it is on","targetResourceId":"i-0aa"}],"nextToken":"more"}"#;
    assert_eq!(
        summary_of(Kind::InspectorJson, page, None),
        ["os-cis/cis-al2023-1.0.0/1.1.1: fail", "os-cis/inspector/pages: not evaluated"]
    );
    let kube_bench = |status: &str, reason: &str| {
        format!(
            "<testcase name='3.1.1 x'><skipped/><system-out>{{&quot;test_number&quot;:&quot;3.1.1&quot;,&quot;status&quot;:&quot;{status}&quot;,&quot;reason&quot;:&quot;{reason}&quot;}}</system-out></testcase>"
        )
    };
    for (status, reason, outcome) in [
        ("WARN", "failed to run: x", "not evaluated"),
        ("WARN", "Test marked as a manual test", "manual"),
        ("PASS", "", "pass"),
        ("INFO", "", "not evaluated"),
    ] {
        let text = format!("<testsuite name='Worker Node'>{}</testsuite>", kube_bench(status, reason));
        let named = summary_of(Kind::Junit, &text, Some("cis-eks-1.8.0"));
        assert_eq!(named, [format!("kube-bench/cis-eks-1.8.0/3.1.1: {outcome}")]);
        assert_eq!(summary_of(Kind::Junit, &text, None), [format!("junit/kube-bench/3.1.1: {outcome}")]);
    }
}

/// A kind of file with a test or control that ends as told.
fn file(kind: Kind, good: bool) -> String {
    match kind {
        Kind::Junit => {
            let failure = if good { "" } else { "<failure/>" };
            format!("<testsuite name='e2e'><testcase name='t'>{failure}</testcase></testsuite>")
        }
        Kind::Xccdf => {
            let word = if good { "pass" } else { "fail" };
            xccdf(&format!(
                "<rule-result idref='r'><ident system='https://www.cisecurity.org/benchmark/x'>3.1.1</ident><result>{word}</result></rule-result>"
            ))
        }
        Kind::InspectorCsv => format!("Check ID,Status\n3.1.1,{}\n", if good { "PASSED" } else { "FAILED" }),
        Kind::InspectorJson => {
            let counts = if good { r#""passed":1"# } else { r#""passed":1,"failed":1"# };
            format!(r#"{{"checkAggregations":[{{"checkId":"3.1.1","statusCounts":{{{counts}}}}}]}}"#)
        }
        Kind::Hdf => {
            let word = if good { "passed" } else { "failed" };
            format!(
                r#"{{"platform":{{"name":"Heimdall Tools"}},"profiles":[{{"name":"p","controls":[{{"id":"c","impact":0.5,"tags":{{"cis":"3.1.1"}},"results":[{{"status":"{word}","code_desc":"x"}}]}}]}}]}}"#
            )
        }
        Kind::Ocsf => {
            let id = if good { 1 } else { 3 };
            format!(r#"{{"class_uid":2003,"compliance":{{"control":"3.1.1","standards":[],"status_id":{id}}}}}"#)
        }
        Kind::Asff => {
            let word = if good { "PASSED" } else { "FAILED" };
            format!(r#"[{{"SchemaVersion":"2018-10-08","GeneratorId":"g","Compliance":{{"Status":"{word}"}}}}]"#)
        }
        Kind::Ctrf => {
            let word = if good { "passed" } else { "failed" };
            format!(r#"{{"results":{{"tool":{{"name":"Jest"}},"tests":[{{"name":"t","status":"{word}"}}]}}}}"#)
        }
        Kind::Goss => {
            let code = u8::from(!good);
            format!(
                r#"{{"results":[{{"resource-type":"File","resource-id":"/a","property":"exists","result":{code},"successful":{good},"meta":{{"CIS_ID":["3.1.1"]}}}}],"summary":{{"test-count":1}}}}"#
            )
        }
        _ => format!(
            r#"{{"id":"3","version":"eks-1.8.0","node_type":"node","tests":[{{"results":[{{"test_number":"3.1.1","test_desc":"d","status":"{}"}}]}}]}}"#,
            if good { "PASS" } else { "FAIL" }
        ),
    }
}

proptest! {
    /// Whatever files are imported, and in whatever order: the report is the same, and no failure of any of them is gone.
    #[test]
    fn the_order_of_imports_changes_nothing(
        files in proptest::collection::vec((0_usize..10, 0_usize..3, any::<bool>(), any::<bool>()), 1..8),
        order in any::<proptest::sample::Index>(),
    ) {
        let kinds = [
            Kind::Junit,
            Kind::Xccdf,
            Kind::InspectorCsv,
            Kind::KubeBench,
            Kind::InspectorJson,
            Kind::Hdf,
            Kind::Ocsf,
            Kind::Asff,
            Kind::Ctrf,
            Kind::Goss,
        ];
        // One file per place: a file has one content at a time.
        let files: std::collections::BTreeMap<(usize, usize), (bool, bool)> =
            files.into_iter().map(|(kind, place, good, named)| ((kind, place), (good, named))).collect();
        let imports: Vec<(bool, Import)> = files
            .iter()
            .map(|((kind, place), (good, named))| {
                let name = format!("{}-{place}", kinds[*kind].as_str());
                let target = Target { name: named.then(|| name.clone()), ..target(&name) };
                (*good, import(kinds[*kind], &file(kinds[*kind], *good), &target).unwrap())
            })
            .collect();
        let now = Timestamp::UNIX_EPOCH;
        let after = |imports: &mut dyn Iterator<Item = &(bool, Import)>| {
            let mut report = super::merge::tests::report();
            for (_, import) in imports {
                merge(&mut report, import.clone(), &[], now);
            }
            report
        };
        let once = after(&mut imports.iter());
        let start = order.index(imports.len());
        let turned = after(&mut imports.iter().cycle().skip(start).take(imports.len()));
        prop_assert_eq!(&once, &turned);
        let backwards = after(&mut imports.iter().rev());
        prop_assert_eq!(&once, &backwards);
        let again = after(&mut imports.iter().chain(&imports));
        prop_assert_eq!(&once, &again);
        let failed = once.results.iter().filter(|result| matches!(result.outcome, Outcome::Fail { .. }) && result.scanner.is_some());
        prop_assert_eq!(failed.count(), imports.iter().filter(|(good, _)| !good).count());
    }
    /// A file that is cut anywhere, or has any one byte changed, is rejected or yields no pass that the intact file
    /// lacks.
    #[test]
    fn a_damaged_file_has_no_pass_that_the_intact_one_lacks(
        kind in proptest::sample::select(vec![
            Kind::InspectorJson, Kind::Hdf, Kind::Ocsf, Kind::Asff, Kind::Ctrf, Kind::Goss,
        ]),
        at in any::<proptest::sample::Index>(),
        byte in proptest::option::of(any::<u8>()),
    ) {
        let whole = file(kind, false);
        let at = at.index(whole.len());
        let mut bytes = whole.into_bytes();
        match byte {
            Some(byte) => bytes[at] = byte,
            None => bytes.truncate(at),
        }
        // One digit or word may become another that the format knows: `"result":0` is a pass whatever it was before.
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let changed = byte.is_some() && (text.contains(r#""result":0"#) || text.contains(r#""status_id":1"#));
        if let Ok(import) = Source::open(std::io::Cursor::new(bytes)).and_then(|source| read(kind, source, &target("a"))) {
            let passes = import.rows.iter().any(|(_, row)| row.decision.verdict == amiproof_model::verdict::Verdict::Pass);
            prop_assert!(!passes || changed || (kind == Kind::InspectorJson && !text.contains(r#""failed":1"#)), "{}", text);
        }
    }
}
