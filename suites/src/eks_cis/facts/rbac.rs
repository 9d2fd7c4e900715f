//! Roles and bindings, and who may do what by them.

use k8s_openapi::api::rbac::v1 as rbac;
use kube::ResourceExt as _;

use crate::eks_cis::system;

/// Roles and bindings of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rbac {
    /// Roles and ClusterRoles.
    pub(crate) roles: Vec<Role>,
    /// RoleBindings and ClusterRoleBindings.
    pub(crate) bindings: Vec<Binding>,
}

/// Where a role or a binding comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Source {
    /// An object of the cluster.
    #[default]
    Object,
    /// An access entry of EKS and its policy.
    AccessEntry,
}

/// A Role, or a ClusterRole where it has no namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Role {
    /// The namespace of a Role.
    pub(crate) namespace: Option<String>,
    /// Its name.
    pub(crate) name: String,
    /// Whether Kubernetes itself made it: label `kubernetes.io/bootstrapping`.
    pub(crate) is_builtin: bool,
    /// Where it comes from.
    pub(crate) source: Source,
    /// Its rules.
    pub(crate) rules: Vec<Rule>,
}

/// A rule over resources; rules over URLs are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Verbs.
    pub(crate) verbs: Vec<String>,
    /// API groups; the core is empty text.
    pub(crate) groups: Vec<String>,
    /// Resources, with their subresource: `pods`, `pods/log`.
    pub(crate) resources: Vec<String>,
    /// Names that it is limited to; none for all.
    pub(crate) names: Vec<String>,
}

/// A RoleBinding, or a ClusterRoleBinding where it has no namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Binding {
    /// The namespace of a RoleBinding.
    pub(crate) namespace: Option<String>,
    /// Its name.
    pub(crate) name: String,
    /// Whether the role is a ClusterRole.
    pub(crate) of_cluster_role: bool,
    /// The role's name.
    pub(crate) role: String,
    /// Who gets it.
    pub(crate) subjects: Vec<Subject>,
    /// Where it comes from.
    pub(crate) source: Source,
}

/// Who gets a role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Subject {
    /// `User`, `Group` or `ServiceAccount`.
    pub(crate) kind: String,
    /// The namespace of a service account.
    pub(crate) namespace: String,
    /// The name.
    pub(crate) name: String,
}

impl std::fmt::Display for Subject {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind.as_str() {
            "ServiceAccount" => write!(out, "service account {}/{}", self.namespace, self.name),
            "Group" => write!(out, "group {}", self.name),
            _ => write!(out, "user {}", self.name),
        }
    }
}

impl Role {
    /// How findings name it: `ClusterRole/ops`, `web/Role/ops`.
    pub(crate) fn resource(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{namespace}/Role/{}", self.name),
            None => format!("ClusterRole/{}", self.name),
        }
    }
}

impl Binding {
    /// How findings name it: `ClusterRoleBinding/ops`, `web/RoleBinding/ops`, `access entry arn:aws:iam::...`.
    pub(crate) fn resource(&self) -> String {
        if self.source == Source::AccessEntry {
            return format!("access entry {}", self.name);
        }
        match &self.namespace {
            Some(namespace) => format!("{namespace}/RoleBinding/{}", self.name),
            None => format!("ClusterRoleBinding/{}", self.name),
        }
    }
}

impl Rule {
    /// Whether it lets somebody do `verb` on `resource` (`pods`, `nodes/proxy`) of `group`, whatever the object's name.
    pub(crate) fn allows(&self, verb: &str, group: &str, resource: &str) -> bool {
        let has = |list: &[String], wanted: &str| list.iter().any(|entry| entry == "*" || entry == wanted);
        let subresource = resource.split_once('/').map(|(_, subresource)| format!("*/{subresource}"));
        let reaches =
            has(&self.resources, resource) || subresource.is_some_and(|every| self.resources.contains(&every));
        // A rule for single names cannot create, and reads or changes only those.
        self.names.is_empty() && has(&self.verbs, verb) && has(&self.groups, group) && reaches
    }
}

/// Somebody outside of the system who may do something, and by which binding.
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

    /// Whether the subject is a crowd: everybody, everybody who is known, every service account.
    pub(crate) fn is_crowd(&self) -> bool {
        system::is_crowd(self.subject)
    }
}

impl Rbac {
    /// The role that a binding gives; `None` where it does not exist (such a binding gives nothing).
    pub(crate) fn role_of(&self, binding: &Binding) -> Option<&Role> {
        let namespace = if binding.of_cluster_role { &None } else { &binding.namespace };
        let is_it =
            |role: &&Role| role.name == binding.role && role.namespace == *namespace && role.source == binding.source;
        self.roles.iter().find(is_it)
    }

    /// Everybody outside of the system who may do one of `verbs` on `resource` of `group`.
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

fn is_builtin(labels: &std::collections::BTreeMap<String, String>) -> bool {
    labels.get("kubernetes.io/bootstrapping").is_some_and(|value| value == "rbac-defaults")
}

fn rules(rules: Option<Vec<rbac::PolicyRule>>) -> Vec<Rule> {
    let of_resources = rules.into_iter().flatten().filter(|rule| rule.resources.is_some());
    of_resources
        .map(|rule| Rule {
            verbs: rule.verbs,
            groups: rule.api_groups.unwrap_or_default(),
            resources: rule.resources.unwrap_or_default(),
            names: rule.resource_names.unwrap_or_default(),
        })
        .collect()
}

fn subjects(subjects: Option<Vec<rbac::Subject>>, namespace: &str) -> Vec<Subject> {
    let subjects = subjects.into_iter().flatten();
    subjects
        .map(|subject| Subject {
            namespace: match subject.kind.as_str() {
                "ServiceAccount" => subject.namespace.unwrap_or_else(|| namespace.to_owned()),
                _ => String::new(),
            },
            kind: subject.kind,
            name: subject.name,
        })
        .collect()
}

impl From<rbac::ClusterRole> for Role {
    fn from(role: rbac::ClusterRole) -> Self {
        let is_builtin = is_builtin(role.labels());
        Self { namespace: None, name: role.name_any(), is_builtin, source: Source::Object, rules: rules(role.rules) }
    }
}

impl From<rbac::Role> for Role {
    fn from(role: rbac::Role) -> Self {
        let is_builtin = is_builtin(role.labels());
        Self {
            namespace: role.namespace(),
            name: role.name_any(),
            is_builtin,
            source: Source::Object,
            rules: rules(role.rules),
        }
    }
}

impl From<rbac::ClusterRoleBinding> for Binding {
    fn from(binding: rbac::ClusterRoleBinding) -> Self {
        Self {
            namespace: None,
            name: binding.name_any(),
            of_cluster_role: true,
            role: binding.role_ref.name,
            subjects: subjects(binding.subjects, ""),
            source: Source::Object,
        }
    }
}

impl From<rbac::RoleBinding> for Binding {
    fn from(binding: rbac::RoleBinding) -> Self {
        let namespace = binding.namespace().unwrap_or_default();
        Self {
            name: binding.name_any(),
            of_cluster_role: binding.role_ref.kind == "ClusterRole",
            role: binding.role_ref.name,
            subjects: subjects(binding.subjects, &namespace),
            source: Source::Object,
            namespace: Some(namespace),
        }
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
