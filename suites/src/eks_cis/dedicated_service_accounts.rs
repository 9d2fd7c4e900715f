//! `dedicated-service-accounts`: permissions in AWS that every pod of a node can use, because the node has them.

use amiproof_core::aws::node_roles::role_name;
use amiproof_core::check::Decision;

use super::facts::{Facts, Unreadable, seen};
use super::question::{Question, finding, not_applicable, verdict};

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "dedicated-service-accounts", assess };

/// Managed policies for the node itself: to join and to pull images (EKS user guide, node IAM role), Systems Manager, CloudWatch's
/// agent and Inspector's CIS scan. The VPC CNI's is in the list because EKS accepts it on the node.
const OF_NODES: [&str; 9] = [
    "AmazonEKSWorkerNodePolicy",
    "AmazonEKSWorkerNodeMinimalPolicy",
    "AmazonEC2ContainerRegistryReadOnly",
    "AmazonEC2ContainerRegistryPullOnly",
    "AmazonEKS_CNI_Policy",
    "AmazonSSMManagedInstanceCore",
    "AmazonSSMManagedEC2InstanceDefaultPolicy",
    "CloudWatchAgentServerPolicy",
    "AmazonInspector2ManagedCisPolicy",
];

fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    let roles = seen(&facts.account()?.node_roles)?;
    if roles.is_empty() {
        return Ok(not_applicable("the cluster has no managed node group whose role could be read"));
    }
    let remediation = "give the permissions to the service account that needs them, by EKS Pod Identity or an IAM role for service \
                       accounts, and remove them from the node";
    let mut findings = Vec::new();
    for (index, (arn, role)) in roles.iter().enumerate() {
        let policies = seen(&role.policies)?;
        let managed =
            policies.managed.iter().filter(|policy| !is_of_nodes(policy)).map(|policy| role_name(policy).to_owned());
        let inline = policies.inline.iter().map(|name| format!("{name} (inline)"));
        let beyond: Vec<String> = managed.chain(inline).collect();
        if !beyond.is_empty() {
            let text = format!("{} gives every pod of its nodes {}", role_name(arn), beyond.join(", "));
            let detail = format!("{arn}, of node groups {}", role.groups.join(", "));
            findings.push(finding(format!("node role {}", index + 1), text, remediation).with_detail(detail));
        }
    }
    Ok(verdict(findings))
}

fn is_of_nodes(arn: &str) -> bool {
    // AWS's own policy, not one of the customer with the same name.
    arn.contains(":iam::aws:policy/") && OF_NODES.contains(&role_name(arn))
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{account_of, clean, outcome_of};
    use super::*;

    #[test]
    fn what_a_node_needs_is_fine_and_what_a_workload_needs_is_not() {
        let role = "fail node role 1";
        for (managed, inline, answer) in [
            (&["arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"][..], &[][..], "pass"),
            (&["arn:aws-cn:iam::aws:policy/AmazonEKSWorkerNodePolicy"], &[], "pass"),
            (&["arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy"], &[], role),
            (&["arn:aws:iam::111122223333:policy/AmazonEKSWorkerNodePolicy"], &[], role),
            (&[], &["read-bucket"], role),
        ] {
            let mut facts = clean();
            for found in account_of(&mut facts).node_roles.as_mut().unwrap().values_mut() {
                let policies = found.policies.as_mut().unwrap();
                policies.managed = managed.iter().map(ToString::to_string).collect();
                policies.inline = inline.iter().map(ToString::to_string).collect();
            }
            assert_eq!(outcome_of(&QUESTION, &facts), answer, "{managed:?} {inline:?}");
        }
    }
}
