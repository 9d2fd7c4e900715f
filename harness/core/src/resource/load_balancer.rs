//! Load balancers of Services and Ingresses. The controller that creates one deletes it with its object; one whose cluster was deleted first
//! stays, costs money, and blocks the deletion of its VPC.
//!
//! They carry the tags of the controller (the cloud provider in the control plane, or the AWS Load Balancer Controller): the object, whose
//! namespace holds the run's id, and the cluster.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::time::Instant;

use super::in_use::InUse;
use super::kind::{Found, Kind, Proof, Target};
use super::lookup::{Lookup, StackNetwork};
use super::outcome::{NotDeleted, Removed};
use super::owned::{Claim, LiveState, Owned, Owner};
use super::query::Query;
use super::reach::{Cx, Reach};
use super::removal::{POLL, take, with_vpc};
use super::vpc;
use crate::aws::error::AwsError;
use crate::aws::load_balancers::{self, Tagged};
use crate::aws::{Clients, classic};
use crate::iam::action::{
    Action,
    Goal::{Destroy, Scan, Sweep},
    REMOVES,
};
use crate::iam::scope::{self, EVERYTHING};

/// Tags with the object that a load balancer was created for, `namespace/name`: of the cloud provider, and of the controller.
const OBJECT_TAGS: [&str; 3] = ["kubernetes.io/service-name", "service.k8s.aws/stack", "ingress.k8s.aws/stack"];
/// The beginning of the cloud provider's tag with the cluster.
const CLUSTER_TAG: &str = "kubernetes.io/cluster/";
/// The controller's tag with the cluster.
const CONTROLLER_TAG: &str = "elbv2.k8s.aws/cluster";
/// The attribute of a target that is a Classic Load Balancer.
const CLASSIC: &str = "classic";
/// How long a deletion takes until the load balancer is listed no more.
const DELETION: Duration = Duration::from_secs(5 * 60);

/// What it needs of IAM.
const ACTIONS: &[Action] = &[
    Action::call(
        "elasticloadbalancing:DescribeLoadBalancers",
        &[Scan, Destroy, Sweep],
        &EVERYTHING,
        "eks-cis: TLS; load balancers of Services that are left",
    ),
    Action::call("elasticloadbalancing:DescribeTags", &[Scan, Destroy, Sweep], &EVERYTHING, "whose they are")
        .unreached(&[Scan, Destroy, Sweep], "no Service of the lab has a load balancer"),
    Action::call("elasticloadbalancing:DeleteLoadBalancer", REMOVES, &scope::CLUSTERS_LOAD_BALANCERS, "what is left")
        .unreached(REMOVES, "no Service of the lab has a load balancer"),
];

#[derive(Debug)]
pub(super) struct ServiceLoadBalancer;

impl Kind for ServiceLoadBalancer {
    fn as_str(&self) -> &'static str {
        "load-balancer"
    }

    fn title(&self) -> &'static str {
        "load balancer"
    }

    fn plural(&self) -> &'static str {
        "load balancers"
    }

    /// While its object exists, its controller creates it again.
    fn after(&self) -> &'static [&'static str] {
        &["namespace", "cluster"]
    }

    fn is_created_by_runs(&self) -> bool {
        false
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn find<'a>(&'a self, lookup: &'a Lookup<'a>) -> Option<Found<'a>> {
        Some(find(lookup).boxed())
    }

    fn find_in<'a>(&'a self, clients: &'a Clients, network: &'a StackNetwork) -> Option<Found<'a>> {
        Some(find_in(clients, network).boxed())
    }

    fn reason_to_keep<'a>(
        &'a self,
        cx: Cx<'a>,
        target: &'a Target,
        in_use: &'a InUse,
    ) -> BoxFuture<'a, Result<Option<Owner>, AwsError>> {
        vpc::reason_to_keep_what_is_in(cx, target, in_use).boxed()
    }

    fn remove<'a>(
        &'a self,
        reach: Reach<'a>,
        target: &'a Target,
        claim: &'a Claim,
    ) -> BoxFuture<'a, Result<Removed, NotDeleted>> {
        async move {
            let cx = reach.aws()?;
            let read = read(cx.clients, target).await.map(|there| {
                let Tagged { id, vpc, tags, .. } = there?;
                Some((id, LiveState { tags: target.with_proof(with_vpc(tags, vpc.as_deref())), id: None }))
            });
            take(claim, read, |owned| delete(cx, target, owned)).await
        }
        .boxed()
    }

    fn actions(&self) -> &'static [Action] {
        ACTIONS
    }

    fn help(&self, target: &Target) -> String {
        let id = target.id.as_deref().unwrap_or(&target.name);
        target.aws(&match is_classic(target) {
            true => format!("elb delete-load-balancer --load-balancer-name {id}"),
            false => format!("elbv2 delete-load-balancer --load-balancer-arn {id}"),
        })
    }
}

fn is_classic(target: &Target) -> bool {
    target.attributes.contains_key(CLASSIC)
}

/// The present state of a load balancer.
async fn read(clients: &Clients, target: &Target) -> Result<Option<Tagged>, AwsError> {
    let all = if is_classic(target) { classic::all(clients).await? } else { load_balancers::all(clients).await? };
    Ok(all.into_iter().find(|one| Some(&one.id) == target.id.as_ref()))
}

async fn delete(cx: Cx<'_>, target: &Target, owned: Owned<String>) -> Result<(), NotDeleted> {
    let id = owned.get();
    let deleted = match is_classic(target) {
        true => classic::delete(cx.clients, id).await,
        false => load_balancers::delete(cx.clients, id).await,
    };
    deleted.map_err(|error| NotDeleted::refused(&error))?;
    let until = Instant::now() + amiproof_time::limit(DELETION);
    while read(cx.clients, target).await.map_err(NotDeleted::unread)?.is_some() {
        if Instant::now() >= until {
            return Err(NotDeleted::There("it is still being deleted".to_owned()));
        }
        cx.clients.pause(POLL).await;
    }
    Ok(())
}

/// Every load balancer of the region that a controller created for a cluster, and whether it is a classic one.
async fn of_controllers(clients: &Clients) -> Result<Vec<(Tagged, bool)>, AwsError> {
    let classic = match classic::all(clients).await {
        // A stand-in that does not know them has none.
        Err(error) if error.is_unknown_operation() => Vec::new(),
        all => all?,
    };
    let all = load_balancers::all(clients).await?.into_iter().map(|one| (one, false));
    let all = all.chain(classic.into_iter().map(|one| (one, true)));
    Ok(all.filter(|(one, _)| cluster_of(&one.tags).is_some()).collect())
}

/// The cluster that it was created for.
fn cluster_of(tags: &BTreeMap<String, String>) -> Option<&str> {
    let by_controller = tags.get(CONTROLLER_TAG).map(String::as_str);
    by_controller.or_else(|| tags.keys().find_map(|key| key.strip_prefix(CLUSTER_TAG)))
}

fn target(one: &Tagged, is_classic: bool, proof: Proof, clients: &Clients) -> Target {
    let attributes = is_classic.then(|| (CLASSIC.to_owned(), true.to_string()));
    Target {
        id: Some(one.id.clone()),
        cluster: cluster_of(&one.tags).map(str::to_owned),
        attributes: attributes.into_iter().collect(),
        proof: Some(proof.clone()),
        ..Target::found(&ServiceLoadBalancer, &one.name, &proof.tags, clients)
    }
}

/// Why one belongs to a run: its object is in a namespace of the run.
fn of_namespace(tags: &BTreeMap<String, String>, query: &Query) -> Option<Proof> {
    let Query::Run { run, namespaces, clusters } = query else { return None };
    let is_reached = cluster_of(tags).is_some_and(|cluster| clusters.contains(cluster));
    let of_run = |key: &&str| {
        let value = tags.get(*key)?;
        let (namespace, _) = value.split_once('/')?;
        namespaces.contains(namespace).then(|| Proof::of_run(key, value, run))
    };
    OBJECT_TAGS.iter().filter(|_| is_reached).find_map(of_run)
}

/// The tag of one with its cluster.
fn cluster_tag(tags: &BTreeMap<String, String>, cluster: &str) -> Option<(String, String)> {
    let by_provider = format!("{CLUSTER_TAG}{cluster}");
    let tag = tags.iter().find(|(key, value)| **key == by_provider || *key == CONTROLLER_TAG && *value == cluster);
    tag.map(|(key, value)| (key.clone(), value.clone()))
}

async fn find(lookup: &Lookup<'_>) -> Result<Vec<Target>, AwsError> {
    let all = of_controllers(lookup.clients).await?;
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let networks = lookup.networks().await?;
    let clusters: Vec<_> = match lookup.clusters().await {
        // That clusters may not be listed is reported once, by the kind of the clusters.
        Err(error) if error.is_permanent() => Vec::new(),
        clusters => clusters?.iter().filter(|cluster| lookup.query.wants(&cluster.tags)).collect(),
    };
    let proof = |one: &Tagged| {
        let of_cluster = || {
            let owner = clusters.iter().find(|cluster| cluster_of(&one.tags) == Some(&cluster.name))?;
            let (key, value) = cluster_tag(&one.tags, &owner.name)?;
            Some(Proof { key, value, tags: owner.tags.clone() })
        };
        let of_network =
            || networks.iter().find(|network| one.vpc.as_ref() == Some(&network.vpc)).map(Proof::of_network);
        of_namespace(&one.tags, lookup.query).or_else(of_cluster).or_else(of_network)
    };
    let found = all.iter().filter_map(|(one, is_classic)| Some(target(one, *is_classic, proof(one)?, lookup.clients)));
    Ok(found.collect())
}

async fn find_in(clients: &Clients, network: &StackNetwork) -> Result<Vec<Target>, AwsError> {
    let all = of_controllers(clients).await?;
    let inside = all.iter().filter(|(one, _)| one.vpc.as_ref() == Some(&network.vpc));
    Ok(inside.map(|(one, is_classic)| target(one, *is_classic, Proof::of_network(network), clients)).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn one_belongs_to_a_run_by_the_namespace_of_its_object_in_a_cluster_of_the_run() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<BTreeSet<String>>();
        let query =
            Query::Run { run: "r-1".parse().unwrap(), namespaces: texts(&["ap-r-1-web"]), clusters: texts(&["one"]) };
        for (tags, wanted) in [
            ([("kubernetes.io/service-name", "ap-r-1-web/front"), ("kubernetes.io/cluster/one", "owned")], true),
            ([("service.k8s.aws/stack", "ap-r-1-web/front"), ("elbv2.k8s.aws/cluster", "one")], true),
            ([("ingress.k8s.aws/stack", "ap-r-1-web/front"), ("elbv2.k8s.aws/cluster", "one")], true),
            ([("kubernetes.io/service-name", "ap-r-1-web/front"), ("kubernetes.io/cluster/two", "owned")], false),
            ([("kubernetes.io/service-name", "shop/front"), ("kubernetes.io/cluster/one", "owned")], false),
            ([("kubernetes.io/service-name", "ap-r-1-web"), ("kubernetes.io/cluster/one", "owned")], false),
            ([("team", "ap-r-1-web/front"), ("kubernetes.io/cluster/one", "owned")], false),
        ] {
            let tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
            assert_eq!(of_namespace(&tags, &query).is_some(), wanted, "{tags:?}");
        }
    }
}
