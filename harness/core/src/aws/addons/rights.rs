//! Roles for the service accounts of add-ons, through EKS Pod Identity.

use aws_sdk_eks::types::AddonPodIdentityAssociations;
use serde_json::json;

use super::Error;
use super::configuration::Identity;
use crate::aws::Clients;
use crate::aws::error::{AwsError, Class};
use crate::aws::names::{self, Tags};
use crate::aws::roles;
use crate::ledger::{Ledger, Resource, ResourceKind};

/// The service that assumes the roles (EKS user guide, "Create IAM role with trust policy required by EKS Pod Identity").
const PRINCIPAL: &str = "pods.eks.amazonaws.com";

/// Creates a role per service account, with the managed policies that AWS recommends for it.
///
/// # Errors
/// When IAM refuses, or the ledger cannot be written.
pub(super) async fn associations(
    clients: &Clients,
    ledger: &Ledger,
    cluster: &str,
    addon: &str,
    identities: &[Identity],
    boundary: Option<&str>,
    tags: &Tags,
) -> Result<Vec<AddonPodIdentityAssociations>, Error> {
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": PRINCIPAL}, "Action": ["sts:AssumeRole", "sts:TagSession"]}],
    });
    let mut all = Vec::new();
    for identity in identities {
        let name = names::addon_role(&tags.run, addon, &identity.service_account);
        let resource = Resource::new(ResourceKind::Role, &name).in_cluster(cluster);
        let (clients, trust, tags) = (clients.clone(), trust.clone(), tags.clone());
        let (policies, boundary) = (identity.policies.clone(), boundary.map(str::to_owned));
        let made = ledger
            .create_resource(resource, || async move {
                clients
                    .write_idempotent(|| roles::make(&clients, &name, &trust, &policies, boundary.as_deref(), &tags))
                    .await
                    .map_err(Error::from)
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
