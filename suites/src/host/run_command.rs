//! `host/run-command`: a command sent by Systems Manager runs, and its `sudo` needs neither a terminal nor a password (guide:
//! "Minimize access to worker nodes": Session Manager and Run Command instead of SSH).
//!
//! A /tmp or /var that is mounted noexec stops the agent's scripts; `use_pty` (CIS Amazon Linux 2023 4.3.2) and expired accounts (4.6.1)
//! stop `sudo` in automation.

use std::time::Duration;

use amiproof_core::check::{Applies, CheckError, Decision};
use amiproof_core::context::Context;
use amiproof_core::probe::{self, Channel, Output};
use amiproof_model::matrix::{Family, Variant};
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use super::{decision, no_account, verdict};
use crate::definition::Definition;
use crate::node::resource;

/// See the module.
pub const CHECK: Definition = Definition::question(
    "host/run-command",
    "a command through Systems Manager runs, and sudo in it works",
    |context| run(context).boxed(),
)
.on(has_shell)
.within(Duration::from_secs(300));

fn has_shell(variant: &Variant) -> Applies {
    match variant.family {
        Family::Al2023 | Family::Al2 => Applies::Yes,
        Family::Bottlerocket => Applies::No("its control container is not the host, so commands run through apiclient"),
        Family::Windows => Applies::No("Linux only"),
    }
}

const SCRIPT: &str = "id -u && sudo -n true";

const DEADLINE: Duration = Duration::from_secs(60);

async fn run(context: &Context) -> Result<Decision, CheckError> {
    if context.aws.is_none() {
        return Ok(no_account());
    }
    let asked =
        context.nodes.iter().map(async |node| (node.clone(), probe::command(context, node, SCRIPT, DEADLINE).await));
    let mut answers = Vec::new();
    for (node, output) in futures::future::join_all(asked).await {
        answers.push((node, output?));
    }
    Ok(decision(context, assess(&answers)))
}

fn assess(answers: &[(NodeRecord, Output)]) -> Verdict {
    if answers.is_empty() {
        return Verdict::NotEvaluated("there is no node".to_owned());
    }
    let mut findings = Vec::new();
    for (node, output) in answers {
        if output.way != Channel::Ssm {
            let why = format!("the agent of {} does not answer: see host/ssm-managed", resource(node));
            return Verdict::NotEvaluated(why);
        }
        if output.exit_code != 0 {
            let help = "check /etc/sudoers.d (requiretty, NOPASSWD) and password expiry: automation has no terminal and no password";
            let finding =
                Finding::new(resource(node), format!("the command ended with exit code {}", output.exit_code));
            findings.push(finding.with_detail(output.stderr.trim()).with_remediation(help));
        }
    }
    verdict(findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::record;

    #[test]
    fn a_command_that_fails_is_a_finding_and_one_that_went_another_way_no_evidence() {
        let asked = |exit_code: i32, way: Channel| {
            let stderr = "sudo: a password is required".to_owned();
            assess(&[(record(1, ""), Output { exit_code, stdout: "0\n".to_owned(), stderr, way })])
        };
        assert_eq!(asked(0, Channel::Ssm), Verdict::Pass);
        assert!(matches!(asked(1, Channel::Ssm), Verdict::Fail(_)));
        assert!(matches!(asked(0, Channel::Pod), Verdict::NotEvaluated(_)));
        assert!(matches!(assess(&[]), Verdict::NotEvaluated(_)));
    }
}
