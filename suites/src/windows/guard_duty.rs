//! `windows/guard-duty`: a detector is on, with the audit logs of EKS (guide: "Monitoring and inspecting Windows nodes: Amazon
//! GuardDuty").
//!
//! Runtime Monitoring has no agent for Windows (GuardDuty user guide, "Prerequisites for Amazon EKS cluster support"), so it is not
//! required; foundational and audit log findings cover these nodes.

use amiproof_core::aws::guardduty::{self, Detector};
use amiproof_core::check::{CheckError, Decision, Doing as _};
use amiproof_core::context::Context;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use super::windows_only;
use crate::definition::Definition;
use crate::host::{decision, no_account};

/// See the module.
pub const CHECK: Definition = Definition::question(
    "windows/guard-duty",
    "GuardDuty watches the account and the cluster's audit log",
    |context| run(context).boxed(),
)
.on(windows_only);

/// The feature that reads the cluster's audit log.
const AUDIT_LOGS: &str = "EKS_AUDIT_LOGS";

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let Some(clients) = &context.aws else { return Ok(no_account()) };
    let detector = guardduty::detector(clients).await.doing("asking GuardDuty for its detector")?;
    Ok(decision(context, assess(detector.as_ref())))
}

fn assess(detector: Option<&Detector>) -> Verdict {
    let off =
        |summary: &str, help: &str| Verdict::Fail(vec![Finding::new("GuardDuty", summary).with_remediation(help)]);
    match detector {
        None => off("is not enabled in this region", "aws guardduty create-detector --enable"),
        Some(detector) if !detector.enabled => {
            off("is suspended", &format!("aws guardduty update-detector --detector-id {} --enable", detector.id))
        }
        Some(detector) if !detector.features.iter().any(|feature| feature == AUDIT_LOGS) => off(
            "does not read the audit logs of EKS",
            &format!(
                "aws guardduty update-detector --detector-id {} --features Name={AUDIT_LOGS},Status=ENABLED",
                detector.id
            ),
        ),
        Some(_) => Verdict::Pass,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detector_must_be_on_and_read_the_audit_logs() {
        let detector = |enabled: bool, features: &[&str]| Detector {
            id: "d".to_owned(),
            enabled,
            features: features.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(assess(Some(&detector(true, &["CLOUD_TRAIL", AUDIT_LOGS]))), Verdict::Pass);
        for wrong in [None, Some(&detector(false, &[AUDIT_LOGS])), Some(&detector(true, &["CLOUD_TRAIL"]))] {
            let Verdict::Fail(findings) = assess(wrong) else { panic!("{wrong:?}") };
            assert!(findings[0].remediation.starts_with("aws guardduty "), "{findings:?}");
        }
    }
}
