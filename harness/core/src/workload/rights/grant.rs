//! The AWS resources for one service account.

use serde_json::Value;

use crate::aws::names::Tags;
use crate::aws::{Clients, names};
use crate::check::CheckError;
use crate::context::Context;
use crate::ledger::{Created, Resource};
use crate::resource::{NotCreated, role};

/// The resources created for a workload, in order of creation.
pub(in crate::workload) struct Rights {
    pub(super) made: Vec<Created>,
    /// Service accounts and the ARNs of the roles that they are to be annotated with.
    pub(super) roles: Vec<(String, String)>,
    /// The OpenID Connect provider that roles trust.
    pub(super) provider: Option<String>,
}

/// How a service account gets its role.
pub(super) struct Grant<'a> {
    pub(super) context: &'a Context,
    pub(super) clients: &'a Clients,
    pub(super) workload: &'a str,
    pub(super) namespace: &'a str,
    pub(super) account: &'a str,
}

impl Grant<'_> {
    pub(super) fn tags(&self) -> Tags {
        let tags = Tags::of_run(self.context.run.clone(), self.context.ledger.header().expires);
        tags.with(&self.context.matrix.cluster.governance.tags)
    }

    /// Creates the account's role, which may do nothing; its ARN.
    pub(super) async fn role(&self, trust: &Value, made: &mut Vec<Created>) -> Result<String, CheckError> {
        let (ledger, variant) = (&self.context.ledger, &self.context.variant.name);
        let tags = self.tags().for_variant(variant);
        let boundary = self.context.matrix.cluster.governance.permissions_boundary.as_deref();
        let name = names::workload_role(&self.context.run, variant, self.workload, self.account);
        let resource = Resource::new(role::KIND, name).in_cluster(self.cluster()).for_variant(variant);
        let role = role::create(self.clients, ledger, resource, trust, &[], boundary, &tags).await.map_err(refused)?;
        let arn = role.id.clone();
        made.push(role);
        Ok(arn)
    }

    pub(super) fn cluster(&self) -> &str {
        self.context.matrix.cluster.name.as_str()
    }
}

pub(super) fn refused(error: impl Into<NotCreated>) -> CheckError {
    match error.into() {
        NotCreated::Aws(error) => CheckError::api("giving the workload's service account a role", error),
        NotCreated::Ledger(error) => error.into(),
    }
}
