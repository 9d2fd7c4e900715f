//! `host/ssm-permissions`: what the node role may do with Systems Manager (guide: "Use SSM Session Manager instead of SSH").
//!
//! Two pages of AWS disagree, so a human decides. The guide has a minimal policy (ssmmessages, ec2messages and
//! ssm:UpdateInstanceInformation) instead of AmazonSSMManagedInstanceCore, which also reads every parameter of the account. The
//! Inspector user guide asks for AmazonSSMManagedInstanceCore before a CIS scan, and a scan of Windows writes inventory and reads
//! parameters.

use std::collections::BTreeSet;

use amiproof_core::aws::hosts::{self, Role};
use amiproof_core::check::{CheckError, Decision, Scope, always};
use amiproof_core::context::Context;
use amiproof_model::report::Phase;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use super::{decision, no_account, verdict};
use crate::definition::{Definition, Work};

/// See the module.
pub const CHECK: Definition = Definition {
    id: "host/ssm-permissions",
    title: "the node role has the least permissions for Systems Manager",
    scope: Scope::Variant,
    phase: Phase::Test,
    timeout: None,
    applies: always,
    work: Work::Question(|context| run(context).boxed()),
};

/// Lets a host read every parameter of the account, among other things.
const CORE: &str = "AmazonSSMManagedInstanceCore";
/// Policies that let a host do far more than being managed.
const BROAD: [&str; 4] = ["AmazonSSMFullAccess", "AmazonEC2RoleforSSM", "AdministratorAccess", "PowerUserAccess"];

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let Some(clients) = &context.aws else { return Ok(no_account()) };
    let hosts = match super::hosts(context, clients).await? {
        Ok(hosts) => hosts,
        Err(verdict) => return Ok(decision(context, verdict)),
    };
    let profiles: BTreeSet<String> = hosts.iter().filter_map(|(_, host)| host.profile.clone()).collect();
    let roles = hosts::roles(clients, &profiles).await;
    let roles = roles.map_err(|error| CheckError::api("reading the policies of the node role", error))?;
    Ok(decision(context, assess(&roles)))
}

fn assess(roles: &[Role]) -> Verdict {
    if roles.is_empty() {
        return Verdict::NotEvaluated("the nodes have no role".to_owned());
    }
    let findings: Vec<Finding> = roles.iter().flat_map(broad).collect();
    if !findings.is_empty() {
        return verdict(findings);
    }
    match roles.iter().find(|role| role.managed.iter().any(|policy| policy == CORE)) {
        Some(role) => Verdict::Manual(format!(
            "role {} has {CORE}, which may read every SSM parameter of the account: the EKS best practices guide wants a minimal policy \
             instead, the Inspector user guide asks for this one before a CIS scan; decide which holds here",
            role.name
        )),
        None => Verdict::Pass,
    }
}

fn broad(role: &Role) -> Vec<Finding> {
    let broad = role.managed.iter().filter(|policy| BROAD.contains(&policy.as_str()));
    broad
        .map(|policy| {
            let mend = "detach it; being managed needs ssmmessages, ec2messages and ssm:UpdateInstanceInformation";
            Finding::new(format!("policy {policy}"), format!("the node role has {policy}"))
                .with_detail(&role.name)
                .with_remediation(mend)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_managed_policy_is_for_a_human_and_broad_ones_are_findings() {
        let role = |managed: &[&str]| Role {
            name: "nodes".to_owned(),
            managed: managed.iter().map(ToString::to_string).collect(),
            inline: vec!["ssm-minimal".to_owned()],
        };
        assert_eq!(assess(&[role(&["AmazonEKSWorkerNodePolicy"])]), Verdict::Pass);
        assert!(matches!(assess(&[role(&[CORE])]), Verdict::Manual(_)));
        let Verdict::Fail(findings) = assess(&[role(&[CORE, "AmazonSSMFullAccess"])]) else { panic!("a finding") };
        assert_eq!(findings[0].summary, "the node role has AmazonSSMFullAccess");
        assert!(matches!(assess(&[]), Verdict::NotEvaluated(_)));
    }
}
