//! `host/sshd`: no SSH server of a host accepts passwords (guide: "Minimize access to worker nodes"; Bottlerocket: the admin container is
//! off).
//!
//! Images of Amazon Linux have a server that accepts only keys, and nodes are launched without a key; `host/no-ssh` checks who can
//! reach its port. An image can break this so that passwords can be guessed: `PasswordAuthentication`, `PermitRootLogin yes`
//! (sshd_config(5)).

use std::time::Duration;

use amiproof_core::check::{CheckError, Decision, linux_only};
use amiproof_core::context::Context;
use amiproof_core::probe::facts::NodeFacts;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use super::decision;
use crate::definition::Definition;
use crate::node::{judged, resource, silent};

/// See the module.
pub const CHECK: Definition = Definition::question(
    "host/sshd",
    "no host accepts SSH passwords, and no Bottlerocket admin container is enabled",
    |context| run(context).boxed(),
)
.on(linux_only)
.within(Duration::from_secs(300));

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let facts = context.facts.of(context).await;
    Ok(decision(context, assess(facts)))
}

fn assess(facts: &[NodeFacts]) -> Verdict {
    judged(facts, |node, read| {
        let mut findings = Vec::new();
        if read.get("host-container.admin") == Some("enabled") {
            let help = "set settings.host-containers.admin.enabled = false in the user data";
            findings.push(Finding::new(resource(node), "the admin container is on").with_remediation(help));
        }
        // Every node has listening sockets: none means that they could not be read.
        let Some(ports) = read.get("listening.tcp") else { return Err(silent(node, "on which ports it listens")) };
        // The server of an admin container belongs to the container.
        if ports.split(' ').all(|port| port != "22") || read.get("host-container.admin").is_some() {
            return Ok(findings);
        }
        let Some(settings) = read.measured("sshd").filter(|settings| !settings.is_empty()) else {
            return Err(silent(node, "how its SSH server lets people in"));
        };
        for (name, help) in OPEN {
            if is_yes(settings, name) {
                let summary = format!("its SSH server has {name} yes");
                findings.push(Finding::new(format!("{}, {name}", resource(node)), summary).with_remediation(help));
            }
        }
        Ok(findings)
    })
}

/// Settings of sshd_config(5) that allow logins by password, with their remediations.
const OPEN: [(&str, &str); 2] = [
    ("PasswordAuthentication", "set PasswordAuthentication no in /etc/ssh/sshd_config when the image is built"),
    (
        "PermitRootLogin",
        "set PermitRootLogin no, or prohibit-password, in /etc/ssh/sshd_config when the image is built",
    ),
];

/// Whether a setting is on; the first occurrence counts, as in sshd.
fn is_yes(settings: &str, name: &str) -> bool {
    let words = settings.lines().filter_map(|line| line.trim().split_once(char::is_whitespace));
    words.into_iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).is_some_and(|(_, value)| value.trim() == "yes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::measured;

    #[test]
    fn a_server_that_takes_passwords_and_an_admin_container_are_findings() {
        let asked = |facts: &[(&str, &str)], sshd: &str| match assess(&[measured(1, facts, &[("sshd", sshd)])]) {
            Verdict::Fail(findings) => {
                findings.into_iter().map(|finding| finding.summary).collect::<Vec<_>>().join("; ")
            }
            other => format!("{other:?}").split('(').next().unwrap_or_default().to_owned(),
        };
        let open = [("listening.tcp", "22 10250")];
        assert_eq!(asked(&[("listening.tcp", "10250 10256")], ""), "Pass");
        assert_eq!(asked(&[("listening.tcp", "2222 10250")], ""), "Pass");
        assert_eq!(asked(&open, "permitrootlogin forced-commands-only\npasswordauthentication no"), "Pass");
        assert_eq!(asked(&open, "PasswordAuthentication yes"), "its SSH server has PasswordAuthentication yes");
        assert_eq!(
            asked(&open, "PermitRootLogin yes\nPasswordAuthentication no"),
            "its SSH server has PermitRootLogin yes"
        );
        assert_eq!(
            asked(&open, "PasswordAuthentication no\nPasswordAuthentication yes"),
            "Pass",
            "the first one counts"
        );
        assert_eq!(asked(&open, ""), "NotEvaluated");
        assert_eq!(asked(&[], "PasswordAuthentication no"), "NotEvaluated", "nobody could look");
        let admin = [("host-container.admin", "enabled"), ("listening.tcp", "10250")];
        assert_eq!(asked(&admin, ""), "the admin container is on");
        assert!(matches!(assess(&[]), Verdict::NotEvaluated(_)));
    }
}
