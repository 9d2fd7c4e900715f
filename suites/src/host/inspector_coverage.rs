//! `host/inspector-coverage`: Inspector covers every instance (guide: "Use Amazon Inspector to check for exposure, vulnerabilities and
//! deviations from best practices").

use std::collections::BTreeMap;

use amiproof_core::check::{CheckError, Decision, Doing as _};
use amiproof_core::context::Context;
use amiproof_core::scan::inspector::{self, Coverage};
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use super::{decision, instance_ids, no_account, verdict};
use crate::definition::Definition;
use crate::node::resource;

/// See the module.
pub const CHECK: Definition =
    Definition::question("host/inspector-coverage", "Inspector scans every host for vulnerabilities", |context| {
        run(context).boxed()
    });

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let Some(clients) = &context.aws else { return Ok(no_account()) };
    let ids = match instance_ids(&context.nodes) {
        Ok(ids) => ids,
        Err(verdict) => return Ok(decision(context, verdict)),
    };
    let coverage = inspector::coverage(clients, &ids).await.doing("asking Inspector what it covers")?;
    Ok(decision(context, assess(&context.nodes, &coverage)))
}

/// An instance that Inspector does not know yet is not a finding: the node is minutes old, and coverage takes longer.
fn assess(nodes: &[NodeRecord], coverage: &BTreeMap<String, Coverage>) -> Verdict {
    let mut findings = Vec::new();
    let mut unseen = Vec::new();
    for node in nodes {
        match node.instance_id.as_ref().and_then(|id| coverage.get(id)) {
            Some(Coverage::Active) => {}
            None | Some(Coverage::Unseen) => unseen.push(resource(node)),
            Some(Coverage::Inactive(reason)) if reason == "UNSUPPORTED_OS" => {
                return Verdict::NotApplicable("Inspector does not support its operating system".to_owned());
            }
            // `host/ssm-managed` reports a missing agent; Inspector notices a new one only minutes later.
            Some(Coverage::Inactive(reason))
                if reason == "UNMANAGED_EC2_INSTANCE" || reason == "PENDING_INITIAL_SCAN" =>
            {
                unseen.push(format!("{} ({reason})", resource(node)));
            }
            Some(Coverage::Inactive(reason)) => {
                let help = "turn Inspector's EC2 scanning on, and see that no tag excludes the instance";
                findings.push(
                    Finding::new(resource(node), format!("Inspector does not scan it: {reason}"))
                        .with_remediation(help),
                );
            }
        }
    }
    match (findings.is_empty(), unseen.is_empty()) {
        (true, false) => Verdict::NotEvaluated(format!("Inspector does not cover {} yet", unseen.join(", "))),
        _ => verdict(findings),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::record;

    #[test]
    fn an_instance_that_is_excluded_is_a_finding_and_one_that_is_new_is_no_evidence() {
        let inactive = |reason: &str| Some(Coverage::Inactive(reason.to_owned()));
        let word = |state: Option<Coverage>| {
            let coverage = state.map(|state| ("i-1".to_owned(), state)).into_iter().collect();
            match assess(&[record(1, "")], &coverage) {
                Verdict::Pass => "pass",
                Verdict::Fail(_) => "fail",
                Verdict::NotApplicable(_) => "not applicable",
                Verdict::NotEvaluated(_) => "not evaluated",
                Verdict::Manual(_) => "manual",
            }
        };
        for (state, wanted) in [
            (Some(Coverage::Active), "pass"),
            (None, "not evaluated"),
            (inactive("UNMANAGED_EC2_INSTANCE"), "not evaluated"),
            (inactive("UNSUPPORTED_OS"), "not applicable"),
            (inactive("EXCLUDED_BY_TAG"), "fail"),
        ] {
            assert_eq!(word(state), wanted);
        }
    }
}
