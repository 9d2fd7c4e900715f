//! `host/ssm-permissions`: what the node role may do with Systems Manager (guide: "Use SSM Session Manager instead of SSH").
//!
//! Two pages of AWS disagree, so a human decides. The guide has a minimal policy (ssmmessages, ec2messages and
//! ssm:UpdateInstanceInformation) instead of AmazonSSMManagedInstanceCore, which also reads every parameter of the account. The
//! Inspector user guide asks for AmazonSSMManagedInstanceCore before a CIS scan, and a scan of Windows writes inventory and reads
//! parameters.

use std::collections::BTreeSet;

use amiproof_core::aws::hosts::{self, Role};
use amiproof_core::aws::node_roles;
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

/// What reads secrets that people keep in parameters.
const PARAMETERS: [&str; 2] = ["ssm:GetParameter", "ssm:GetParameters"];

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
    let mut known = Vec::new();
    for role in roles {
        let allowed = node_roles::allowed(clients, &role.arn, &PARAMETERS).await;
        let allowed = allowed.map_err(|error| CheckError::api("asking IAM what the node role may read", error))?;
        known.push((role, allowed));
    }
    Ok(decision(context, assess(&known)))
}

/// Each role with those of [`PARAMETERS`] that IAM would allow it on every resource, by whatever policy.
fn assess(roles: &[(Role, Vec<String>)]) -> Verdict {
    if roles.is_empty() {
        return Verdict::NotEvaluated("the nodes have no role".to_owned());
    }
    let findings: Vec<Finding> = roles.iter().flat_map(|(role, allowed)| broad(role, allowed)).collect();
    if !findings.is_empty() {
        return verdict(findings);
    }
    match roles.iter().map(|(role, _)| role).find(|role| role.managed.iter().any(|policy| policy == CORE)) {
        Some(role) => Verdict::Manual(format!(
            "role {} has {CORE}, which may read every SSM parameter of the account: the EKS best practices guide wants a minimal policy \
             instead, the Inspector user guide asks for this one before a CIS scan; decide which holds here",
            role.name
        )),
        None => Verdict::Pass,
    }
}

fn broad(role: &Role, allowed: &[String]) -> Vec<Finding> {
    let broad: Vec<&String> = role.managed.iter().filter(|policy| BROAD.contains(&policy.as_str())).collect();
    if broad.is_empty() && !allowed.is_empty() && role.managed.iter().all(|policy| policy != CORE) {
        let mend = "take it out of the role's inline policies: a host needs ssmmessages, ec2messages and ssm:UpdateInstanceInformation";
        let summary = format!("the node role may call {} on every parameter of the account", allowed.join(" and "));
        let detail = format!("{}: inline policies {}", role.name, role.inline.join(", "));
        return vec![Finding::new("parameters", summary).with_detail(detail).with_remediation(mend)];
    }
    broad
        .into_iter()
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
        let role = |managed: &[&str]| {
            let role = Role {
                name: "nodes".to_owned(),
                arn: "arn:aws:iam::111122223333:role/nodes".to_owned(),
                managed: managed.iter().map(ToString::to_string).collect(),
                inline: vec!["own".to_owned()],
            };
            let allowed = if managed.contains(&CORE) { PARAMETERS.map(str::to_owned).to_vec() } else { Vec::new() };
            (role, allowed)
        };
        assert_eq!(assess(&[role(&["AmazonEKSWorkerNodePolicy"])]), Verdict::Pass);
        assert!(matches!(assess(&[role(&[CORE])]), Verdict::Manual(_)));
        let Verdict::Fail(findings) = assess(&[role(&[CORE, "AmazonSSMFullAccess"])]) else { panic!("a finding") };
        assert_eq!(findings[0].summary, "the node role has AmazonSSMFullAccess");
        let (own, _) = role(&["AmazonEKSWorkerNodePolicy"]);
        let Verdict::Fail(findings) = assess(&[(own, vec!["ssm:GetParameter".to_owned()])]) else {
            panic!("a finding")
        };
        assert_eq!(findings[0].summary, "the node role may call ssm:GetParameter on every parameter of the account");
        assert!(matches!(assess(&[]), Verdict::NotEvaluated(_)));
    }
}
