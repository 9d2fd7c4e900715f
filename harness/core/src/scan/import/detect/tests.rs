use super::*;

fn detected(text: &str) -> String {
    let source = Source::open(std::io::Cursor::new(text.as_bytes().to_vec())).unwrap();
    match detect(source) {
        Ok(kind) => kind.as_str().to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_file_that_is_read_is_known() {
    let inspec =
        r#"{"version":"1.0","controls":[{"status":"passed","code_desc":"x"}],"profiles":[{"name":"p","controls":[]}]}"#;
    let long = format!(r#"{{"version":"1.0","filler":["{}"],"platform":{{}},"profiles":[]}}"#, "x".repeat(200 * 1024));
    for (text, kind) in [
        ("<?xml version='1.0'?>\n<!-- c --><Benchmark xmlns='x'>", "xccdf"),
        ("<cdf:TestResult>", "xccdf"),
        ("<arf:asset-report-collection xmlns:arf='x'>", "arf"),
        ("<s:data-stream-collection xmlns:s='x'>", "xccdf"),
        ("  <testsuites/>", "junit"),
        ("<testsuite>", "junit"),
        (r#"{"Controls": []}"#, "kube-bench"),
        (r#"[{"Controls": []}]"#, "kube-bench"),
        (r#"{"id": "3", "node_type": "node", "tests": []}"#, "kube-bench"),
        (r#"[{"id": "3", "tests": [{"results": [{"test_number": "3.1.1"}]}]}]"#, "kube-bench"),
        ("I1121 log line\n{\"Controls\": []}", "kube-bench"),
        ("[INFO] 4 Worker Node\n[PASS] 4.1.1 Ensure\n", "kube-bench"),
        ("[pod/kube-bench-x/kube-bench] {\"Controls\": []}", "kube-bench"),
        (r#"{"Controls": [{"id": "3", "tests": [{"results": [{"test_num"#, "kube-bench"),
        (r#"{"$schema": "https://x", "runs": []}"#, "sarif"),
        (r#"{"platform": {"name": "amazon"}, "profiles": [{"name": "p"}]}"#, "inspec"),
        (inspec, "inspec"),
        (
            r#"{"platform": {"name": "Heimdall Tools", "release": "2"}, "profiles": [{"name": "p", "controls": []}]}"#,
            "hdf",
        ),
        (r#"{"profiles": [{"controls": [{"tags": {"subject": "a", "disposition": "passed"}}]}]}"#, "hdf"),
        (r#"{"platform": {"name": "amazon"}, "profiles": [{"controls": [{"tags": {"subject": "a"}}]}]}"#, "inspec"),
        (r#"{"results": {"tool": {"name": "jest"}, "summary": {"tests": 0}, "tests": []}}"#, "ctrf"),
        (r#"{"results": [{"resource-id": "a", "resource-type": "File"}], "summary": {"test-count": 1}}"#, "goss"),
        (r#"{"results": null, "summary": {"test-count": 0}}"#, "goss"),
        (r#"[{"SchemaVersion": "2018-10-08", "ProductArn": "a"}]"#, "asff"),
        (r#"{"Findings": [{"SchemaVersion": "2018-10-08", "GeneratorId": "a"}]}"#, "asff"),
        (r#"{"class_uid": 2003, "metadata": {"version": "1.4.0"}}"#, "ocsf"),
        ("{\"class_uid\": 2003}\n{\"class_uid\": 2003}\n", "ocsf"),
        (r#"[{"metadata": {"product": {"name": "P"}, "profiles": ["cloud"]}, "cloud": {"platform": "aws"}}]"#, "ocsf"),
        (&long, "inspec"),
        (
            r#"{"level": 1, "total": 1, "passed": 1, "results": {"br1": {"id": "1.1", "mode": "Manual"}}}"#,
            "bottlerocket",
        ),
        (r#"{"level": 1, "total": 1, "results": {"br1": {"metadata": {"mode": "Manual"}}}}"#, "bottlerocket"),
        (r#"{"checkAggregations": [{"checkId": "1.1.1", "statusCounts": {"passed": 1}}]}"#, "inspector-json"),
        (r#"{"scanResultDetails": [{"checkId": "1.1.1", "platform": "AMAZON_LINUX_2023"}]}"#, "inspector-json"),
        ("Check ID,Title,Status\n1.1,a,PASSED\n", "inspector-csv"),
        ("a report\n\nCheck ID;Title;Status\n1.1;a;PASSED\n", "inspector-csv"),
    ] {
        assert_eq!(detected(text), kind, "{}", &text[..text.len().min(120)]);
    }
}

#[test]
fn a_file_of_another_tool_is_called_by_its_name_and_an_unknown_one_by_what_it_begins_with() {
    for (text, part) in [
        (r#"{"targetResourceAggregations": [{"statusCounts": {"passed": 1}}]}"#, "aggregated-by-checks"),
        (r#"{"scans": [{"scanArn": "a"}]}"#, "get-cis-scan-result-details"),
        (r#"{"findings": [{"findingArn": "arn:x", "severity": "HIGH"}]}"#, "about packages"),
        (r#"{"SchemaVersion": 2, "ArtifactName": "img", "Results": []}"#, "--format sarif"),
        (r#"{"summaryDetails": {"frameworks": []}, "results": []}"#, "kubescape"),
        (r#"{"kubernetes_cis_version": "1.6.0", "items": [{"test_number": "K.1"}]}"#, "NeuVector"),
        (r#"{"kind": "ClusterComplianceReport", "apiVersion": "x"}"#, "Trivy operator"),
        (r#"{"controls": [{"id": "c", "profile_id": "p", "status": "failed"}], "statistics": {}}"#, "--reporter json"),
        (r#"{"a": 1, "b": [2]}"#, "cannot tell what it is: it is JSON with the keys a, b"),
        ("<html><body/></html>", "cannot tell what it is: its first element is <html>"),
        ("<assemblies/>", "xUnit.net"),
        ("<CHECKLIST/>", "STIG Viewer"),
        ("words, and words\nmore words\n", "cannot tell what it is: it begins with 'words, and words'"),
        ("hello, world\nthis, that\n", "cannot tell what it is: it begins with 'hello, world'"),
        ("PROVIDER;FINDING_UID;CHECK_ID;STATUS\naws;x;y;FAIL\n", "Prowler"),
        ("<!DOCTYPE r [<!ENTITY x 'y'>]><Benchmark>", "document type"),
        ("<testsuite", "is truncated"),
    ] {
        let detected = detected(text);
        assert!(detected.contains(part), "{text}: {detected}");
    }
}
