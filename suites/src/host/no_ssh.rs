//! `host/no-ssh`: no key pair, no `remoteAccess`, and no rule that lets TCP 22 in (guide: "Minimize access to worker nodes").

use amiproof_core::check::{CheckError, Decision, Scope, always};
use amiproof_core::context::Context;
use amiproof_model::report::Phase;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use super::{Doors, decision, no_account, set_by_us, verdict};
use crate::definition::{Definition, Work};
use crate::node::resource;

/// See the module.
pub const CHECK: Definition = Definition {
    id: "host/no-ssh",
    title: "nobody outside of the cluster can log in to a host with SSH",
    scope: Scope::Variant,
    phase: Phase::Test,
    timeout: None,
    applies: always,
    work: Work::Question(|context| run(context).boxed()),
};

const SSH: u16 = 22;

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let Some(clients) = &context.aws else { return Ok(no_account()) };
    if let Some(decision) = set_by_us(context, "it has no key pair and no remoteAccess") {
        return Ok(decision);
    }
    let verdict = match Doors::read(context, clients).await? {
        Ok(doors) => assess(&doors),
        Err(verdict) => verdict,
    };
    Ok(decision(context, verdict))
}

fn assess(doors: &Doors) -> Verdict {
    let mut findings = doors.open(&[SSH]);
    if doors.remote_access {
        let help = "make the node group without remoteAccess; EKS opens TCP 22 with it";
        findings.push(Finding::new("node group", "was made with remoteAccess").with_remediation(help));
    }
    for (node, host) in &doors.hosts {
        if let Some(key) = &host.key_name {
            let help = "launch without a key pair: whoever has the key can log in once the port is open";
            let finding = Finding::new(resource(node), "was launched with a key pair").with_detail(key);
            findings.push(finding.with_remediation(help));
        }
    }
    verdict(findings)
}

#[cfg(test)]
mod tests {
    use amiproof_core::aws::hosts::Host;

    use super::*;
    use crate::node::tests::record;

    #[test]
    fn a_key_pair_and_remote_access_are_findings() {
        let doors = |key: Option<&str>, remote_access: bool| Doors {
            hosts: vec![(record(1, ""), Host { key_name: key.map(str::to_owned), ..Host::default() })],
            remote_access,
            ..Doors::default()
        };
        assert_eq!(assess(&doors(None, false)), Verdict::Pass);
        let Verdict::Fail(findings) = assess(&doors(Some("ops"), true)) else { panic!("findings") };
        let found: Vec<&str> = findings.iter().map(|finding| finding.summary.as_str()).collect();
        assert_eq!(found, ["was made with remoteAccess", "was launched with a key pair"]);
    }
}
