//! Access entries: which principals a cluster admits.

use amiproof_model::matrix::Family;
use aws_sdk_eks::types::{AccessEntry, AccessScopeType};

use super::Clients;
use super::error::{AwsError, Explain as _, found};
use super::pages;
use crate::ledger;

/// The type of the entry for Windows nodes: it adds the group `eks:kube-proxy-windows`, without which kube-proxy on them cannot read
/// Services (EKS API, `CreateAccessEntry.type`).
pub(crate) const WINDOWS: &str = "EC2_WINDOWS";

/// Why the nodes of a role are not admitted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// EKS returned an error.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The ledger could not be written.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// There is an entry of another type, which belongs to someone else.
    #[error(
        "the role {role} has an access entry of the type {kind} in cluster {cluster}, and Windows nodes need {WINDOWS}: a role has one \
         type in EKS, so name another role in cluster.windowsNodeRoleArn"
    )]
    OtherType {
        /// The ARN.
        role: String,
        /// The type.
        kind: String,
        /// The cluster.
        cluster: String,
    },
}

/// The principals of a cluster's access entries; with `policy`, only those that have this access policy. A policy that is limited to
/// namespaces counts as well: EKS does not filter by scope.
///
/// # Errors
/// [`AwsError`] of [ListAccessEntries](https://docs.aws.amazon.com/eks/latest/APIReference/API_ListAccessEntries.html); `InvalidRequestException` if
/// the cluster does not use access entries.
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn principals(clients: &Clients, cluster: &str, policy: Option<&str>) -> Result<Vec<String>, AwsError> {
    pages::every(clients, async |token| {
        let request = clients.eks.list_access_entries().cluster_name(cluster).set_next_token(token);
        let request = request.set_associated_policy_arn(policy.map(str::to_owned));
        let answer = request.send().await.explain("ListAccessEntries", format!("cluster {cluster}"))?;
        Ok((answer.access_entries.unwrap_or_default(), answer.next_token))
    })
    .await
}

/// An access policy of a principal in a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Association {
    /// The principal: a role or a user.
    pub principal: String,
    /// The policy's name: `AmazonEKSAdminPolicy`.
    pub policy: String,
    /// The namespaces that it holds in; `None` for the whole cluster.
    pub namespaces: Option<Vec<String>>,
}

/// The access policies of some principals of a cluster, with their scopes.
///
/// # Errors
/// [`AwsError`] of [ListAssociatedAccessPolicies](https://docs.aws.amazon.com/eks/latest/APIReference/API_ListAssociatedAccessPolicies.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
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

/// Reads the access entry of a principal; `None` if it has none.
///
/// # Errors
/// [`AwsError`] of [DescribeAccessEntry](https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeAccessEntry.html); `InvalidRequestException` if the
/// cluster does not use access entries.
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn describe(clients: &Clients, cluster: &str, principal: &str) -> Result<Option<AccessEntry>, AwsError> {
    let answer = clients
        .read(|| async {
            let _permit = clients.read_permit().await;
            let request = clients.eks.describe_access_entry().cluster_name(cluster).principal_arn(principal);
            request.send().await.explain("DescribeAccessEntry", principal)
        })
        .await;
    Ok(found(answer)?.and_then(|answer| answer.access_entry))
}

/// The groups that aws-auth must map the role of nodes to, in a cluster without access entries.
pub fn aws_auth_groups(family: Family) -> Vec<&'static str> {
    let mut groups = vec!["system:bootstrappers", "system:nodes"];
    if family == Family::Windows {
        groups.push("eks:kube-proxy-windows");
    }
    groups
}

/// The ARN by which aws-auth knows a role: without its path (aws/containers-roadmap#926).
pub fn without_path(role_arn: &str) -> String {
    match role_arn.split_once(":role/") {
        Some((head, name)) => format!("{head}:role/{}", name.rsplit('/').next().unwrap_or(name)),
        None => role_arn.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aws_auth_knows_a_role_without_its_path() {
        let of = "arn:aws:iam::111122223333:role";
        assert_eq!(without_path(&format!("{of}/amiproof/one/node")), format!("{of}/node"));
        assert_eq!(without_path(&format!("{of}/node")), format!("{of}/node"));
    }
}
