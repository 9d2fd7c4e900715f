//! `host/selinux`: SELinux is enforcing on Bottlerocket and at least permissive on Amazon Linux 2023 (guide: "Run SELinux"; Amazon Linux
//! 2023 user guide, "Setting SELinux modes"). Stricter requirements of a level are left to the benchmark (1.6.1.5 is Level 2).

use std::time::Duration;

use amiproof_core::check::{CheckError, Decision, linux_only};
use amiproof_core::context::Context;
use amiproof_core::probe::facts::NodeFacts;
use amiproof_model::matrix::Family;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use super::{decision, verdict};
use crate::definition::Definition;
use crate::node::{resource, unread};

/// See the module.
pub const CHECK: Definition = Definition::question(
    "host/selinux",
    "SELinux is in the default mode of the family, or a stricter one",
    |context| run(context).boxed(),
)
.on(linux_only)
.within(Duration::from_secs(300));

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let facts = context.facts.of(context).await;
    Ok(decision(context, assess(facts, context.variant.family)))
}

fn assess(facts: &[NodeFacts], family: Family) -> Verdict {
    if let Some(verdict) = unread(facts) {
        return verdict;
    }
    let mut findings = Vec::new();
    for of_node in facts {
        let system = of_node.read.as_ref().ok().and_then(|(_, read)| read.get("os.id")).unwrap_or("amzn");
        if !["amzn", "bottlerocket"].contains(&system) {
            return Verdict::NotApplicable(format!(
                "{} runs {system}, which is neither Amazon Linux nor Bottlerocket",
                resource(&of_node.node)
            ));
        }
        let mode = of_node.read.as_ref().ok().and_then(|(_, read)| read.get("selinux.mode")).unwrap_or("unknown");
        let (fine, wanted) = match family {
            Family::Bottlerocket => (mode == "Enforcing", "Enforcing"),
            // Amazon Linux 2 has it disabled by default.
            Family::Al2 if mode == "Disabled" => {
                return Verdict::Manual(
                    "SELinux is disabled, as on every Amazon Linux 2 image: decide whether yours must have it, or move to Amazon Linux \
                     2023, which has it on"
                        .to_owned(),
                );
            }
            _ => (matches!(mode, "Enforcing" | "Permissive"), "Permissive or Enforcing"),
        };
        if !fine {
            let help = "boot without selinux=0 and set SELINUX= in /etc/selinux/config when the image is built";
            let finding = Finding::new(resource(&of_node.node), format!("SELinux is {mode}, not {wanted}"));
            findings.push(finding.with_remediation(help));
        }
    }
    verdict(findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::read_facts;

    #[test]
    fn each_family_has_its_own_least_mode() {
        let word = |mode: &str, family| match assess(&[read_facts(1, &[("selinux.mode", mode)])], family) {
            Verdict::Pass => "pass",
            Verdict::Fail(_) => "fail",
            Verdict::Manual(_) => "manual",
            _ => "other",
        };
        for (mode, family, wanted) in [
            ("Enforcing", Family::Bottlerocket, "pass"),
            ("Permissive", Family::Bottlerocket, "fail"),
            ("Permissive", Family::Al2023, "pass"),
            ("Disabled", Family::Al2023, "fail"),
            ("Enforcing", Family::Al2, "pass"),
            ("Disabled", Family::Al2, "manual"),
        ] {
            assert_eq!(word(mode, family), wanted, "{mode} on {family:?}");
        }
    }
}
