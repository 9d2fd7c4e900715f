//! `node/audit`: the kernel loses no audit records, and its queue is not full (CIS Amazon Linux 2023, 5.2; `auditctl(8)`).
//!
//! Containers come and go fast enough to flood rules for every privileged command. A daemon that halts the host when its disk is full
//! (5.2.2.3) turns that into a node that goes down; whether its disk is large enough is for a human to say.

use std::time::Duration;

use amiproof_core::check::{Applies, CheckError, Decision, Scope};
use amiproof_core::context::Context;
use amiproof_core::probe::facts::NodeFacts;
use amiproof_model::matrix::{Family, Variant};
use amiproof_model::report::Phase;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use super::{judged, resource, silent};
use crate::definition::{Definition, Work};
use crate::host::decision;

/// See the module.
pub const CHECK: Definition = Definition {
    id: "node/audit",
    title: "the kernel loses no audit records, and its queue is not full",
    scope: Scope::Variant,
    phase: Phase::Test,
    timeout: Some(Duration::from_secs(300)),
    applies: has_auditd,
    work: Work::Question(|context| run(context).boxed()),
};

fn has_auditd(variant: &Variant) -> Applies {
    match variant.family {
        Family::Al2023 | Family::Al2 => Applies::Yes,
        Family::Bottlerocket => Applies::No("Bottlerocket has no audit daemon to configure"),
        Family::Windows => Applies::No("Linux only"),
    }
}

async fn run(context: &Context) -> Result<Decision, CheckError> {
    Ok(decision(context, assess(context.facts.of(context).await)))
}

/// `lost 12` of `auditctl -s`, or `disk_full_action = HALT` of its configuration.
fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (own, value) = line.trim().split_once([' ', '='])?;
        own.eq_ignore_ascii_case(name).then(|| value.trim_matches([' ', '=']))
    })
}

fn assess(facts: &[NodeFacts]) -> Verdict {
    let verdict = judged(facts, |node, read| {
        let text = read.measured("audit").unwrap_or_default();
        if text.is_empty() && read.get("service.auditd").is_none_or(|state| !state.ends_with(" active")) {
            return Err(Verdict::NotApplicable("no audit daemon runs".to_owned()));
        }
        let number = |name: &str| value(text, name).and_then(|number| number.parse::<u64>().ok());
        let (Some(lost), Some(backlog)) = (number("lost"), number("backlog")) else {
            return Err(silent(node, "how many audit records it lost"));
        };
        let mut findings = Vec::new();
        if lost > 0 {
            let mend =
                "raise the backlog (auditctl -b, audit_backlog_limit= at boot), or leave containers out of the rules";
            findings.push(
                Finding::new(format!("{}, lost", resource(node)), format!("lost {lost} audit records"))
                    .with_remediation(mend),
            );
        }
        if let Some(limit) = number("backlog_limit").filter(|limit| *limit > 0 && backlog >= *limit) {
            let mend = "raise the backlog, or see why auditd does not keep up: its disk, its rules";
            let summary = format!("the queue of audit records is full: {backlog} of {limit}");
            findings.push(Finding::new(format!("{}, queue", resource(node)), summary).with_remediation(mend));
        }
        Ok(findings)
    });
    match halting(facts) {
        Some(node) if verdict == Verdict::Pass => Verdict::Manual(format!(
            "{node} goes down when its audit log is full (disk_full_action, as CIS 5.2.2.3 asks): see that /var/log/audit has room for the \
             records of your busiest day"
        )),
        _ => verdict,
    }
}

/// A node that halts, or falls back to single user mode, when the disk of its audit log is full.
fn halting(facts: &[NodeFacts]) -> Option<String> {
    facts.iter().find_map(|of_node| {
        let text = of_node.read.as_ref().ok()?.1.measured("audit")?;
        let action = value(text, "disk_full_action")?.to_ascii_lowercase();
        ["halt", "single"].contains(&action.as_str()).then(|| resource(&of_node.node))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::measured;

    fn asked(text: &str) -> Verdict {
        assess(&[measured(1, &[("service.auditd", "enabled active")], &[("audit", text)])])
    }

    #[test]
    fn records_that_were_lost_and_a_full_queue_are_findings() {
        assert_eq!(
            asked("enabled 1\nbacklog_limit 8192\nlost 0\nbacklog 3\ndisk_full_action = SUSPEND"),
            Verdict::Pass
        );
        let Verdict::Fail(findings) = asked("backlog_limit 64\nlost 12\nbacklog 64") else { panic!("findings") };
        let told: Vec<&str> = findings.iter().map(|finding| finding.summary.as_str()).collect();
        assert_eq!(told, ["lost 12 audit records", "the queue of audit records is full: 64 of 64"]);
    }

    #[test]
    fn a_daemon_that_halts_the_host_is_for_a_human_and_none_is_no_question() {
        let halting = "backlog_limit 8192\nlost 0\nbacklog 0\ndisk_full_action = HALT";
        assert!(matches!(asked(halting), Verdict::Manual(why) if why.starts_with("node 1 goes down")));
        assert!(matches!(asked(""), Verdict::NotEvaluated(_)));
        assert!(matches!(assess(&[measured(1, &[], &[("audit", "")])]), Verdict::NotApplicable(_)));
    }
}
