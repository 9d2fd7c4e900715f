//! `host/sshd`: no SSH server listens (guide: "Minimize access to worker nodes"; Bottlerocket: the admin container is off).
//!
//! Images of Amazon Linux come with one that runs. Behind closed security groups (`host/no-ssh`) that is for a human to judge.

use std::time::Duration;

use amiproof_core::check::{CheckError, Decision, Scope, linux_only};
use amiproof_core::context::Context;
use amiproof_core::probe::facts::NodeFacts;
use amiproof_model::report::Phase;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use super::decision;
use crate::definition::{Definition, Work};
use crate::node::{resource, unread};

/// See the module.
pub const CHECK: Definition = Definition {
    id: "host/sshd",
    title: "no SSH server runs on a host",
    scope: Scope::Variant,
    phase: Phase::Test,
    timeout: Some(Duration::from_secs(300)),
    applies: linux_only,
    work: Work::Question(|context| run(context).boxed()),
};

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let facts = context.facts.of(context).await;
    Ok(decision(context, assess(facts)))
}

fn assess(facts: &[NodeFacts]) -> Verdict {
    if let Some(verdict) = unread(facts) {
        return verdict;
    }
    let (mut findings, mut servers) = (Vec::new(), Vec::new());
    for of_node in facts {
        let Ok((_, read)) = &of_node.read else { continue };
        if read.get("host-container.admin") == Some("enabled") {
            let mend = "set settings.host-containers.admin.enabled = false in the user data";
            findings.push(Finding::new(resource(&of_node.node), "the admin container is on").with_remediation(mend));
        }
        if read.get("listening.tcp").is_some_and(|ports| ports.split(' ').any(|port| port == "22")) {
            servers.push(resource(&of_node.node));
        }
    }
    if !findings.is_empty() {
        return Verdict::Fail(findings);
    }
    if servers.is_empty() {
        return Verdict::Pass;
    }
    Verdict::Manual(format!(
        "an SSH server listens on TCP 22 of {}, as on every Amazon Linux image: decide whether yours needs one, or turn it off \
         with `systemctl disable --now sshd` when the image is built",
        servers.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::read_facts;

    #[test]
    fn a_server_is_for_a_human_and_an_admin_container_is_a_finding() {
        let facts = |facts: &[(&str, &str)]| assess(&[read_facts(1, facts)]);
        assert_eq!(facts(&[("listening.tcp", "10250 10256")]), Verdict::Pass);
        assert!(matches!(facts(&[("listening.tcp", "22 10250")]), Verdict::Manual(_)));
        assert_eq!(facts(&[("listening.tcp", "2222 10250")]), Verdict::Pass);
        assert!(matches!(facts(&[("host-container.admin", "enabled")]), Verdict::Fail(_)));
        assert!(matches!(assess(&[]), Verdict::NotEvaluated(_)));
    }
}
