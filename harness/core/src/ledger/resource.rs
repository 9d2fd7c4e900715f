//! What a run can create: a closed list, because `destroy` must know how to find, recognise and delete each.

use std::collections::BTreeMap;

use amiproof_model::name::VariantName;
use serde::{Deserialize, Serialize};

/// A kind of resource that a run creates. A kind that needs more than a name to be undone carries it, so that no entry can lack it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceKind {
    /// A CloudFormation stack with network and roles; its id is the StackId.
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
    /// A changed key of a config map that was there before; the entry's name is that of the config map.
    ConfigMapKey(ConfigMapKey),
    /// Any other Kubernetes object outside the run's namespaces.
    KubernetesObject(ObjectRef),
}

/// What is needed to undo the change of a ConfigMap: its place, what the run wrote, and the previous value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigMapKey {
    /// The config map's namespace.
    pub namespace: String,
    /// The key in `data`.
    pub key: String,
    /// What the run wrote: nothing else is ever undone.
    pub value: String,
    /// The previous value; `None` if the key did not exist.
    pub before: Option<String>,
}

/// How an object is served.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectRef {
    /// `rbac.authorization.k8s.io/v1`.
    pub api_version: String,
    /// `ClusterRole`.
    pub kind: String,
    /// `None` for a cluster-wide kind.
    pub namespace: Option<String>,
}

impl ResourceKind {
    /// Its name in lists of leftovers and progress lines.
    pub fn as_str(&self) -> &'static str {
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
            Self::ConfigMapKey(_) => "config map change",
            Self::KubernetesObject(_) => "Kubernetes object",
        }
    }

    /// Whether it is an object in the cluster, and so is deleted with it.
    pub fn is_kubernetes(&self) -> bool {
        matches!(self, Self::Namespace | Self::StorageClass | Self::ConfigMapKey(_) | Self::KubernetesObject(_))
    }

    /// Whether it is part of an EKS cluster, outside of the Kubernetes API, and so is deleted with it.
    pub fn is_in_cluster(&self) -> bool {
        matches!(self, Self::Addon | Self::AccessEntry | Self::PodIdentityAssociation)
    }
}

/// A planned resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Line", into = "Line")]
pub struct Resource {
    /// What it is.
    pub kind: ResourceKind,
    /// Its name, which run and variant alone decide.
    pub name: String,
    /// The AWS region; empty for a Kubernetes object.
    pub region: String,
    /// The cluster that it belongs to.
    pub cluster: Option<String>,
    /// The variant that it is created for; `None` for shared resources.
    pub variant: Option<VariantName>,
}

impl Resource {
    /// A resource with only kind and name.
    pub fn new(kind: ResourceKind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into(), region: String::new(), cluster: None, variant: None }
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
}

/// The name of a kind in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    Stack,
    Cluster,
    Role,
    LaunchTemplate,
    NodeGroup,
    Addon,
    PodIdentityAssociation,
    OidcProvider,
    AccessEntry,
    CisScanConfiguration,
    Namespace,
    StorageClass,
    ConfigMapChange,
    KubernetesObject,
}

/// A resource as the file writes it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    kind: Word,
    name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    region: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cluster: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    variant: Option<VariantName>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<String, String>,
}

impl TryFrom<Line> for Resource {
    type Error = String;

    fn try_from(line: Line) -> Result<Self, String> {
        let Line { kind, name, region, cluster, variant, mut attributes } = line;
        let mut needed = |key: &str| {
            let missing = || format!("the entry of {name} has no {key}, so it cannot be undone");
            attributes.remove(key).filter(|text| !text.is_empty()).ok_or_else(missing)
        };
        let kind = match kind {
            Word::Stack => ResourceKind::Stack,
            Word::Cluster => ResourceKind::Cluster,
            Word::Role => ResourceKind::Role,
            Word::LaunchTemplate => ResourceKind::LaunchTemplate,
            Word::NodeGroup => ResourceKind::NodeGroup,
            Word::Addon => ResourceKind::Addon,
            Word::PodIdentityAssociation => ResourceKind::PodIdentityAssociation,
            Word::OidcProvider => ResourceKind::OidcProvider,
            Word::AccessEntry => ResourceKind::AccessEntry,
            Word::CisScanConfiguration => ResourceKind::CisScanConfiguration,
            Word::Namespace => ResourceKind::Namespace,
            Word::StorageClass => ResourceKind::StorageClass,
            Word::ConfigMapChange => {
                let (namespace, key) = (needed("namespace")?, needed("key")?);
                let value = needed("value")?;
                ResourceKind::ConfigMapKey(ConfigMapKey { namespace, key, value, before: attributes.remove("before") })
            }
            Word::KubernetesObject => {
                let (api_version, kind) = (needed("apiVersion")?, needed("kind")?);
                ResourceKind::KubernetesObject(ObjectRef {
                    api_version,
                    kind,
                    namespace: attributes.remove("namespace"),
                })
            }
        };
        Ok(Self { kind, name, region, cluster, variant })
    }
}

impl From<Resource> for Line {
    fn from(resource: Resource) -> Self {
        let mut attributes = BTreeMap::new();
        let mut note = |key: &str, value: String| {
            attributes.insert(key.to_owned(), value);
        };
        let kind = match resource.kind {
            ResourceKind::Stack => Word::Stack,
            ResourceKind::Cluster => Word::Cluster,
            ResourceKind::Role => Word::Role,
            ResourceKind::LaunchTemplate => Word::LaunchTemplate,
            ResourceKind::NodeGroup => Word::NodeGroup,
            ResourceKind::Addon => Word::Addon,
            ResourceKind::PodIdentityAssociation => Word::PodIdentityAssociation,
            ResourceKind::OidcProvider => Word::OidcProvider,
            ResourceKind::AccessEntry => Word::AccessEntry,
            ResourceKind::CisScanConfiguration => Word::CisScanConfiguration,
            ResourceKind::Namespace => Word::Namespace,
            ResourceKind::StorageClass => Word::StorageClass,
            ResourceKind::ConfigMapKey(change) => {
                note("namespace", change.namespace);
                note("key", change.key);
                note("value", change.value);
                if let Some(before) = change.before {
                    note("before", before);
                }
                Word::ConfigMapChange
            }
            ResourceKind::KubernetesObject(object) => {
                note("apiVersion", object.api_version);
                note("kind", object.kind);
                if let Some(namespace) = object.namespace {
                    note("namespace", namespace);
                }
                Word::KubernetesObject
            }
        };
        Self {
            kind,
            name: resource.name,
            region: resource.region,
            cluster: resource.cluster,
            variant: resource.variant,
            attributes,
        }
    }
}
