//! EBS volumes: of instances, and of persistent volume claims whose cluster was deleted before the driver had finished.

use std::collections::BTreeMap;

use amiproof_model::name::RunId;
use aws_sdk_ec2::types::{Filter, Volume};
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::kind::{Found, Kind, Proof, Target};
use super::lookup::Lookup;
use super::outcome::{NotDeleted, Removed};
use super::owned::{Claim, LiveState, Owned};
use super::query::Query;
use super::reach::{Cx, Reach};
use super::removal::{asked, ec2_tags, take};
use crate::aws::Clients;
use crate::aws::error::{AwsError, Explain as _, found};
use crate::iam::action::{
    Action,
    Goal::{Apply, Destroy, Sweep, Test},
    OF_HOSTS, REMOVES,
};
use crate::iam::scope::{self, EVERYTHING};

/// The tag in which the EBS CSI driver records the namespace of the claim that it created a volume for.
const CLAIM_NAMESPACE_TAG: &str = "kubernetes.io/created-for/pvc/namespace";

#[derive(Debug)]
pub(super) struct EbsVolume;

impl Kind for EbsVolume {
    fn as_str(&self) -> &'static str {
        "volume"
    }

    fn title(&self) -> &'static str {
        "EBS volume"
    }

    fn plural(&self) -> &'static str {
        "EBS volumes"
    }

    fn after(&self) -> &'static [&'static str] {
        &["instance"]
    }

    fn is_created_by_runs(&self) -> bool {
        false
    }

    fn find<'a>(&'a self, lookup: &'a Lookup<'a>) -> Option<Found<'a>> {
        Some(find(lookup).boxed())
    }

    fn remove<'a>(
        &'a self,
        reach: Reach<'a>,
        target: &'a Target,
        claim: &'a Claim,
    ) -> BoxFuture<'a, Result<Removed, NotDeleted>> {
        async move {
            let (cx, id) = (reach.aws()?, target.name.as_str());
            let describe = || async {
                cx.clients.ec2.describe_volumes().volume_ids(id).send().await.explain("DescribeVolumes", id)
            };
            let read = found(cx.clients.read(describe).await).map(|answer| {
                let volume = answer?.volumes.unwrap_or_default().into_iter().next()?;
                let seen = LiveState { tags: target.with_proof(ec2_tags(volume.tags())), id: None };
                (!is_going(&volume)).then(|| (id.to_owned(), seen))
            });
            take(claim, read, |owned| delete(cx, owned)).await
        }
        .boxed()
    }

    fn actions(&self) -> &'static [Action] {
        ACTIONS
    }

    fn help(&self, target: &Target) -> String {
        target.aws(&format!("ec2 delete-volume --volume-id {}", target.name))
    }
}

/// What it needs of IAM.
const ACTIONS: &[Action] = &[
    Action::call("ec2:DescribeVolumes", &[Apply, Test, Destroy, Sweep], &EVERYTHING, "host: encryption; what is left")
        .unreached(&[Apply], OF_HOSTS),
    Action::call("ec2:DeleteVolume", REMOVES, &scope::OWN_VOLUMES, "volumes of ended nodes"),
    Action::call("ec2:DeleteVolume", REMOVES, &scope::CLAIMED_VOLUMES, "volumes of claims"),
];

async fn delete(cx: Cx<'_>, owned: Owned<String>) -> Result<(), NotDeleted> {
    let id = owned.get();
    asked(cx.clients.ec2.delete_volume().volume_id(id).send().await.explain("DeleteVolume", id).map(|_| ()))
}

fn is_going(volume: &Volume) -> bool {
    volume.state().is_some_and(|state| matches!(state.as_str(), "deleting" | "deleted"))
}

async fn find(lookup: &Lookup<'_>) -> Result<Vec<Target>, AwsError> {
    let (clients, query) = (lookup.clients, lookup.query);
    let mut targets = matching(clients, query.filter(), |tags| query.wants(tags), None).await?;
    if let Query::Run { run, namespaces, clusters } = query {
        // Volumes of claims carry the tags of the CSI driver, not of the launch template. Namespaces hold the run's id; of another
        // cluster's volume the driver says so.
        let is_ours = |tags: &BTreeMap<String, String>| {
            let mut of = tags.keys().filter_map(|key| key.strip_prefix("kubernetes.io/cluster/")).peekable();
            of.peek().is_none() || of.any(|cluster| clusters.contains(cluster))
        };
        let names: Vec<&String> = namespaces.iter().collect();
        for chunk in names.chunks(100) {
            let values = chunk.iter().map(|name| (*name).clone()).collect();
            let filter = Filter::builder().name(format!("tag:{CLAIM_NAMESPACE_TAG}")).set_values(Some(values)).build();
            targets.extend(matching(clients, filter, is_ours, Some(run)).await?);
        }
        targets.sort_by(|one, other| one.name.cmp(&other.name));
        targets.dedup_by(|one, other| one.name == other.name);
    }
    Ok(targets)
}

async fn matching(
    clients: &Clients,
    filter: Filter,
    wants: impl Fn(&BTreeMap<String, String>) -> bool,
    by_namespace: Option<&RunId>,
) -> Result<Vec<Target>, AwsError> {
    let mut pages = clients.ec2.describe_volumes().filters(filter).into_paginator().send();
    let mut targets = Vec::new();
    while let Some(page) = pages.next().await {
        for volume in page.explain("DescribeVolumes", "volumes with amiproof's tags")?.volumes() {
            let tags = ec2_tags(volume.tags());
            if wants(&tags) && !is_going(volume) {
                let found = Target::found(&EbsVolume, volume.volume_id().unwrap_or_default(), &tags, clients);
                let proof = by_namespace.zip(tags.get(CLAIM_NAMESPACE_TAG));
                let proof = proof.map(|(run, namespace)| Proof::of_run(CLAIM_NAMESPACE_TAG, namespace, run));
                targets.push(Target { proof, ..found });
            }
        }
    }
    Ok(targets)
}
