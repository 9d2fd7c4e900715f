//! `host/no-ssh`: no key pair, no `remoteAccess`, and no rule that allows TCP 22 (guide: "Minimize access to worker nodes").

use amiproof_core::check::{CheckError, Decision};
use amiproof_core::context::Context;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use super::{RemoteAccess, decision, no_account, set_by_us, verdict};
use crate::definition::Definition;
use crate::node::resource;

/// See the module.
pub const CHECK: Definition =
    Definition::question("host/no-ssh", "nobody outside of the cluster can log in to a host with SSH", |context| {
        run(context).boxed()
    });

const SSH: u16 = 22;

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let Some(clients) = &context.aws else { return Ok(no_account()) };
    if let Some(decision) = set_by_us(context, "it has no key pair and no remoteAccess") {
        return Ok(decision);
    }
    let verdict = match RemoteAccess::read(context, clients).await? {
        Ok(access) => assess(&access),
        Err(verdict) => verdict,
    };
    Ok(decision(context, verdict))
}

fn assess(access: &RemoteAccess) -> Verdict {
    let mut findings = access.open(&[SSH]);
    if access.remote_access {
        let help = "create the node group without remoteAccess; EKS opens TCP 22 with it";
        findings.push(Finding::new("node group", "was created with remoteAccess").with_remediation(help));
    }
    for (node, host) in &access.hosts {
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
        let access = |key: Option<&str>, remote_access: bool| RemoteAccess {
            hosts: vec![(record(1, ""), Host { key_name: key.map(str::to_owned), ..Host::default() })],
            remote_access,
            ..RemoteAccess::default()
        };
        assert_eq!(assess(&access(None, false)), Verdict::Pass);
        let Verdict::Fail(findings) = assess(&access(Some("ops"), true)) else { panic!("findings") };
        let found: Vec<&str> = findings.iter().map(|finding| finding.summary.as_str()).collect();
        assert_eq!(found, ["was created with remoteAccess", "was launched with a key pair"]);
    }
}
