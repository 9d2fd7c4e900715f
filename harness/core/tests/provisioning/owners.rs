//! What others made under the same names survives a teardown, of every kind and in every state of the ledger.

use std::collections::BTreeSet;

use amiproof_core::aws::names::Tags;
use amiproof_core::aws::{cluster, names, network, node_group};
use amiproof_core::destroy::{self, Deadlines, ProgressSink};
use amiproof_core::ledger::{self, Ledger, Resource, State};
use amiproof_core::resource;
use aws_sdk_eks::error::ProvideErrorMetadata as _;
use aws_sdk_iam::types::Tag;

use super::{Run, TIMEOUT, World};

/// How the ledger has come to hold an entry.
#[derive(Clone, Copy, Debug)]
enum Noted {
    /// The answer never came.
    Planned,
    /// With the id of one that is gone since.
    Created,
}

async fn note(ledger: &Ledger, resource: Resource, id: &str, noted: Noted) {
    match noted {
        Noted::Planned => {
            let lost = || async { Err::<String, _>(ledger::Error::GivenUp) };
            ledger.create_resource(resource, lost).await.unwrap_err();
        }
        Noted::Created => {
            let id = id.to_owned();
            ledger.create_resource(resource, || async move { Ok::<_, ledger::Error>(id) }).await.unwrap();
        }
    }
}

/// Things of the other run beside those that it provisions: a role, an add-on, an association, an access entry.
async fn furnish(theirs: &Run, pairs: Vec<(String, String)>) -> (String, String) {
    let (clients, cluster) = (&theirs.clients, theirs.spec.name.as_str());
    let iam = pairs.iter().map(|(key, value)| Tag::builder().key(key).value(value).build().unwrap()).collect();
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"pods.eks.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]}]}"#;
    let role = clients.iam.create_role().role_name("amiproof-shared-name").path(network::ROLE_PATH);
    let role = role.assume_role_policy_document(trust).set_tags(Some(iam)).send().await.unwrap();
    let role = role.role.unwrap().arn;
    let map: std::collections::HashMap<String, String> = pairs.into_iter().collect();
    let addon = clients.eks.create_addon().cluster_name(cluster).addon_name("kube-proxy");
    addon.set_tags(Some(map.clone())).send().await.unwrap();
    let association = clients.eks.create_pod_identity_association().cluster_name(cluster).namespace("shop");
    let association = association.service_account("cart").role_arn(&role).set_tags(Some(map.clone()));
    association.send().await.unwrap();
    let entry = clients.eks.create_access_entry().cluster_name(cluster).principal_arn(&role).set_tags(Some(map));
    entry.send().await.unwrap();
    (role, "amiproof-shared-name".to_owned())
}

/// Everything that is there of the other run, as one list.
async fn there(theirs: &Run, role: &str) -> Vec<&'static str> {
    let (clients, name) = (&theirs.clients, theirs.spec.name.as_str());
    let group = names::node_group(theirs.id(), &theirs.variant.name);
    let template = names::launch_template(theirs.id(), &theirs.variant.name);
    let mut there = Vec::new();
    let mut found = |kind, is_there: bool| there.extend(is_there.then_some(kind));
    found("stack", network::describe(clients, &theirs.stack()).await.unwrap().is_some());
    found("cluster", cluster::describe(clients, name).await.unwrap().is_some_and(|one| one.status == "ACTIVE"));
    found("node group", node_group::describe(clients, name, &group).await.unwrap().is_some());
    let templates = clients.ec2.describe_launch_templates().launch_template_names(template).send().await;
    found("launch template", templates.is_ok());
    found("role", clients.iam.get_role().role_name("amiproof-shared-name").send().await.is_ok());
    let addon = clients.eks.describe_addon().cluster_name(name).addon_name("kube-proxy").send().await;
    found("add-on", addon.is_ok());
    let associations = clients.eks.list_pod_identity_associations().cluster_name(name).send().await.unwrap();
    found("association", !associations.associations().is_empty());
    let entry = clients.eks.describe_access_entry().cluster_name(name).principal_arn(role).send().await;
    found("access entry", entry.as_ref().map_err(|error| error.code().map(str::to_owned)).is_ok());
    there
}

pub(crate) async fn what_others_made_under_the_same_names_survives(world: &World) {
    let theirs = Run::start(world, "r-theirs").await;
    theirs.provision().await;
    let (role, role_name) = furnish(&theirs, theirs.tags.pairs()).await;
    let before = there(&theirs, &role).await;
    assert_eq!(before.len(), 8, "{before:?}");
    for (run, noted) in [("r-planned", Noted::Planned), ("r-created", Noted::Created)] {
        let ours = Run::start(world, run).await;
        let cluster = theirs.spec.name.as_str();
        let of = |kind, name: &str| Resource::new(kind, name).in_region("us-west-2").in_cluster(cluster);
        let group = names::node_group(theirs.id(), &theirs.variant.name);
        let template = names::launch_template(theirs.id(), &theirs.variant.name);
        let arn = |rest: &str| format!("arn:aws:eks:us-west-2:{}:{rest}/gone-since", ours.ledger.header().account);
        for (resource, id) in [
            (of(resource::stack::KIND, &theirs.stack()), arn("stack")),
            (of(resource::cluster::KIND, cluster), arn("cluster")),
            (of(resource::node_group::KIND, &group), arn("nodegroup")),
            (of(resource::launch_template::KIND, &template), "lt-0123456789abcdef0".to_owned()),
            (of(resource::role::KIND, &role_name), role.clone()),
            (of(resource::addon::KIND, "kube-proxy"), arn("addon")),
            (of(resource::pod_identity_association::KIND, "shop/cart"), "a-0123456789abcdefg".to_owned()),
            (of(resource::access_entry::KIND, &role), arn("access-entry")),
        ] {
            note(&ours.ledger, resource, &id, noted).await;
        }
        let cleanup = ours.destroy(&ours.ledger).await;
        assert_eq!(there(&theirs, &role).await, before, "{noted:?}: {cleanup:#?}");
        assert_eq!(cleanup.leftovers.as_slice(), []);
        assert_eq!(cleanup.foreign.len(), 8, "{cleanup:#?}");
        assert!(cleanup.foreign.iter().all(|foreign| foreign.owner.contains("owned by run r-theirs")), "{cleanup:#?}");
        assert_eq!((cleanup.deleted, cleanup.is_verified()), (0, matches!(noted, Noted::Planned)));
        assert!(ours.ledger.entries().iter().all(|entry| entry.state == State::Foreign));
    }
    theirs.clients.iam.delete_role().role_name(&role_name).send().await.unwrap();
    assert_eq!(theirs.destroy(&theirs.ledger).await.leftovers.as_slice(), []);
    theirs.assert_nothing_is_left().await;
}

/// The same for what another team made by hand in the cluster, without a single tag.
pub(crate) async fn what_others_made_without_tags_survives(world: &World) {
    let theirs = Run::start(world, "r-theirs").await;
    theirs.provision().await;
    let (role, role_name) = furnish(&theirs, Vec::new()).await;
    let before = there(&theirs, &role).await;
    assert_eq!(before.len(), 8, "{before:?}");
    for (run, noted) in [("r-planned", Noted::Planned), ("r-created", Noted::Created)] {
        let ours = Run::start(world, run).await;
        let of =
            |kind, name: &str| Resource::new(kind, name).in_region("us-west-2").in_cluster(theirs.spec.name.as_str());
        for (resource, id) in [
            (of(resource::role::KIND, &role_name), "AROAEXAMPLEEXAMPLE000"),
            (of(resource::addon::KIND, "kube-proxy"), "arn:aws:eks:us-west-2:111122223333:addon/gone-since"),
            (of(resource::pod_identity_association::KIND, "shop/cart"), "a-0123456789abcdefg"),
            (of(resource::access_entry::KIND, &role), "arn:aws:eks:us-west-2:111122223333:access-entry/gone-since"),
        ] {
            note(&ours.ledger, resource, id, noted).await;
        }
        let cleanup = ours.destroy(&ours.ledger).await;
        assert_eq!(there(&theirs, &role).await, before, "{noted:?}: {cleanup:#?}");
        assert_eq!(cleanup.leftovers.as_slice(), []);
        assert_eq!(cleanup.foreign.len(), 4, "{cleanup:#?}");
        let is_said = |owner: &str| owner.contains("owned by someone else (no amiproof tags)");
        assert!(cleanup.foreign.iter().all(|foreign| is_said(&foreign.owner)), "{cleanup:#?}");
        assert!(ours.ledger.entries().iter().all(|entry| entry.state == State::Foreign));
    }
    theirs.clients.iam.delete_role().role_name(&role_name).send().await.unwrap();
    assert_eq!(theirs.destroy(&theirs.ledger).await.leftovers.as_slice(), []);
    theirs.assert_nothing_is_left().await;
}

/// An expired network stays while a cluster whose time is not over lives in it, and what is meant to stay is never swept.
pub(crate) async fn sweep_takes_nothing_from_under_a_living_cluster(world: &World) {
    let after = "2026-11-22T00:00:00Z".parse().unwrap();
    let net = Run::start(world, "r-net").await;
    let made =
        resource::stack::create(&net.clients, &net.ledger, &net.stack(), &net.spec, &net.tags, TIMEOUT).await.unwrap();
    let mut live = Run::start(world, "r-live").await;
    live.tags.expires = Some("2999-01-01T00:00:00Z".parse().unwrap());
    let (subnets, role) = (made.subnet_ids(), &made.cluster_role_arn);
    resource::cluster::create(&live.clients, &live.ledger, &live.spec, &subnets, role, &live.tags, TIMEOUT)
        .await
        .unwrap();
    let kept = Run::start(world, "r-kept").await;
    let tags = Tags::kept(kept.id().clone());
    resource::stack::create(&kept.clients, &kept.ledger, &kept.stack(), &kept.spec, &tags, TIMEOUT).await.unwrap();

    let swept =
        destroy::sweep(&net.clients, after, &BTreeSet::new(), Deadlines::default(), &ProgressSink::silent()).await;
    assert!(swept.deleted.is_empty(), "{swept:#?}");
    let sentences: Vec<String> = swept.cleanup.foreign.iter().map(ToString::to_string).collect();
    assert_eq!(
        sentences,
        [format!(
            "CloudFormation stack {} is in use by cluster {}, which is owned by run r-live, which has not expired: left alone",
            net.stack(),
            live.spec.name
        )]
    );
    assert!(network::describe(&net.clients, &net.stack()).await.unwrap().is_some());
    assert!(network::describe(&net.clients, &kept.stack()).await.unwrap().is_some());

    // Nor does the teardown of the run that made the network.
    let destroyed = net.destroy(&net.ledger).await;
    let [kept_for_it] = destroyed.leftovers.as_slice() else { panic!("{destroyed:#?}") };
    let why = format!("cluster {} lives in its network", live.spec.name);
    assert_eq!((kept_for_it.id.as_str(), kept_for_it.reason.as_str()), (net.stack().as_str(), why.as_str()));
    assert_eq!(network::describe(&net.clients, &net.stack()).await.unwrap().as_ref(), Some(&made));

    // The cluster is gone: now nothing speaks for the expired stack, and the one that is meant to stay does.
    assert_eq!(live.destroy(&live.ledger).await.leftovers.as_slice(), []);
    let swept =
        destroy::sweep(&net.clients, after, &BTreeSet::new(), Deadlines::default(), &ProgressSink::silent()).await;
    let removed: Vec<(&str, &str)> =
        swept.deleted.iter().map(|target| (target.title(), target.name.as_str())).collect();
    assert_eq!(removed, [("CloudFormation stack", net.stack().as_str())]);
    assert!(network::describe(&net.clients, &kept.stack()).await.unwrap().is_some());
    assert_eq!(kept.destroy(&kept.ledger).await.leftovers.as_slice(), []);
}
