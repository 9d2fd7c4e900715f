//! What every kind of resource says about itself, and one resource of a kind that is to be deleted.

use std::collections::BTreeMap;
use std::fmt;

use amiproof_model::name::{RunId, VariantName};
use amiproof_model::report::{Foreign, Leftover};
use futures::FutureExt as _;
use futures::future::{self, BoxFuture};

use super::in_use::InUse;
use super::lookup::{Lookup, StackNetwork};
use super::outcome::{NotDeleted, Removed};
use super::owned::{Claim, Owner};
use super::reach::{Cx, Reach};
use crate::aws::names::{RUN_TAG, VARIANT_TAG};
use crate::aws::{AwsError, Clients};
use crate::iam::action::Action;
use crate::ledger::{Header, Key, ResourceKind};

/// Where resources of a kind are, and therefore what deletes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// In the account.
    Account,
    /// In an EKS cluster, outside of the Kubernetes API: deleted with it.
    Cluster,
    /// In the Kubernetes API: deleted with the cluster.
    Kubernetes,
}

/// The answer to a query by tag.
pub(crate) type Found<'a> = BoxFuture<'a, Result<Vec<Target>, AwsError>>;

/// One kind of thing that a run creates, or that others create because of a run.
///
/// An implementation is one file in [`crate::resource`] and one line in its list. The ledger, `destroy`, `sweep`, `plan` and the proof that
/// nothing is left know kinds only by this trait.
pub(crate) trait Kind: fmt::Debug + Send + Sync + 'static {
    /// Its name in the ledger and in [`Kind::after`]: `node-group`.
    fn as_str(&self) -> &'static str;

    /// Its name in lists of leftovers and progress lines.
    fn title(&self) -> &'static str;

    /// The name of several, for "could not verify that no .. are left".
    fn plural(&self) -> &'static str;

    /// Where it is.
    fn home(&self) -> Home {
        Home::Account
    }

    /// Whether runs create it themselves, through the ledger; otherwise AWS or a driver creates it because of a run.
    fn is_created_by_runs(&self) -> bool {
        true
    }

    /// Whether others may depend on it, so that `sweep` keeps it unless it could look at everything that may.
    fn is_shared(&self) -> bool {
        false
    }

    /// The names of the kinds that must be gone before it can be deleted.
    fn after(&self) -> &'static [&'static str];

    /// The names of the kinds that may exist because one of it was created: the proof that nothing is left looks for these, too.
    fn brings(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether leaked interfaces of the VPC CNI block its deletion: they keep security groups and subnets in use.
    fn is_blocked_by_interfaces(&self) -> bool {
        false
    }

    /// Whether the service returns an id on creation that is not its name and is never used again.
    fn has_unique_ids(&self) -> bool {
        false
    }

    /// How objects of it are served by the Kubernetes API if they carry the run's label: API version and kind.
    fn served_as(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// Everything in the account that matches the query; `None` for kinds that are found with what they are in.
    fn find<'a>(&'a self, lookup: &'a Lookup<'a>) -> Option<Found<'a>> {
        let _ = lookup;
        None
    }

    /// What others created in the VPC of a stack that is deleted, and would block that; `None` for kinds that do not.
    fn find_in<'a>(&'a self, clients: &'a Clients, network: &'a StackNetwork) -> Option<Found<'a>> {
        let _ = (clients, network);
        None
    }

    /// Why `sweep` keeps an expired resource; `None` if it can be deleted.
    fn reason_to_keep<'a>(
        &'a self,
        cx: Cx<'a>,
        target: &'a Target,
        in_use: &'a InUse,
    ) -> BoxFuture<'a, Result<Option<Owner>, AwsError>> {
        let _ = (cx, target, in_use);
        future::ready(Ok(None)).boxed()
    }

    /// Reads it, and deletes it if it meets the claim. One that does not exist is [`Removed::Absent`]; deleting twice is the same as once.
    fn remove<'a>(
        &'a self,
        reach: Reach<'a>,
        target: &'a Target,
        claim: &'a Claim,
    ) -> BoxFuture<'a, Result<Removed, NotDeleted>>;

    /// The IAM actions that creating, finding and deleting it needs: of `iam-policy`, `doctor` and the page of IAM policies.
    fn actions(&self) -> &'static [Action] {
        &[]
    }

    /// The one command that removes it.
    fn help(&self, target: &Target) -> String;
}

/// Something else than the run's own tag that proves ownership: its value is something that only this run created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    /// A tag of another tool, or [`VPC`].
    pub(crate) key: String,
    /// Its value: a namespace of the run, an instance of the run, the VPC of a stack of the run.
    pub(crate) value: String,
    /// The owner's tags, which it proves.
    pub(crate) tags: BTreeMap<String, String>,
}

/// The key of a proof by the VPC that something is in.
pub(super) const VPC: &str = "vpc-id";

impl Proof {
    /// The VPC of a stack.
    pub(super) fn of_network(network: &StackNetwork) -> Self {
        Self { key: VPC.to_owned(), value: network.vpc.clone(), tags: network.tags.clone() }
    }

    /// A tag of another tool whose value only this run created.
    pub(super) fn of_run(key: &str, value: &str, run: &RunId) -> Self {
        let tags = BTreeMap::from([(RUN_TAG.to_owned(), run.to_string())]);
        Self { key: key.to_owned(), value: value.to_owned(), tags }
    }
}

/// Something to delete, found in the ledger or by a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What it is.
    pub(crate) kind: &'static dyn Kind,
    /// The name of its kind, which this build may not know.
    pub(crate) kind_name: String,
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
    /// What its kind needs beside the name.
    pub(crate) attributes: BTreeMap<String, String>,
    /// Whether the service confirmed that the run created it.
    pub(crate) was_made: bool,
    /// Another proof of ownership than the run's own tag.
    pub(crate) proof: Option<Proof>,
    /// The end of every aws command about it: region and endpoint.
    pub(crate) arguments: String,
}

impl Target {
    /// A target that a query found.
    pub(super) fn found(
        kind: &'static dyn Kind,
        name: &str,
        tags: &BTreeMap<String, String>,
        clients: &Clients,
    ) -> Self {
        Self {
            kind,
            kind_name: kind.as_str().to_owned(),
            name: name.to_owned(),
            id: Some(name.to_owned()),
            cluster: None,
            variant: tags.get(VARIANT_TAG).and_then(|variant| variant.parse().ok()),
            run: tags.get(RUN_TAG).cloned(),
            key: None,
            attributes: BTreeMap::new(),
            was_made: true,
            proof: None,
            arguments: arguments(clients.region(), clients.endpoint()),
        }
    }

    /// Something in the VPC of a stack that is there only because of what was in the VPC.
    pub(super) fn in_network(kind: &'static dyn Kind, id: &str, network: &StackNetwork, clients: &Clients) -> Self {
        Self { proof: Some(Proof::of_network(network)), ..Self::found(kind, id, &network.tags, clients) }
    }

    /// The VPC of a stack that it is in.
    pub(super) fn vpc(&self) -> Option<&str> {
        self.proof.as_ref().filter(|proof| proof.key == VPC).map(|proof| proof.value.as_str())
    }

    /// An object that its label found in the cluster, served as this API version and kind.
    pub(crate) fn in_kubernetes(
        kind: &'static dyn Kind,
        (api_version, served): (&str, &str),
        name: &str,
        cluster: &str,
    ) -> Self {
        let attributes = [("apiVersion", api_version), ("kind", served)];
        Self {
            kind,
            kind_name: kind.as_str().to_owned(),
            name: name.to_owned(),
            id: None,
            cluster: Some(cluster.to_owned()),
            variant: None,
            run: None,
            key: None,
            attributes: attributes.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            was_made: true,
            proof: None,
            arguments: String::new(),
        }
    }

    /// The name of its kind in lists.
    pub fn title(&self) -> &'static str {
        self.kind.title()
    }

    /// Whether it is of this kind.
    pub fn is_a(&self, kind: &ResourceKind) -> bool {
        self.kind_name == kind.as_str()
    }

    /// The claim that it must meet before the ledger of a run can delete it.
    pub(crate) fn claim(&self, header: &Header) -> Claim {
        // After a lost answer the ledger holds the name in its place.
        let has_id = |id: &String| self.kind.has_unique_ids() && self.key.is_some() && *id != self.name;
        Claim::Run { run: header.run.clone(), id: self.id.clone().filter(has_id) }
    }

    /// Its name and cluster, for a part of an EKS cluster.
    ///
    /// # Errors
    /// If the ledger does not record which cluster it is in.
    pub(super) fn in_cluster(&self) -> Result<(&str, &str), NotDeleted> {
        let unknown = || NotDeleted::There("the ledger does not record which cluster it is in".to_owned());
        Ok((self.cluster.as_deref().filter(|cluster| !cluster.is_empty()).ok_or_else(unknown)?, &self.name))
    }

    /// Its tags, with those of the owner if something else proves it.
    pub(super) fn with_proof(&self, mut tags: BTreeMap<String, String>) -> BTreeMap<String, String> {
        if let Some(proof) = &self.proof
            && tags.get(&proof.key) == Some(&proof.value)
            && !tags.contains_key(RUN_TAG)
        {
            tags.extend(proof.tags.clone());
        }
        tags
    }

    /// The sentence about a resource of another owner under its name.
    pub(crate) fn foreign(&self, owner: &Owner) -> Foreign {
        Foreign {
            kind: self.title().to_owned(),
            id: self.name.clone(),
            owner: owner.to_string(),
            was_made: self.was_made,
        }
    }

    /// Whether a leftover is about it.
    pub(crate) fn is(&self, leftover: &Leftover) -> bool {
        leftover.kind == self.title() && leftover.id == self.name
    }

    pub(crate) fn leftover(self, reason: String) -> Leftover {
        Leftover { kind: self.title().to_owned(), help: self.help(), id: self.name, variant: self.variant, reason }
    }

    /// The one command that removes it.
    pub fn help(&self) -> String {
        self.kind.help(self)
    }

    /// `aws <command> --region ..`, for [`Kind::help`].
    pub(super) fn aws(&self, command: &str) -> String {
        format!("aws {command}{}", self.arguments)
    }
}

/// Region and endpoint as options of the aws command.
pub(super) fn arguments(region: &str, endpoint: Option<&str>) -> String {
    let region = if region.is_empty() { String::new() } else { format!(" --region {region}") };
    let endpoint = endpoint.map(|endpoint| format!(" --endpoint-url {endpoint}")).unwrap_or_default();
    format!("{region}{endpoint}")
}

impl PartialEq for dyn Kind {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for dyn Kind {}

/// What a ledger of another build names: it cannot be deleted, and is never forgotten.
#[derive(Debug)]
pub(super) struct Unknown;

impl Kind for Unknown {
    fn as_str(&self) -> &'static str {
        "unknown"
    }

    fn title(&self) -> &'static str {
        "resource of an unknown kind"
    }

    fn plural(&self) -> &'static str {
        "resources of an unknown kind"
    }

    fn after(&self) -> &'static [&'static str] {
        &[]
    }

    fn remove<'a>(
        &'a self,
        _reach: Reach<'a>,
        target: &'a Target,
        _claim: &'a Claim,
    ) -> BoxFuture<'a, Result<Removed, NotDeleted>> {
        let name = &target.kind_name;
        let why = format!("this amiproof does not know resources of kind {name}: use the one that created it");
        future::ready(Err(NotDeleted::There(why))).boxed()
    }

    fn help(&self, target: &Target) -> String {
        format!("amiproof destroy, of the version that created {} {}", target.kind_name, target.name)
    }
}
