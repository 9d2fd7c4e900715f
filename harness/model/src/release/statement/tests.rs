use super::*;
use crate::release::gate::{self, tests};
use crate::verdict::Finding;

/// Every predicate of one promotion, as it is written.
#[test]
fn a_promotion_is_stated_in_three_predicates() {
    let mut report = tests::passing();
    let at = "2026-11-30T12:00:00Z".parse().unwrap();
    let waived = Disposition::Waived {
        owner: "platform".to_owned(),
        reason: "AWS-1".to_owned(),
        until: jiff::civil::date(2027, 1, 31),
    };
    let outcome = Outcome::Fail { findings: vec![Finding::new("node 1", "no")] };
    let subject = Subject::Variant("l1".parse().unwrap());
    let check = "os-cis/cis-al2023-1.0.0/1.1.2".parse().unwrap();
    report.results.push(crate::report::CheckResult {
        disposition: waived,
        started: at,
        ..crate::report::CheckResult::new(check, subject, outcome)
    });
    let promotion = gate::decide(&report, &[], &tests::gates(&[]), at).unwrap();
    let digest = "a".repeat(64);
    let policy =
        serde_json::json!({"maxAgeSeconds": 604_800, "allowIncomplete": false, "except": ["workload/efs-volume"]});
    let arn = "arn:aws:ec2:us-west-2::image/ami-aaaaaaaaaaaaaaaaa";
    let facts = Facts { arn, digest: &digest, at, version: "0.1.0", policy: &policy, policy_digest: &digest };
    let all: Vec<Value> = Predicate::ALL.iter().map(|one| of(*one, &report, &promotion, &facts)).collect();
    insta::assert_json_snapshot!(all);
}
