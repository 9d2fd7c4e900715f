//! `windows/guard-duty-findings`: no finding about an instance of the variant, such as `UnauthorizedAccess:EC2/RDPBruteForce` or
//! `Impact:EC2/WinRMBruteForce` (GuardDuty user guide, "Finding types").

use amiproof_core::aws::guardduty::{self, Found};
use amiproof_core::check::{CheckError, Decision, Doing as _};
use amiproof_core::context::Context;
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use super::windows_only;
use crate::definition::Definition;
use crate::host::{decision, instance_ids, no_account, verdict};
use crate::node::resource;

/// See the module.
pub const CHECK: Definition =
    Definition::question("windows/guard-duty-findings", "GuardDuty found nothing on the nodes", |context| {
        run(context).boxed()
    })
    .on(windows_only);

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let Some(clients) = &context.aws else { return Ok(no_account()) };
    let ids = match instance_ids(&context.nodes) {
        Ok(ids) => ids,
        Err(verdict) => return Ok(decision(context, verdict)),
    };
    let detector = guardduty::detector(clients).await.doing("asking GuardDuty for its detector")?;
    let Some(detector) = detector.filter(|detector| detector.enabled) else {
        return Ok(Verdict::NotEvaluated("GuardDuty is not enabled in this region".to_owned()).into());
    };
    let found = guardduty::findings(clients, &detector.id, &ids).await.doing("asking GuardDuty what it found")?;
    Ok(decision(context, assess(&context.nodes, &found)))
}

fn assess(nodes: &[NodeRecord], found: &[Found]) -> Verdict {
    let finding = |one: &Found| {
        let of = |node: &&NodeRecord| node.instance_id.as_ref() == Some(&one.instance_id);
        let on = nodes.iter().find(of).map_or_else(|| "a node".to_owned(), resource);
        let help = "look at the finding in GuardDuty; archive it there when it is expected";
        Finding::new(format!("{on}, {}", one.kind), format!("{} (severity {:.1})", one.kind, one.severity))
            .with_detail(&one.title)
            .with_remediation(help)
    };
    verdict(found.iter().map(finding).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::record;

    #[test]
    fn each_finding_is_one_of_its_node() {
        let found = Found {
            kind: "UnauthorizedAccess:EC2/RDPBruteForce".to_owned(),
            title: "203.0.113.7 is performing RDP brute force attacks against i-1".to_owned(),
            severity: 2.0,
            instance_id: "i-1".to_owned(),
        };
        assert_eq!(assess(&[record(1, "")], &[]), Verdict::Pass);
        let Verdict::Fail(findings) = assess(&[record(1, "")], &[found]) else { panic!("a finding") };
        assert_eq!(findings[0].resource, "node 1, UnauthorizedAccess:EC2/RDPBruteForce");
        assert_eq!(findings[0].summary, "UnauthorizedAccess:EC2/RDPBruteForce (severity 2.0)");
    }
}
