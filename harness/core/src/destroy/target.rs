//! Something to be removed, whether the ledger or a tag says so.

use std::collections::BTreeMap;

use amiproof_model::name::{RunId, VariantName};
use amiproof_model::report::Leftover;

use crate::ledger::{Entry, Header, Key, ResourceKind, State};

/// A kind of thing that can be left behind: what runs make, and what AWS makes in their name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// What runs make themselves.
    Ledgered(ResourceKind),
    /// An EC2 instance of a node group.
    Instance,
    /// An EBS volume, of an instance or of a persistent volume claim.
    Volume,
    /// A network interface, of an instance or of the VPC CNI.
    NetworkInterface,
}

impl Kind {
    /// The word for it, as leftovers write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ledgered(kind) => kind.word(),
            Self::Instance => "EC2 instance",
            Self::Volume => "EBS volume",
            Self::NetworkInterface => "network interface",
        }
    }
}

/// Something to be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What it is.
    pub kind: Kind,
    /// Its name; for what has none its id.
    pub name: String,
    /// Its id, where it is known.
    pub id: Option<String>,
    /// The cluster that it belongs to.
    pub cluster: Option<String>,
    /// The variant that it was made for.
    pub variant: Option<VariantName>,
    /// The run that it must be of: for what was planned but never confirmed, and for what others of the account live on, so that a thing
    /// of the same name that somebody else made is left alone.
    pub must_be_of: Option<RunId>,
    /// Its entry in the ledger.
    pub key: Option<Key>,
    /// See [`ResourceKind`].
    pub attributes: BTreeMap<String, String>,
    /// The end of every aws command about it: region and endpoint.
    pub(super) arguments: String,
}

impl Target {
    /// A target that a tag query found.
    pub(super) fn found(kind: Kind, name: &str, clients: &crate::aws::Clients) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            id: Some(name.to_owned()),
            cluster: None,
            variant: None,
            must_be_of: None,
            key: None,
            attributes: BTreeMap::new(),
            arguments: arguments(clients.region(), clients.endpoint()),
        }
    }

    /// What an entry of the ledger is about.
    pub(crate) fn of_entry(entry: &Entry, header: &Header) -> Self {
        let resource = &entry.resource;
        Self {
            kind: Kind::Ledgered(resource.kind),
            name: resource.name.clone(),
            id: entry.id.clone(),
            cluster: resource.cluster.clone(),
            variant: resource.variant.clone(),
            must_be_of: (entry.state == State::Planned || resource.kind == ResourceKind::OidcProvider)
                .then(|| header.run.clone()),
            key: Some(entry.key),
            attributes: resource.attributes.clone(),
            arguments: arguments(&header.region, header.endpoint.as_deref()),
        }
    }

    /// Whether a leftover is about it.
    pub(super) fn is(&self, leftover: &Leftover) -> bool {
        leftover.kind == self.kind.word() && leftover.id == self.name
    }

    pub(crate) fn leftover(self, reason: String) -> Leftover {
        Leftover { kind: self.kind.word().to_owned(), mend: self.mend(), id: self.name, variant: self.variant, reason }
    }

    pub(super) fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }

    /// The one command that removes it.
    pub fn mend(&self) -> String {
        let Self { name, arguments, .. } = self;
        let cluster = self.cluster.as_deref().unwrap_or_default();
        let Kind::Ledgered(kind) = self.kind else {
            return match self.kind {
                Kind::Instance => format!("aws ec2 terminate-instances --instance-ids {name}{arguments}"),
                Kind::Volume => format!("aws ec2 delete-volume --volume-id {name}{arguments}"),
                _ => format!("aws ec2 delete-network-interface --network-interface-id {name}{arguments}"),
            };
        };
        match kind {
            ResourceKind::Stack => format!("aws cloudformation delete-stack --stack-name {name}{arguments}"),
            ResourceKind::Cluster => format!("aws eks delete-cluster --name {name}{arguments}"),
            ResourceKind::Role => format!("aws iam delete-role --role-name {name}{arguments}"),
            ResourceKind::LaunchTemplate => {
                format!("aws ec2 delete-launch-template --launch-template-name {name}{arguments}")
            }
            ResourceKind::NodeGroup => {
                format!("aws eks delete-nodegroup --cluster-name {cluster} --nodegroup-name {name}{arguments}")
            }
            ResourceKind::Addon => {
                format!("aws eks delete-addon --cluster-name {cluster} --addon-name {name}{arguments}")
            }
            ResourceKind::AccessEntry => {
                format!("aws eks delete-access-entry --cluster-name {cluster} --principal-arn {name}{arguments}")
            }
            ResourceKind::PodIdentityAssociation => {
                let (namespace, account) = name.split_once('/').unwrap_or((name, "default"));
                format!(
                    "aws eks list-pod-identity-associations --cluster-name {cluster} --namespace {namespace} \
                     --service-account {account}{arguments}"
                )
            }
            ResourceKind::OidcProvider => match &self.id {
                Some(arn) => {
                    format!("aws iam delete-open-id-connect-provider --open-id-connect-provider-arn {arn}{arguments}")
                }
                None => format!("aws iam list-open-id-connect-providers{arguments}"),
            },
            ResourceKind::CisScanConfiguration => match &self.id {
                Some(arn) => {
                    format!("aws inspector2 delete-cis-scan-configuration --scan-configuration-arn {arn}{arguments}")
                }
                None => format!(
                    "aws inspector2 list-cis-scan-configurations --filter-criteria \
                     'scanNameFilters=[{{comparison=EQUALS,value={name}}}]'{arguments}"
                ),
            },
            ResourceKind::Namespace => format!("kubectl delete namespace {name}"),
            ResourceKind::StorageClass => format!("kubectl delete storageclass {name}"),
            ResourceKind::ConfigMapChange => {
                let (namespace, key) = (self.attribute("namespace"), self.attribute("key"));
                let before =
                    self.attributes.get("before").map_or_else(|| "null".to_owned(), |text| format!("{text:?}"));
                format!(
                    "kubectl -n {namespace} patch configmap {name} --type merge -p '{{\"data\":{{\"{key}\":{before}}}}}'"
                )
            }
            ResourceKind::KubernetesObject => {
                let namespace = self.attribute("namespace");
                let namespace = if namespace.is_empty() { String::new() } else { format!(" -n {namespace}") };
                format!("kubectl delete{namespace} {} {name}", self.attribute("kind").to_ascii_lowercase())
            }
        }
    }
}

fn arguments(region: &str, endpoint: Option<&str>) -> String {
    let region = if region.is_empty() { String::new() } else { format!(" --region {region}") };
    let endpoint = endpoint.map(|endpoint| format!(" --endpoint-url {endpoint}")).unwrap_or_default();
    format!("{region}{endpoint}")
}
