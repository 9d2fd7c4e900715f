//! What scans come to in whole runs: who judged what, and that nothing is green without evidence.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use amiproof_model::judge::Disposition;
use amiproof_model::report::{CheckResult, Report, Subject};
use amiproof_model::threshold;
use amiproof_model::verdict::Outcome;

use crate::process::{matrix, run, stderr};

/// Which scanner judged each of the seven base images and Windows, by which benchmark and level; and that the numbers add up.
pub(crate) fn every_image_says_who_judged_it(dir: &Path, report: &Report) {
    assert_numbers_add_up(report);
    assert_matrix_lists_scans(dir, report);
    let judged = |suite: &str| -> BTreeMap<String, Vec<String>> {
        let mut by_variant: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for scan in report.scans.iter().filter(|scan| scan.suite == suite && scan.subject != Subject::Cluster) {
            let benchmark = scan.benchmark.as_ref().map_or("nothing".to_owned(), ToString::to_string);
            let level = scan.level.map(|level| format!(" {level}")).unwrap_or_default();
            let line = format!("{} {benchmark}{level}", scan.scanner);
            by_variant.entry(scan.subject.as_str().to_owned()).or_default().push(line);
        }
        by_variant.values_mut().for_each(|lines| lines.sort());
        by_variant
    };
    let os = judged("os-cis");
    let of = |variant: &str| -> Vec<&str> { os[variant].iter().map(String::as_str).collect() };
    assert_eq!(of("eks-al2"), ["inspector nothing"], "and kube-bench, below");
    assert_eq!(of("cis-al2-kernel-4-14-l1"), ["inspector nothing L1", "openscap cis-al2-3.0.0 L1"]);
    assert_eq!(of("cis-al2-l2"), ["inspector nothing L2", "openscap cis-al2-3.0.0 L2"]);
    assert_eq!(of("eks-al2023"), ["inspector cis-al2023-1.0.0 L1"]);
    assert_eq!(of("cis-al2023-l1"), ["inspector cis-al2023-1.0.0 L1"]);
    assert_eq!(of("cis-al2023-l2"), ["inspector cis-al2023-1.0.0 L2"]);
    assert_eq!(
        of("bottlerocket"),
        ["bottlerocket cis-bottlerocket-1.0.0 L1", "bottlerocket-k8s cis-kubernetes-1.8.0 L1", "inspector nothing L1"]
    );
    assert_eq!(of("windows-2022-core"), ["inspector cis-windows-2022-5.0.0 L1"]);
    let gaps: Vec<&CheckResult> = threshold::gaps(report).collect();
    assert!(gaps.is_empty(), "nobody asked for more of the stock image of Amazon Linux 2: {gaps:#?}");
    assert_eq!(report_of(report, "eks-al2", "gate/os-cis-coverage"), Disposition::Informational, "but it is not green");
    let nodes = judged("kube-bench");
    assert_eq!(nodes.len(), 7, "every image but Windows: {nodes:?}");
    assert!(nodes.values().all(|scans| *scans == ["kube-bench cis-eks-1.8.0 L2"]), "{nodes:?}");
}

fn report_of(report: &Report, variant: &str, check: &str) -> Disposition {
    let [result] = of(report, variant, check)[..] else { panic!("{check} of {variant}") };
    result.disposition.clone()
}

/// Every control that a benchmark has for a subject ended in exactly one of these ways, and none is missing.
fn assert_numbers_add_up(report: &Report) {
    for scan in &report.scans {
        let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
        for result in report.results.iter().filter(|result| scan.owns(result) && result.control.is_some()) {
            *numbers.entry(result.disposition.as_str()).or_default() += 1;
        }
        let ways =
            ["passed", "failed", "waived", "informational", "manual", "not applicable", "not evaluated", "allowed"];
        assert!(numbers.keys().all(|word| ways.contains(word)), "{scan:?}: {numbers:?}");
        match scan.expected {
            Some(expected) => assert_eq!(numbers.values().sum::<usize>(), expected, "{scan:?}: {numbers:?}"),
            None => assert!(numbers.is_empty() && !scan.note.is_empty(), "{scan:?}: {numbers:?}"),
        }
    }
}

/// The page for people has a line for every scan, whose cells add up to the first one.
fn assert_matrix_lists_scans(dir: &Path, report: &Report) {
    let path = dir.join("runs").join(report.run.id.as_str()).join("matrix.md");
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<Vec<&str>> = text
        .lines()
        .skip_while(|line| *line != "### Scans")
        .skip(4)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert_eq!(lines.len(), report.scans.len());
    for (cells, scan) in lines.iter().zip(&report.scans) {
        assert_eq!((cells[0], cells[1]), (scan.subject.as_str(), scan.suite.as_str()));
        assert!(cells[2].starts_with(scan.scanner.as_str()), "{cells:?}");
        assert!(scan.benchmark.as_ref().is_none_or(|benchmark| cells[3].starts_with(benchmark.as_str())), "{cells:?}");
        let numbers: Vec<usize> = cells[4..].iter().map(|cell| cell.parse().unwrap()).collect();
        let (all, parts) = numbers.split_first().unwrap();
        assert_eq!(parts.iter().sum::<usize>(), *all, "{cells:?}");
    }
}

/// A run of the pair's operating system scans under a scenario: its exit code and its report.
fn scanned(dir: &Path, scenario: &str) -> (Option<i32>, Report) {
    scanned_by(dir, &matrix("pair.yaml"), scenario)
}

fn scanned_by(dir: &Path, matrix: &Path, scenario: &str) -> (Option<i32>, Report) {
    let file = matrix.to_str().unwrap();
    let arguments = ["run", "--lab", "--no-fail", "--file", file, "--checks", "os-cis", "--scenario", scenario];
    let output = run(dir, &arguments);
    assert!(dir.join("runs").exists(), "{scenario}: {}", stderr(&output));
    (output.status.code(), crate::process::report(dir))
}

fn of<'a>(report: &'a Report, variant: &str, check: &str) -> Vec<&'a CheckResult> {
    report
        .results
        .iter()
        .filter(|result| result.subject.as_str() == variant && result.check.as_str().starts_with(check))
        .collect()
}

/// No green cell about the operating system of a variant, and a word why. Of a stock image it is only shown.
fn assert_nothing_green(report: &Report, variant: &str, why: &str) {
    let green: Vec<_> = report
        .results
        .iter()
        .filter(|result| result.subject.as_str() == variant && result.outcome == Outcome::Pass)
        .collect();
    assert!(green.is_empty(), "{why}: {green:#?}");
    for check in ["os-cis/inspector", "gate/os-cis-coverage"] {
        let found = of(report, variant, check);
        let [result] = found.as_slice() else { panic!("{check} of {variant}: {found:#?}") };
        let is_stock = report.variants.iter().any(|own| own.name.as_str() == variant && own.benchmark.is_none());
        let wanted = if is_stock { Disposition::Informational } else { Disposition::NotEvaluated };
        assert_eq!(result.disposition, wanted, "{result:#?}");
        assert!(matches!(result.outcome, Outcome::NotEvaluated { .. }), "{result:#?}");
        assert!(result.outcome.reason().contains(why), "{check}: {}", result.outcome.reason());
    }
}

#[test]
fn a_scan_that_evaluated_nothing_leaves_no_green_cell_of_its_suite() {
    for (scenario, why) in [
        ("scan-zero-checks", "COMPLETED with 0 checks"),
        ("scan-timed-out", "its scan timed out"),
        ("scan-ssm-unmanaged", "SSM does not manage it"),
        ("scan-unsupported-os", "no CIS benchmark for its operating system"),
        ("endless-pages", "repeats its page tokens"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (code, report) = scanned(dir.path(), scenario);
        assert_eq!(code, Some(3), "{scenario}: not even --no-fail makes it a success");
        for variant in ["eks-al2023", "cis-al2023-l1"] {
            assert_nothing_green(&report, variant, why);
        }
        assert!(report.cleanup.leftovers.is_empty(), "{scenario}: {:?}", report.cleanup);
    }
}

#[test]
fn a_scan_that_never_ends_is_given_up_at_its_deadline_and_its_peer_is_judged() {
    let dir = tempfile::tempdir().unwrap();
    let pair = std::fs::read_to_string(matrix("pair.yaml")).unwrap();
    let hasty = dir.path().join("amiproof.yaml");
    std::fs::write(&hasty, format!("{pair}defaults: {{timeouts: {{osScan: 1h}}}}\n")).unwrap();
    let (_, report) = scanned_by(dir.path(), &hasty, "stuck-scan");
    assert_nothing_green(&report, "cis-al2023-l1", "after 3600s (timeouts.osScan), so nothing was evaluated");
    assert_eq!(of(&report, "eks-al2023", "os-cis/cis-al2023-1.0.0/").len(), 166);
    assert!(report.cleanup.leftovers.is_empty(), "{:?}", report.cleanup);
}

#[test]
fn a_report_that_cannot_be_fetched_ends_in_a_word_why_and_its_results_stand() {
    for (scenario, why) in
        [("report-redirects", "redirect"), ("report-endless", "has more than"), ("report-stalls", "within")]
    {
        let dir = tempfile::tempdir().unwrap();
        let (code, report) = scanned(dir.path(), scenario);
        assert_eq!(code, Some(0), "{scenario}");
        let rows = of(&report, "cis-al2023-l1", "os-cis/cis-al2023-1.0.0/");
        assert_eq!(rows.len(), 166, "{scenario}");
        let actual: Vec<&str> = rows
            .iter()
            .flat_map(|row| &row.evidence)
            .filter(|piece| piece.name.starts_with("Inspector's own report"))
            .map(|piece| piece.text.as_str())
            .collect();
        assert_eq!(actual.len(), 2, "CSV and PDF: {actual:?}");
        assert!(
            actual.iter().all(|text| text.starts_with("not available: ") && text.contains(why)),
            "{scenario}: {actual:?}"
        );
        let kept = dir.path().join("runs").join(report.run.id.as_str()).join("evidence/cis-al2023-l1");
        assert!(!kept.join("inspector-report.csv").exists(), "half a report is none");
    }
}

const VARIANTS: &str = "\
apiVersion: amiproof/v1
kind: Matrix
metadata: {name: gates}
cluster: {name: c, region: us-west-2, kubernetesVersion: \"1.35\", create: true}
variants:
  - {name: l1, family: al2023, hardening: {benchmark: cis-al2023-1.0.0, level: 1}, ami: {id: ami-0123456789abcdef0}}
  - {name: l2, family: al2023, hardening: {benchmark: cis-al2023-1.0.0, level: 2}, ami: {id: ami-0123456789abcdef1}}
";

/// Two of three decided controls pass, and one has no answer; 162 of the benchmark's 166 at level 1 are not in it at all.
const INSPECTOR: &str = "Check ID,Title,Status,Level\n3.2.1,forwarding,FAILED,LEVEL_1\n6.1.11,world-writable,PASSED,LEVEL_1\n\
                         5.1.1,cron,PASSED,LEVEL_1\n5.1.2,crontab,ERROR,LEVEL_1\n";

/// The file of a result beside a matrix with more in it, imported for a variant: its exit code and the report.
fn imported(variant: &str, csv: &str, matrix: &str, waivers: &str) -> (Option<i32>, Report) {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| -> PathBuf { folder.path().join(name) };
    std::fs::write(at("amiproof.yaml"), format!("{VARIANTS}{matrix}")).unwrap();
    std::fs::write(at("waivers.yaml"), format!("apiVersion: amiproof/v1\nkind: Waivers\nwaivers: {waivers}\n"))
        .unwrap();
    std::fs::write(at("inspector.csv"), csv).unwrap();
    let (file, csv) = (at("amiproof.yaml"), at("inspector.csv"));
    let arguments =
        ["import", "inspector-csv", csv.to_str().unwrap(), "--variant", variant, "--file", file.to_str().unwrap()];
    let output = run(&at("runs"), &arguments);
    assert!(at("runs/runs").exists(), "{}", stderr(&output));
    (output.status.code(), crate::process::report(&at("runs")))
}

#[test]
fn thresholds_and_the_coverage_gate_of_the_matrix_file_decide_the_exit_code() {
    let whole = INSPECTOR.replace("ERROR", "PASSED");
    for (csv, thresholds, code) in [
        (whole.as_str(), "", 1),
        (&whole, "{suite: os-cis, coverage: 2%}", 1),
        (&whole, "{suite: os-cis, coverage: 2%, pass: 75%}", 0),
        (&whole, "{suite: os-cis, coverage: 2%, pass: 75.1%}", 1),
        (&whole, "{suite: os-cis, coverage: 2%, failures: 1}", 0),
        (&whole, "{suite: os-cis, coverage: 2%, failures: 0}", 1),
        (&whole, "{suite: os-cis, coverage: 2%}, {suite: os-cis, failures: 1, variants: [l2]}", 1),
        (&whole, "{suite: os-cis, coverage: 2%}, {suite: os-cis, failures: 1, level: 2}", 1),
        (&whole, "{suite: os-cis, coverage: 2%, failures: 1, level: 1, variants: [l1, l2]}", 0),
        (&whole, "{suite: os-cis, coverage: 2%}, {suite: kube-bench, failures: 1}", 1),
        (&whole, "{suite: os-cis, failures: 1}", 3),
        (INSPECTOR, "{suite: os-cis, failures: 1}", 3),
        (INSPECTOR, "{suite: os-cis, failures: 0}", 3),
        (INSPECTOR, "{suite: kube-bench, coverage: 1%}, {suite: os-cis, failures: 1}", 3),
        (INSPECTOR, "{suite: os-cis, failures: 1, coverage: 1.7%}", 0),
        (INSPECTOR, "{suite: os-cis, failures: 1, coverage: 1.8%}", 1),
    ] {
        let (found, report) = imported("l1", csv, &format!("thresholds: [{thresholds}]\n"), "[]");
        assert_eq!(found, Some(code), "{thresholds}: {:#?}", of(&report, "l1", "gate/"));
        let [gate] = of(&report, "l1", "gate/os-cis-coverage")[..] else { panic!("{thresholds}") };
        let green = thresholds.contains("suite: os-cis, coverage: 2%") || thresholds.contains("coverage: 1.7%");
        assert_eq!(gate.disposition == Disposition::Passed, green, "a gap is not green, whatever may fail");
    }
}

#[test]
fn a_threshold_can_be_about_an_imported_suite_and_about_no_suite_without_controls() {
    const TESTS: &str = "<testsuite name=\"sonobuoy\" tests=\"2\"><testcase name=\"a\"/><testcase name=\"b\"><failure \
                         message=\"no\"/></testcase></testsuite>";
    for (suite, most, code, says) in [
        ("junit", 1, 0, ""),
        ("junit", 0, 1, ""),
        ("workload", 1, 2, "has no controls that a threshold could count"),
        ("jnuit", 1, 2, "did you mean 'junit'?"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let thresholds = format!("thresholds: [{{suite: {suite}, failures: {most}}}]\n");
        std::fs::write(at("amiproof.yaml"), format!("{VARIANTS}{thresholds}")).unwrap();
        std::fs::write(at("junit.xml"), TESTS).unwrap();
        let (file, matrix) = (at("junit.xml"), at("amiproof.yaml"));
        let arguments = ["import", "junit", file.to_str().unwrap(), "--file", matrix.to_str().unwrap()];
        let output = run(&at("runs"), &arguments);
        assert_eq!(output.status.code(), Some(code), "{suite}: {}", stderr(&output));
        assert!(stderr(&output).contains(says), "{suite}: {}", stderr(&output));
    }
}

#[test]
fn a_waiver_counts_where_its_scope_says_and_nowhere_else() {
    let whole = INSPECTOR.replace("ERROR", "PASSED");
    let dated = |scope: &str, expires: &str| {
        format!("[{{{scope}, reason: pods are routed, owner: platform, ticket: SEC-1, expires: {expires}}}]")
    };
    for (scope, code) in [
        ("control: cis-al2023-1.0.0/3.2.1", 0),
        ("check: os-cis/cis-al2023-1.0.0/3.2.1", 0),
        ("check: os-cis/*", 0),
        ("benchmark: cis-al2023-1.0.0", 0),
        ("check: os-cis/*, benchmark: cis-al2023", 0),
        ("control: cis-al2023-1.0.0/3.2.1, variants: [l1], level: 1", 0),
        ("control: cis-al2023-1.0.0/3.2.1, variants: [l2]", 1),
        ("control: cis-al2023-1.0.0/3.2.1, level: 2", 1),
        ("control: cis-al2023-2.0.0/3.2.1", 1),
        ("control: cis-al2023-1.0.0/5.1.1", 1),
        ("check: kube-bench/*", 1),
        ("check: os-cis/*, benchmark: cis-eks", 1),
        ("control: cis-al2023-1.0.0/3.2.1, node: 2", 1),
    ] {
        let matrix = "waivers: waivers.yaml\nthresholds: [{suite: os-cis, coverage: 2%}]\n";
        let (found, report) = imported("l1", &whole, matrix, &dated(scope, "2099-12-31"));
        assert_eq!(found, Some(code), "{scope}");
        let [result] = of(&report, "l1", "os-cis/cis-al2023-1.0.0/3.2.1")[..] else { panic!("{scope}") };
        assert_eq!(result.outcome.as_str(), "fail", "{scope}: a waiver changes no verdict");
        assert_eq!(result.disposition.as_str() == "waived", code == 0, "{scope}");
    }
    let expired = dated("control: cis-al2023-1.0.0/3.2.1", "2020-12-31");
    let matrix = "waivers: waivers.yaml\nthresholds: [{suite: os-cis, coverage: 2%}]\n";
    assert_eq!(imported("l1", &whole, matrix, &expired).0, Some(1), "an expired one counts no more");
}

#[test]
fn waivers_of_inspec_and_of_kube_bench_become_a_file_that_the_audit_reads() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(
        at("inspec.yml"),
        "3.2.1:\n  expiration_date: 2099-01-31\n  run: false\n  justification: pods are routed\n",
    )
    .unwrap();
    std::fs::write(at("skip.txt"), "--skip \"3.1.1,4.2\" # agreed\n").unwrap();
    let (inspec, skip, into) = (at("inspec.yml"), at("skip.txt"), at("waivers.yaml"));
    let import = |form: &str, file: &str, benchmark: &str, more: &[&str]| {
        let mut arguments = vec!["waiver", "import", "--from", form, file, "--benchmark", benchmark];
        arguments.extend(["--owner", "platform", "--ticket", "SEC-1", "--into", into.as_str()]);
        arguments.extend(more);
        run(folder.path(), &arguments)
    };
    let output = import("inspec", &inspec, "cis-al2023-1.0.0", &["--variants", "l1"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let output = import("kube-bench-skip", &skip, "cis-eks-1.8.0", &["--expires", "2020-01-31"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let audited = run(folder.path(), &["waiver", "audit", "--file", &into]);
    assert_eq!(audited.status.code(), Some(1), "expired ones are to be fixed");
    let text = String::from_utf8(audited.stdout).unwrap();
    let expired = text.lines().filter(|line| line.starts_with("expired")).count();
    assert!(text.contains("too broad waivers[0] cis-al2023-1.0.0/3.2.1 on l1"), "for more than a year: {text}");
    // 3.1.1, and the five controls of group 4.2 of the benchmark.
    assert_eq!(expired, 6, "{text}");
}

#[test]
fn kube_bench_of_a_version_that_nobody_knows_is_imported_under_its_own_name_and_torn_output_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("amiproof.yaml"), VARIANTS).unwrap();
    let test = |number: &str, status: &str| {
        format!(
            "{{\"test_number\": \"{number}\", \"test_desc\": \"a title\", \"status\": \"{status}\", \"scored\": true}}"
        )
    };
    let results =
        [test("3.1.1", "PASS"), test("3.1.1", "FAIL"), test("3.9.9", "FAIL"), test("3.9.8", "SOON")].join(",");
    let text = format!(
        "{{\"Controls\": [{{\"id\": \"3\", \"version\": \"eks-9.9.0\", \"detected_version\": \"1.99\", \"text\": \"nodes\", \
         \"node_type\": \"node\", \"tests\": [{{\"section\": \"3.1\", \"desc\": \"files\", \"results\": [{results}]}}]}}]}}"
    );
    std::fs::write(at("whole.json"), &text).unwrap();
    std::fs::write(at("torn.json"), &text[..text.len() / 2]).unwrap();
    let import = |file: &str| {
        let (matrix, file) = (at("amiproof.yaml"), at(file));
        let arguments = ["import", "kube-bench", file.to_str().unwrap(), "--variant", "l1", "--file"];
        run(&at("runs"), &[&arguments[..], &[matrix.to_str().unwrap()]].concat())
    };
    let torn = import("torn.json");
    assert_eq!(torn.status.code(), Some(2), "{}", stderr(&torn));
    assert!(!at("runs/runs").exists(), "nothing of a torn file is imported");
    let whole = import("whole.json");
    assert_eq!(whole.status.code(), Some(3), "two controls have no answer: {}", stderr(&whole));
    let report = crate::process::report(&at("runs"));
    let word = |number: &str| {
        let [result] = of(&report, "l1", &format!("kube-bench/cis-eks-9.9.0/{number}"))[..] else { panic!("{number}") };
        result.outcome.as_str()
    };
    assert_eq!([word("3.1.1"), word("3.9.9"), word("3.9.8")], ["not evaluated", "fail", "not evaluated"]);
}

const OLD_BENCHMARK: &str = "\
apiVersion: amiproof/v1
kind: Matrix
metadata: {name: old}
cluster: {name: c, region: us-west-2, kubernetesVersion: \"1.35\", create: true}
variants:
  - {name: stock, family: al2023, ami: {ssm: recommended}}
scans: {kubeBench: {benchmark: cis-eks-1.0.1}, approvedRegistries: [public.ecr.aws]}
";

/// The benchmark of the seed, whole: `eks-cis` follows the version that kube-bench is told to use, and what both answer is one control.
#[test]
fn every_control_of_version_1_0_1_has_a_row_in_a_run_and_35_of_52_are_decided_there_without_a_human() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("amiproof.yaml");
    std::fs::write(&file, OLD_BENCHMARK).unwrap();
    let checks = ["--checks", "eks-cis", "--checks", "kube-bench"];
    let arguments = [&["run", "--lab", "--file", file.to_str().unwrap()][..], &checks].concat();
    let output = run(dir.path(), &arguments);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let report = crate::process::report(dir.path());
    let mut answers: BTreeMap<&str, Vec<&CheckResult>> = BTreeMap::new();
    for result in &report.results {
        if let Some(control) = &result.control {
            assert_eq!(control.benchmark(), "cis-eks-1.0.1");
            answers.entry(control.number()).or_default().push(result);
        }
    }
    assert_eq!(answers.len(), 52);
    let is_decided = |results: &&Vec<&CheckResult>| {
        let of_own_cluster =
            |result: &CheckResult| result.outcome.reason().starts_with("the test cluster was created by amiproof");
        results.iter().any(|result| {
            matches!(result.disposition, Disposition::Passed | Disposition::Failed) || of_own_cluster(result)
        })
    };
    let decided = answers.values().filter(is_decided).count();
    let open: Vec<_> = answers.iter().filter(|(_, results)| !is_decided(results)).map(|(number, _)| *number).collect();
    assert!(decided >= 35, "{decided}, without {open:?}");
    // Asked of the nodes that the run itself made, too.
    let kernel = answers["3.2.6"].iter().find(|result| result.scanner.as_deref() == Some("amiproof")).unwrap();
    assert_eq!(kernel.disposition, Disposition::Passed, "{kernel:#?}");
    let chains = answers["3.2.7"].iter().find(|result| result.scanner.as_deref() == Some("amiproof")).unwrap();
    assert!(chains.outcome.reason().ends_with("as kube-bench/cis-eks-1.0.1/3.2.7"), "{chains:#?}");
}

/// One check of a stock node group, with more on the command line.
fn joined(dir: &Path, more: &[&str]) -> std::process::Output {
    let file = matrix("pair.yaml");
    let first = ["run", "--lab", "--file", file.to_str().unwrap(), "--variants", "eks-al2023"];
    run(dir, &[&first[..], more].concat())
}

#[test]
fn a_baseline_that_is_not_there_is_said_before_anything_is_made_and_one_with_more_in_it_takes_the_green() {
    let dir = tempfile::tempdir().unwrap();
    let missing = joined(dir.path(), &["--checks", "node/joined", "--baseline", "latest"]);
    assert_eq!(missing.status.code(), Some(2), "{}", stderr(&missing));
    assert!(!dir.path().join("runs").exists(), "nothing was begun");
    let scan = ["--checks", "kube-bench", "--no-fail"];
    let first = joined(dir.path(), &scan);
    assert_eq!(first.status.code(), Some(0), "{}", stderr(&first));
    let path = dir.path().join("runs").join(crate::process::report(dir.path()).run.id.as_str()).join("report.json");
    let mut base: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let results = base["results"].as_array_mut().unwrap();
    let mut more = results.iter().find(|result| result["check"] == "kube-bench/cis-eks-1.8.0/3.1.1").unwrap().clone();
    more["check"] = "kube-bench/cis-eks-1.8.0/3.9.9".into();
    more["control"] = "cis-eks-1.8.0/3.9.9".into();
    results.push(more);
    std::fs::write(&path, base.to_string()).unwrap();
    let second = joined(dir.path(), &[&scan[..], &["--baseline", "latest"]].concat());
    assert_eq!(second.status.code(), Some(5), "a control that nobody evaluates any more: {}", stderr(&second));
    let newest = std::fs::read_to_string(dir.path().join("latest")).unwrap();
    let written = dir.path().join("runs").join(newest.trim()).join("report.json");
    let report = Report::parse(&std::fs::read_to_string(written).unwrap()).unwrap();
    let [gate] = of(&report, "eks-al2023", "gate/kube-bench-coverage")[..] else { panic!("one gate") };
    assert_eq!(gate.disposition, Disposition::Passed, "what follows from a baseline is never kept in the report");
    let junit = dir.path().join("runs").join(newest.trim()).join("junit.xml");
    let shown = std::fs::read_to_string(junit).unwrap();
    assert!(shown.contains("13 controls of cis-eks-1.8.0 were evaluated; run "), "but it is shown");
}
