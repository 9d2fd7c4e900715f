//! Something to delete, found in the ledger or by a tag.

use std::collections::BTreeMap;

use amiproof_model::name::VariantName;
use amiproof_model::report::{Foreign, Leftover};

use super::owned::{Claim, Owner};
use crate::aws::names::RUN_TAG;
use crate::ledger::{ConfigMapKey, Entry, Header, Key, ObjectRef, ResourceKind, State};

/// A kind of resource that can be left behind: created by runs, or by AWS for them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Created by runs themselves.
    Ledgered(ResourceKind),
    /// An EC2 instance of a node group.
    Instance,
    /// An EBS volume, of an instance or of a persistent volume claim.
    Volume,
    /// A network interface, of an instance or of the VPC CNI.
    NetworkInterface,
    /// A security group outside of the stack.
    SecurityGroup,
}

impl Kind {
    /// Its name in lists of leftovers.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Ledgered(kind) => kind.as_str(),
            Self::Instance => "EC2 instance",
            Self::Volume => "EBS volume",
            Self::NetworkInterface => "network interface",
            Self::SecurityGroup => "security group",
        }
    }
}

/// A tag of another tool that proves ownership as well as the run's own: its value is something that only this run created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Proof {
    /// The tag.
    pub(super) key: String,
    /// Its value: a namespace of the run, an instance of the run.
    pub(super) value: String,
    /// The run.
    pub(super) run: String,
}

/// Something to delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What it is.
    pub kind: Kind,
    /// Its name, or its id if it has no name.
    pub name: String,
    /// Its id, if known.
    pub id: Option<String>,
    /// The cluster that it belongs to.
    pub cluster: Option<String>,
    /// The variant that it was created for.
    pub variant: Option<VariantName>,
    /// The run that created it, by its tag.
    pub run: Option<String>,
    /// Its entry in the ledger.
    pub key: Option<Key>,
    /// Whether the service confirmed that the run created it.
    pub(super) was_made: bool,
    /// Another proof of ownership than the run's own tag.
    pub(super) proof: Option<Proof>,
    /// The end of every aws command about it: region and endpoint.
    pub(super) arguments: String,
}

impl Target {
    /// A target that a query found.
    pub(super) fn found(kind: Kind, name: &str, clients: &crate::aws::Clients) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            id: Some(name.to_owned()),
            cluster: None,
            variant: None,
            run: None,
            key: None,
            was_made: true,
            proof: None,
            arguments: arguments(clients.region(), clients.endpoint()),
        }
    }

    /// An object that its label found in the cluster.
    pub(super) fn in_kubernetes(kind: ResourceKind, name: &str, cluster: &str) -> Self {
        Self {
            kind: Kind::Ledgered(kind),
            name: name.to_owned(),
            id: None,
            cluster: Some(cluster.to_owned()),
            variant: None,
            run: None,
            key: None,
            was_made: true,
            proof: None,
            arguments: String::new(),
        }
    }

    /// What an entry of the ledger is about.
    pub(crate) fn of_entry(entry: &Entry, header: &Header) -> Self {
        let resource = &entry.resource;
        Self {
            kind: Kind::Ledgered(resource.kind.clone()),
            name: resource.name.clone(),
            id: entry.id.clone(),
            cluster: resource.cluster.clone(),
            variant: resource.variant.clone(),
            run: Some(header.run.to_string()),
            key: Some(entry.key),
            was_made: entry.id.is_some() && entry.state != State::Planned,
            proof: None,
            arguments: arguments(&header.region, header.endpoint.as_deref()),
        }
    }

    /// The claim that it must meet before the ledger of a run can delete it.
    pub(super) fn claim(&self, header: &Header) -> Claim {
        let has_own_ids = matches!(
            self.kind,
            Kind::Ledgered(
                ResourceKind::Stack
                    | ResourceKind::NodeGroup
                    | ResourceKind::LaunchTemplate
                    | ResourceKind::Addon
                    | ResourceKind::AccessEntry
                    | ResourceKind::PodIdentityAssociation
                    | ResourceKind::CisScanConfiguration
            )
        );
        // After a lost answer the ledger holds the name in its place.
        let id = self.id.clone().filter(|id| has_own_ids && self.key.is_some() && *id != self.name);
        Claim::Run { run: header.run.clone(), id }
    }

    /// Its tags, with that of the run if another tag proves it.
    pub(super) fn with_proof(&self, mut tags: BTreeMap<String, String>) -> BTreeMap<String, String> {
        if let Some(Proof { key, value, run }) = &self.proof
            && tags.get(key) == Some(value)
        {
            tags.entry(RUN_TAG.to_owned()).or_insert_with(|| run.clone());
        }
        tags
    }

    /// The sentence about a resource of another owner under its name.
    pub(super) fn foreign(&self, owner: &Owner) -> Foreign {
        Foreign {
            kind: self.kind.as_str().to_owned(),
            id: self.name.clone(),
            owner: owner.to_string(),
            was_made: self.was_made,
        }
    }

    /// Whether a leftover is about it.
    pub(super) fn is(&self, leftover: &Leftover) -> bool {
        leftover.kind == self.kind.as_str() && leftover.id == self.name
    }

    pub(crate) fn leftover(self, reason: String) -> Leftover {
        Leftover {
            kind: self.kind.as_str().to_owned(),
            help: self.help(),
            id: self.name,
            variant: self.variant,
            reason,
        }
    }

    /// The one command that removes it.
    pub fn help(&self) -> String {
        let Self { name, arguments, .. } = self;
        let cluster = self.cluster.as_deref().unwrap_or_default();
        let Kind::Ledgered(kind) = &self.kind else {
            return match self.kind {
                Kind::Instance => format!("aws ec2 terminate-instances --instance-ids {name}{arguments}"),
                Kind::Volume => format!("aws ec2 delete-volume --volume-id {name}{arguments}"),
                Kind::SecurityGroup => format!("aws ec2 delete-security-group --group-id {name}{arguments}"),
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
            ResourceKind::ConfigMapKey(ConfigMapKey { namespace, key, before, .. }) => {
                let before = before.as_ref().map_or_else(|| "null".to_owned(), |text| format!("{text:?}"));
                format!(
                    "kubectl -n {namespace} patch configmap {name} --type merge -p '{{\"data\":{{\"{key}\":{before}}}}}'"
                )
            }
            ResourceKind::KubernetesObject(ObjectRef { kind, namespace, .. }) => {
                let namespace = namespace.as_ref().map(|namespace| format!(" -n {namespace}")).unwrap_or_default();
                format!("kubectl delete{namespace} {} {name}", kind.to_ascii_lowercase())
            }
        }
    }
}

fn arguments(region: &str, endpoint: Option<&str>) -> String {
    let region = if region.is_empty() { String::new() } else { format!(" --region {region}") };
    let endpoint = endpoint.map(|endpoint| format!(" --endpoint-url {endpoint}")).unwrap_or_default();
    format!("{region}{endpoint}")
}
