//! `node/integrity-scan`: AIDE does not scan the files of containers (CIS Amazon Linux 2023, 1.3.1 and 1.3.2; `aide.conf(5)`).
//!
//! The benchmark requires a daily scan. A scan of /var/lib/containerd and /var/lib/kubelet reads every image and every pod, reports only
//! expected changes, and uses processor and disk that pods of small nodes need.

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
pub const CHECK: Definition =
    Definition::question("node/integrity-scan", "scans by AIDE exclude the files of containers", |context| {
        run(context).boxed()
    })
    .on(has_packages)
    .within(Duration::from_secs(300));

/// The folders that change with every pod.
const CHANGING: [&str; 2] = ["/var/lib/containerd", "/var/lib/kubelet"];

fn has_packages(variant: &Variant) -> Applies {
    match variant.family {
        Family::Al2023 | Family::Al2 => Applies::Yes,
        Family::Bottlerocket => Applies::No("Bottlerocket has no AIDE: its root is read-only and verified"),
        Family::Windows => Applies::No("Linux only"),
    }
}

async fn run(context: &Context) -> Result<Decision, CheckError> {
    Ok(decision(context, assess(context.facts.of(context).await)))
}

fn assess(facts: &[NodeFacts]) -> Verdict {
    judged(facts, |node, read| {
        let Some(rules) = read.measured("aide") else { return Err(silent(node, "what AIDE looks at")) };
        if rules.is_empty() {
            return Err(Verdict::NotApplicable("AIDE is not set up".to_owned()));
        }
        let scanned = CHANGING.iter().filter(|path| scans(rules, path));
        let finding = |path: &&str| {
            let help = format!("add a line `!{path}` to /etc/aide.conf");
            Finding::new(format!("{}, {path}", resource(node)), format!("AIDE scans {path}")).with_remediation(help)
        };
        Ok(scanned.map(finding).collect())
    })
}

/// Whether selection lines cover a path. They are regular expressions from the root: `/var` covers everything below it, `=/var/lib$`
/// only itself, and `!/var/lib/containerd` excludes.
fn scans(rules: &str, path: &str) -> bool {
    let covers = |rule: &str| {
        let rule = rule.split_whitespace().next().unwrap_or_default().replace('\\', "");
        let only_itself = rule.ends_with('$');
        let rule = rule.trim_end_matches('$').trim_end_matches('/').to_owned();
        !only_itself && (path == rule || path.strip_prefix(rule.as_str()).is_some_and(|rest| rest.starts_with('/')))
    };
    let taken = rules.lines().filter_map(|line| line.trim().strip_prefix('!')).any(covers);
    !taken && rules.lines().map(str::trim).filter(|line| line.starts_with('/')).any(covers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::measured;

    #[test]
    fn a_scan_through_images_and_pods_is_a_finding() {
        let asked = |rules: &str| match assess(&[measured(1, &[], &[("aide", rules)])]) {
            Verdict::Pass => Vec::new(),
            Verdict::Fail(findings) => findings.into_iter().map(|finding| finding.summary).collect(),
            other => panic!("{other:?}"),
        };
        assert!(asked("/boot CONTENT_EX\n/etc PERMS\n/var/log LOG\n=/var/lib$ DIR").is_empty());
        assert_eq!(asked("/ NORMAL"), ["AIDE scans /var/lib/containerd", "AIDE scans /var/lib/kubelet"]);
        assert_eq!(asked("/var NORMAL\n!/var/lib/containerd"), ["AIDE scans /var/lib/kubelet"]);
        assert!(matches!(assess(&[measured(1, &[], &[("aide", "")])]), Verdict::NotApplicable(_)));
        assert!(matches!(assess(&[measured(1, &[], &[])]), Verdict::NotEvaluated(_)));
    }
}
