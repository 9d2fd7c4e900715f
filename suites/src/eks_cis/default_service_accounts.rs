//! `default-service-accounts`: whether the account that every namespace has is unused.

use amiproof_core::check::Decision;

use super::facts::{Facts, Unreadable, seen};
use super::question::{Question, finding, verdict};
use super::system;

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "default-service-accounts", assess };

fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    let mut findings = Vec::new();
    let accounts = seen(&facts.service_accounts)?.iter();
    for account in accounts.filter(|account| account.name == "default" && !system::is_namespace(&account.namespace)) {
        if account.automount != Some(false) {
            let resource = format!("{}/ServiceAccount/default", account.namespace);
            let help = "set automountServiceAccountToken: false on it";
            findings.push(finding(resource, "gives its token to every pod that names no account", help));
        }
    }
    for binding in &seen(&facts.rbac)?.bindings {
        for subject in &binding.subjects {
            let is_default = subject.kind == "ServiceAccount" && subject.name == "default";
            if is_default && !system::is_namespace(&subject.namespace) {
                let help = "bind the role to a service account used only by this workload";
                let text = format!("gives {subject} the role {}", binding.role);
                findings.push(finding(binding.resource(), text, help));
            }
        }
    }
    for workload in facts.own_workloads()?.into_iter().filter(|workload| workload.service_account == "default") {
        let help = "give the workload a service account of its own";
        findings.push(finding(workload.resource(), "runs as the service account default", help));
    }
    Ok(verdict(findings))
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{account, bound, clean, outcome_of, spoil, subject};
    use super::*;

    #[test]
    fn tokens_rights_and_pods_of_default_accounts_are_each_found() {
        assert_eq!(outcome_of(&QUESTION, &clean()), "pass");
        let mut facts = clean();
        facts.service_accounts.as_mut().unwrap().push(account("shop", "default", None));
        assert_eq!(outcome_of(&QUESTION, &facts), "fail shop/ServiceAccount/default");
        let mut facts = clean();
        facts.service_accounts.as_mut().unwrap().push(account("kube-system", "default", None));
        assert_eq!(outcome_of(&QUESTION, &facts), "pass", "the system's own");
        let mut facts = clean();
        let mut who = subject("ServiceAccount", "default");
        who.namespace = "web".to_owned();
        facts.rbac.as_mut().unwrap().bindings.push(bound(Some("web"), "b", "view", who));
        assert_eq!(outcome_of(&QUESTION, &facts), "fail web/RoleBinding/b");
        let mut facts = clean();
        spoil(&mut facts, |front| front.service_account = "default".to_owned());
        assert_eq!(outcome_of(&QUESTION, &facts), "fail web/Deployment/front");
    }
}
