//! EKS Pod Identity: which service account of which namespace gets which role.

use super::Clients;
use super::error::{AwsError, Class, Explain as _, found};
use super::names::{Tags, request_token};

/// Associates a service account with a role; the association's id. One that already exists, after a lost answer, is fine.
///
/// # Errors
/// When EKS refuses. A role that was made a moment ago may be unknown to it still, which passes.
pub(crate) async fn associate(
    clients: &Clients,
    cluster: &str,
    namespace: &str,
    account: &str,
    role: &str,
    tags: &Tags,
) -> Result<String, AwsError> {
    let subject = format!("{namespace}/{account}");
    let request = clients.eks.create_pod_identity_association().cluster_name(cluster).namespace(namespace);
    let request = request.service_account(account).role_arn(role);
    let request = request.client_request_token(request_token(&subject, &tags.run, 1));
    let request = request.set_tags(Some(tags.pairs().into_iter().collect()));
    match request.send().await.explain("CreatePodIdentityAssociation", &subject) {
        Ok(answer) => answer.association.and_then(|association| association.association_id).ok_or_else(|| {
            AwsError::new(Class::Infrastructure, "CreatePodIdentityAssociation", &subject, "the answer has no id")
        }),
        Err(error) if matches!(error.class, Class::Exists | Class::InUse) => {
            ids(clients, cluster, namespace, account).await?.into_iter().next().ok_or(error)
        }
        Err(error) => Err(error),
    }
}

/// The ids of the associations of a service account.
async fn ids(clients: &Clients, cluster: &str, namespace: &str, account: &str) -> Result<Vec<String>, AwsError> {
    let request = clients.eks.list_pod_identity_associations().cluster_name(cluster).namespace(namespace);
    let answer = request.service_account(account).send().await;
    let answer = found(answer.explain("ListPodIdentityAssociations", format!("{namespace}/{account}")))?;
    let associations = answer.map(|answer| answer.associations.unwrap_or_default()).unwrap_or_default();
    Ok(associations.into_iter().filter_map(|association| association.association_id).collect())
}
