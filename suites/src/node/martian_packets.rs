//! `node/martian-packets`: the kernel log is not flooded with martian packets.
//!
//! Benchmarks require to log them (CIS Amazon Linux 2023 3.3.4). With the VPC CNI, responses use another interface than requests, so that
//! a busy node logs normal packets as martian (amazon-vpc-cni-k8s, issue 75), which costs processor time and disk space.

use std::time::Duration;

use amiproof_core::check::{CheckError, Decision, linux_only};
use amiproof_core::context::Context;
use amiproof_core::probe::facts::NodeFacts;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use super::{judged, resource, silent};
use crate::definition::Definition;
use crate::host::decision;

/// See the module.
pub const CHECK: Definition =
    Definition::question("node/martian-packets", "the kernel log is not flooded with martian packets", |context| {
        run(context).boxed()
    })
    .on(linux_only)
    .within(Duration::from_secs(300));

/// Lines in ten minutes: one per second.
const MAX: u64 = 600;

async fn run(context: &Context) -> Result<Decision, CheckError> {
    Ok(decision(context, assess(context.facts.of(context).await)))
}

fn assess(facts: &[NodeFacts]) -> Verdict {
    judged(facts, |node, read| {
        let Some(lines) = read.measured("martians").and_then(|lines| lines.parse::<u64>().ok()) else {
            return Err(silent(node, "what its kernel logged"));
        };
        if lines <= MAX {
            return Ok(Vec::new());
        }
        let help = "set net.ipv4.conf.all.log_martians to 0 and waive the control, or rp_filter to 2 on the interfaces of the VPC CNI";
        let summary = format!("the kernel logged {lines} martian packets in ten minutes");
        Ok(vec![Finding::new(resource(node), summary).with_remediation(help)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::measured;

    #[test]
    fn more_than_one_a_second_is_a_flood() {
        let asked = |lines: &str| assess(&[measured(1, &[], &[("martians", lines)])]);
        assert_eq!(asked("0"), Verdict::Pass);
        assert_eq!(asked("600"), Verdict::Pass);
        assert!(matches!(asked("601"), Verdict::Fail(_)));
        assert!(matches!(asked(""), Verdict::NotEvaluated(_)));
    }
}
