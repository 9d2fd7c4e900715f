//! What was deleted is created again: after a `destroy`, and after a process that was killed while it deleted.

use amiproof_core::aws::{addons, cluster, names, node_group};
use amiproof_core::ledger::State;
use amiproof_core::resource;
use amiproof_model::matrix::AddonSpec;

use super::{Run, TIMEOUT, World, installation};

/// The same run creates everything of the same names a second time. Its client tokens must be others: AWS answers one that it knows with
/// the answer of its first use, and creates nothing.
pub(crate) async fn what_was_destroyed_is_created_again(world: &World) {
    let run = Run::start(world, "r-again").await;
    let first = run.provision().await;
    assert_eq!(run.destroy(&run.ledger).await.leftovers.as_slice(), []);
    run.assert_nothing_is_left().await;
    let second = run.provision().await;
    assert_ne!(first.vpc_id, second.vpc_id);
    let cleanup = run.destroy(&run.ledger).await;
    assert_eq!((cleanup.created, cleanup.deleted, cleanup.leftovers.as_slice()), (10, 10, [].as_slice()));
    run.assert_nothing_is_left().await;
}

/// A process of the run was killed while it deleted; the ledger still says that everything is there. What is being deleted is awaited, and
/// created again.
pub(crate) async fn what_is_being_deleted_is_awaited_and_created_again(world: &World) {
    let run = Run::start(world, "r-going").await;
    let (clients, name) = (&run.clients, run.spec.name.as_str());
    run.provision().await;
    let group = names::node_group(run.id(), &run.variant.name);

    node_group::delete(clients, name, &group).await.unwrap();
    let status = node_group::describe(clients, name, &group).await.unwrap().unwrap();
    assert_eq!(status.status().map(|status| status.as_str()), Some("DELETING"));
    run.provision().await;

    node_group::delete(clients, name, &group).await.unwrap();
    node_group::wait_gone(clients, name, &group, TIMEOUT).await.unwrap();
    cluster::delete(clients, name).await.unwrap();
    assert!(cluster::describe(clients, name).await.unwrap().unwrap().is_deleting());
    run.provision().await;

    node_group::delete(clients, name, &group).await.unwrap();
    node_group::wait_gone(clients, name, &group, TIMEOUT).await.unwrap();
    cluster::delete(clients, name).await.unwrap();
    cluster::wait_gone(clients, name, TIMEOUT).await.unwrap();
    clients.cloudformation.delete_stack().stack_name(run.stack()).send().await.unwrap();
    let stacks = clients.cloudformation.describe_stacks().stack_name(run.stack()).send().await.unwrap();
    assert_eq!(stacks.stacks()[0].stack_status().map(|status| status.as_str()), Some("DELETE_IN_PROGRESS"));
    run.provision().await;

    let live = |kind| {
        let of_kind = run.ledger.entries().into_iter().filter(move |entry| entry.resource.kind == kind);
        of_kind.filter(|entry| entry.state == State::Created).count()
    };
    assert_eq!([resource::stack::KIND, resource::cluster::KIND, resource::node_group::KIND].map(live), [1, 1, 1]);
    assert_eq!(run.destroy(&run.ledger).await.leftovers.as_slice(), []);
    run.assert_nothing_is_left().await;
}

/// The cluster and the stack that another run is deleting have the names that this run needs: it waits, and touches nothing of theirs.
pub(crate) async fn what_another_run_is_deleting_is_awaited(world: &World) {
    let theirs = Run::start(world, "r-first").await;
    let clients = &theirs.clients;
    theirs.provision().await;
    let group = names::node_group(theirs.id(), &theirs.variant.name);
    node_group::delete(clients, &theirs.spec.name, &group).await.unwrap();
    node_group::wait_gone(clients, &theirs.spec.name, &group, TIMEOUT).await.unwrap();
    cluster::delete(clients, &theirs.spec.name).await.unwrap();

    let mut ours = Run::start(world, "r-second").await;
    ours.spec = theirs.spec.clone();
    let network = amiproof_core::aws::network::describe(clients, &theirs.stack()).await.unwrap().unwrap();
    let made = resource::cluster::create(
        &ours.clients,
        &ours.ledger,
        &ours.spec,
        &network.subnet_ids(),
        &network.cluster_role_arn,
        &ours.tags,
        TIMEOUT,
    )
    .await
    .unwrap();
    assert_eq!(made.run_tag.as_deref(), Some("r-second"));
    assert_eq!(ours.destroy(&ours.ledger).await.leftovers.as_slice(), []);
    assert_eq!(theirs.destroy(&theirs.ledger).await.leftovers.as_slice(), []);
    theirs.assert_nothing_is_left().await;
}

/// The same with what is in a cluster: add-ons, and the access entry of Windows nodes.
pub(crate) async fn what_was_deleted_in_a_cluster_is_created_again(world: &World) {
    let run = Run::start(world, "r-within").await;
    let network = run.provision().await;
    let (clients, cluster) = (&run.clients, run.spec.name.as_str());
    let addon = AddonSpec::recommended("metrics-server");
    let wanted = installation(cluster, &addon, &run.tags);
    let role = network.windows_node_role_arn.as_str();
    let mut addon_arns = Vec::new();
    let mut entry_arns = Vec::new();
    for _ in 0..3 {
        resource::addon::install(clients, &run.ledger, &wanted).await.unwrap();
        let there = addons::describe(clients, cluster, &addon.name).await.unwrap().unwrap();
        addon_arns.push(there.addon_arn.unwrap());
        addons::delete(clients, cluster, &addon.name).await.unwrap();
        resource::access_entry::admit_windows(clients, &run.ledger, cluster, role, &run.tags).await.unwrap();
        let there = clients.eks.describe_access_entry().cluster_name(cluster).principal_arn(role).send().await.unwrap();
        entry_arns.push(there.access_entry.unwrap().access_entry_arn.unwrap());
        clients.eks.delete_access_entry().cluster_name(cluster).principal_arn(role).send().await.unwrap();
    }
    for arns in [&addon_arns, &entry_arns] {
        assert!(arns[0] != arns[1] && arns[1] != arns[2], "{arns:?}");
    }
    let cleanup = run.destroy(&run.ledger).await;
    assert_eq!((cleanup.leftovers.as_slice(), cleanup.foreign.as_slice()), ([].as_slice(), [].as_slice()));
    run.assert_nothing_is_left().await;
}
