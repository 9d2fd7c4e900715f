//! `windows/inspector-cis`: Inspector has a CIS benchmark for the build (guide: "Monitoring and inspecting Windows nodes:
//! Amazon Inspector"; Inspector user guide, "Supported operating systems: CIS scanning": 2016, 2019, 2022, 2025). The scan itself is
//! in suite `os-cis`.

use std::time::Duration;

use amiproof_core::check::{CheckError, Decision};
use amiproof_core::context::Context;
use amiproof_core::probe::facts::NodeFacts;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use super::windows_only;
use crate::definition::Definition;
use crate::host::{decision, no_account, verdict};
use crate::node::{resource, unread};

/// See the module.
pub const CHECK: Definition = Definition::question(
    "windows/inspector-cis",
    "Inspector has a CIS benchmark for the version of Windows",
    |context| run(context).boxed(),
)
.on(windows_only)
.within(Duration::from_secs(300));

/// Builds with a benchmark (Microsoft, "Windows Server release information"): 2016, 2019, 2022 and 2025.
const BUILDS: [&str; 4] = ["14393", "17763", "20348", "26100"];

async fn run(context: &Context) -> Result<Decision, CheckError> {
    if context.aws.is_none() {
        return Ok(no_account());
    }
    Ok(decision(context, assess(context.facts.of(context).await)))
}

fn assess(facts: &[NodeFacts]) -> Verdict {
    if let Some(verdict) = unread(facts) {
        return verdict;
    }
    let mut findings = Vec::new();
    for of_node in facts {
        match of_node.read.as_ref().ok().and_then(|(_, read)| read.get("windows.build")) {
            None => return Verdict::NotEvaluated(format!("{} does not report its build", resource(&of_node.node))),
            Some(build) if BUILDS.contains(&build) => {}
            Some(build) => {
                let help =
                    "use Windows Server 2019, 2022 or 2025: without a benchmark the operating system is not evaluated";
                let summary = format!("Inspector has no CIS benchmark for build {build}");
                findings.push(Finding::new(resource(&of_node.node), summary).with_remediation(help));
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
    fn a_build_without_a_benchmark_is_a_finding() {
        let asked = |facts: &[(&str, &str)]| assess(&[read_facts(1, facts)]);
        assert_eq!(asked(&[("windows.build", "20348")]), Verdict::Pass);
        assert!(matches!(asked(&[("windows.build", "19042")]), Verdict::Fail(_)));
        assert!(matches!(asked(&[]), Verdict::NotEvaluated(_)));
    }
}
