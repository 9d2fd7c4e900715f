//! If a registry denies an image to the nodes of one variant but not to those of its reference, the nodes of the
//! variant lack credentials (hardening removed or blocked a credential provider), and the AMI is at fault. Pure.

use std::collections::BTreeMap;

use crate::name::{CheckId, VariantName};
use crate::report::Report;
use crate::report::subject::Subject;
use crate::verdict::{Finding, Outcome};

/// The beginning of the error of a check whose images a registry denies.
pub const REFUSES: &str = "the registry refuses an image: ";

/// Denials of registries, in the words of container runtimes.
const UNAUTHORIZED: [&str; 4] = ["pull access denied", "authorization failed", "unauthorized", "403 Forbidden"];

/// Whether a registry denied the image to this caller.
pub fn is_unauthorized(message: &str) -> bool {
    UNAUTHORIZED.iter().any(|answer| message.contains(answer))
}

/// Turns into a failure every check that could not decide because a registry denied an image to a variant, if the same check passed on
/// the reference, which pulled the same images.
pub fn attribute(report: &mut Report) {
    let references: BTreeMap<VariantName, VariantName> =
        report.variants.iter().filter_map(|variant| Some((variant.name.clone(), variant.reference.clone()?))).collect();
    let passed: Vec<(VariantName, CheckId)> = report
        .results
        .iter()
        .filter_map(|result| match (&result.subject, &result.outcome) {
            (Subject::Variant(name), Outcome::Pass) => Some((name.clone(), result.check.clone())),
            _ => None,
        })
        .collect();
    for result in &mut report.results {
        let (Subject::Variant(name), Outcome::Error { message }) = (&result.subject, &result.outcome) else { continue };
        let Some(twin) = references.get(name) else { continue };
        let Some(refusal) = message.split_once(REFUSES).map(|(_, refusal)| refusal) else { continue };
        let first = refusal.lines().next().unwrap_or_default();
        if !is_unauthorized(first) || !passed.contains(&(twin.clone(), result.check.clone())) {
            continue;
        }
        let help = "check that the kubelet's credential provider (image-credential-provider-config, ecr-credential-provider) is installed, can be \
                    executed (noexec, SELinux, fapolicyd) and reaches the instance metadata service";
        let finding = Finding::new(
            "image pull",
            format!("the registry denies these nodes an image that the nodes of {twin} can pull: {first}"),
        );
        result.outcome = Outcome::Fail { findings: vec![finding.with_detail(refusal).with_remediation(help)] };
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn result(variant: &str, outcome: Value) -> Value {
        json!({
            "check": "workload/web", "title": "t", "subject": {"variant": variant}, "outcome": outcome,
            "disposition": "error", "started": "2026-11-21T00:00:00Z", "seconds": 1.0,
        })
    }

    /// What becomes of a refusal on `l1` beside what its reference says.
    fn judged(answer: &str, reference: Value) -> Outcome {
        let error = json!({"error": {"message": format!("{REFUSES}{answer}\n\npods:\nweb")}});
        let report = json!({
            "schemaVersion": 1, "tool": {"name": "amiproof", "version": "0"},
            "run": {"id": "r-1", "matrix": "m", "started": "2026-11-21T00:00:00Z", "seconds": 1.0, "criticalPathSeconds": 1.0,
                    "interrupted": false, "phases": []},
            "cluster": {"name": "c"},
            "variants": [
                {"name": "stock", "family": "al2023", "nodes": [], "phases": []},
                {"name": "l1", "family": "al2023", "reference": "stock", "nodes": [], "phases": []},
            ],
            "results": [result("l1", error), result("stock", reference)],
            "cleanup": {"ran": true, "created": 0, "gone": 0, "leftovers": []},
        });
        let mut report: Report = serde_json::from_value(report).unwrap();
        attribute(&mut report);
        report.results.swap_remove(0).outcome
    }

    #[test]
    fn what_the_reference_pulls_is_not_for_the_registry_to_refuse() {
        for answer in ["403 Forbidden", "failed to authorize: unauthorized", "pull access denied, authorization failed"]
        {
            let outcome = judged(answer, json!("pass"));
            let Outcome::Fail { findings } = outcome else { panic!("{answer}: {outcome:?}") };
            assert!(findings[0].summary.ends_with(answer) && findings[0].detail.contains("pods:"), "{findings:?}");
        }
    }

    #[test]
    fn without_a_reference_that_pulled_it_the_registry_is_to_blame() {
        let away = json!({"error": {"message": "away"}});
        assert_eq!(judged("403 Forbidden", away).as_str(), "error");
        assert_eq!(
            judged("toomanyrequests: Rate exceeded", json!("pass")).as_str(),
            "error",
            "it has a limit, for everybody"
        );
        assert_eq!(judged("manifest unknown", json!("pass")).as_str(), "error");
    }
}
