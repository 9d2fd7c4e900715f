//! IAM roles for the service accounts of a workload while it runs: a role without any permission, through EKS Pod Identity or IRSA. Only
//! the identity of the pod matters.

mod grant;
mod irsa;

use std::time::Duration;

use amiproof_model::verdict::Verdict;
use amiproof_model::workload::{Need, Workload};

pub(super) use self::grant::Rights;
use self::grant::{Grant, refused};
use crate::check::{CheckError, Decision};
use crate::context::Context;
use crate::destroy;
use crate::resource::pod_identity_association;

/// From an association to the first pod that gets its credentials: "several seconds" (EKS user guide, "EKS Pod Identity
/// considerations"). A new role takes as long to be visible to STS.
const PROPAGATION: Duration = Duration::from_secs(15);

impl Rights {
    /// Creates the roles for the service accounts of a workload.
    ///
    /// # Errors
    /// If AWS rejects a call, or the ledger cannot be written. What was created by then stays in the ledger.
    pub(super) async fn grant(context: &Context, workload: &Workload, namespace: &str) -> Result<Self, CheckError> {
        let mut rights = Self { made: Vec::new(), roles: Vec::new(), provider: None };
        for need in &workload.needs {
            let (Need::PodIdentity(account) | Need::Irsa(account)) = need else { continue };
            let Some(clients) = &context.aws else {
                return Err(CheckError::Undecided("roles need an AWS account".to_owned()));
            };
            let grant = Grant { context, clients, workload: &workload.name, namespace, account };
            match need {
                Need::Irsa(_) => irsa::grant(&grant, &mut rights).await?,
                _ => associate(&grant, &mut rights).await?,
            }
        }
        if !rights.made.is_empty() {
            amiproof_time::sleep(PROPAGATION).await;
        }
        Ok(rights)
    }

    /// Service accounts and the ARNs of the roles that they are to be annotated with.
    pub(super) fn roles(&self) -> &[(String, String)] {
        &self.roles
    }

    /// The decision, unless it is a failure because the provider that the roles trust was deleted: it may belong to another run or to a
    /// team.
    ///
    /// # Errors
    /// If it was deleted, or that cannot be determined.
    pub(super) async fn confirm(&self, context: &Context, decision: Decision) -> Result<Decision, CheckError> {
        match (&self.provider, &context.aws) {
            (Some(provider), Some(clients)) if matches!(decision.verdict, Verdict::Fail(_)) => {
                irsa::check_there(clients, provider).await.map(|()| decision)
            }
            _ => Ok(decision),
        }
    }

    /// Takes them away again, the last made first. What cannot be removed stays in the ledger, for the end of the run to try again.
    pub(super) async fn revoke(self, context: &Context) {
        let Some(clients) = &context.aws else { return };
        for created in self.made.into_iter().rev() {
            destroy::one(&context.ledger, clients, created.key).await;
        }
    }
}

/// Gives a service account its role through EKS Pod Identity.
async fn associate(grant: &Grant<'_>, rights: &mut Rights) -> Result<(), CheckError> {
    let Grant { context, clients, namespace, account, .. } = *grant;
    let variant = &context.variant.name;
    let arn = grant.role(&pod_identity_association::trust(), &mut rights.made).await?;
    let tags = grant.tags().for_variant(variant);
    let place = (grant.cluster(), namespace, account);
    let made = pod_identity_association::create(clients, &context.ledger, place, variant, &arn, &tags).await;
    rights.made.push(made.map_err(refused)?);
    Ok(())
}
