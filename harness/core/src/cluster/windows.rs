//! What Windows nodes need from the cluster: the VPC CNI must assign addresses to their pods.
//!
//! EKS user guide, "Deploy Windows nodes on EKS clusters": ConfigMap `kube-system/amazon-vpc-cni` with `enable-windows-ipam: "true"`. If
//! the CNI is an EKS add-on, that overwrites the ConfigMap with its own configuration: then the add-on is configured instead
//! ([`crate::aws::addons`]).

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;

use super::Access;
use crate::check::{CheckError, Doing as _};
use crate::ledger::Ledger;
use crate::resource::config_map_change;

const NAMESPACE: &str = "kube-system";
/// The ConfigMap, in `kube-system`.
pub const CONFIG_MAP: &str = "amazon-vpc-cni";
const KEY: &str = "enable-windows-ipam";
const ON: &str = "true";

/// Whether [Windows IPAM](https://docs.aws.amazon.com/eks/latest/userguide/windows-support.html) is enabled, so that pods on Windows nodes
/// get addresses.
///
/// # Errors
/// If the API server rejects the request.
/// The client retries 429, 5xx and broken connections first, a POST only after 429.
pub async fn has_ipam(access: &Access) -> Result<bool, CheckError> {
    let api: Api<ConfigMap> = Api::namespaced(access.client(), NAMESPACE);
    let there = api.get_opt(CONFIG_MAP).await.doing(format!("reading ConfigMap {NAMESPACE}/{CONFIG_MAP}"))?;
    Ok(there.and_then(|map| map.data?.remove(KEY)).is_some_and(|value| value == ON))
}

/// Enables [Windows IPAM](https://docs.aws.amazon.com/eks/latest/userguide/windows-support.html) if the CNI is not an EKS add-on and it is
/// not
/// enabled yet.
///
/// # Guarantees
/// The previous value is in the ledger before the change, and `destroy` restores it.
///
/// # Errors
/// If the API server rejects the change, or the ledger cannot be written, and then nothing is changed.
/// The client retries 429, 5xx and broken connections first, a POST only after 429.
pub async fn enable_ipam(access: &Access, ledger: &Ledger) -> Result<(), CheckError> {
    let doing = || format!("enabling Windows IPAM in ConfigMap {NAMESPACE}/{CONFIG_MAP}");
    let set = config_map_change::set(access, ledger, (NAMESPACE, CONFIG_MAP), KEY, ON).await;
    set.map(|_| ()).doing(doing())
}

/// Whether the ConfigMap [aws-auth](https://docs.aws.amazon.com/eks/latest/userguide/auth-configmap.html) maps a role, by its ARN without a
/// path, to a group.
///
/// # Errors
/// If the API server rejects the request.
/// The client retries 429, 5xx and broken connections first, a POST only after 429.
pub async fn aws_auth_maps(access: &Access, role: &str, group: &str) -> Result<bool, CheckError> {
    let api: Api<ConfigMap> = Api::namespaced(access.client(), NAMESPACE);
    let there = api.get_opt("aws-auth").await.doing(format!("reading ConfigMap {NAMESPACE}/aws-auth"))?;
    let roles = there.and_then(|map| map.data?.remove("mapRoles")).unwrap_or_default();
    Ok(maps(&roles, role, group))
}

/// Whether `mapRoles` maps a role to a group.
fn maps(roles: &str, role: &str, group: &str) -> bool {
    use amiproof_model::yaml::{Limits, Node, Value, document};
    let Ok(Node { value: Value::List(entries), .. }) = document("mapRoles", roles.as_bytes(), Limits::MATRIX) else {
        return false;
    };
    let says_group =
        |node: &Node| matches!(&node.value, Value::List(all) if all.iter().any(|one| one.text() == Some(group)));
    let is_it = |entry: &&Node| entry.get("rolearn").and_then(Node::text) == Some(role);
    entries.iter().filter(is_it).any(|entry| entry.get("groups").is_some_and(says_group))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aws_auth_is_read_as_the_authenticator_reads_it() {
        let roles = "- rolearn: arn:aws:iam::111122223333:role/linux\n  groups: [system:bootstrappers, system:nodes]\n\
                     - rolearn: arn:aws:iam::111122223333:role/windows\n  username: system:node:{{EC2PrivateDNSName}}\n  groups:\n  - system:nodes\n  \
                     - eks:kube-proxy-windows\n";
        assert!(maps(roles, "arn:aws:iam::111122223333:role/windows", "eks:kube-proxy-windows"));
        assert!(!maps(roles, "arn:aws:iam::111122223333:role/linux", "eks:kube-proxy-windows"));
        assert!(!maps("", "arn:aws:iam::111122223333:role/linux", "system:nodes"));
        assert!(!maps("no list", "arn:aws:iam::111122223333:role/linux", "system:nodes"));
    }
}
