//! The scripts on this machine, with a genuine `oscap`.

use std::process::{Command, Stdio};

use super::*;

/// OpenSCAP's content as Debian packages it, without the platform that keeps it from applying to the release of this machine.
fn content(folder: &std::path::Path) -> Option<String> {
    let there = Command::new("oscap").arg("--version").output().is_ok_and(|output| output.status.success());
    let guide = std::fs::read_dir("/usr/share/xml/scap/ssg/content").ok().filter(|_| there);
    let newest = guide.and_then(|entries| {
        let paths = entries.map(|entry| entry.unwrap().path());
        let is_stream = |path: &std::path::PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.starts_with("ssg-debian") && name.ends_with("-ds.xml")
        };
        paths.filter(is_stream).max()
    });
    let Some(newest) = newest else {
        let required = std::env::var_os("AMIPROOF_REQUIRE_OSCAP").is_some();
        assert!(!required, "oscap or its content is not there: run `make oscap`");
        eprintln!("skipped: oscap or its content is not there: run `make oscap`");
        return None;
    };
    let text = std::fs::read_to_string(newest).unwrap();
    let kept: Vec<&str> = text.lines().filter(|line| !line.contains("platform idref=\"cpe:/o:debian")).collect();
    let path = folder.join("content.xml");
    std::fs::write(&path, kept.join("\n")).unwrap();
    Some(path.to_str().unwrap().to_owned())
}

/// What a script prints; a node's folder for temporary files is this one here.
fn run(script: &str, folder: &std::path::Path) -> String {
    let script = script.replace("/run/amiproof-oscap", &format!("{}/amiproof-oscap", folder.display()));
    let output = Command::new("sh").args(["-c", &script]).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn import_of(text: &str, benchmark: Option<&str>) -> Import {
    let target = Target {
        subject: amiproof_model::report::Subject::Cluster,
        benchmark: benchmark.map(|text| text.parse().unwrap()),
        hardened_to: None,
        level: None,
        name: Some(SCANNER.to_owned()),
        nodes: Vec::new(),
        copy: None,
        file: None,
    };
    let source = Source::open(std::io::Cursor::new(text.as_bytes().to_vec())).unwrap();
    import::read(Kind::Xccdf, source, &target).unwrap()
}

#[test]
fn a_genuine_oscap_evaluates_this_machine_and_its_result_is_small_and_whole() {
    let folder = tempfile::tempdir().unwrap();
    let Some(content) = content(folder.path()) else { return };
    let seen = run(&script::look(&["/nowhere.xml".to_owned(), content.clone()]), folder.path());
    let Ok(Found::Content { path, profiles }) = choose::found(&seen) else { panic!("{seen}") };
    assert_eq!(path, content);
    let profile = "xccdf_org.ssgproject.content_profile_anssi_np_nt28_high".to_owned();
    assert!(profiles.contains(&profile), "{profiles:?}");

    let text =
        run(&script::evaluate(&Evaluation { content: content.clone(), profile: profile.clone() }), folder.path());
    assert!(text.len() < 200_000, "{} bytes do not come back from a node", text.len());
    let kept: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(kept, ["content.xml"], "nothing stays on the node");

    // What the whole results say, read by the same parser, is the yardstick.
    let results = folder.path().join("results.xml");
    let mut whole = Command::new("oscap");
    whole.args(["xccdf", "eval", "--profile", &profile, "--results"]).arg(&results).arg(&content);
    assert!(matches!(whole.output().unwrap().status.code(), Some(0 | 2)));
    let whole = import_of(&std::fs::read_to_string(results).unwrap(), None);
    let brief = import_of(&text, None);
    let summary_of = |import: &Import| -> Vec<(String, String, Option<amiproof_model::report::Severity>, Verdict)> {
        let rows = import.rows.iter().map(|(_, row)| row);
        let without_detail = |verdict: &Verdict| match verdict {
            Verdict::Fail(_) => Verdict::Fail(Vec::new()),
            other => other.clone(),
        };
        rows.map(|row| (row.check.to_string(), row.title.clone(), row.severity, without_detail(&row.decision.verdict)))
            .collect()
    };
    assert_eq!(summary_of(&brief), summary_of(&whole));
    assert!(summary_of(&brief).iter().any(|(_, _, _, verdict)| *verdict == Verdict::Pass));
    assert_eq!(brief.scans[0].scanner_version, whole.scans[0].scanner_version);
    assert!(brief.scans[0].note.contains("of the file's rules or tests"), "{}", brief.scans[0].note);
}

#[test]
fn a_node_without_oscap_or_without_content_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let script = script::look(&["/nowhere.xml".to_owned()]);
    assert_eq!(choose::found(&run(&format!("PATH=/nowhere\n{script}"), folder.path())), Ok(Found::Absent));
    let fake = folder.path().join("oscap");
    std::fs::write(&fake, "#!/bin/sh\n").unwrap();
    assert!(Command::new("chmod").arg("+x").arg(&fake).status().unwrap().success());
    let seen = run(&format!("PATH={}:$PATH\n{script}", folder.path().display()), folder.path());
    assert!(matches!(choose::found(&seen), Ok(Found::NoContent(_))), "{seen}");
}

#[test]
fn content_of_cis_says_benchmark_level_and_number_itself() {
    let text = "<Benchmark id='xccdf_org.cisecurity.benchmarks_benchmark_3.0.0_CIS_Amazon_Linux_2_Benchmark'><title>CIS</title>\
        <Rule id='xccdf_org.cisecurity.benchmarks_rule_3.3.1_Ensure_IP' severity=''><title>routing is off</title></Rule>\
        <TestResult end-time='2026-11-21T10:00:00' test-system='cpe:/a:redhat:openscap:1.2.17'>\
        <benchmark id='xccdf_org.cisecurity.benchmarks_benchmark_3.0.0_CIS_Amazon_Linux_2_Benchmark' href='#x'/>\
        <profile idref='xccdf_org.cisecurity.benchmarks_profile_Level_1'/><target>ip-10-0-0-1</target>\
        <rule-result idref='xccdf_org.cisecurity.benchmarks_rule_3.3.1_Ensure_IP' severity='' role='full'><result>fail</result></rule-result>\
        </TestResult></Benchmark>";
    let import = import_of(text, None);
    let row = &import.rows[0].1;
    assert_eq!((row.check.as_str(), row.title.as_str()), ("os-cis/cis-al2-3.0.0/3.3.1", "routing is off"));
    let scan = &import.scans[0];
    assert_eq!(
        (scan.scanner.as_str(), scan.level, scan.scanner_version.as_deref()),
        ("openscap", Some(Level::One), Some("1.2.17"))
    );
}
