//! `registry-nodes`: whether nodes, and therefore every pod that can use their role, may change images.

use amiproof_core::aws::node_roles::role_name;
use amiproof_core::check::Decision;

use super::facts::{Facts, Unreadable, seen};
use super::question::{Question, finding, not_applicable, verdict};

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "registry-nodes", assess };

fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    let roles = seen(&facts.account()?.node_roles)?;
    if roles.is_empty() {
        return Ok(not_applicable("the cluster has no managed node group whose role could be asked"));
    }
    let remediation = "give the role AmazonEC2ContainerRegistryPullOnly and remove its other permissions on ECR";
    let mut findings = Vec::new();
    for (index, (arn, role)) in roles.iter().enumerate() {
        let actions = seen(&role.may_change_registry)?;
        if !actions.is_empty() {
            let text = format!("{} may call {}", role_name(arn), actions.join(", "));
            let detail = format!("{arn}, of node groups {}", role.groups.join(", "));
            // Names of roles may be generated per cluster, so comparison uses their order.
            findings.push(finding(format!("node role {}", index + 1), text, remediation).with_detail(detail));
        }
    }
    Ok(verdict(findings))
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{account_of, clean, outcome_of};
    use super::*;

    #[test]
    fn a_role_that_may_push_is_found_and_one_that_cannot_be_simulated_leaves_it_open() {
        assert_eq!(outcome_of(&QUESTION, &clean()), "pass");
        let with = |changes| {
            let mut facts = clean();
            let roles = account_of(&mut facts).node_roles.as_mut().unwrap();
            roles.values_mut().for_each(|role| role.may_change_registry = std::clone::Clone::clone(&changes));
            outcome_of(&QUESTION, &facts)
        };
        assert_eq!(with(Ok(vec!["ecr:PutImage".to_owned()])), "fail node role 1");
        assert_eq!(with(Err(Unreadable::Denied("the IAM action iam:SimulatePrincipalPolicy".to_owned()))), "denied");
        let mut none = clean();
        account_of(&mut none).node_roles = Ok(Default::default());
        assert_eq!(outcome_of(&QUESTION, &none), "not applicable");
    }
}
