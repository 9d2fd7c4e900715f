//! Load balancers of Services that are left when their cluster is deleted.

use std::collections::BTreeMap;

use amiproof_core::cluster::namespace;
use amiproof_core::destroy::{self, Deadlines, ProgressSink};
use amiproof_core::ledger::{Error, Resource};
use amiproof_core::resource;

use super::{Run, World};

/// Tags of the cloud provider in a control plane.
fn tags(cluster: &str, service: &str) -> BTreeMap<String, String> {
    let tags = [(format!("kubernetes.io/cluster/{cluster}"), "owned"), ("kubernetes.io/service-name".into(), service)];
    tags.map(|(key, value)| (key, value.to_owned())).into()
}

/// One of a namespace of the run, and one of a Service that someone else created in the cluster of the run, block the stack. `create` leaves a
/// load balancer in a subnet, `there` names those that exist.
pub(crate) async fn what_services_leave_goes_with_the_network(
    world: &World,
    create: impl Fn(&str, &str, BTreeMap<String, String>),
    there: impl Fn() -> Vec<String>,
) {
    let run = Run::start(world, "r-services").await;
    let network = run.provision().await;
    let (subnet, cluster) = (network.public_subnet_ids[0].as_str(), run.spec.name.as_str());
    create("a-of-the-run", subnet, tags(cluster, "ap-r-services-web/front"));
    create("a-of-another-service", subnet, tags(cluster, "shop/front"));
    create("a-of-nobody", subnet, BTreeMap::new());
    let cleanup = run.destroy(&run.ledger).await;
    assert_eq!(there(), ["a-of-nobody"], "no controller of the cluster created it");
    let [left] = cleanup.leftovers.as_slice() else { panic!("{cleanup:?}") };
    assert_eq!(left.kind, "CloudFormation stack");
    assert!(left.reason.contains("PublicSubnet"), "{left:?}");
}

/// In a cluster that stays, the namespace proves who owns a load balancer.
pub(crate) async fn those_of_a_run_are_deleted_in_a_cluster_that_stays(
    world: &World,
    create: impl Fn(&str, &str, BTreeMap<String, String>),
    there: impl Fn() -> Vec<String>,
) {
    let mut host = Run::start(world, "r-host").await;
    host.tags.expires = Some("2999-01-01T00:00:00Z".parse().unwrap());
    let network = host.provision().await;
    let (subnet, cluster) = (network.public_subnet_ids[0].as_str(), host.spec.name.as_str());
    let run = Run::start(world, "r-guest").await;
    let name = namespace::name(run.id(), run.variant.name.as_str(), "web");
    let planned = Resource::new(resource::namespace::KIND, &name).in_cluster(cluster);
    let lost = || async { Err::<String, _>(Error::GivenUp) };
    run.ledger.create_resource(planned, lost).await.unwrap_err();
    create("a-of-the-guest", subnet, tags(cluster, &format!("{name}/front")));
    create("a-of-another", subnet, tags(cluster, "shop/front"));
    let cleanup = run.destroy(&run.ledger).await;
    assert_eq!(there(), ["a-of-another"], "{cleanup:?}");

    // What has expired is swept with its cluster and not before.
    let (alive, progress) = (Default::default(), ProgressSink::silent());
    let now = "2026-11-29T00:00:00Z".parse().unwrap();
    assert_eq!(destroy::expired(&host.clients, now, &alive, &progress).await.targets, []);
    let later = "3000-01-01T00:00:00Z".parse().unwrap();
    let swept = destroy::sweep(&host.clients, later, &alive, Deadlines::default(), &progress).await;
    assert_eq!(swept.cleanup.leftovers.as_slice(), []);
    let kinds: Vec<&str> = swept.deleted.iter().map(|target| target.title()).collect();
    assert!(kinds.contains(&"load balancer") && kinds.contains(&"log group"), "{kinds:?}");
    assert_eq!(there(), [""; 0]);
    host.assert_nothing_is_left().await;
}
