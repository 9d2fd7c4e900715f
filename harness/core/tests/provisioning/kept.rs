//! What a run left in a cluster that stays, and its ledger is lost: tags tell.

use std::collections::BTreeSet;

use amiproof_core::destroy::{self, Deadlines, ProgressSink};
use amiproof_core::resource;
use amiproof_model::matrix::AddonSpec;

use super::{Run, World, installation};

pub(crate) async fn what_is_left_in_a_cluster_that_stays_is_swept_by_its_tags(world: &World) {
    let mut host = Run::start(world, "r-host").await;
    host.tags.expires = Some("2999-01-01T00:00:00Z".parse().unwrap());
    let network = host.provision().await;
    let (clients, cluster) = (&host.clients, host.spec.name.as_str());
    // One whose time is over, and one that goes on: each has an add-on and an association; the entry is of the first.
    let (old, young) = (Run::start(world, "r-old").await, Run::start(world, "r-young").await);
    let mut young_tags = young.tags.clone();
    young_tags.expires = host.tags.expires;
    for (run, tags, name, account) in
        [(&old, &old.tags, "metrics-server", "old"), (&young, &young_tags, "eks-pod-identity-agent", "young")]
    {
        let addon = AddonSpec::recommended(name);
        let wanted = installation(cluster, &addon, tags);
        resource::addon::install(clients, &run.ledger, &wanted).await.unwrap();
        let of = (cluster, "default", account);
        let (variant, role) = (&run.variant.name, network.node_role_arn.as_str());
        resource::pod_identity_association::create(clients, &run.ledger, of, variant, role, tags).await.unwrap();
    }
    let windows = network.windows_node_role_arn.as_str();
    resource::access_entry::admit_windows(clients, &old.ledger, cluster, windows, &old.tags).await.unwrap();

    let now = "2026-11-29T00:00:00Z".parse().unwrap();
    let (alive, progress) = (BTreeSet::new(), ProgressSink::silent());
    let found = destroy::expired(clients, now, &alive, &progress).await;
    let mut lines: Vec<String> =
        found.targets.iter().map(|target| format!("{} {}", target.title(), target.name)).collect();
    lines.sort();
    let entry = format!("EKS access entry {windows}");
    assert_eq!(lines, ["EKS Pod Identity association default/old", &entry, "EKS add-on metrics-server"]);
    assert_eq!(found.unverified, Vec::<String>::new());
    let swept = destroy::delete(clients, now, found, Deadlines::default(), &progress).await;
    assert_eq!((swept.deleted.len(), swept.cleanup.leftovers.as_slice()), (3, [].as_slice()));
    let again = destroy::expired(clients, now, &alive, &progress).await;
    assert_eq!(again.targets, [], "and what has not expired stays");
    let addons = clients.eks.list_addons().cluster_name(cluster).send().await.unwrap().addons.unwrap();
    assert_eq!(addons, ["eks-pod-identity-agent"]);
    let listed = clients.eks.list_pod_identity_associations().cluster_name(cluster).send().await.unwrap();
    let accounts: Vec<_> = listed.associations().iter().filter_map(|one| one.service_account()).collect();
    assert_eq!(accounts, ["young"]);

    // A destroy without a ledger of these finds nothing that is not its own either.
    assert_eq!(old.destroy(&old.ledger).await.leftovers.as_slice(), []);
    assert_eq!(young.destroy(&young.ledger).await.leftovers.as_slice(), []);
    assert_eq!(host.destroy(&host.ledger).await.leftovers.as_slice(), []);
    host.assert_nothing_is_left().await;
}

/// Every kind that must know the clusters or the stacks of the region has them from one list.
pub(crate) async fn a_search_asks_once(world: &World, calls: impl Fn(&str) -> u64) {
    let run = Run::start(world, "r-once").await;
    run.provision().await;
    let (alive, progress) = (BTreeSet::new(), ProgressSink::silent());
    let lists = ["eks.ListClusters", "cloudformation.DescribeStacks"];
    let before = lists.map(&calls);
    let found = destroy::expired(&run.clients, "2026-11-29T00:00:00Z".parse().unwrap(), &alive, &progress).await;
    assert!(!found.targets.is_empty());
    let asked: Vec<u64> = lists.map(&calls).iter().zip(before).map(|(after, before)| after - before).collect();
    assert_eq!(asked, [1, 1], "{lists:?}");
    assert_eq!(run.destroy(&run.ledger).await.leftovers.as_slice(), []);
    run.assert_nothing_is_left().await;
}
