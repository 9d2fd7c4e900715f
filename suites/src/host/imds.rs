//! `host/imds`: only IMDSv2, and the hop limit that the variant expects (guide: "Restrict access to the instance profile").
//!
//! The guide recommends a hop limit of 1 with Pod Identity or IRSA; drivers that use the metadata service from a pod need 2. Therefore
//! the expected value is the variant's `imdsHopLimit`.

use amiproof_core::aws::hosts::{Host, Metadata};
use amiproof_core::check::{CheckError, Decision};
use amiproof_core::context::Context;
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use super::{decision, hosts, no_account, set_by_us, verdict};
use crate::definition::Definition;
use crate::node::resource;

/// See the module.
pub const CHECK: Definition = Definition::question(
    "host/imds",
    "instance metadata requires a token (IMDSv2), and the hop limit is the one in the matrix",
    |context| run(context).boxed(),
);

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let Some(clients) = &context.aws else { return Ok(no_account()) };
    if let Some(decision) = set_by_us(context, "its launch template asks for tokens and sets the hop limit") {
        return Ok(decision);
    }
    let verdict = match hosts(context, clients).await? {
        Ok(hosts) => assess(&hosts, context.variant.imds_hop_limit),
        Err(verdict) => verdict,
    };
    Ok(decision(context, verdict))
}

fn assess(hosts: &[(NodeRecord, Host)], hops: u32) -> Verdict {
    let mut findings = Vec::new();
    for (node, host) in hosts {
        let Metadata { endpoint, tokens, hop_limit } = &host.metadata;
        // If the service is off, it cannot be reached at all.
        if endpoint == "disabled" {
            continue;
        }
        if tokens != "required" {
            let help = "set HttpTokens to required in the launch template: IMDSv1 answers any request that a pod can be made to send";
            let finding = Finding::new(format!("{}, tokens", resource(node)), "answers IMDSv1, without a token");
            findings.push(finding.with_remediation(help));
        }
        if hop_limit.map(i64::from) != Some(i64::from(hops)) {
            let is = hop_limit.map_or_else(|| "unknown".to_owned(), |limit| limit.to_string());
            let finding =
                Finding::new(format!("{}, hop limit", resource(node)), format!("the hop limit is {is}, not {hops}"));
            let help = "set HttpPutResponseHopLimit in the launch template, or correct the variant's imdsHopLimit";
            findings.push(finding.with_remediation(help));
        }
    }
    verdict(findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::record;

    #[test]
    fn tokens_are_required_and_the_hop_limit_is_the_variants() {
        let host = |endpoint: &str, tokens: &str, hop_limit: Option<i32>| Host {
            metadata: Metadata { endpoint: endpoint.to_owned(), tokens: tokens.to_owned(), hop_limit },
            ..Host::default()
        };
        for (host, hops, findings) in [
            (host("enabled", "required", Some(2)), 2, 0),
            (host("enabled", "required", Some(2)), 1, 1),
            (host("enabled", "optional", Some(1)), 1, 1),
            (host("enabled", "optional", None), 1, 2),
            (host("disabled", "optional", Some(64)), 1, 0),
        ] {
            let found = match assess(&[(record(1, ""), host.clone())], hops) {
                Verdict::Fail(findings) => findings.len(),
                Verdict::Pass => 0,
                other => panic!("{other:?}"),
            };
            assert_eq!(found, findings, "{host:?}");
        }
    }
}
