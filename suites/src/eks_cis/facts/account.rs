//! The account behind the cluster, as far as questions look.

use std::collections::BTreeMap;

use amiproof_core::aws::access::Association;
use amiproof_core::aws::control_plane::{AddonVersion, ControlPlane, FargateProfile};
use amiproof_core::aws::load_balancers::LoadBalancer;
use amiproof_core::aws::node_roles::RolePolicies;
use amiproof_core::aws::registry::{Repository, Scanning};

use super::seen::Reading;

/// What is read about a cluster from its account. Each part may be unreadable on its own, because each needs its own permission.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    /// The account, 12 digits.
    pub(crate) id: Reading<String>,
    /// The region.
    pub(crate) region: String,
    /// The cluster's settings.
    pub(crate) control_plane: Reading<ControlPlane>,
    /// OpenID Connect providers beside IAM.
    pub(crate) identity_providers: Reading<Vec<String>>,
    /// Fargate profiles.
    pub(crate) fargate: Reading<Vec<FargateProfile>>,
    /// Versions of the VPC CNI that EKS offers for the cluster.
    pub(crate) cni_versions: Reading<Vec<AddonVersion>>,
    /// Principals of access entries.
    pub(crate) principals: Reading<Vec<String>>,
    /// What they may do by access policies.
    pub(crate) associations: Reading<Vec<Association>>,
    /// The ARN of the caller.
    pub(crate) caller: Reading<String>,
    /// Roles of nodes, by ARN.
    pub(crate) node_roles: Reading<BTreeMap<String, NodeRole>>,
    /// Public addresses of instances, by instance id.
    pub(crate) public_addresses: Reading<BTreeMap<String, String>>,
    /// Subnets of node groups that assign public addresses.
    pub(crate) public_subnets: Reading<Vec<String>>,
    /// How the registry scans.
    pub(crate) scanning: Reading<Scanning>,
    /// Repositories of the registry.
    pub(crate) repositories: Reading<Vec<Repository>>,
    /// Policies of those repositories whose images run in the cluster; `None` for one without.
    pub(crate) repository_policies: Reading<BTreeMap<String, Option<String>>>,
    /// The cluster's load balancers.
    pub(crate) load_balancers: Reading<Vec<LoadBalancer>>,
}

/// The role of nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeRole {
    /// The node groups whose nodes have it.
    pub(crate) groups: Vec<String>,
    /// Its policies.
    pub(crate) policies: Reading<RolePolicies>,
    /// The actions that change the registry and that it may call.
    pub(crate) may_change_registry: Reading<Vec<String>>,
}

/// The actions that put an image into the registry, take one away, or change who may (service authorization reference, ECR).
pub(crate) const REGISTRY_CHANGES: [&str; 6] = [
    "ecr:PutImage",
    "ecr:CompleteLayerUpload",
    "ecr:BatchDeleteImage",
    "ecr:CreateRepository",
    "ecr:DeleteRepository",
    "ecr:SetRepositoryPolicy",
];
