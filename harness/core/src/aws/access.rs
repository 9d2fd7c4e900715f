//! Who the cluster lets in by access entries.

use aws_sdk_eks::types::AccessScopeType;

use super::Clients;
use super::error::{AwsError, Explain as _};
use super::pages;

/// The policy that makes a principal the cluster's administrator (EKS user guide, access policy permissions).
pub const CLUSTER_ADMIN: &str = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy";

/// The principals of a cluster's access entries, those with one access policy where `policy` names it. Policies of one namespace
/// count as well: EKS does not list by scope.
///
/// # Errors
/// When EKS does not answer, may not be asked, or the cluster does not use access entries (`InvalidRequestException`).
pub async fn principals(clients: &Clients, cluster: &str, policy: Option<&str>) -> Result<Vec<String>, AwsError> {
    pages::every(clients, async |token| {
        let request = clients.eks.list_access_entries().cluster_name(cluster).set_next_token(token);
        let request = request.set_associated_policy_arn(policy.map(str::to_owned));
        let answer = request.send().await.explain("ListAccessEntries", format!("cluster {cluster}"))?;
        Ok((answer.access_entries.unwrap_or_default(), answer.next_token))
    })
    .await
}

/// What a principal may do in a cluster by one access policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Association {
    /// The principal: a role or a user.
    pub principal: String,
    /// The policy's name: `AmazonEKSAdminPolicy`.
    pub policy: String,
    /// The namespaces that it holds in; `None` for the whole cluster.
    pub namespaces: Option<Vec<String>>,
}

/// The access policies of some principals of a cluster, with where each holds.
///
/// # Errors
/// When EKS does not answer, or may not be asked (`eks:ListAssociatedAccessPolicies`).
pub async fn associations(
    clients: &Clients,
    cluster: &str,
    principals: &[String],
) -> Result<Vec<Association>, AwsError> {
    let mut all = Vec::new();
    for principal in principals {
        let found = pages::every(clients, async |token| {
            let request = clients.eks.list_associated_access_policies().cluster_name(cluster).principal_arn(principal);
            let answer = request.set_next_token(token).send().await;
            let answer = answer.explain("ListAssociatedAccessPolicies", format!("cluster {cluster}, {principal}"))?;
            Ok((answer.associated_access_policies.unwrap_or_default(), answer.next_token))
        });
        all.extend(found.await?.into_iter().filter_map(|policy| {
            let name = policy.policy_arn.as_deref()?.rsplit('/').next()?.to_owned();
            let scope = policy.access_scope?;
            let of_namespaces = scope.r#type == Some(AccessScopeType::Namespace);
            let namespaces = of_namespaces.then(|| scope.namespaces.unwrap_or_default());
            Some(Association { principal: principal.clone(), policy: name, namespaces })
        }));
    }
    Ok(all)
}
