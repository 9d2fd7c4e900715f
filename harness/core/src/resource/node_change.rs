//! A setting that a run changed on a running node, and puts back: by a script that is in the ledger before the change is made.
//!
//! # Guarantees
//! * The node is recognised by the UID of its Node object, which is never used again: another node of its name is not touched.
//! * Both scripts may run any number of times, so a lost answer is asked for again, and `destroy` undoes the changes of
//!   a killed run.

use std::time::Duration;

use amiproof_model::matrix::Family;
use amiproof_model::report::{NodeRecord, Subject};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::kind::{Home, Kind, Target};
use super::kubernetes::{bounded, unread};
use super::outcome::{NotDeleted, Removed};
use super::owned::Claim;
use super::reach::{Deadlines, Reach};
use super::removal::needed;
use crate::aws::Clients;
use crate::cluster::Access;
use crate::cluster::check_namespace::Place;
use crate::cluster::nodes;
use crate::ledger::{self, Created, Ledger, Resource, ResourceKind};
use crate::probe::{self, Hosts, Output};

/// Its name in the ledger. The name of an entry is that of the node.
pub const KIND: ResourceKind = ResourceKind::new(NAME);
const NAME: &str = "node-change";

/// Deadline for a script that changes settings, which also waits two minutes for one that is still applying.
const DEADLINE: Duration = Duration::from_secs(300);

/// What each unit that it restarts takes more: one that does not stop is killed after 90 s (systemd, DefaultTimeoutStopSec), and is looked at 10
/// s later.
const RESTART: Duration = Duration::from_secs(100);

/// How a unit is restarted.
const RESTARTS: &str = "systemctl restart ";

fn deadline(script: &str) -> Duration {
    let restarts = u32::try_from(script.matches(RESTARTS).count()).unwrap_or(u32::MAX);
    DEADLINE.saturating_add(RESTART.saturating_mul(restarts))
}

#[derive(Debug)]
pub(super) struct NodeChange;

impl Kind for NodeChange {
    fn as_str(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "change on node"
    }

    fn plural(&self) -> &'static str {
        "changes on nodes"
    }

    fn home(&self) -> Home {
        Home::Kubernetes
    }

    fn after(&self) -> &'static [&'static str] {
        &[]
    }

    fn remove<'a>(
        &'a self,
        reach: Reach<'a>,
        target: &'a Target,
        _claim: &'a Claim,
    ) -> BoxFuture<'a, Result<Removed, NotDeleted>> {
        bounded(reach, put_back(reach, target)).boxed()
    }

    fn help(&self, target: &Target) -> String {
        format!(
            "kubectl cordon {}, and replace the node: only a new one is known to have no changed settings",
            target.name
        )
    }
}

async fn put_back(reach: Reach<'_>, target: &Target) -> Result<Removed, NotDeleted> {
    let access = reach.kubernetes()?;
    let of = |key: &str| needed(&target.attributes, key).map_err(NotDeleted::There);
    let api: Api<Node> = Api::all(access.client());
    let there = api.get_opt(&target.name).await.map_err(|error| unread(&error, "Node"))?;
    let uid = of("uid")?;
    let Some(node) = there.filter(|node| node.metadata.uid.as_deref() == Some(uid.as_str())) else {
        return Ok(Removed::Absent);
    };
    let ledger = reach.ledger.ok_or_else(|| NotDeleted::There("the ledger of its run is needed".to_owned()))?;
    let family: Family = serde_json::from_value(of("family")?.into())
        .map_err(|error| NotDeleted::There(format!("its entry in the ledger names no family of images: {error}")))?;
    let subject = target.variant.clone().map_or(Subject::Cluster, Subject::Variant);
    let hosts = Hosts {
        place: Place {
            run: ledger.header().run.clone(),
            subject,
            cluster: access.clone(),
            ledger: ledger.clone(),
            pull_secret: None,
            pods: Default::default(),
            cancel: CancellationToken::new(),
        },
        family,
        aws: reach.clients.cloned(),
        image_registry: target.attributes.get("registry").cloned(),
    };
    let [node] = &nodes::records(vec![node])[..] else { return Ok(Removed::Absent) };
    run_undo(&hosts, node, &of("undo")?).await.map(|()| Removed::Gone).map_err(NotDeleted::There)
}

async fn run_undo(hosts: &Hosts, node: &NodeRecord, script: &str) -> Result<(), String> {
    let output = probe::read_on(hosts, node, script, deadline(script)).await.map_err(|error| error.to_string())?;
    output.success(node).map(drop).map_err(|error| format!("its settings could not be put back: {error}"))
}

/// Why settings of a node were not changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The script had no result. It may have run; the entry in the ledger stays.
    #[error(transparent)]
    Probe(#[from] probe::Error),
    /// The ledger could not be written, and then nothing was changed.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
}

/// What is changed on a node, and how it is put back.
#[derive(Clone, Debug)]
pub(crate) struct Scripts {
    /// Changes settings.
    pub(crate) apply: String,
    /// Puts them back; ends with another status than 0 if it could not.
    pub(crate) undo: String,
}

impl Scripts {
    /// How often they restart a unit.
    pub(crate) fn restarts(&self) -> usize {
        self.apply.matches(RESTARTS).count()
    }
}

/// Changes settings of a node. The script that puts them back is in the ledger before.
///
/// # Errors
/// [`Error`]; another exit code of the script than 0 is not one. The script may have run nevertheless: put the node back with [`undo`].
///
/// # Cancel safety
/// If the caller is dropped, the script runs to its end, and teardown waits for it.
pub(crate) async fn create(
    hosts: &Hosts,
    (node, uid): (&NodeRecord, &str),
    scripts: &Scripts,
) -> Result<(Created, Output), Error> {
    let attributes = [
        ("uid", Some(uid.to_owned())),
        ("family", Some(hosts.family.as_str().to_owned())),
        ("undo", Some(scripts.undo.clone())),
        ("registry", hosts.image_registry.clone()),
    ];
    let attributes = attributes.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect();
    let mut resource = Resource::new(KIND, node.name.clone()).with(attributes).in_cluster(hosts.place.cluster.name());
    if let Subject::Variant(variant) = &hosts.place.subject {
        resource = resource.for_variant(variant);
    }
    let (answer, received) = oneshot::channel();
    let (own, at, script, id) = (hosts.clone(), node.clone(), scripts.apply.clone(), uid.to_owned());
    let change = || async move {
        let output = probe::read_on(&own, &at, &script, deadline(&script)).await?;
        // The receiver is dropped only with the whole call.
        let _gone = answer.send(output);
        Ok::<_, Error>(id)
    };
    let created = hosts.place.ledger.create_resource(resource, change).await?;
    let output = received.await.map_err(|_| probe::Error::Cancelled)?;
    Ok((created, output))
}

/// Undoes what an earlier command of the run left changed on any node.
///
/// # Errors
/// The first node that could not be restored, and why, as a sentence.
pub(crate) async fn undo_all(ledger: &Ledger, clients: Option<&Clients>, access: &Access) -> Result<(), String> {
    let standing = ledger.entries().into_iter().filter(|entry| entry.is_live() && entry.resource.kind == KIND);
    let reach = Reach { clients, access: Some(access), ledger: Some(ledger), deadlines: &Deadlines::default() };
    for entry in standing {
        let target = Target::of_entry(&entry, ledger.header());
        match put_back(reach, &target).await {
            Ok(_) => ledger.gone(entry.key).await.map_err(|error| error.to_string())?,
            Err(NotDeleted::There(why) | NotDeleted::Unverified(why)) => {
                return Err(format!("node {} is still changed by an earlier command: {why}", target.name));
            }
        }
    }
    Ok(())
}

/// Puts back what [`create`] changed, and records it. At most one change of a node is in place at a time.
///
/// # Errors
/// Why the node is not as it was, as a sentence; then the entry stays for `destroy`.
pub(crate) async fn undo(ledger: &Ledger, hosts: &Hosts, node: &NodeRecord, scripts: &Scripts) -> Result<(), String> {
    run_undo(hosts, node, &scripts.undo).await?;
    ledger.all_gone(&KIND, &node.name).await.map_err(|error| error.to_string())
}
