//! `create-volumes`: who can make PersistentVolumes by hand.

use super::facts::{Facts, Unseen};
use super::holders::{self, Right};
use super::question::Question;
use amiproof_core::check::Decision;

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "create-volumes", assess };

const RIGHTS: &[Right] = &[Right {
    verbs: &["create"],
    group: "",
    resources: &["persistentvolumes"],
    fine_in_namespace: false,
    remediation: "let a storage class provision volumes; a hand-made PersistentVolume can mount a path of the host",
}];

fn assess(facts: &Facts) -> Result<Decision, Unseen> {
    holders::assess(facts, RIGHTS)
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{clean, grant, rule, subject, told};
    use super::*;

    #[test]
    fn creators_of_volumes_are_found() {
        let table = [
            (None, subject("User", "alice"), "fail ClusterRoleBinding/made"),
            (None, subject("Group", "system:masters"), "pass"),
            (Some("web"), subject("User", "alice"), "fail web/RoleBinding/made"),
            (Some("web"), subject("Group", "system:authenticated"), "fail web/RoleBinding/made"),
        ];
        assert_eq!(told(&QUESTION, &clean()), "pass");
        for (namespace, who, answer) in table {
            let mut facts = clean();
            grant(&mut facts, namespace, rule("create", "", "persistentvolumes"), who);
            assert_eq!(told(&QUESTION, &facts), answer, "{namespace:?}");
        }
        let mut facts = clean();
        grant(&mut facts, None, rule("get", "", "persistentvolumes"), subject("User", "alice"));
        assert_eq!(told(&QUESTION, &facts), "pass", "another verb");
    }
}
