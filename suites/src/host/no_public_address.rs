//! `host/no-public-address`: no instance has a public IPv4 or IPv6 address (guide: "Deploy workers onto private subnets").

use amiproof_core::aws::hosts::Host;
use amiproof_core::check::{CheckError, Decision};
use amiproof_core::context::Context;
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use super::{decision, hosts, no_account, set_by_us, verdict};
use crate::definition::Definition;
use crate::node::resource;

/// See the module.
pub const CHECK: Definition =
    Definition::question("host/no-public-address", "no host has a public address", |context| run(context).boxed());

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let Some(clients) = &context.aws else { return Ok(no_account()) };
    if context.matrix.cluster.create
        && let Some(decision) = set_by_us(context, "its subnets give out none")
    {
        return Ok(decision);
    }
    let verdict = match hosts(context, clients).await? {
        Ok(hosts) => assess(&hosts),
        Err(verdict) => verdict,
    };
    Ok(decision(context, verdict))
}

fn assess(hosts: &[(NodeRecord, Host)]) -> Verdict {
    let open = hosts.iter().filter(|(_, host)| !host.public_addresses.is_empty());
    let findings = open.map(|(node, host)| {
        let help = "launch nodes in private subnets without public addresses, behind a NAT gateway or VPC endpoints";
        Finding::new(resource(node), "has a public address")
            .with_detail(host.public_addresses.join("\n"))
            .with_remediation(help)
    });
    verdict(findings.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::record;

    #[test]
    fn one_public_address_is_a_finding() {
        let host = |addresses: &[&str]| Host {
            public_addresses: addresses.iter().map(ToString::to_string).collect(),
            ..Host::default()
        };
        assert_eq!(assess(&[(record(1, ""), host(&[]))]), Verdict::Pass);
        let found = assess(&[(record(1, ""), host(&[])), (record(2, ""), host(&["3.0.0.1", "2600::1"]))]);
        let Verdict::Fail(findings) = found else { panic!("a finding") };
        assert_eq!((findings.len(), findings[0].resource.as_str()), (1, "node 2"));
    }
}
