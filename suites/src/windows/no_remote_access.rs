//! `windows/no-remote-access`: no rule allows 3389, 5985, 5986 or 22, and Remote Desktop is disabled (guide: "Avoiding RDP
//! connections").

use std::time::Duration;

use amiproof_core::check::{CheckError, Decision};
use amiproof_core::context::Context;
use amiproof_core::probe::facts::NodeFacts;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use super::windows_only;
use crate::definition::Definition;
use crate::host::{RemoteAccess, decision, no_account, verdict};
use crate::node::resource;

/// See the module.
pub const CHECK: Definition = Definition::question(
    "windows/no-remote-access",
    "nobody outside of the cluster reaches Remote Desktop, WinRM or SSH",
    |context| run(context).boxed(),
)
.on(windows_only)
.within(Duration::from_secs(300));

/// SSH, Remote Desktop, and WinRM over HTTP and HTTPS.
const PORTS: [u16; 4] = [22, 3389, 5985, 5986];

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let Some(clients) = &context.aws else { return Ok(no_account()) };
    let verdict = match RemoteAccess::read(context, clients).await? {
        Ok(access) => assess(&access, context.facts.of(context).await),
        Err(verdict) => verdict,
    };
    Ok(decision(context, verdict))
}

/// A node without facts is judged only by its security groups.
fn assess(access: &RemoteAccess, facts: &[NodeFacts]) -> Verdict {
    let mut findings = access.open(&PORTS);
    if access.remote_access {
        let help = "create the node group without remoteAccess; EKS opens TCP 3389 with it";
        findings.push(Finding::new("node group", "was created with remoteAccess").with_remediation(help));
    }
    for of_node in facts {
        let Ok((_, read)) = &of_node.read else { continue };
        if read.get("windows.rdp") == Some("allowed") {
            let help = "set fDenyTSConnections to 1 when the image is built";
            findings.push(Finding::new(resource(&of_node.node), "allows Remote Desktop").with_remediation(help));
        }
    }
    verdict(findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::read_facts;

    #[test]
    fn a_desktop_that_is_allowed_is_a_finding_even_behind_closed_groups() {
        let closed = RemoteAccess::default();
        assert_eq!(assess(&closed, &[read_facts(1, &[("windows.rdp", "denied")])]), Verdict::Pass);
        assert!(matches!(assess(&closed, &[read_facts(1, &[("windows.rdp", "allowed")])]), Verdict::Fail(_)));
        let open = RemoteAccess { remote_access: true, ..RemoteAccess::default() };
        assert!(matches!(assess(&open, &[]), Verdict::Fail(_)));
    }
}
