//! Requirements of governed accounts for all created resources.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Requirements of an account, which amiproof applies to the resources it creates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Governance {
    /// Tags of everything that a run creates in the account, in addition to amiproof's own.
    pub tags: BTreeMap<String, String>,
    /// The ARN of the permissions boundary of every role that a run creates.
    pub permissions_boundary: Option<String>,
    /// From where the API server of a cluster that amiproof creates is reached.
    pub endpoint: Endpoint,
    /// What the control plane of a cluster that amiproof creates logs to CloudWatch; `None` if the matrix does not say: the audit log,
    /// where its log group can be removed again.
    pub logging: Option<Vec<ControlPlaneLog>>,
    /// The KMS key that Secrets of a cluster that amiproof creates are encrypted with, beside EKS's own encryption.
    pub secrets_key: Option<String>,
    /// ARNs of policies that node roles of amiproof's network stack get beside what nodes need.
    pub node_policies: Vec<String>,
}

/// From where an API server is reached. From inside of the VPC it always is: nodes are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Whether it is reached from the internet.
    pub public: bool,
    /// From which addresses of the internet; empty for all of them.
    pub public_access_cidrs: Vec<String>,
}

impl Default for Endpoint {
    fn default() -> Self {
        Self { public: true, public_access_cidrs: Vec::new() }
    }
}

/// What a control plane can log (EKS API, `LogSetup.types`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "camelCase")]
#[strum(serialize_all = "kebab-case")]
pub enum ControlPlaneLog {
    /// Requests to the API server's components.
    Api,
    /// Who did what.
    Audit,
    /// Who was let in by IAM.
    Authenticator,
    /// The controllers.
    #[strum(serialize = "controllerManager")]
    ControllerManager,
    /// The scheduler.
    Scheduler,
}

impl ControlPlaneLog {
    /// The word for it in YAML and in the API.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
