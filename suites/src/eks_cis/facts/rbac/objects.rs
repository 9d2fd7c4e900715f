//! Roles, bindings and those who are bound.

use k8s_openapi::api::rbac::v1 as rbac;
use kube::ResourceExt as _;

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
    /// Whether it lets someone do `verb` on `resource` (`pods`, `nodes/proxy`) of `group`, whatever the object's name.
    pub(crate) fn allows(&self, verb: &str, group: &str, resource: &str) -> bool {
        let has = |list: &[String], wanted: &str| list.iter().any(|entry| entry == "*" || entry == wanted);
        let subresource = resource.split_once('/').map(|(_, subresource)| format!("*/{subresource}"));
        let reaches =
            has(&self.resources, resource) || subresource.is_some_and(|every| self.resources.contains(&every));
        // A rule for single names cannot create, and reads or changes only those.
        self.names.is_empty() && has(&self.verbs, verb) && has(&self.groups, group) && reaches
    }
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

pub(super) fn is_builtin(labels: &std::collections::BTreeMap<String, String>) -> bool {
    labels.get("kubernetes.io/bootstrapping").is_some_and(|value| value == "rbac-defaults")
}

pub(super) fn rules(rules: Option<Vec<rbac::PolicyRule>>) -> Vec<Rule> {
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

pub(super) fn subjects(subjects: Option<Vec<rbac::Subject>>, namespace: &str) -> Vec<Subject> {
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
