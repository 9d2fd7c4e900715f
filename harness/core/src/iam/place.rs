//! What a policy is limited to: account, region, cluster, and the user's own resources that a run uses.

use std::collections::BTreeSet;

use amiproof_model::history::Location;
use amiproof_model::matrix::{AmiSource, Matrix};

use crate::aws::partition;

/// The wildcard in an ARN.
const ANY: &str = "*";

/// What a policy is limited to; `*` for whatever is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// `aws`, `aws-cn`, ..
    pub partition: String,
    /// The region, or `*`.
    pub region: String,
    /// The account's 12 digits, or `*`.
    pub account: String,
    /// The cluster's name, or `*`.
    pub cluster: String,
    /// ARNs of the policies that the matrix adds to the nodes' role (`cluster.nodePolicies`).
    pub node_policies: Vec<String>,
    /// ARNs of the roles that the matrix names instead of amiproof's own.
    pub roles: Vec<String>,
    /// ARNs of the keys that encrypt the cluster's Secrets (`cluster.secretsKey`).
    pub keys: Vec<String>,
    /// Names of the SSM parameters that hold image ids, beside the public ones of AWS.
    pub parameters: Vec<String>,
    /// Names of the SSM parameters that name images that were built (`build.parameter`).
    pub built: Vec<String>,
    /// Where the matrix keeps its nights, if that is in S3.
    pub store: Option<Prefix>,
    /// Whether the matrix uses existing nodes, which carry no tag of a run.
    pub takes_nodes: bool,
}

/// A prefix of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix {
    bucket: String,
    prefix: String,
}

impl Prefix {
    pub(super) fn bucket_arn(&self) -> String {
        format!("arn:{{partition}}:s3:::{}", self.bucket)
    }

    pub(super) fn objects_arn(&self) -> String {
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        format!("arn:{{partition}}:s3:::{}/{}{slash}*", self.bucket, self.prefix)
    }
}

impl Default for Place {
    fn default() -> Self {
        let any = || ANY.to_owned();
        Self {
            partition: "aws".to_owned(),
            region: any(),
            account: any(),
            cluster: any(),
            node_policies: Vec::new(),
            roles: Vec::new(),
            keys: Vec::new(),
            parameters: Vec::new(),
            built: Vec::new(),
            store: None,
            takes_nodes: false,
        }
    }
}

impl Place {
    /// The cluster, region and resources that a matrix names.
    pub fn of(matrix: &Matrix) -> Self {
        let cluster = &matrix.cluster;
        let roles = [&cluster.role_arn, &cluster.node_role_arn, &cluster.windows_node_role_arn];
        let made = matrix.variants.iter().filter_map(|variant| variant.made());
        let built: BTreeSet<String> = made.clone().filter_map(|made| made.build.as_ref()?.parameter.clone()).collect();
        let mut parameters: Vec<String> = made
            .filter_map(|made| match &made.ami {
                AmiSource::SsmParameter(name) if !name.starts_with("/aws/service/") => Some(name.clone()),
                _ => None,
            })
            .collect();
        parameters.sort();
        parameters.dedup();
        Self {
            cluster: cluster.name.clone(),
            node_policies: cluster.governance.node_policies.clone(),
            roles: roles.into_iter().flatten().cloned().collect(),
            keys: cluster.governance.secrets_key.iter().cloned().collect(),
            parameters,
            built: built.into_iter().collect(),
            takes_nodes: matrix.variants.iter().any(|variant| variant.made().is_none()),
            ..Self::default()
        }
        .in_region(cluster.region.as_deref())
    }

    /// Adds the history store; a folder needs no permission.
    #[must_use]
    pub fn with_store(self, location: Option<&Location>) -> Self {
        let store = match location {
            Some(Location::S3 { bucket, prefix }) => Some(Prefix { bucket: bucket.clone(), prefix: prefix.clone() }),
            Some(Location::Folder(_)) | None => None,
        };
        Self { store, ..self }
    }

    /// Limits it to a region and its partition.
    #[must_use]
    pub fn in_region(self, region: Option<&str>) -> Self {
        let Some(region) = region else { return self };
        Self { partition: partition::of(region).name.to_owned(), region: region.to_owned(), ..self }
    }

    /// Limits it to an account.
    #[must_use]
    pub fn in_account(self, account: &str) -> Self {
        Self { account: account.to_owned(), ..self }
    }

    /// Fills the placeholders of an ARN: `arn:{partition}:eks:{region}:{account}:cluster/{cluster}`.
    pub(super) fn fill(&self, text: &str) -> String {
        let pairs = [
            ("{partition}", &self.partition),
            ("{region}", &self.region),
            ("{account}", &self.account),
            ("{cluster}", &self.cluster),
        ];
        pairs.iter().fold(text.to_owned(), |text, (key, value)| text.replace(key, value))
    }
}
