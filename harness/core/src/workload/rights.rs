//! Rights in AWS that amiproof gives to the service accounts of a workload for as long as it runs: a role without any permission,
//! handed out through EKS Pod Identity. Who the pod is then is all that matters.

use std::time::Duration;

use amiproof_model::workload::{Need, Workload};
use serde_json::json;

use crate::aws::names::{self, Tags};
use crate::aws::{Clients, pod_identity, roles};
use crate::check::CheckError;
use crate::context::Context;
use crate::destroy;
use crate::ledger::{Created, Resource, ResourceKind};

/// The service that assumes the roles (EKS user guide, "Create IAM role with trust policy required by EKS Pod Identity").
const PRINCIPAL: &str = "pods.eks.amazonaws.com";

/// From an association to the first pod that gets its credentials: "several seconds" (EKS user guide, "EKS Pod Identity
/// considerations").
const PROPAGATION: Duration = Duration::from_secs(15);

/// What was made for a workload, in the order in which it was made.
pub(super) struct Rights {
    made: Vec<Created>,
}

impl Rights {
    /// Gives the service accounts that a workload names their roles.
    ///
    /// # Errors
    /// When AWS refuses, or the ledger cannot be written. What was made by then stays in the ledger.
    pub(super) async fn grant(context: &Context, workload: &Workload, namespace: &str) -> Result<Self, CheckError> {
        let mut made = Vec::new();
        let accounts = workload.needs.iter().filter_map(|need| match need {
            Need::PodIdentity(account) => Some(account),
            _ => None,
        });
        for account in accounts {
            let Some(clients) = &context.aws else {
                return Err(CheckError::Undecided("roles need an AWS account".to_owned()));
            };
            grant_one(context, clients, workload, namespace, account, &mut made).await?;
        }
        if !made.is_empty() {
            tokio::time::sleep(context.pace.of(PROPAGATION)).await;
        }
        Ok(Self { made })
    }

    /// Takes them away again, the last made first. What cannot be removed stays in the ledger, for the end of the run to try again.
    pub(super) async fn revoke(self, context: &Context) {
        let Some(clients) = &context.aws else { return };
        for created in self.made.into_iter().rev() {
            destroy::one(&context.ledger, clients, created.key).await;
        }
    }
}

async fn grant_one(
    context: &Context,
    clients: &Clients,
    workload: &Workload,
    namespace: &str,
    account: &str,
    made: &mut Vec<Created>,
) -> Result<(), CheckError> {
    let (ledger, variant) = (&context.ledger, &context.variant.name);
    let cluster = context.matrix.cluster.name.as_str();
    let tags = Tags::of_run(context.run.clone(), ledger.header().expires).for_variant(variant);
    let name = names::workload_role(&context.run, variant, &workload.name, account);
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": PRINCIPAL}, "Action": ["sts:AssumeRole", "sts:TagSession"]}],
    });
    let doing = |error| CheckError::api("giving the workload's service account a role", error);
    let resource = Resource::new(ResourceKind::Role, &name).in_cluster(cluster).for_variant(variant);
    let role = ledger.create_resource(resource, || async {
        clients.patiently(|| roles::make(clients, &name, &trust, &[], &tags)).await.map_err(doing)
    });
    let role = role.await?;
    let arn = role.id.clone();
    made.push(role);
    let resource = Resource::new(ResourceKind::PodIdentityAssociation, format!("{namespace}/{account}"));
    let resource = resource.in_cluster(cluster).for_variant(variant);
    let association = ledger.create_resource(resource, || async {
        let associate = || pod_identity::associate(clients, cluster, namespace, account, &arn, &tags);
        clients.patiently(associate).await.map_err(doing)
    });
    made.push(association.await?);
    Ok(())
}
