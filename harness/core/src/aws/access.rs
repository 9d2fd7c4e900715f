//! Who the cluster lets in by access entries.

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
