//! Results of other tools: files of a hundred megabytes, malicious files, concurrent imports.

use std::io::{BufWriter, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use amiproof_model::report::{CheckResult, Report};
use serde_json::Value;

use crate::process::{TIMEOUT, amiproof, finish, report, stderr};

const MATRIX: &str = "\
apiVersion: amiproof/v1
kind: Matrix
metadata: {name: imports}
cluster: {name: c, region: us-west-2, kubernetesVersion: \"1.35\", create: true}
variants:
  - name: al2023-l1
    family: al2023
    hardening: {benchmark: cis-al2023-1.0.0, level: 1}
    ami: {id: ami-0123456789abcdef0}
waivers: waivers.yaml
";

pub(crate) const NO_WAIVERS: &str = "apiVersion: amiproof/v1\nkind: Waivers\nwaivers: []\n";

/// A folder with a matrix and a waiver file in it.
pub(crate) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("amiproof.yaml"), MATRIX).unwrap();
    std::fs::write(folder.path().join("waivers.yaml"), NO_WAIVERS).unwrap();
    folder
}

/// Imports a file; the matrix makes a report where there is none.
pub(crate) fn import(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = amiproof(&folder.join("runs-of-test"));
    command.current_dir(folder).args(["import"]).args(arguments).args(["--file", "amiproof.yaml"]);
    finish(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

pub(crate) fn report_of(folder: &Path) -> Report {
    report(&folder.join("runs-of-test"))
}

/// The results of one scanner, as `rule: outcome`.
pub(crate) fn outcomes(report: &Report, scanner: &str) -> Vec<(String, &'static str)> {
    let of = |result: &&CheckResult| result.scanner.as_deref() == Some(scanner);
    let name = |result: &CheckResult| result.check.as_str().rsplit('/').next().unwrap_or_default().to_owned();
    let mut all: Vec<_> =
        report.results.iter().filter(of).map(|result| (name(result), result.outcome.as_str())).collect();
    all.sort();
    all
}

/// Writes an ARF file of about this many megabytes: the definitions of its content, then three hundred results.
fn large_arf(path: &Path, megabytes: usize) {
    let mut out = BufWriter::new(std::fs::File::create(path).unwrap());
    out.write_all(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<arf:asset-report-collection xmlns:arf=\"http://scap.nist.gov/schema/asset-reporting-format/1.1\"><arf:report-requests><oval_definitions>").unwrap();
    let definition = format!(
        "<definition class=\"compliance\" id=\"oval:x:def:1\" version=\"1\"><metadata><title>a title &amp; more</title><description>{}</description></metadata><criteria><criterion comment=\"c\" test_ref=\"oval:x:tst:1\"/></criteria></definition>\n",
        "words of a definition ".repeat(200)
    );
    for _ in 0..megabytes * 1024 * 1024 / definition.len() {
        out.write_all(definition.as_bytes()).unwrap();
    }
    // One text that is long, as a file's content in a system's characteristics can be.
    write!(
        out,
        "<item>{}</item></oval_definitions></arf:report-requests><arf:reports><arf:report id=\"r\"><arf:content>",
        "x".repeat(8 * 1024 * 1024)
    )
    .unwrap();
    out.write_all(b"<TestResult xmlns=\"http://checklists.nist.gov/xccdf/1.2\" end-time=\"2026-11-21T11:00:00\"><target>n</target>").unwrap();
    for rule in 0..300 {
        let result = if rule % 3 == 0 { "fail" } else { "pass" };
        write!(
            out,
            "<rule-result idref=\"xccdf_a_rule_r{rule}\" severity=\"low\"><result>{result}</result></rule-result>"
        )
        .unwrap();
    }
    out.write_all(b"</TestResult></arf:content></arf:report></arf:reports></arf:asset-report-collection>\n").unwrap();
    out.flush().unwrap();
}

/// The most memory that a process ever had, KiB, as Linux says it while the process lives.
fn peak_of(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse().ok())
}

#[test]
fn two_hundred_megabytes_of_arf_are_imported_in_less_than_256_megabytes_of_memory() {
    let folder = folder();
    large_arf(&folder.path().join("arf.xml"), 200);
    let mut child = amiproof(&folder.path().join("runs-of-test"))
        .current_dir(folder.path())
        .args(["import", "auto", "arf.xml", "--variant", "al2023-l1", "--file", "amiproof.yaml", "--no-fail"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let (started, mut peak) = (Instant::now(), 0);
    let status = loop {
        peak = peak_of(child.id()).unwrap_or(0).max(peak);
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if started.elapsed() > TIMEOUT => {
                child.kill().unwrap();
                panic!("200 MB took longer than {TIMEOUT:?}");
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    assert_eq!(status.code(), Some(0));
    let report = report_of(folder.path());
    let with = |word: &str| {
        let rules = report.results.iter().filter(|result| result.check.suite() != "gate");
        rules.filter(|result| result.outcome.as_str() == word).count()
    };
    assert_eq!((with("pass"), with("fail")), (200, 100));
    if cfg!(target_os = "linux") {
        eprintln!("peak memory {} MiB in {:?}", peak / 1024, started.elapsed());
        assert!(peak > 0 && peak < 256 * 1024, "the import had {} MiB", peak / 1024);
    }
}

#[test]
fn files_that_mean_harm_are_refused_and_leave_the_report_as_it_was() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("cut.xml"), "<testsuite").unwrap();
    assert_eq!(import(folder.path(), &["auto", "cut.xml"]).status.code(), Some(2));
    assert!(!path("runs-of-test").exists(), "a file that is refused makes no run");
    std::fs::write(path("good.xml"), "<testsuite name='e2e'><testcase name='a'/></testsuite>").unwrap();
    assert_eq!(import(folder.path(), &["junit", "good.xml"]).status.code(), Some(0));
    let before = report_of(folder.path());

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/evil.dtd", listener.local_addr().unwrap());
    let mut utf16 = vec![0xff, 0xfe];
    utf16.extend("<testsuite name='e2e'>".encode_utf16().flat_map(u16::to_le_bytes));
    let bad: [(&str, Vec<u8>, &str); 8] = [
        (
            "xxe.xml",
            format!("<!DOCTYPE t [<!ENTITY x SYSTEM '{url}'>]><testsuite name='&x;'/>").into(),
            "document type",
        ),
        ("remote.xml", format!("<!DOCTYPE t SYSTEM '{url}'><testsuite/>").into(), "document type"),
        (
            "entity.xml",
            b"<testsuite name='e2e'><testcase name='a'><failure>&lol9;</failure></testcase></testsuite>".into(),
            "entity 'lol9'",
        ),
        ("bomb.gz", [b"\x1f\x8b\x08\0".as_slice(), &[0; 64]].concat(), "gzip"),
        ("cut.xml", b"<testsuite name='e2e'><testcase name='a'".into(), "is truncated"),
        ("utf16.xml", utf16, "is truncated"),
        ("empty.xml", Vec::new(), "is empty"),
        ("other.xml", b"<html/>".into(), "cannot tell what it is"),
    ];
    for (name, bytes, part) in bad {
        std::fs::write(path(name), bytes).unwrap();
        let output = import(folder.path(), &["auto", name]);
        assert_eq!(output.status.code(), Some(2), "{name}: {}", stderr(&output));
        assert!(stderr(&output).contains(part), "{name}: {}", stderr(&output));
    }
    assert!(listener.accept().is_err(), "something was fetched");
    assert_eq!(report_of(folder.path()), before);
    for (arguments, part) in [
        (vec!["sonar", "good.xml"], "invalid value 'sonar' for '<KIND>'"),
        (vec!["xccdf", "good.xml"], "name its variant"),
        (vec!["junit", "good.xml", "--variant", "other"], "no variant 'other'"),
        (vec!["junit", "missing.xml"], "No such file"),
        (vec!["junit", "good.xml", "--benchmark", "cis"], "not a valid benchmark"),
    ] {
        let output = import(folder.path(), &arguments);
        assert!(
            output.status.code() == Some(2) && stderr(&output).contains(part),
            "{arguments:?}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn concurrent_imports_lose_nothing_even_if_the_first_creates_the_run() {
    let folder = folder();
    let names: Vec<String> = (0..6).map(|at| format!("part-{at}")).collect();
    for (at, name) in names.iter().enumerate() {
        let end = if at == 3 { "<failure message='no route'/>" } else { "" };
        let text = format!("<testsuite name='e2e'><testcase name='{name}'>{end}</testcase></testsuite>");
        std::fs::write(folder.path().join(format!("{name}.xml")), text).unwrap();
    }
    let children: Vec<_> = names
        .iter()
        .map(|name| {
            let mut command = amiproof(&folder.path().join("runs-of-test"));
            command.current_dir(folder.path()).args([
                "import",
                "junit",
                &format!("{name}.xml"),
                "--file",
                "amiproof.yaml",
            ]);
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let codes: Vec<Option<i32>> = children
        .into_iter()
        .map(|child| {
            let output = finish(child);
            assert_eq!(stderr(&output), "", "{output:?}");
            output.status.code()
        })
        .collect();
    assert!(codes.iter().all(|code| matches!(code, Some(0 | 1))) && codes.contains(&Some(1)), "{codes:?}");
    let report = report_of(folder.path());
    let mut have: Vec<String> = report
        .results
        .iter()
        .filter(|result| result.check.suite() == "junit")
        .map(|result| format!("{} {}", result.title, result.outcome.as_str()))
        .collect();
    have.sort();
    let wanted: Vec<String> = names
        .iter()
        .enumerate()
        .map(|(at, name)| format!("{name} {}", if at == 3 { "fail" } else { "pass" }))
        .collect();
    assert_eq!(have, wanted);
    assert_eq!(std::fs::read_dir(folder.path().join("runs-of-test/runs")).unwrap().count(), 1, "one run for all");
}

#[test]
fn links_in_the_folder_of_a_run_lead_nowhere() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("a.xml"), "<testsuite name='e2e'><testcase name='a'/></testsuite>").unwrap();
    std::fs::write(at("victim"), "whole").unwrap();
    std::fs::create_dir(at("elsewhere")).unwrap();
    assert_eq!(import(folder.path(), &["junit", "a.xml", "--run", "a"]).status.code(), Some(0));
    let run = at("runs-of-test/runs/a");
    for name in ["evidence/cluster/import-junit.xml", "report.json", "junit.xml"] {
        let text = std::fs::read(run.join(name)).unwrap();
        std::fs::remove_file(run.join(name)).unwrap();
        std::fs::write(at("victim"), &text).unwrap();
        std::os::unix::fs::symlink(at("victim"), run.join(name)).unwrap();
        let refused = import(folder.path(), &["junit", "a.xml", "--run", "a"]);
        assert_eq!(refused.status.code(), Some(2), "{name}: {}", stderr(&refused));
        assert!(stderr(&refused).contains("is a symbolic link"), "{name}: {}", stderr(&refused));
        assert_eq!(std::fs::read(at("victim")).unwrap(), text, "{name} was written through a link");
        std::fs::remove_file(run.join(name)).unwrap();
        std::fs::write(run.join(name), &text).unwrap();
    }
    std::fs::remove_dir_all(run.join("evidence/cluster")).unwrap();
    std::os::unix::fs::symlink(at("elsewhere"), run.join("evidence/cluster")).unwrap();
    let refused = import(folder.path(), &["junit", "a.xml", "--run", "a"]);
    assert!(
        stderr(&refused).contains("is a symbolic link") && refused.status.code() == Some(2),
        "{}",
        stderr(&refused)
    );
    assert_eq!(std::fs::read_dir(at("elsewhere")).unwrap().count(), 0);
}

#[test]
fn a_report_that_cannot_be_written_is_no_success() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("a.xml"), "<testsuite name='e2e'><testcase name='a'/></testsuite>").unwrap();
    assert_eq!(import(folder.path(), &["junit", "a.xml", "--run", "a"]).status.code(), Some(0));
    let junit = at("runs-of-test/runs/a/junit.xml");
    std::fs::remove_file(&junit).unwrap();
    std::fs::create_dir_all(junit.join("occupied")).unwrap();
    let output = import(folder.path(), &["junit", "a.xml", "--run", "a"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).contains("junit.xml"), "{}", stderr(&output));
}

#[test]
fn standard_input_is_told_apart_by_what_is_in_it() {
    let folder = folder();
    let piped = |case: &str| {
        let mut command = amiproof(&folder.path().join("runs-of-test"));
        command.current_dir(folder.path()).args(["import", "junit", "-", "--run", "a", "--file", "amiproof.yaml"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let text = format!("<testsuite name='e2e'><testcase name='t'>{case}</testcase></testsuite>");
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        finish(child).status.code()
    };
    assert_eq!(piped("<failure/>"), Some(1));
    assert_eq!(piped(""), Some(1), "the failure of the first is still there");
    assert_eq!(piped(""), Some(1));
    let report = report_of(folder.path());
    assert_eq!(report.results.iter().filter(|result| result.check.suite() == "junit").count(), 2);
}

/// What junitparser writes, and what pytest writes about two tests of its own.
const WRITERS: &str = r"
import pathlib, subprocess, sys
import pytest
from junitparser import Failure, JUnitXml, Skipped, TestCase, TestSuite
folder = pathlib.Path(sys.argv[1])
suite = TestSuite('sonobuoy')
for name, result in [('dns works', None), ('services work', Failure('no route \x26 \x3c3', 'x')), ('windows only', Skipped('skipped'))]:
    case = TestCase(name, classname='e2e')
    if result is not None:
        case.result = [result]
    suite.add_testcase(case)
xml = JUnitXml()
xml.add_testsuite(suite)
xml.write(str(folder / 'junitparser.xml'), pretty=True)
(folder / 'test_it.py').write_text('''
import pytest
def test_good(): pass
def test_bad(): assert 1 == 2, 'a \x1b[31mred\x1b[0m word'
@pytest.mark.skip(reason='needs Windows')
def test_elsewhere(): pass
@pytest.fixture
def broken(): raise OSError('no disk')
def test_broken(broken): pass
''')
code = subprocess.call([sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', '--junitxml=pytest.xml', 'test_it.py'], cwd=folder, stdout=subprocess.DEVNULL)
assert code == 1, code
";

#[test]
fn junit_of_real_tools_becomes_rows() {
    let folder = folder();
    let python = std::env::var("AMIPROOF_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = Command::new(&python).args(["-c", WRITERS]).arg(folder.path()).output().unwrap();
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        assert!(std::env::var_os("AMIPROOF_REQUIRE_PYTHON").is_none(), "run `make python`: {why}");
        eprintln!("skipped: {python} has no junitparser or no pytest");
        return;
    }
    for arguments in [&["auto", "junitparser.xml", "--variant", "al2023-l1"][..], &["auto", "pytest.xml"]] {
        let imported = import(folder.path(), arguments);
        assert_eq!(imported.status.code(), Some(3), "{arguments:?}: {}", String::from_utf8_lossy(&imported.stderr));
    }
    let report = report_of(folder.path());
    let summary_of = |scanner: &str| -> Vec<String> {
        let of = |result: &&CheckResult| result.scanner.as_deref() == Some(scanner);
        report
            .results
            .iter()
            .filter(of)
            .map(|result| format!("{} {}: {}", result.subject.as_str(), result.title, result.outcome.as_str()))
            .collect()
    };
    assert_eq!(
        summary_of("sonobuoy"),
        ["al2023-l1 dns works: pass", "al2023-l1 services work: fail", "al2023-l1 windows only: not evaluated"]
    );
    let mut pytest = summary_of("pytest-tests");
    pytest.sort();
    assert_eq!(
        pytest,
        [
            "cluster test_bad: fail",
            "cluster test_broken: not evaluated",
            "cluster test_elsewhere: not applicable",
            "cluster test_good: pass"
        ]
    );
}

/// The run's JSON answer.
pub(crate) fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", stderr(output)))
}

#[test]
fn a_real_output_of_kube_bench_is_imported_whole() {
    // Numbers, keys and answers are those of kube-bench on a node; the texts are not.
    let path = crate::process::root().join("fixtures/kube-bench/eks-1.8.0.json");
    let folder = folder();
    let output = import(
        folder.path(),
        &["auto", path.to_str().unwrap(), "--variant", "al2023-l1", "--no-fail", "--output", "json"],
    );
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let report = report_of(folder.path());
    let of = |subject: &str| {
        report
            .results
            .iter()
            .filter(|result| result.subject.as_str() == subject && result.scanner.as_deref() == Some("kube-bench"))
            .count()
    };
    assert_eq!((of("al2023-l1"), of("cluster"), json(&output)["added"].as_u64()), (13, 37, Some(50)));
}
