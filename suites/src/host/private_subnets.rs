//! `host/private-subnets`: no subnet of the nodes routes to an internet gateway or hands out public addresses (guide: "Deploy workers
//! onto private subnets").

use std::collections::BTreeSet;

use amiproof_core::aws::hosts::{self, Subnet};
use amiproof_core::check::{CheckError, Decision, Doing as _};
use amiproof_core::context::Context;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use super::{decision, no_account, set_by_us, verdict};
use crate::definition::Definition;

/// See the module.
pub const CHECK: Definition =
    Definition::question("host/private-subnets", "every host is in a private subnet", |context| run(context).boxed());

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let Some(clients) = &context.aws else { return Ok(no_account()) };
    if context.matrix.cluster.create
        && let Some(decision) = set_by_us(context, "its subnets are private")
    {
        return Ok(decision);
    }
    let hosts = match super::hosts(context, clients).await? {
        Ok(hosts) => hosts,
        Err(verdict) => return Ok(decision(context, verdict)),
    };
    let ids: BTreeSet<String> = hosts.iter().map(|(_, host)| host.subnet.clone()).collect();
    let subnets = hosts::subnets(clients, &ids).await.doing("reading the subnets of the nodes")?;
    Ok(decision(context, assess(&subnets)))
}

fn assess(subnets: &[Subnet]) -> Verdict {
    if subnets.is_empty() {
        return Verdict::NotEvaluated("EC2 does not know the subnets of the nodes".to_owned());
    }
    let mut findings = Vec::new();
    for subnet in subnets {
        if let Some(gateway) = &subnet.gateway {
            let finding = Finding::new("subnet of the nodes", "routes to an internet gateway");
            let help = "put nodes into subnets whose default route leads to a NAT gateway, or nowhere";
            findings.push(finding.with_detail(format!("{} to {gateway}", subnet.id)).with_remediation(help));
        }
        if subnet.maps_public_addresses {
            let finding = Finding::new("subnet of the nodes, addresses", "gives instances public addresses");
            let help = "turn MapPublicIpOnLaunch off: it decides for managed node groups since 2020-04-22";
            findings.push(finding.with_detail(&subnet.id).with_remediation(help));
        }
    }
    verdict(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_subnet_is_one_that_routes_to_a_gateway_or_hands_out_addresses() {
        let subnet = |gateway: Option<&str>, maps_public_addresses: bool| Subnet {
            id: "subnet-1".to_owned(),
            maps_public_addresses,
            gateway: gateway.map(str::to_owned),
        };
        assert_eq!(assess(&[subnet(None, false)]), Verdict::Pass);
        for (gateway, maps, findings) in [(Some("igw-1"), false, 1), (None, true, 1), (Some("igw-1"), true, 2)] {
            let Verdict::Fail(found) = assess(&[subnet(gateway, maps)]) else { panic!("findings") };
            assert_eq!(found.len(), findings);
        }
        assert!(matches!(assess(&[]), Verdict::NotEvaluated(_)));
    }
}
