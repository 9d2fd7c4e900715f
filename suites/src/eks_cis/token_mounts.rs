//! `token-mounts`: pods that mount a token without any rights.

use amiproof_core::check::Decision;

use super::facts::{Facts, Unreadable, seen};
use super::question::{Question, finding, verdict};

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "token-mounts", assess };

/// A token is needed if its account has rights, because then a role was bound for the workload. Otherwise it only helps an
/// attacker.
fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    let accounts = seen(&facts.service_accounts)?;
    let rbac = seen(&facts.rbac)?;
    let remediation = "set automountServiceAccountToken: false on the pod template or its service account";
    let findings = facts.own_workloads()?.into_iter().filter_map(|workload| {
        let (namespace, name) = (&workload.namespace, &workload.service_account);
        let account = accounts.iter().find(|account| account.namespace == *namespace && account.name == *name);
        let mounts = workload.automount.or(account.and_then(|account| account.automount)).unwrap_or(true);
        let text = || format!("mounts the token of the service account {name}, which no binding grants a permission");
        (mounts && !rbac.gives_rights(namespace, name)).then(|| finding(workload.resource(), text(), remediation))
    });
    Ok(verdict(findings.collect()))
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{account, bound, clean, outcome_of, spoil, subject};
    use super::*;

    #[test]
    fn a_token_is_needed_only_where_its_account_has_rights() {
        assert_eq!(outcome_of(&QUESTION, &clean()), "pass");
        let mut facts = clean();
        spoil(&mut facts, |front| front.automount = None);
        assert_eq!(outcome_of(&QUESTION, &facts), "fail web/Deployment/front", "mounted by default");
        let mut bound_account = facts.clone();
        let mut who = subject("ServiceAccount", "front");
        who.namespace = "web".to_owned();
        bound_account.rbac.as_mut().unwrap().bindings.push(bound(Some("web"), "b", "view", who));
        assert_eq!(outcome_of(&QUESTION, &bound_account), "pass");
        facts.service_accounts = Ok(vec![account("web", "front", Some(false))]);
        assert_eq!(outcome_of(&QUESTION, &facts), "pass", "the account says no");
        spoil(&mut facts, |front| front.automount = Some(true));
        assert_eq!(outcome_of(&QUESTION, &facts), "fail web/Deployment/front", "the pod overrides its account");
    }
}
