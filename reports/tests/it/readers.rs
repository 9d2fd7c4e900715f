//! Programs that know nothing of amiproof read what is written for them: botocore (ASFF), py-ocsf-models, compliance-trestle (OSCAL) and
//! in-toto-attestation.
//! Each has the model of its format and rejects what is not in it.

use std::process::Command;

use amiproof_reports::{Format, Options, RenderError, render};

use crate::fixture;

/// Python with these modules; `make python` makes it. `None` if there is none and none is required.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn python(modules: &str) -> Option<String> {
    let python = std::env::var("AMIPROOF_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python).args(["-c", &format!("import {modules}")]).output();
    if found.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    assert!(std::env::var_os("AMIPROOF_REQUIRE_PYTHON").is_none(), "{python} has no {modules}: run `make python`");
    eprintln!("skipped: {python} has no {modules}");
    None
}

const ASFF: &str = r#"
import json, re, sys, botocore.session, botocore.validate
model = botocore.session.get_session().get_service_model("securityhub")

def check(shape, value, path):
    if shape.type_name == "structure":
        for name, inner in value.items():
            check(shape.members[name], inner, path + "." + name)
    elif shape.type_name == "list":
        for inner in value:
            check(shape.member, inner, path)
    elif shape.type_name == "string":
        assert not shape.enum or value in shape.enum, (path, value)
        assert re.search(shape.metadata.get("pattern", ""), value), (path, value)

for path in sys.argv[1:]:
    findings = json.load(open(path))
    report = botocore.validate.ParamValidator().validate(
        {"Findings": findings}, model.operation_model("BatchImportFindings").input_shape)
    assert not report.has_errors(), report.generate_report()
    assert len({finding["Id"] for finding in findings}) == len(findings)
    for finding in findings:
        check(model.shape_for("AwsSecurityFinding"), finding, "")
        assert len(finding["Title"]) <= 256 and len(finding["Description"]) <= 1024 and len(finding["Id"]) <= 512
        assert len(finding["Resources"]) <= 32 and len(json.dumps(finding)) < 240_000
"#;

const OCSF: &str = r#"
import json, sys
from py_ocsf_models.events.findings.compliance_finding import ComplianceFinding
for path in sys.argv[1:]:
    for event in json.load(open(path)):
        finding = ComplianceFinding(**event)
        assert finding.type_uid == 200301 and finding.class_uid == 2003
"#;

const OSCAL: &str = r#"
import json, sys
from trestle.oscal.assessment_results import AssessmentResults
for path in sys.argv[1:]:
    (name, document), = json.load(open(path)).items()
    assert name == "assessment-results"
    result = AssessmentResults(**document).results[0]
    observations = {one.uuid for one in result.observations or []}
    risks = {one.uuid for one in result.risks or []}
    subjects = {one.uuid for one in result.local_definitions.inventory_items}
    for observation in result.observations or []:
        assert observation.subjects[0].subject_uuid in subjects
    for finding in result.findings or []:
        assert finding.related_observations[0].observation_uuid in observations
        assert all(one.risk_uuid in risks for one in finding.related_risks or [])
"#;

const IN_TOTO: &str = r#"
import json, sys
from google.protobuf import json_format
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
for path in sys.argv[1:]:
    lines = open(path).read().splitlines()
    assert lines, path
    for line in lines:
        statement = json_format.Parse(line, statement_pb2.Statement())
        Statement.copy_from_pb(statement).validate()
        assert statement.predicate_type == "https://in-toto.io/attestation/test-result/v0.1", statement
        assert len(statement.subject[0].digest["sha256"]) == 64, statement
        predicate = json_format.ParseDict(json.loads(line)["predicate"], test_result_pb2.TestResult())
        assert predicate.result in ("PASSED", "WARNED", "FAILED") and len(predicate.configuration) == 2, predicate
        assert predicate.result == "FAILED" or not predicate.failed_tests, predicate
"#;

#[test]
fn models_of_others_accept_what_is_written_for_them() {
    for (format, modules, script) in [
        (Format::Asff, "botocore", ASFF),
        (Format::Ocsf, "py_ocsf_models", OCSF),
        (Format::Oscal, "trestle.oscal", OSCAL),
        (Format::InToto, "in_toto_attestation, google.protobuf", IN_TOTO),
    ] {
        let Some(python) = python(modules) else { continue };
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(&python);
        command.args(["-c", script]);
        let reports = fixture::all().into_iter().filter(|(name, _)| *name != "big");
        for (name, report) in reports.chain([("gated", fixture::gated()), ("twice", fixture::judged_twice())]) {
            // A run of nothing has no image that anything could be stated of.
            let text = match render(format, &report, &Options::default()) {
                Err(RenderError::NoImage { .. }) if report.variants.is_empty() => continue,
                text => text.unwrap(),
            };
            let path = folder.path().join(format!("{name}.json"));
            std::fs::write(&path, text).unwrap();
            command.arg(path);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{format:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
