use amiproof_model::report::Subject;
use amiproof_model::verdict::Outcome;

use super::super::{ImportError, Kind, Source, read};
use super::*;

fn target() -> Target {
    Target {
        subject: Subject::Variant("al2023-l1".parse().unwrap()),
        benchmark: None,
        hardened_to: Some("cis-al2023-1.0.0".parse().unwrap()),
        level: None,
        name: None,
        nodes: Vec::new(),
        copy: Some("evidence/al2023-l1/import.x".into()),
        file: None,
    }
}

fn import(kind: Kind, text: &str, target: &Target) -> Result<Import, ImportError> {
    read(kind, Source::open(std::io::Cursor::new(text.as_bytes().to_vec()))?, target)
}

fn ids(import: &Import) -> Vec<String> {
    import.rows.iter().map(|(subject, row)| format!("{} {}", subject.as_str(), row.check)).collect()
}

#[test]
fn ids_are_legal_short_and_the_same_in_every_import() {
    let long = format!("[It] [sig-network] {} [Conformance]", "services ".repeat(30));
    let text = format!(
        "<testsuite name='e2e'><testcase name='a b'/><testcase name='a/b'/><testcase name='{long}'/><testcase name='漢字'/></testsuite>"
    );
    let once = import(Kind::Junit, &text, &target()).unwrap();
    let twice = import(Kind::Junit, &text, &target()).unwrap();
    assert_eq!(ids(&once), ids(&twice));
    let ids = ids(&once);
    assert_eq!(ids[0], "al2023-l1 junit/e2e/a-b");
    assert!(ids[1].starts_with("al2023-l1 junit/e2e/a-b-") && ids[1] != ids[0], "{ids:?}");
    assert!(ids.iter().all(|id| id.len() < 130), "{ids:?}");
    assert_eq!(once.rows[2].1.title.len(), long.len(), "the title is complete");
}

#[test]
fn inspectors_csv_answers_the_same_checks_as_a_scan_of_a_run() {
    let text = "Check ID,Title,Status,Target Resource ID\n3.3.1,t,FAILED,i-0bb\n3.3.1,t,FAILED,i-0aa\n";
    let import = import(Kind::InspectorCsv, text, &target()).unwrap();
    assert_eq!(ids(&import), ["al2023-l1 os-cis/cis-al2023-1.0.0/3.3.1"]);
    let outcome = Outcome::from(import.rows[0].1.decision.verdict.clone());
    let resources: Vec<&str> = outcome.findings().iter().map(|finding| finding.resource.as_str()).collect();
    assert_eq!(resources, ["node 1", "node 2"], "instances have the names of nodes");
    let nobody_knows = Target { hardened_to: None, ..target() };
    let error =
        super::super::read(Kind::InspectorCsv, Source::open(std::io::Cursor::new(text)).unwrap(), &nobody_knows);
    assert!(error.unwrap_err().to_string().contains("--benchmark"));
}

fn xccdf(results: &[(&str, &str, &str)]) -> String {
    let result = |(rule, number, word): &(&str, &str, &str)| {
        format!(
            "<rule-result idref='xccdf_a_rule_{rule}' severity='low'><ident system='https://www.cisecurity.org/benchmark/x'>{number}</ident><result>{word}</result></rule-result>"
        )
    };
    format!("<TestResult><target>n</target>{}</TestResult>", results.iter().map(result).collect::<String>())
}

#[test]
fn rules_are_rows_of_their_own_where_nobody_says_the_benchmark() {
    let text = xccdf(&[("b", "3.3.1", "pass")]);
    let named = Target { name: Some("Nightly CI".into()), ..target() };
    let import_named = import(Kind::Xccdf, &text, &named).unwrap();
    assert_eq!(ids(&import_named), ["al2023-l1 xccdf/nightly-ci/b"]);
    assert_eq!((import_named.scans[0].scanner.as_str(), &import_named.rows[0].1.control), ("nightly-ci", &None));
    assert_eq!(import_named.rows[0].1.decision.evidence[0].file.as_deref(), Some("evidence/al2023-l1/import.x"));
}

#[test]
fn with_a_benchmark_rules_answer_its_controls_beside_inspector_and_the_worst_rule_of_a_control_counts() {
    let text = xccdf(&[
        ("a", "3.3.1", "pass"),
        ("b", "3.3.1", "fail"),
        ("c", "3.3.1", "pass"),
        ("d", "3.3.2", "pass"),
        ("e", "", "fail"),
    ]);
    let known = Target { benchmark: Some("cis-al2023-1.0.0".parse().unwrap()), ..target() };
    let import = import(Kind::Xccdf, &text, &known).unwrap();
    assert_eq!(
        ids(&import),
        [
            "al2023-l1 os-cis/cis-al2023-1.0.0/3.3.1",
            "al2023-l1 os-cis/cis-al2023-1.0.0/3.3.2",
            "al2023-l1 xccdf/xccdf/e"
        ]
    );
    let row = &import.rows[0].1;
    assert!(matches!(&row.decision.verdict, Verdict::Fail(findings) if findings.len() == 1), "{row:?}");
    assert_eq!(row.decision.evidence.len(), 3, "every rule is in evidence");
    assert_eq!(row.control.as_ref().unwrap().as_str(), "cis-al2023-1.0.0/3.3.1");
    let scans: Vec<_> = import.scans.iter().map(|scan| (scan.suite.as_str(), scan.benchmark.is_some())).collect();
    assert_eq!(scans, [("os-cis", true), ("xccdf", false)]);
}

const KUBE_BENCH: &str = r#"{"Controls":[
    {"id":"3","version":"eks-9.9.9","node_type":"node","tests":[{"results":[
      {"test_number":"3.1.1","test_desc":"d","status":"PASS"},{"test_number":"3.1.1","test_desc":"d","status":"FAIL"}]}]},
    {"id":"4","version":"eks-9.9.9","node_type":"policies","tests":[{"results":[{"test_number":"4.1.1","test_desc":"d","status":"WARN","reason":"Test marked as a manual test"}]}]}]}"#;

#[test]
fn kube_bench_of_an_unknown_version_is_keyed_by_it_and_a_control_with_two_answers_has_none() {
    let import_it = import(Kind::KubeBench, KUBE_BENCH, &target()).unwrap();
    assert_eq!(ids(&import_it), ["al2023-l1 kube-bench/cis-eks-9.9.9/3.1.1", "cluster kube-bench/cis-eks-9.9.9/4.1.1"]);
    let twice = "kube-bench lists control 3.1.1 twice, with different results";
    assert_eq!(import_it.rows[0].1.decision.verdict, Verdict::NotEvaluated(twice.to_owned()));
    let other = Target { benchmark: Some("cis-eks-1.8.0".parse().unwrap()), ..target() };
    let error = import(Kind::KubeBench, KUBE_BENCH, &other).unwrap_err().to_string();
    assert_eq!(error, "was evaluated against cis-eks-9.9.9, not cis-eks-1.8.0");
    let stig = KUBE_BENCH.replace("eks-9.9.9", "eks-stig-kubernetes-v1r6");
    assert!(import(Kind::KubeBench, &stig, &target()).unwrap_err().to_string().contains("--benchmark"));
    assert_eq!(import(Kind::KubeBench, &stig, &other).unwrap().rows.len(), 2);
    let generic = KUBE_BENCH.replace("eks-9.9.9", "cis-1.10");
    assert_eq!(
        ids(&import(Kind::KubeBench, &generic, &target()).unwrap())[0],
        "al2023-l1 kube-bench/cis-kubernetes-1.10/3.1.1"
    );
}

#[test]
fn results_of_another_platform_never_answer_the_benchmark_of_the_variant() {
    for (platform, benchmark, wanted) in [
        ("", None, Some("cis-al2023-1.0.0")),
        ("AMAZON_LINUX_2023", None, Some("cis-al2023-1.0.0")),
        ("AMAZON_LINUX_2", None, Some("cis-al2-3.0.0")),
        ("UBUNTU_22_04", None, None),
        ("RHEL_9", None, None),
        ("DEBIAN_12", None, None),
        ("WINDOWS_SERVER_2012_R2", None, None),
        ("DEBIAN_12", Some("cis-debian-linux-12-1.1.0"), Some("cis-debian-linux-12-1.1.0")),
        ("AMAZON_LINUX_2", Some("cis-al2023-1.0.0"), None),
    ] {
        let text = format!("Check ID,Status,Platform\n3.3.1,PASSED,{platform}\n");
        let benchmark = benchmark.map(|name: &str| name.parse().unwrap());
        let import = import(Kind::InspectorCsv, &text, &Target { benchmark, ..target() });
        let own = import.ok().map(|import| import.rows[0].1.control.as_ref().unwrap().benchmark().to_owned());
        assert_eq!(own.as_deref(), wanted, "{platform}");
    }
}

/// The same check on two variants and on the run as a whole, as amiproof writes it.
const OWN: &str = r#"{"results":{"tool":{"name":"amiproof","version":"1"},"tests":[
    {"name":"a","status":"passed","rawStatus":"passed","extra":{"subject":"al2023-l1","check":"os-cis/cis-al2023-1.0.0/3.3.1","control":"cis-al2023-1.0.0/3.3.1"}},
    {"name":"b","status":"failed","rawStatus":"failed","extra":{"subject":"al2023-l2","check":"os-cis/cis-al2023-1.0.0/3.3.1","control":"cis-al2023-1.0.0/3.3.1"}},
    {"name":"c","status":"other","rawStatus":"error","message":"interrupted","extra":{"subject":"run","check":"run/interrupted"}}]}}"#;

#[test]
fn a_form_of_amiproof_answers_for_the_column_that_it_is_imported_for_and_for_no_other() {
    let rows = |variant: &str| {
        let target = Target { subject: Subject::Variant(variant.parse().unwrap()), ..target() };
        let import = import(Kind::Ctrf, OWN, &target)?;
        let word = |row: &ScanRow| Outcome::from(row.decision.verdict.clone()).as_str().to_owned();
        let rows = import.rows.iter().map(|(_, row)| format!("{}: {}", row.check, word(row))).collect::<Vec<_>>();
        Ok::<_, ImportError>((rows, import.scans[0].note.clone()))
    };
    let check = "ctrf/amiproof/os-cis-cis-al2023-1.0.0-3.3.1";
    let run = "ctrf/amiproof/run-interrupted: not evaluated".to_owned();
    let (good, note) = rows("al2023-l1").unwrap();
    assert_eq!(good, [format!("{check}: pass"), run.clone()]);
    assert!(note.contains("the file's rows about al2023-l2 were left out"), "{note}");
    assert_eq!(rows("al2023-l2").unwrap().0, [format!("{check}: fail"), run]);
    let error = rows("bottlerocket").unwrap_err().to_string();
    assert_eq!(error, "is a report of amiproof about al2023-l1, al2023-l2, and has nothing about bottlerocket");
}
