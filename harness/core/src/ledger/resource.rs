//! What a run can make: a closed list, because destroy must know how to find and remove each.

use std::collections::BTreeMap;

use amiproof_model::name::VariantName;
use serde::{Deserialize, Serialize};

/// A kind of resource that a run makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResourceKind {
    /// A CloudFormation stack with network and roles.
    Stack,
    /// An EKS cluster.
    Cluster,
    /// An IAM role outside the stack.
    Role,
    /// An EC2 launch template.
    LaunchTemplate,
    /// An EKS managed node group.
    NodeGroup,
    /// An EKS add-on.
    Addon,
    /// An EKS Pod Identity association; its name is `namespace/service account`.
    PodIdentityAssociation,
    /// An IAM OpenID Connect provider of a cluster; its name is the issuer without `https://`, its id the ARN.
    OidcProvider,
    /// An EKS access entry; its name is the principal's ARN.
    AccessEntry,
    /// An Inspector CIS scan configuration; its id is the ARN.
    CisScanConfiguration,
    /// A Kubernetes namespace, and with it everything inside.
    Namespace,
    /// A Kubernetes storage class.
    StorageClass,
    /// A change of a config map that was there before; attributes `namespace`, `key` and, where there was one, `before`.
    ConfigMapChange,
    /// Any other Kubernetes object outside the run's namespaces; attributes `apiVersion`, `kind` and, for a namespaced one,
    /// `namespace`.
    KubernetesObject,
}

impl ResourceKind {
    /// The word for it, as leftovers and progress lines write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stack => "CloudFormation stack",
            Self::Cluster => "EKS cluster",
            Self::Role => "IAM role",
            Self::LaunchTemplate => "launch template",
            Self::NodeGroup => "node group",
            Self::Addon => "EKS add-on",
            Self::PodIdentityAssociation => "EKS Pod Identity association",
            Self::OidcProvider => "IAM OpenID Connect provider",
            Self::AccessEntry => "EKS access entry",
            Self::CisScanConfiguration => "Inspector CIS scan configuration",
            Self::Namespace => "namespace",
            Self::StorageClass => "storage class",
            Self::ConfigMapChange => "config map change",
            Self::KubernetesObject => "Kubernetes object",
        }
    }

    /// Whether it lives in the cluster's API, and so goes when the cluster goes.
    pub fn is_kubernetes(self) -> bool {
        matches!(self, Self::Namespace | Self::StorageClass | Self::ConfigMapChange | Self::KubernetesObject)
    }
}

/// A resource as it is planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// What it is.
    pub kind: ResourceKind,
    /// Its name, which run and variant alone decide.
    pub name: String,
    /// The AWS region; empty for a Kubernetes object.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// The cluster that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The variant that it is made for; `None` for what all variants share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<VariantName>,
    /// What else destroy needs to find or remove it; see the kinds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

impl Resource {
    /// A resource with only kind and name.
    pub fn new(kind: ResourceKind, name: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
            region: String::new(),
            cluster: None,
            variant: None,
            attributes: BTreeMap::new(),
        }
    }

    /// The same in a region.
    #[must_use]
    pub fn in_region(mut self, region: impl Into<String>) -> Self {
        self.region = region.into();
        self
    }

    /// The same in a cluster.
    #[must_use]
    pub fn in_cluster(mut self, cluster: impl Into<String>) -> Self {
        self.cluster = Some(cluster.into());
        self
    }

    /// The same for a variant.
    #[must_use]
    pub fn for_variant(mut self, variant: &VariantName) -> Self {
        self.variant = Some(variant.clone());
        self
    }

    /// The same with an attribute.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.attributes.insert(name.to_owned(), value.into());
        self
    }
}
