//! `windows/server-core`: the installation without a desktop (guide: "Reducing attack surface with Windows Server Core").

use std::time::Duration;

use amiproof_core::check::{CheckError, Decision};
use amiproof_core::context::Context;
use amiproof_core::probe::facts::NodeFacts;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use super::windows_only;
use crate::definition::Definition;
use crate::host::{decision, verdict};
use crate::node::{resource, unread};

/// See the module.
pub const CHECK: Definition =
    Definition::question("windows/server-core", "every node runs Server Core, without a desktop", |context| {
        run(context).boxed()
    })
    .on(windows_only)
    .within(Duration::from_secs(300));

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let facts = context.facts.of(context).await;
    Ok(decision(context, assess(facts)))
}

fn assess(facts: &[NodeFacts]) -> Verdict {
    if let Some(verdict) = unread(facts) {
        return verdict;
    }
    let mut findings = Vec::new();
    for of_node in facts {
        let kind = of_node.read.as_ref().ok().and_then(|(_, read)| read.get("windows.installation"));
        match kind {
            Some("Server Core") => {}
            None => {
                let node = resource(&of_node.node);
                return Verdict::NotEvaluated(format!("{node} does not report its installation type"));
            }
            Some(other) => {
                let help = "use an image whose name has Core instead of Full: it has no desktop and needs fewer fixes";
                findings.push(Finding::new(resource(&of_node.node), format!("runs {other}")).with_remediation(help));
            }
        }
    }
    verdict(findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::read_facts;

    #[test]
    fn a_desktop_is_a_finding() {
        let asked = |facts: &[(&str, &str)]| assess(&[read_facts(1, facts)]);
        assert_eq!(asked(&[("windows.installation", "Server Core")]), Verdict::Pass);
        assert!(matches!(asked(&[("windows.installation", "Server")]), Verdict::Fail(_)));
        assert!(matches!(asked(&[]), Verdict::NotEvaluated(_)));
    }
}
