//! A promotion as [in-toto statements](https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md): what was tested and what came
//! of it, in three predicates, because consumers ask for different ones.
//!
//! The subject of each is the image's ARN with the digest of `report.json`. An image has no digest of its own that a reader could compute;
//! the report can be read beside the statement, and its digest is what a verifier of files computes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::gate::Promotion;
use crate::conclusion::Conclusion;
use crate::judge::disposition::Disposition;
use crate::name::VariantName;
use crate::report::Report;
use crate::report::result::CheckResult;
use crate::report::subject::Subject;
use crate::verdict::Outcome;

/// The type of every statement.
pub const STATEMENT: &str = "https://in-toto.io/Statement/v1";

/// The property of every image that was promoted.
pub const PROMOTED: &str = "AMIPROOF_PROMOTED";

/// What a statement says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Predicate {
    /// Which checks passed: [test-result v0.1](https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md).
    TestResult,
    /// Which properties the image has: [SVR v0.2](https://github.com/in-toto/attestation/blob/main/spec/predicates/svr.md).
    Svr,
    /// That a verifier admits it: [SLSA VSA v1](https://slsa.dev/spec/v1.1/verification_summary).
    Vsa,
}

impl Predicate {
    /// Each of them.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The name of its file: `test-result`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Its type.
    pub fn type_uri(self) -> &'static str {
        match self {
            Self::TestResult => "https://in-toto.io/attestation/test-result/v0.1",
            Self::Svr => "https://in-toto.io/attestation/svr/v0.2",
            Self::Vsa => "https://slsa.dev/verification_summary/v1",
        }
    }
}

/// What is stated of a promotion beside the report.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The image's ARN: `arn:aws:ec2:us-west-2::image/ami-…`.
    pub arn: &'a str,
    /// SHA-256 of the bytes of `report.json`, in hexadecimal.
    pub digest: &'a str,
    /// When the gates were evaluated.
    pub at: Timestamp,
    /// The build of amiproof that evaluated them: `0.1.0`. Who wrote the report may be another.
    pub version: &'a str,
    /// What the gates asked for: how old, what may be missing.
    pub policy: &'a Value,
    /// SHA-256 of its text, in hexadecimal.
    pub policy_digest: &'a str,
}

/// An image as a report tested it, whatever the result.
#[derive(Clone, Copy, Debug)]
pub struct Tested<'a> {
    /// The variant that it was tested as.
    pub variant: &'a VariantName,
    /// The image's ARN.
    pub arn: &'a str,
    /// SHA-256 of the bytes of `report.json`, in hexadecimal.
    pub digest: &'a str,
    /// The verdict of the variant: one that is no pass is a failed test, even if no single check says so.
    pub verdict: Conclusion,
}

/// The statement of what a report says of an image, with [`Predicate::TestResult`]. Nothing is decided by it: it states failures, too.
pub fn tested(report: &Report, tested: &Tested<'_>) -> Value {
    let Tested { variant, arn, digest, verdict } = *tested;
    let writer = format!("pkg:cargo/{}@{}", report.tool.name, report.tool.version);
    let mut content = test_result(report, variant, digest, &writer);
    if !matches!(verdict, Conclusion::Passed) {
        // A missing result is not a pass, even if a threshold allows it.
        let is_incomplete = verdict == Conclusion::Incomplete && content["result"] != "FAILED";
        content["result"] = if is_incomplete { "WARNED" } else { "FAILED" }.into();
    }
    let about = json!({
        "matrix": report.run.matrix, "variant": variant, "run": report.run.id, "lab": report.cluster.lab, "verdict": verdict.as_str(),
    });
    statement(arn, digest, &about, Predicate::TestResult, content)
}

/// The statement of a promotion with one of the predicates.
pub fn of(predicate: Predicate, report: &Report, promotion: &Promotion<'_>, facts: &Facts<'_>) -> Value {
    let content = match predicate {
        Predicate::TestResult => test_result(report, &promotion.variant.name, facts.digest, &verifier(facts)),
        Predicate::Svr => json!({
            "verifier": {"id": verifier(facts), "policies": [policy(facts)]},
            "timeCreated": facts.at.to_string(),
            "properties": properties(report, promotion),
        }),
        Predicate::Vsa => json!({
            "verifier": {"id": verifier(facts), "version": {"amiproof": facts.version}},
            "timeVerified": facts.at.to_string(),
            "resourceUri": facts.arn,
            "policy": policy(facts),
            "inputAttestations": [{"uri": "report.json", "digest": {"sha256": facts.digest}}],
            "verificationResult": "PASSED",
            "verifiedLevels": properties(report, promotion),
            "slsaVersion": "1.1",
        }),
    };
    // The same image may be several variants, of which user data makes different nodes.
    let about = json!({
        "matrix": report.run.matrix, "variant": promotion.variant.name, "run": report.run.id, "lab": report.cluster.lab,
    });
    statement(facts.arn, facts.digest, &about, predicate, content)
}

fn statement(arn: &str, digest: &str, about: &Value, predicate: Predicate, content: Value) -> Value {
    json!({
        "_type": STATEMENT,
        "subject": [{"name": arn, "digest": {"sha256": digest}, "annotations": about}],
        "predicateType": predicate.type_uri(),
        "predicate": content,
    })
}

/// The build of amiproof that evaluated the image, as a package URL.
fn verifier(facts: &Facts<'_>) -> String {
    format!("pkg:cargo/amiproof@{}", facts.version)
}

/// What was asked for, as a resource descriptor.
fn policy(facts: &Facts<'_>) -> Value {
    json!({
        "uri": format!("{}#gates", verifier(facts)),
        "digest": {"sha256": facts.policy_digest},
        "annotations": facts.policy,
    })
}

/// The result of a check, the worst of several scanners last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Came {
    Passed,
    Warned,
    Failed,
}

fn test_result(report: &Report, variant: &VariantName, digest: &str, writer: &str) -> Value {
    let mut tests: BTreeMap<&str, Came> = BTreeMap::new();
    for row in &report.results {
        if !matches!(&row.subject, Subject::Variant(name) if name == variant) {
            continue;
        }
        let came = match row.disposition {
            Disposition::Passed => Came::Passed,
            Disposition::Informational if row.outcome == Outcome::Pass => Came::Passed,
            Disposition::NotApplicable | Disposition::Manual => continue,
            Disposition::Flaky
            | Disposition::Waived { .. }
            | Disposition::Tolerated
            | Disposition::Informational
            | Disposition::Allowed => Came::Warned,
            Disposition::Failed | Disposition::Blocked { .. } | Disposition::NotEvaluated | Disposition::Error => {
                Came::Failed
            }
        };
        let known = tests.entry(row.check.as_str()).or_insert(came);
        *known = came.max(*known);
    }
    let named = |wanted: Came| -> Vec<&str> {
        tests.iter().filter(|(_, came)| **came == wanted).map(|(name, _)| *name).collect()
    };
    let result = match tests.values().max() {
        Some(Came::Passed) => "PASSED",
        Some(Came::Warned) => "WARNED",
        Some(Came::Failed) | None => "FAILED",
    };
    // The report names the matrix, the thresholds, the waivers and the nodes.
    let mut configuration = vec![json!({"name": "report.json", "digest": {"sha256": digest}}), json!({"uri": writer})];
    let record = report.variants.iter().find(|record| record.name == *variant);
    if let Some(user_data) = record.and_then(|record| record.user_data.as_ref()) {
        // Who launches the image must give it the same user data.
        let images: Vec<Value> = user_data.bootstrap_images.iter().map(|image| json!({"uri": image})).collect();
        configuration.push(json!({"name": "user data", "digest": {"sha256": user_data.sha256}}));
        configuration.extend(images);
    }
    json!({
        "result": result,
        "configuration": configuration,
        "passedTests": named(Came::Passed),
        "warnedTests": named(Came::Warned),
        "failedTests": named(Came::Failed),
    })
}

/// The properties of the image that the gates verified.
fn properties(report: &Report, promotion: &Promotion<'_>) -> Vec<String> {
    let variant = promotion.variant;
    let mut properties = vec![PROMOTED.to_owned()];
    // Whether anything of a suite is excused.
    let mut suites: BTreeMap<&str, bool> = BTreeMap::new();
    let own = report.results.iter();
    let own =
        own.filter(|row| matches!(&row.subject, Subject::Variant(name) if *name == variant.name) && !row.is_gate());
    for row in own {
        let is_excused = match row.disposition {
            Disposition::NotApplicable | Disposition::Manual | Disposition::Informational | Disposition::Allowed => {
                continue;
            }
            Disposition::Passed | Disposition::Flaky => false,
            _ => true,
        };
        *suites.entry(row.check.suite()).or_default() |= is_excused;
    }
    let how = |is_excused: bool| if is_excused { "PASSED_WITH_EXCEPTIONS" } else { "PASSED" };
    properties
        .extend(suites.into_iter().map(|(suite, is_excused)| format!("AMIPROOF_{}_{}", word(suite), how(is_excused))));
    if let Some(benchmark) = &variant.benchmark {
        let is_of = |row: &&CheckResult| {
            matches!(&row.subject, Subject::Variant(name) if *name == variant.name)
                && row.control.as_ref().is_some_and(|control| control.benchmark() == benchmark.as_str())
                && !matches!(row.disposition, Disposition::NotApplicable | Disposition::Manual)
        };
        let is_excused = report.results.iter().filter(is_of).any(|row| row.disposition != Disposition::Passed);
        let level = variant.level.map(|level| format!("_{}", word(&level.to_string()))).unwrap_or_default();
        properties.push(format!("AMIPROOF_{}{level}_{}", word(benchmark.as_str()), how(is_excused)));
    }
    if let Some(version) = &report.cluster.kubernetes_version {
        properties.push(format!("AMIPROOF_KUBERNETES_{}", word(version.as_str())));
    }
    properties
}

/// `CIS_AL2023_1_0_0` of `cis-al2023-1.0.0`.
fn word(text: &str) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' };
    text.chars().map(letter).collect()
}

#[cfg(test)]
mod tests;
