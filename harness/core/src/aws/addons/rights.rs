//! Roles for the service accounts of add-ons, handed out through EKS Pod Identity.

use aws_sdk_eks::types::AddonPodIdentityAssociations;
use aws_sdk_iam::types::Tag;
use serde_json::json;

use super::Error;
use super::configuration::Identity;
use crate::aws::Clients;
use crate::aws::error::{AwsError, Class, Explain as _};
use crate::aws::names::{self, Tags};
use crate::aws::network::ROLE_PATH;
use crate::ledger::{Ledger, Resource, ResourceKind};

/// The service that assumes the roles (EKS user guide, "Create IAM role with trust policy required by EKS Pod Identity").
const PRINCIPAL: &str = "pods.eks.amazonaws.com";

/// Makes a role per service account, with the managed policies that AWS recommends for it.
///
/// # Errors
/// When IAM refuses, or the ledger cannot be written.
pub(super) async fn associations(
    clients: &Clients,
    ledger: &Ledger,
    cluster: &str,
    addon: &str,
    identities: &[Identity],
    tags: &Tags,
) -> Result<Vec<AddonPodIdentityAssociations>, Error> {
    let mut all = Vec::new();
    for identity in identities {
        let name = names::addon_role(&tags.run, addon, &identity.service_account);
        let resource = Resource::new(ResourceKind::Role, &name).in_cluster(cluster);
        let made = ledger
            .create_resource(resource, || async {
                clients.patiently(|| role(clients, &name, &identity.policies, tags)).await.map_err(Error::from)
            })
            .await?;
        let association = AddonPodIdentityAssociations::builder()
            .service_account(&identity.service_account)
            .role_arn(made.id)
            .build()
            .map_err(|error| AwsError::new(Class::Request, "CreateAddon", addon, error.to_string()))?;
        all.push(association);
    }
    Ok(all)
}

/// Makes a role, or finds the one that a lost answer made, and attaches its policies. Doing it twice is the same as once.
async fn role(clients: &Clients, name: &str, policies: &[String], tags: &Tags) -> Result<String, AwsError> {
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": PRINCIPAL}, "Action": ["sts:AssumeRole", "sts:TagSession"]}],
    });
    let tags: Result<Vec<Tag>, _> =
        tags.pairs().into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    let tags = tags.map_err(|error| AwsError::new(Class::Request, "CreateRole", name, error.to_string()))?;
    let request = clients.iam.create_role().role_name(name).path(ROLE_PATH);
    let request = request.assume_role_policy_document(trust.to_string()).set_tags(Some(tags));
    let made = request.send().await.explain("CreateRole", format!("role {name}"));
    let arn = match made {
        Ok(answer) => answer.role.map(|role| role.arn),
        Err(error) if error.class == Class::Exists => {
            let found =
                clients.iam.get_role().role_name(name).send().await.explain("GetRole", format!("role {name}"))?;
            found.role.map(|role| role.arn)
        }
        Err(error) => return Err(error),
    };
    for policy in policies {
        let request = clients.iam.attach_role_policy().role_name(name).policy_arn(policy);
        request.send().await.explain("AttachRolePolicy", format!("role {name}, policy {policy}"))?;
    }
    arn.ok_or_else(|| AwsError::new(Class::Infrastructure, "CreateRole", name, "the answer has no role"))
}
