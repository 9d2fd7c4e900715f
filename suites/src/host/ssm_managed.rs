//! `host/ssm-managed`: the agent of every host is Online (guide: "Use SSM Session Manager instead of SSH"; Windows hardening: "Remote
//! access").

use std::collections::BTreeMap;
use std::time::Duration;

use amiproof_core::aws::ssm;
use amiproof_core::check::{CheckError, Decision, Doing as _};
use amiproof_core::context::Context;
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use super::{decision, instance_ids, no_account, verdict};
use crate::definition::Definition;
use crate::node::resource;

/// See the module.
pub const CHECK: Definition =
    Definition::question("host/ssm-managed", "Systems Manager reaches every host", |context| run(context).boxed())
        .within(Duration::from_secs(420));

/// Time from a Ready node to a registered agent; Windows nodes take longest.
const REGISTRATION: Duration = Duration::from_secs(300);

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let Some(clients) = &context.aws else { return Ok(no_account()) };
    let ids = match instance_ids(&context.nodes) {
        Ok(ids) => ids,
        Err(verdict) => return Ok(decision(context, verdict)),
    };
    let status = ssm::wait_online(clients, &ids, REGISTRATION).await.doing("asking Systems Manager for the nodes")?;
    Ok(decision(context, assess(&context.nodes, &status)))
}

fn assess(nodes: &[NodeRecord], status: &BTreeMap<String, String>) -> Verdict {
    let mut findings = Vec::new();
    for node in nodes {
        let known = node.instance_id.as_ref().and_then(|id| status.get(id));
        let summary = match known.map(String::as_str) {
            Some("Online") => continue,
            Some(other) => format!("the agent is {other}"),
            None => "the agent never registered".to_owned(),
        };
        let help = "install the agent in the image (Bottlerocket: enable the control container), allow the node role \
                    ssm:UpdateInstanceInformation and ssmmessages, and let the subnet reach the endpoints ssm, ssmmessages and ec2messages";
        findings.push(Finding::new(resource(node), summary).with_remediation(help));
    }
    verdict(findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::record;

    #[test]
    fn an_agent_that_is_not_online_is_a_finding() {
        let nodes = [record(1, ""), record(2, ""), record(3, "")];
        let status = BTreeMap::from([("i-1".into(), "Online".into()), ("i-2".into(), "ConnectionLost".into())]);
        let Verdict::Fail(findings) = assess(&nodes, &status) else { panic!("findings") };
        let found: Vec<&str> = findings.iter().map(|finding| finding.summary.as_str()).collect();
        assert_eq!(found, ["the agent is ConnectionLost", "the agent never registered"]);
        assert_eq!(assess(&nodes[..1], &status), Verdict::Pass);
    }
}
