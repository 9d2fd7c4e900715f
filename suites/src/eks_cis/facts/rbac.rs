//! Roles and bindings, and who may do what by them.

pub(crate) mod objects;

pub(crate) use self::objects::{Binding, Role, Rule, Source, Subject};
use crate::eks_cis::system;

/// Roles and bindings of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rbac {
    /// Roles and ClusterRoles.
    pub(crate) roles: Vec<Role>,
    /// RoleBindings and ClusterRoleBindings.
    pub(crate) bindings: Vec<Binding>,
}

/// Someone outside of the system who may do something, and by which binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder<'a> {
    /// Who.
    pub(crate) subject: &'a Subject,
    /// By which binding.
    pub(crate) binding: &'a Binding,
    /// The first verb that the role allows.
    pub(crate) verb: &'static str,
}

impl Holder<'_> {
    /// Whether it holds in every namespace.
    pub(crate) fn everywhere(&self) -> bool {
        self.binding.namespace.is_none()
    }

    /// Whether the subject is a crowd: everyone, everyone who is known, every service account.
    pub(crate) fn is_open_group(&self) -> bool {
        system::is_open_group(self.subject)
    }
}

impl Rbac {
    /// The role that a binding gives; `None` if it does not exist (such a binding gives nothing).
    pub(crate) fn role_of(&self, binding: &Binding) -> Option<&Role> {
        let namespace = if binding.of_cluster_role { &None } else { &binding.namespace };
        let is_it =
            |role: &&Role| role.name == binding.role && role.namespace == *namespace && role.source == binding.source;
        self.roles.iter().find(is_it)
    }

    /// Everyone outside of the system who may do one of `verbs` on `resource` of `group`.
    pub(crate) fn holders(&self, verbs: &[&'static str], group: &str, resource: &str) -> Vec<Holder<'_>> {
        let mut holders = Vec::new();
        for binding in self.bindings.iter().filter(|binding| !system::is_binding(binding)) {
            let Some(role) = self.role_of(binding) else { continue };
            let allows = |verb: &&&'static str| role.rules.iter().any(|rule| rule.allows(verb, group, resource));
            let Some(verb) = verbs.iter().find(allows) else { continue };
            let people = binding.subjects.iter().filter(|subject| !system::is_subject(subject));
            holders.extend(people.map(|subject| Holder { subject, binding, verb }));
        }
        holders
    }

    /// Whether any binding gives a service account anything, by itself or through the group of its namespace's.
    pub(crate) fn gives_rights(&self, namespace: &str, name: &str) -> bool {
        let group = format!("system:serviceaccounts:{namespace}");
        self.bindings.iter().flat_map(|binding| &binding.subjects).any(|subject| match subject.kind.as_str() {
            "ServiceAccount" => subject.namespace == namespace && subject.name == name,
            "Group" => subject.name == group,
            "User" => subject.name == format!("system:serviceaccount:{namespace}:{name}"),
            _ => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(verbs: &[&str], groups: &[&str], resources: &[&str]) -> Rule {
        let own = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        Rule { verbs: own(verbs), groups: own(groups), resources: own(resources), names: Vec::new() }
    }

    #[test]
    fn wildcards_and_subresources_are_read_as_the_api_server_reads_them() {
        assert!(rule(&["*"], &["*"], &["*"]).allows("create", "", "serviceaccounts/token"));
        assert!(rule(&["create"], &[""], &["*/token"]).allows("create", "", "serviceaccounts/token"));
        assert!(rule(&["get"], &[""], &["nodes/proxy"]).allows("get", "", "nodes/proxy"));
        assert!(!rule(&["get"], &[""], &["nodes"]).allows("get", "", "nodes/proxy"));
        assert!(!rule(&["get"], &["apps"], &["pods"]).allows("get", "", "pods"));
        assert!(!rule(&["get"], &[""], &["pods"]).allows("create", "", "pods"));
        let one = Rule { names: vec!["mine".to_owned()], ..rule(&["get"], &[""], &["secrets"]) };
        assert!(!one.allows("get", "", "secrets"));
    }

    #[test]
    fn a_binding_gives_the_role_of_its_own_namespace_only() {
        let role = |namespace: Option<&str>| Role {
            namespace: namespace.map(str::to_owned),
            name: "r".into(),
            ..Role::default()
        };
        let rbac = Rbac { roles: vec![role(Some("a")), role(None)], bindings: Vec::new() };
        let binding = |namespace: Option<&str>, of_cluster_role| Binding {
            namespace: namespace.map(str::to_owned),
            role: "r".into(),
            of_cluster_role,
            ..Binding::default()
        };
        assert_eq!(rbac.role_of(&binding(Some("a"), false)), Some(&rbac.roles[0]));
        assert_eq!(rbac.role_of(&binding(Some("b"), false)), None);
        assert_eq!(rbac.role_of(&binding(Some("b"), true)), Some(&rbac.roles[1]));
    }
}
