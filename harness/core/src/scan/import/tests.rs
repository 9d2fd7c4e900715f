use super::*;

#[test]
fn a_file_is_known_by_its_beginning() {
    let table: [(&str, Option<Kind>); 14] = [
        ("<?xml version='1.0'?>\n<!-- c --><Benchmark xmlns='x'>", Some(Kind::Xccdf)),
        ("<cdf:TestResult>", Some(Kind::Xccdf)),
        ("<arf:asset-report-collection xmlns:arf='x'>", Some(Kind::Arf)),
        ("  <testsuites/>", Some(Kind::Junit)),
        ("<testsuite>", Some(Kind::Junit)),
        ("<html>", None),
        ("{\"Controls\": []}", Some(Kind::KubeBench)),
        ("I1121 log line\n{\"Controls\": []}", Some(Kind::KubeBench)),
        ("{\"$schema\": \"https://x\", \"runs\": []", Some(Kind::Sarif)),
        ("{\"platform\": {\"name\": \"amazon\"}, \"profiles\": []}", Some(Kind::Inspec)),
        ("{\"a\": 1}", None),
        ("Check ID,Title,Status\n", Some(Kind::InspectorCsv)),
        ("words", None),
        ("<!DOCTYPE r [<!ENTITY x 'y'>]><Benchmark>", Some(Kind::Xccdf)),
    ];
    for (text, kind) in table {
        assert_eq!(Kind::detect(text.as_bytes()), kind, "{text}");
    }
}
