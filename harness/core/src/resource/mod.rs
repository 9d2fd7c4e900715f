//! Everything that a run creates, and everything that others create because of a run: one file per kind, one line each in `ALL`.
//!
//! A file says how its kind is created, found after a lost answer or by tag, recognised as the run's, deleted and proven gone, what must be
//! deleted before it, and the command that removes a leftover. The ledger, `destroy`, `sweep`, `plan` and the proof that nothing is left
//! are loops over the list.
//!
//! # Guarantees
//! * Nothing is deleted that a live read did not show to be the run's (`owned`), whatever its name.
//! * Nothing is created before its entry is in the ledger: no other folder has a call that creates.

pub mod access_entry;
pub mod addon;
pub mod cis_scan_configuration;
pub mod cluster;
pub mod config_map_change;
pub mod instance;
pub mod launch_template;
pub mod load_balancer;
pub mod log_group;
pub mod namespace;
pub mod network_interface;
pub mod node_change;
pub mod node_group;
pub mod object;
pub mod oidc_provider;
pub mod pod_identity_association;
pub mod role;
pub mod security_group;
pub mod stack;
pub mod storage_class;
pub mod volume;
pub mod vpc_endpoint;

pub(crate) mod in_use;
mod kept_clusters;
pub(crate) mod kind;
mod kubernetes;
pub(crate) mod lookup;
pub(crate) mod outcome;
pub(crate) mod owned;
pub(crate) mod query;
pub(crate) mod reach;
mod removal;
mod vpc;

pub use self::kind::Target;
pub(crate) use self::kind::{Home, Kind};
pub use self::outcome::NotCreated;
pub use self::reach::Deadlines;
use crate::ledger::{Entry, Header, ResourceKind, State};

/// Every kind.
pub(crate) static ALL: &[&dyn Kind] = &[
    &access_entry::EksAccessEntry,
    &addon::EksAddon,
    &cis_scan_configuration::CisScanConfiguration,
    &cluster::EksCluster,
    &config_map_change::ConfigMapChange,
    &instance::Ec2Instance,
    &launch_template::Ec2LaunchTemplate,
    &load_balancer::ServiceLoadBalancer,
    &log_group::ControlPlaneLogGroup,
    &namespace::RunNamespace,
    &network_interface::Ec2NetworkInterface,
    &node_change::NodeChange,
    &node_group::EksNodeGroup,
    &object::ClusterObject,
    &oidc_provider::IamOidcProvider,
    &pod_identity_association::EksPodIdentityAssociation,
    &role::IamRole,
    &security_group::Ec2SecurityGroup,
    &stack::CloudFormationStack,
    &storage_class::RunStorageClass,
    &volume::EbsVolume,
    &vpc_endpoint::GuardDutyEndpoint,
];

/// The names of the kinds that runs create themselves, through the ledger.
pub fn created_by_runs() -> Vec<&'static str> {
    ALL.iter().filter(|kind| kind.is_created_by_runs()).map(|kind| kind.as_str()).collect()
}

/// The kind of a name; `None` if this build does not know it.
pub(crate) fn named(name: &str) -> Option<&'static dyn Kind> {
    ALL.iter().copied().find(|kind| kind.as_str() == name)
}

/// The kind of an entry; [`kind::Unknown`] if this build does not know it.
pub(crate) fn of(kind: &ResourceKind) -> &'static dyn Kind {
    named(kind.as_str()).unwrap_or(&kind::Unknown)
}

impl Target {
    /// What an entry of the ledger is about.
    pub(crate) fn of_entry(entry: &Entry, header: &Header) -> Self {
        let resource = &entry.resource;
        Self {
            kind: of(&resource.kind),
            kind_name: resource.kind.to_string(),
            name: resource.name.clone(),
            id: entry.id.clone(),
            cluster: resource.cluster.clone(),
            variant: resource.variant.clone(),
            run: Some(header.run.to_string()),
            key: Some(entry.key),
            attributes: resource.attributes.clone(),
            was_made: entry.id.is_some() && entry.state != State::Planned,
            proof: None,
            arguments: kind::arguments(&header.region, header.endpoint.as_deref()),
        }
    }
}

/// The name of a kind in lists: `EKS cluster`.
pub fn title(kind: &ResourceKind) -> &'static str {
    of(kind).title()
}

/// Whether resources of a kind are objects in the Kubernetes API, which cost nothing and disappear with their cluster.
pub fn is_kubernetes(kind: &ResourceKind) -> bool {
    of(kind).home() == Home::Kubernetes
}

/// The position of a kind in the order of deletion: users first, then what they use. Kinds of one position are deleted at the same time.
pub(crate) fn position(kind: &dyn Kind) -> usize {
    fn depth(kind: &dyn Kind, within: usize) -> usize {
        // A test rules out cycles. The limit only keeps this from running forever if there is one anyway.
        let Some(within) = within.checked_sub(1) else { return 0 };
        let before = kind.after().iter().filter_map(|name| named(name));
        before.map(|before| 1 + depth(before, within)).max().unwrap_or(0)
    }
    depth(kind, ALL.len())
}

#[cfg(test)]
mod tests;
