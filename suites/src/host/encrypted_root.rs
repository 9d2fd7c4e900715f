//! `host/encrypted-root`: the root volume, with a node's images, secrets and logs, is encrypted (EKS best practices, "Data encryption":
//! "Encrypt at rest"; AWS Foundational Security, EC2.3).

use std::collections::BTreeMap;

use amiproof_core::aws::hosts::{self, Host};
use amiproof_core::check::{CheckError, Decision, Doing as _};
use amiproof_core::context::Context;
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use super::{decision, no_account, set_by_us, verdict};
use crate::definition::Definition;
use crate::node::resource;

/// See the module.
pub const CHECK: Definition =
    Definition::question("host/encrypted-root", "the root volume of every host is encrypted", |context| {
        run(context).boxed()
    });

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let Some(clients) = &context.aws else { return Ok(no_account()) };
    if let Some(decision) = set_by_us(context, "its launch template asks for encrypted volumes") {
        return Ok(decision);
    }
    let hosts = match super::hosts(context, clients).await? {
        Ok(hosts) => hosts,
        Err(verdict) => return Ok(decision(context, verdict)),
    };
    let volumes: Vec<String> = hosts.iter().filter_map(|(_, host)| host.root_volume.clone()).collect();
    let encrypted = hosts::encryption(clients, &volumes).await.doing("reading the volumes of the nodes")?;
    Ok(decision(context, assess(&hosts, &encrypted)))
}

fn assess(hosts: &[(NodeRecord, Host)], encrypted: &BTreeMap<String, bool>) -> Verdict {
    let mut findings = Vec::new();
    for (node, host) in hosts {
        match host.root_volume.as_ref().and_then(|volume| Some((volume, encrypted.get(volume)?))) {
            None => {
                return Verdict::NotEvaluated(format!(
                    "EC2 does not report which volume is the root volume of {}",
                    resource(node)
                ));
            }
            Some((_, true)) => {}
            Some((volume, false)) => {
                let help = "set Encrypted in the launch template's block device mapping, or EBS encryption by default in the account";
                findings.push(
                    Finding::new(resource(node), "the root volume is not encrypted")
                        .with_detail(volume)
                        .with_remediation(help),
                );
            }
        }
    }
    verdict(findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::record;

    #[test]
    fn a_volume_in_the_clear_is_a_finding_and_an_unknown_one_is_no_evidence() {
        let host = |volume: Option<&str>| Host { root_volume: volume.map(str::to_owned), ..Host::default() };
        let encrypted = BTreeMap::from([("vol-1".to_owned(), true), ("vol-2".to_owned(), false)]);
        let asked = |volume: Option<&str>| assess(&[(record(1, ""), host(volume))], &encrypted);
        assert_eq!(asked(Some("vol-1")), Verdict::Pass);
        assert!(matches!(asked(Some("vol-2")), Verdict::Fail(_)));
        assert!(matches!(asked(Some("vol-3")), Verdict::NotEvaluated(_)));
        assert!(matches!(asked(None), Verdict::NotEvaluated(_)));
    }
}
