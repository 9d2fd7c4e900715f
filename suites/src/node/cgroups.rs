//! `node/cgroups`: Amazon Linux 2023 and Bottlerocket boot with cgroup v2, and the kubelet uses systemd's driver (Kubernetes, "About
//! cgroup v2"). A boot configuration that hardening rewrote for `audit=1` may have lost the kernel arguments for it.

use std::time::Duration;

use amiproof_core::check::{Applies, CheckError, Decision};
use amiproof_core::context::Context;
use amiproof_core::probe::facts::NodeFacts;
use amiproof_model::matrix::{Family, Variant};
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use super::{judged, resource, silent};
use crate::definition::Definition;
use crate::host::decision;

/// See the module.
pub const CHECK: Definition = Definition::question(
    "node/cgroups",
    "the host uses cgroup v2, and the kubelet manages it through systemd",
    |context| run(context).boxed(),
)
.on(has_version_two)
.within(Duration::from_secs(300));

fn has_version_two(variant: &Variant) -> Applies {
    match variant.family {
        Family::Al2023 | Family::Bottlerocket => Applies::Yes,
        Family::Al2 => Applies::No("Amazon Linux 2 boots with cgroup v1"),
        Family::Windows => Applies::No("Linux only"),
    }
}

async fn run(context: &Context) -> Result<Decision, CheckError> {
    Ok(decision(context, assess(context.facts.of(context).await)))
}

fn assess(facts: &[NodeFacts]) -> Verdict {
    judged(facts, |node, read| {
        if let Some(other) = read.get("os.id").filter(|id| !["amzn", "bottlerocket"].contains(id)) {
            return Err(Verdict::NotApplicable(format!(
                "the host runs {other}, which is neither Amazon Linux nor Bottlerocket"
            )));
        }
        let Some(version) = read.get("cgroup.version") else { return Err(silent(node, "its version of cgroups")) };
        let mut findings = Vec::new();
        if version != "2" {
            let help = "boot with systemd.unified_cgroup_hierarchy=1: see what wrote /etc/default/grub or the boot loader entries";
            findings.push(Finding::new(resource(node), format!("boots with cgroup v{version}")).with_remediation(help));
        }
        let driver = read.kubelet.as_ref().and_then(|kubelet| kubelet["cgroupDriver"].as_str());
        if let Some(driver) = driver.filter(|driver| *driver != "systemd") {
            let help = "set cgroupDriver to systemd: two managers of one hierarchy make a node unstable under pressure";
            let finding =
                Finding::new(format!("{}, driver", resource(node)), format!("the kubelet's cgroup driver is {driver}"));
            findings.push(finding.with_remediation(help));
        }
        Ok(findings)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::read_facts;

    #[test]
    fn version_one_is_a_finding_where_the_image_comes_with_two() {
        let asked = |facts: &[(&str, &str)]| assess(&[read_facts(1, facts)]);
        assert_eq!(asked(&[("os.id", "amzn"), ("cgroup.version", "2")]), Verdict::Pass);
        assert!(matches!(asked(&[("os.id", "amzn"), ("cgroup.version", "1")]), Verdict::Fail(_)));
        assert!(matches!(asked(&[("os.id", "debian"), ("cgroup.version", "1")]), Verdict::NotApplicable(_)));
        assert!(matches!(asked(&[]), Verdict::NotEvaluated(_)));
        let mut other = read_facts(1, &[("cgroup.version", "2")]);
        other.read.as_mut().unwrap().1.kubelet = Some(serde_json::json!({"cgroupDriver": "cgroupfs"}));
        assert!(matches!(assess(&[other]), Verdict::Fail(_)));
    }
}
