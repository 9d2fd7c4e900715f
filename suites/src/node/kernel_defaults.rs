//! `node/kernel-defaults`: the kernel settings have the values that the kubelet expects (Kubernetes, "Kubelet configuration",
//! `protectKernelDefaults`; values from its package `util/sysctl`).
//!
//! With `protectKernelDefaults` a kubelet does not start if they differ; without it, the kubelet sets them when it starts. Settings that
//! hardening changes afterwards stop the node at its next boot, or cause kernel panics.

use std::time::Duration;

use amiproof_core::check::{CheckError, Decision, linux_only};
use amiproof_core::context::Context;
use amiproof_core::probe::facts::NodeFacts;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use super::{judged, resource, silent};
use crate::definition::Definition;
use crate::host::decision;

/// See the module.
pub const CHECK: Definition = Definition::question(
    "node/kernel-defaults",
    "kernel parameters have the values that the kubelet requires",
    |context| run(context).boxed(),
)
.on(linux_only)
.within(Duration::from_secs(300));

const WANTED: [(&str, &str); 6] = [
    ("vm.overcommit_memory", "1"),
    ("vm.panic_on_oom", "0"),
    ("kernel.panic", "10"),
    ("kernel.panic_on_oops", "1"),
    ("kernel.keys.root_maxkeys", "1000000"),
    ("kernel.keys.root_maxbytes", "25000000"),
];

async fn run(context: &Context) -> Result<Decision, CheckError> {
    Ok(decision(context, assess(context.facts.of(context).await)))
}

fn assess(facts: &[NodeFacts]) -> Verdict {
    judged(facts, |node, read| {
        let protects = read.kubelet.as_ref().is_some_and(|kubelet| kubelet["protectKernelDefaults"] == true);
        let mut findings = Vec::new();
        for (name, wanted) in WANTED {
            let Some(is) = read.get(&format!("sysctl.{name}")) else { return Err(silent(node, name)) };
            if is == wanted {
                continue;
            }
            let detail = if protects {
                "protectKernelDefaults is true: the kubelet will refuse to start the next time"
            } else {
                "the kubelet set it when it started, and something reverted it"
            };
            let help = format!(
                "exclude {name} from hardening, or set it to {wanted} in a file of /etc/sysctl.d that sorts last"
            );
            let finding = Finding::new(format!("{}, {name}", resource(node)), format!("{name} is {is}, not {wanted}"));
            findings.push(finding.with_detail(detail).with_remediation(help));
        }
        Ok(findings)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::read_facts;

    fn asked(change: Option<(&str, &str)>) -> Verdict {
        let mut facts: Vec<(String, &str)> =
            WANTED.iter().map(|(name, value)| (format!("sysctl.{name}"), *value)).collect();
        if let Some((name, value)) = change {
            facts.retain(|(own, _)| own != name);
            facts.push((name.to_owned(), value));
            facts.retain(|(_, value)| !value.is_empty());
        }
        let facts: Vec<(&str, &str)> = facts.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        assess(&[read_facts(1, &facts)])
    }

    #[test]
    fn a_setting_that_the_kubelet_does_not_want_is_a_finding_and_an_unknown_one_no_evidence() {
        assert_eq!(asked(None), Verdict::Pass);
        let Verdict::Fail(findings) = asked(Some(("sysctl.kernel.panic", "60"))) else { panic!("a finding") };
        assert_eq!(findings[0].summary, "kernel.panic is 60, not 10");
        assert!(findings[0].detail.contains("reverted it"));
        assert!(matches!(asked(Some(("sysctl.kernel.panic", ""))), Verdict::NotEvaluated(_)));
        assert!(matches!(assess(&[]), Verdict::NotEvaluated(_)));
    }
}
