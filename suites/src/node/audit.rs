//! `node/audit`: the kernel loses no audit records, and its queue is not full (CIS Amazon Linux 2023, 5.2; Amazon Linux 2, 4.1;
//! `auditctl(8)`, `auditd.conf(5)`).
//!
//! Containers start often enough to flood rules for every privileged command. Benchmarks require a host that stops instead of continuing
//! without an audit trail: `admin_space_left_action` (5.2.2.3 of Amazon Linux 2023, 4.1.2.3 of Amazon Linux 2), later editions
//! `disk_full_action` and `disk_error_action` too. On a node that also stops every pod; whether its disk is large enough, a person
//! must decide. Rules that are immutable until the next boot (`-e 2`: 5.2.3.20, 4.1.3.20) break agents that load their own.

use std::time::Duration;

use amiproof_core::check::{Applies, CheckError, Decision};
use amiproof_core::context::Context;
use amiproof_core::probe::facts::NodeFacts;
use amiproof_model::matrix::{Family, Variant};
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use super::{judged, resource, silent};
use crate::definition::Definition;
use crate::host::decision;

/// See the module.
pub const CHECK: Definition =
    Definition::question("node/audit", "the kernel loses no audit records, and its queue is not full", |context| {
        run(context).boxed()
    })
    .on(has_auditd)
    .within(Duration::from_secs(300));

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

/// `lost 12` of `auditctl -s`, or `disk_full_action = HALT` of its configuration. The last occurrence of a key counts:
/// auditd reads its file from top to bottom.
fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().rev().find_map(|line| {
        let (own, value) = line.trim().split_once([' ', '='])?;
        own.eq_ignore_ascii_case(name).then(|| value.trim_matches([' ', '=']))
    })
}

fn assess(facts: &[NodeFacts]) -> Verdict {
    let verdict = judged(facts, |node, read| {
        let Some(text) = read.measured("audit") else { return Err(silent(node, "what its audit daemon does")) };
        if text.is_empty() && read.get("service.auditd").is_none_or(|state| !state.ends_with(" active")) {
            return Err(Verdict::NotApplicable("no audit daemon runs".to_owned()));
        }
        let number = |name: &str| value(text, name).and_then(|number| number.parse::<u64>().ok());
        let (Some(lost), Some(backlog)) = (number("lost"), number("backlog")) else {
            return Err(silent(node, "how many audit records it lost"));
        };
        let mut findings = Vec::new();
        if lost > 0 {
            let help =
                "raise the backlog (auditctl -b, audit_backlog_limit= at boot), or leave containers out of the rules";
            findings.push(
                Finding::new(
                    format!("{}, lost", resource(node)),
                    format!("lost {lost} audit record{}", if lost == 1 { "" } else { "s" }),
                )
                .with_remediation(help),
            );
        }
        if let Some(limit) = number("backlog_limit").filter(|limit| *limit > 0 && backlog >= *limit) {
            let help = "raise the backlog, or see why auditd does not keep up: its disk, its rules";
            let summary = format!("the queue of audit records is full: {backlog} of {limit}");
            findings.push(Finding::new(format!("{}, queue", resource(node)), summary).with_remediation(help));
        }
        Ok(findings)
    });
    let notes = notes(facts);
    if verdict == Verdict::Pass && !notes.is_empty() {
        return Verdict::Manual(notes.join("; "));
    }
    verdict
}

/// Actions of `auditd.conf(5)` that stop the host: `HALT`, and `SINGLE` for single user mode.
const DOWN: [&str; 2] = ["halt", "single"];

/// The settings of `auditd.conf(5)` that can have such an action, and when each applies.
const ACTIONS: [(&str, &str); 4] = [
    ("space_left_action", "when its audit log begins to run out of space"),
    ("admin_space_left_action", "when its audit log is nearly out of space"),
    ("disk_full_action", "when its audit log is full"),
    ("disk_error_action", "at the first error of its audit disk"),
];

/// Settings that can stop a node later, by node.
fn notes(facts: &[NodeFacts]) -> Vec<String> {
    let mut notes = Vec::new();
    for of_node in facts {
        let Some(text) = of_node.read.as_ref().ok().and_then(|(_, read)| read.measured("audit")) else { continue };
        let node = resource(&of_node.node);
        let is_down =
            |name: &str| value(text, name).is_some_and(|action| DOWN.contains(&action.to_ascii_lowercase().as_str()));
        for (name, when) in ACTIONS.iter().filter(|(name, _)| is_down(name)) {
            let keeps =
                value(text, "max_log_file_action").is_some_and(|action| action.eq_ignore_ascii_case("keep_logs"));
            let sure = if keeps { ", and it never deletes logs (max_log_file_action), so it will" } else { "" };
            notes.push(format!(
                "{node} shuts down {when} ({name}){sure}: make sure that /var/log/audit has space for the records of your busiest day, and \
                 that they are shipped and removed"
            ));
        }
        if value(text, "enabled") == Some("2") {
            notes.push(format!(
                "{node} accepts no new audit rules until it reboots (enabled 2): make sure that no agent loads rules of its own"
            ));
        }
    }
    notes
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
        let summaries: Vec<&str> = findings.iter().map(|finding| finding.summary.as_str()).collect();
        assert_eq!(summaries, ["lost 12 audit records", "the queue of audit records is full: 64 of 64"]);
    }

    #[test]
    fn a_daemon_that_takes_the_host_down_is_for_a_person_by_whatever_key() {
        let with = |line: &str| asked(&format!("enabled 1\nbacklog_limit 8192\nlost 0\nbacklog 0\n{line}"));
        for (line, part) in [
            ("admin_space_left_action = halt", "nearly out of space (admin_space_left_action)"),
            ("admin_space_left_action = single", "nearly out of space (admin_space_left_action)"),
            ("space_left_action = SINGLE", "begins to run out of space (space_left_action)"),
            ("disk_full_action = HALT", "is full (disk_full_action)"),
            ("disk_error_action = HALT", "first error of its audit disk (disk_error_action)"),
            (
                "admin_space_left_action = SUSPEND\nadmin_space_left_action = halt",
                "nearly out of space (admin_space_left_action)",
            ),
        ] {
            let answer = with(line);
            assert!(
                matches!(&answer, Verdict::Manual(why) if why.starts_with("node 1 shuts down") && why.contains(part)),
                "{line}: {answer:?}"
            );
        }
        for line in [
            "admin_space_left_action = SUSPEND",
            "space_left_action = email",
            "disk_full_action = rotate",
            "disk_full_action = HALT\ndisk_full_action = SUSPEND",
            "",
        ] {
            assert_eq!(with(line), Verdict::Pass, "{line}");
        }
        let kept = with("disk_full_action = HALT\nmax_log_file_action = keep_logs");
        assert!(matches!(kept, Verdict::Manual(why) if why.contains("so it will")));
    }

    #[test]
    fn rules_that_cannot_be_changed_are_for_a_person_and_lost_records_come_first() {
        let immutable = "enabled 2\nbacklog_limit 8192\nbacklog 0\n";
        assert!(
            matches!(asked(&format!("{immutable}lost 0")), Verdict::Manual(why) if why.contains("no new audit rules"))
        );
        assert!(matches!(asked(&format!("{immutable}lost 1\ndisk_full_action = HALT")), Verdict::Fail(_)));
    }

    #[test]
    fn no_answer_is_no_evidence_and_no_daemon_no_question() {
        assert!(matches!(asked(""), Verdict::NotEvaluated(_)));
        assert!(matches!(assess(&[measured(1, &[], &[("audit", "")])]), Verdict::NotApplicable(_)));
    }
}
