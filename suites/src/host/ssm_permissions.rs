//! `host/ssm-permissions`: the permissions of the node role in Systems Manager (guide: "Use SSM Session Manager instead of SSH").
//!
//! AWS's own documentation disagrees about AmazonSSMManagedInstanceCore. The best practices guide replaces it with a minimal policy
//! (ssmmessages, ec2messages and ssm:UpdateInstanceInformation), because it can read every parameter of the account. The Inspector user
//! guide requires it for CIS scans, and scans of Windows write inventory and read parameters. So the policy itself is only a note, and
//! anything broader fails. The role that amiproof creates for its own nodes is not evaluated: it says nothing about an image.

use std::collections::BTreeSet;

use amiproof_core::aws::hosts::{self, Role};
use amiproof_core::aws::node_roles;
use amiproof_core::check::{CheckError, Decision, Doing as _};
use amiproof_core::context::Context;
use amiproof_model::verdict::{Evidence, Finding, Verdict};
use futures::FutureExt as _;

use super::{decision, no_account, set_by_us, verdict};
use crate::definition::Definition;

/// See the module.
pub const CHECK: Definition = Definition::question(
    "host/ssm-permissions",
    "the node role has no more permissions for Systems Manager than AWS requires",
    |context| run(context).boxed(),
);

/// Actions that read parameters, which often hold secrets.
const PARAMETERS: [&str; 2] = ["ssm:GetParameter", "ssm:GetParameters"];

/// Lets a host read every parameter of the account, among other things.
const CORE: &str = "AmazonSSMManagedInstanceCore";
/// Policies with far more permissions than a managed host needs.
const BROAD: [&str; 4] = ["AmazonSSMFullAccess", "AmazonEC2RoleforSSM", "AdministratorAccess", "PowerUserAccess"];

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let Some(clients) = &context.aws else { return Ok(no_account()) };
    let cluster = &context.matrix.cluster;
    if cluster.node_role_arn.is_none()
        && cluster.windows_node_role_arn.is_none()
        && let Some(decision) = set_by_us(context, "the node role is its own")
    {
        return Ok(decision);
    }
    let hosts = match super::hosts(context, clients).await? {
        Ok(hosts) => hosts,
        Err(verdict) => return Ok(decision(context, verdict)),
    };
    let profiles: BTreeSet<String> = hosts.iter().filter_map(|(_, host)| host.profile.clone()).collect();
    let roles = hosts::roles(clients, &profiles).await.doing("reading the policies of the node role")?;
    let mut known = Vec::new();
    for role in roles {
        let allowed = node_roles::allowed(clients, &role.arn, &PARAMETERS)
            .await
            .doing("asking IAM what the node role may read")?;
        known.push((role, allowed));
    }
    Ok(Decision { evidence: note(&known).into_iter().collect(), ..decision(context, assess(&known)) })
}

/// Evaluates each role, given the [`PARAMETERS`] actions that IAM allows it on every resource.
fn assess(roles: &[(Role, Vec<String>)]) -> Verdict {
    if roles.is_empty() {
        return Verdict::NotEvaluated("the nodes have no role".to_owned());
    }
    let findings: Vec<Finding> = roles.iter().flat_map(|(role, allowed)| broad(role, allowed)).collect();
    if !findings.is_empty() {
        return verdict(findings);
    }
    Verdict::Pass
}

/// A note about the minimal permissions, if AmazonSSMManagedInstanceCore is attached.
fn note(roles: &[(Role, Vec<String>)]) -> Option<Evidence> {
    let (role, _) = roles.iter().find(|(role, _)| role.managed.iter().any(|policy| policy == CORE))?;
    let text = format!(
        "role {} has {CORE}, which may read every SSM parameter of the account: the Inspector user guide asks for it before a CIS scan; \
         without such scans the EKS best practices guide's minimal policy is enough",
        role.name
    );
    Some(Evidence { name: "note".to_owned(), text, file: None })
}

fn broad(role: &Role, allowed: &[String]) -> Vec<Finding> {
    let broad: Vec<&String> = role.managed.iter().filter(|policy| BROAD.contains(&policy.as_str())).collect();
    if broad.is_empty() && !allowed.is_empty() && role.managed.iter().all(|policy| policy != CORE) {
        let help = "remove it from the role's inline policies: a host needs ssmmessages, ec2messages and ssm:UpdateInstanceInformation";
        let summary = format!("the node role may call {} on every parameter of the account", allowed.join(" and "));
        let detail = format!("{}: inline policies {}", role.name, role.inline.join(", "));
        return vec![Finding::new("parameters", summary).with_detail(detail).with_remediation(help)];
    }
    broad
        .into_iter()
        .map(|policy| {
            let help = "detach it; being managed needs ssmmessages, ec2messages and ssm:UpdateInstanceInformation";
            Finding::new(format!("policy {policy}"), format!("the node role has {policy}"))
                .with_detail(&role.name)
                .with_remediation(help)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_managed_policy_is_a_note_and_broad_ones_are_findings() {
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
        assert_eq!(assess(&[role(&[CORE])]), Verdict::Pass);
        assert!(note(&[role(&[CORE])]).is_some_and(|note| note.text.starts_with("role nodes has AmazonSSM")));
        assert_eq!(note(&[role(&["AmazonEKSWorkerNodePolicy"])]), None);
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
