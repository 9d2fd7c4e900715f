//! Suite `eks-cis`: the CIS Amazon EKS benchmark, evaluated from the APIs of AWS and Kubernetes.
//!
//! [`cluster`] is the only check; `collect` reads everything once, `rows` turns every control into a row. A question of the benchmark is
//! a file with a pure `assess` over the facts; questions that differ only in a right are in `rights`. `holders` and `pod_security` are
//! shared by questions about rights and about pods, and `system` lists what belongs to Kubernetes and EKS. `suites/benchmarks` maps the
//! controls of each version to questions.

mod access_manager;
mod access_policies;
mod account;
mod added_capabilities;
mod approved_registries;
mod assigned_capabilities;
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
mod host_ipc;
mod host_network;
mod host_pid;
mod iam_users;
mod image;
mod image_provenance;
mod image_scanning;
mod kubelet_hostname_override;
mod kubelet_protect_kernel_defaults;
mod load_balancer_tls;
mod namespace_network_policies;
mod namespaces;
mod net_raw;
mod network_policy_enabled;
mod plugin;
mod pod_security;
mod private_nodes;
mod privilege_escalation;
mod privileged;
mod question;
mod registry_nodes;
mod registry_users;
mod rights;
mod root_containers;
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
    privileged::QUESTION,
    host_pid::QUESTION,
    host_ipc::QUESTION,
    host_network::QUESTION,
    privilege_escalation::QUESTION,
    root_containers::QUESTION,
    net_raw::QUESTION,
    added_capabilities::QUESTION,
    assigned_capabilities::QUESTION,
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
