//! `host/vulnerabilities`: Inspector has found no critical or high vulnerability on a host that a newer package fixes (guide: "Use Amazon
//! Inspector to check for exposure, vulnerabilities and deviations from best practices").

use std::collections::BTreeMap;

use amiproof_core::check::{CheckError, Decision, Doing as _};
use amiproof_core::context::Context;
use amiproof_core::scan::inspector::{self, Coverage, Vulnerabilities};
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::{Evidence, Finding, Verdict};
use futures::FutureExt as _;

use super::{decision, instance_ids, no_account, verdict};
use crate::definition::Definition;
use crate::node::resource;

/// See the module.
pub const CHECK: Definition = Definition::question(
    "host/vulnerabilities",
    "no host has a critical or high vulnerability that a newer package fixes",
    |context| run(context).boxed(),
);

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let Some(clients) = &context.aws else { return Ok(no_account()) };
    let ids = match instance_ids(&context.nodes) {
        Ok(ids) => ids,
        Err(verdict) => return Ok(decision(context, verdict)),
    };
    let coverage = inspector::coverage(clients, &ids).await.doing("asking Inspector what it covers")?;
    let found = inspector::vulnerabilities(clients, &ids).await.doing("asking Inspector what it found")?;
    let evidence = Evidence { name: "vulnerabilities".to_owned(), text: overview(&context.nodes, &found), file: None };
    Ok(Decision { evidence: vec![evidence], ..decision(context, assess(&context.nodes, &coverage, &found)) })
}

fn of(node: &NodeRecord, found: &BTreeMap<String, Vulnerabilities>) -> Vulnerabilities {
    node.instance_id.as_ref().and_then(|id| found.get(id)).copied().unwrap_or_default()
}

fn overview(nodes: &[NodeRecord], found: &BTreeMap<String, Vulnerabilities>) -> String {
    let line = |node: &NodeRecord| {
        let Vulnerabilities { critical, high, others } = of(node, found);
        format!("{}: {critical} critical and {high} high with a fix, {others} others", resource(node))
    };
    nodes.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A host that Inspector has not scanned has no findings, which proves nothing; `host/inspector-coverage` shows why.
fn assess(
    nodes: &[NodeRecord],
    coverage: &BTreeMap<String, Coverage>,
    found: &BTreeMap<String, Vulnerabilities>,
) -> Verdict {
    let mut findings = Vec::new();
    for node in nodes {
        match node.instance_id.as_ref().and_then(|id| coverage.get(id)) {
            Some(Coverage::Active) => {}
            Some(Coverage::Inactive(reason)) if reason == "UNSUPPORTED_OS" => {
                return Verdict::NotApplicable("Inspector does not support its operating system".to_owned());
            }
            _ => return Verdict::NotEvaluated(format!("Inspector has not scanned {}", resource(node))),
        }
        let Vulnerabilities { critical, high, .. } = of(node, found);
        for (severity, count) in [("critical", critical), ("high", high)].into_iter().filter(|(_, count)| *count > 0) {
            let help = "rebuild the image from the newest base, with updates; `aws inspector2 list-findings` names the packages";
            let noun = if count == 1 { "vulnerability" } else { "vulnerabilities" };
            let summary = format!("{count} {severity} {noun} that a newer package fixes");
            findings.push(Finding::new(format!("{}, {severity}", resource(node)), summary).with_remediation(help));
        }
    }
    verdict(findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::record;

    #[test]
    fn what_a_newer_package_helps_is_a_finding_per_severity_and_nothing_seen_is_no_evidence() {
        let asked = |coverage: Option<Coverage>, found: Vulnerabilities| {
            let coverage = coverage.map(|state| ("i-1".to_owned(), state)).into_iter().collect();
            assess(&[record(1, "")], &coverage, &BTreeMap::from([("i-1".to_owned(), found)]))
        };
        let many = Vulnerabilities { critical: 2, high: 5, others: 40 };
        let none = Vulnerabilities { others: 40, ..Vulnerabilities::default() };
        assert_eq!(asked(Some(Coverage::Active), none), Verdict::Pass);
        let Verdict::Fail(findings) = asked(Some(Coverage::Active), many) else { panic!("findings") };
        let overview: Vec<&str> = findings.iter().map(|finding| finding.summary.as_str()).collect();
        assert_eq!(
            overview,
            [
                "2 critical vulnerabilities that a newer package fixes",
                "5 high vulnerabilities that a newer package fixes"
            ]
        );
        assert!(matches!(asked(None, none), Verdict::NotEvaluated(_)));
        let unsupported = Some(Coverage::Inactive("UNSUPPORTED_OS".to_owned()));
        assert!(matches!(asked(unsupported, none), Verdict::NotApplicable(_)));
    }
}
