//! Suite `eks-cis`: the CIS Amazon EKS benchmark, evaluated from the APIs of AWS and Kubernetes.
//!
//! [`cluster`] is the only check; `collect` reads everything once, `rows` turns every control into a row. A question of the benchmark is
//! a file with a pure `assess` over the facts; questions that differ only in a right are in `rights`, those that differ
//! only in what a pod must not have in `pod_rules`. `holders` and `pod_security` are
//! shared by questions about rights and about pods, and `system` lists what belongs to Kubernetes and EKS. `suites/benchmarks` maps the
//! controls of each version to questions.

mod access_manager;
mod access_policies;
mod account;
mod approved_registries;
mod audit_logs;
mod audit_logs_managed;
pub mod cluster;
mod cluster_admin;
mod cni_network_policy;
mod cni_version;
mod collect;
mod dedicated_service_accounts;
mod default_namespace;
mod default_service_accounts;
mod endpoint_private;
mod endpoint_restricted;
mod escalation_verbs;
mod external_secrets;
mod facts;
mod fargate;
mod holders;
mod iam_users;
mod image;
mod image_provenance;
mod image_scanning;
mod kubelet_hostname_override;
mod kubelet_protect_kernel_defaults;
mod load_balancer_tls;
mod namespace_network_policies;
mod namespaces;
mod network_policy_enabled;
mod plugin;
mod pod_rules;
mod pod_security;
mod private_nodes;
mod question;
mod registry_nodes;
mod registry_users;
mod rights;
mod rows;
mod secrets_as_env;
mod secrets_encryption;
mod security_context;
mod system;
mod system_masters;
mod token_mounts;
mod wildcards;

#[cfg(test)]
mod tests;

use self::question::Question;

/// Every question that amiproof answers or collects evidence for.
const QUESTIONS: &[Question] = &[
    audit_logs::QUESTION,
    audit_logs_managed::QUESTION,
    kubelet_protect_kernel_defaults::QUESTION,
    kubelet_hostname_override::QUESTION,
    cluster_admin::QUESTION,
    rights::SECRETS_ACCESS,
    wildcards::QUESTION,
    rights::CREATE_PODS,
    default_service_accounts::QUESTION,
    token_mounts::QUESTION,
    system_masters::QUESTION,
    access_manager::QUESTION,
    escalation_verbs::QUESTION,
    rights::CREATE_VOLUMES,
    rights::NODE_PROXY,
    rights::WEBHOOK_CONFIGURATIONS,
    rights::TOKEN_CREATION,
    pod_rules::PRIVILEGED,
    pod_rules::HOST_PID,
    pod_rules::HOST_IPC,
    pod_rules::HOST_NETWORK,
    pod_rules::PRIVILEGE_ESCALATION,
    pod_rules::ROOT_CONTAINERS,
    pod_rules::NET_RAW,
    pod_rules::ADDED_CAPABILITIES,
    pod_rules::ASSIGNED_CAPABILITIES,
    cni_version::QUESTION,
    cni_network_policy::QUESTION,
    namespace_network_policies::QUESTION,
    secrets_as_env::QUESTION,
    external_secrets::QUESTION,
    image_provenance::QUESTION,
    namespaces::QUESTION,
    security_context::QUESTION,
    default_namespace::QUESTION,
    image_scanning::QUESTION,
    registry_users::QUESTION,
    registry_nodes::QUESTION,
    approved_registries::QUESTION,
    dedicated_service_accounts::QUESTION,
    secrets_encryption::QUESTION,
    endpoint_restricted::QUESTION,
    endpoint_private::QUESTION,
    private_nodes::QUESTION,
    network_policy_enabled::QUESTION,
    load_balancer_tls::QUESTION,
    iam_users::QUESTION,
    fargate::QUESTION,
];
