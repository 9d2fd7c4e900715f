//! IAM roles for service accounts: a role that trusts the tokens of one service account, by way of the cluster's OpenID Connect provider.
//!
//! An account has one provider per cluster. An existing one is used and left alone; otherwise the run creates it, all its
//! variants use it, and it is deleted at the end of the run.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Grant, Rights, refused};
use crate::aws::error::{AwsError, Class};
use crate::aws::oidc_provider::{self, AUDIENCE};
use crate::aws::{Clients, cluster};
use crate::check::CheckError;
use crate::resource::{self, NotCreated};

/// How often, and in which intervals, a provider that another process is creating is looked up: IAM shows new resources after some
/// seconds (IAM user guide, "Changes that I make are not always immediately visible").
const LOOKS: u32 = 12;
const INTERVAL: Duration = Duration::from_secs(5);

/// Creates the role of a service account, and records it for the annotation.
pub(super) async fn grant(grant: &Grant<'_>, rights: &mut Rights) -> Result<(), CheckError> {
    let described = cluster::described(grant.clients, grant.cluster()).await.map_err(refused)?;
    let Some(issuer) = described.and_then(|cluster| cluster.issuer) else {
        return Err(CheckError::Undecided(format!("cluster {} no longer has an issuer", grant.cluster())));
    };
    let url = oidc_provider::bare(&issuer);
    let provider = provider(grant, url).await?;
    let trust = trust(&provider, url, grant.namespace, grant.account);
    let role = grant.role(&trust, &mut rights.made).await?;
    rights.roles.push((grant.account.to_owned(), role));
    rights.provider = Some(provider);
    Ok(())
}

/// The ARN of the cluster's provider: of the existing one, or of a new one.
async fn provider(grant: &Grant<'_>, url: &str) -> Result<String, CheckError> {
    let clients = grant.clients;
    let _permit = clients.provider_permit().await;
    if let Some(there) = oidc_provider::known(clients, url).await.map_err(refused)? {
        return Ok(there.arn);
    }
    // Of the run and no variant: those that come later use it, too.
    match resource::oidc_provider::create(clients, &grant.context.ledger, grant.cluster(), url, &grant.tags()).await {
        Ok(created) => Ok(created.id),
        // Another variant was faster, or another run. The entry stays planned, and destroy goes by the run's tag.
        Err(NotCreated::Aws(error)) if error.class == Class::Exists => seen(clients, url, error).await,
        Err(error) => Err(refused(error)),
    }
}

/// The ARN of a provider that must exist.
async fn seen(clients: &Clients, url: &str, exists: AwsError) -> Result<String, CheckError> {
    for _ in 0..LOOKS {
        if let Some(there) = oidc_provider::find(clients, url).await.map_err(refused)? {
            return Ok(there.arn);
        }
        clients.pause(INTERVAL).await;
    }
    Err(refused(exists))
}

/// Checks that a provider still exists.
///
/// # Errors
/// When it is not.
pub(super) async fn check_there(clients: &Clients, arn: &str) -> Result<(), CheckError> {
    match oidc_provider::read(clients, arn).await.map_err(refused)? {
        Some(_) => Ok(()),
        None => Err(CheckError::Undecided(format!(
            "the OpenID Connect provider {arn} was removed while the workload ran, by another run or by hand; run the check again"
        ))),
    }
}

/// Who may assume the role: the bearer of a token that the cluster issued to this service account, for STS (EKS user guide, "Assign IAM
/// roles to Kubernetes service accounts").
fn trust(provider: &str, url: &str, namespace: &str, account: &str) -> Value {
    let claims = json!({
        format!("{url}:aud"): AUDIENCE,
        format!("{url}:sub"): format!("system:serviceaccount:{namespace}:{account}"),
    });
    json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {"Federated": provider},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": claims},
    }]})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_role_trusts_one_account_of_one_namespace_and_tokens_for_sts_only() {
        let url = "oidc.eks.us-west-2.amazonaws.com/id/A";
        let provider = format!("arn:aws:iam::111122223333:oidc-provider/{url}");
        let policy = trust(&provider, url, "ap-r-1-al2023-irsa", "reader");
        let wanted = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Federated": provider}, "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {
                "oidc.eks.us-west-2.amazonaws.com/id/A:aud": "sts.amazonaws.com",
                "oidc.eks.us-west-2.amazonaws.com/id/A:sub": "system:serviceaccount:ap-r-1-al2023-irsa:reader",
            }},
        }]});
        assert_eq!(policy, wanted);
    }
}
