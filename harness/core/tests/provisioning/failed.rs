//! What an earlier process of the run left in a state in which it can only be deleted.

use amiproof_core::aws::{names, network, node_group};
use amiproof_core::ledger::State;
use amiproof_core::resource;

use super::{Run, TIMEOUT, World};

/// A policy that someone else attached to a role of the stack keeps it, until they take it away.
const THEIRS: &str = "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy";

/// `destroy` says what keeps the stack, and tries again when it is called again. A run that goes on does the same and
/// recreates it; a run of someone else is told who owns it.
pub(crate) async fn a_stack_that_could_not_be_deleted_is_deleted_and_created_again(world: &World) {
    let run = Run::start(world, "r-kept").await;
    let Run { clients, ledger, spec, tags, .. } = &run;
    let stack = run.stack();
    let create = async || resource::stack::create(clients, ledger, &stack, spec, tags, TIMEOUT).await;
    let first = create().await.unwrap();
    let role = first.node_role_arn.rsplit('/').next().unwrap();
    clients.iam.attach_role_policy().role_name(role).policy_arn(THEIRS).send().await.unwrap();

    for _ in 0..2 {
        let cleanup = run.destroy(ledger).await;
        let [left] = cleanup.leftovers.as_slice() else { panic!("{cleanup:?}") };
        assert_eq!((left.kind.as_str(), left.id.as_str()), ("CloudFormation stack", stack.as_str()));
        assert!(left.reason.contains("is DELETE_FAILED") && left.reason.contains("NodeRole DELETE_FAILED"), "{left:?}");
    }
    let kept = create().await.unwrap_err();
    assert!(matches!(kept, network::Error::Kept { .. }), "{kept:?}");
    let kept = kept.to_string();
    assert!(kept.contains("is DELETE_FAILED and could not be deleted and recreated"), "{kept}");
    assert!(kept.contains("NodeRole DELETE_FAILED"), "{kept}");

    let mut other = Run::start(world, "r-other").await;
    other.spec = spec.clone();
    let foreign =
        resource::stack::create(&other.clients, &other.ledger, &stack, &other.spec, &other.tags, TIMEOUT).await;
    let foreign = foreign.unwrap_err().to_string();
    assert!(foreign.contains("is DELETE_FAILED and is owned by run r-kept"), "{foreign}");
    assert!(other.ledger.entries().is_empty());

    clients.iam.detach_role_policy().role_name(role).policy_arn(THEIRS).send().await.unwrap();
    let second = create().await.unwrap();
    assert_ne!(second.vpc_id, first.vpc_id);
    let states: Vec<State> = ledger.entries().iter().map(|entry| entry.state).collect();
    assert_eq!(states, [State::Gone, State::Created]);
    assert_eq!(run.destroy(ledger).await.leftovers.as_slice(), []);
    run.assert_nothing_is_left().await;
}

/// A node group that ended DELETE_FAILED when an earlier process deleted it, and another one that ended CREATE_FAILED.
pub(crate) async fn a_node_group_that_failed_is_deleted_and_created_again(world: &World) {
    let run = Run::start(world, "r-failed").await;
    run.provision().await;
    let (clients, cluster, group) =
        (&run.clients, run.spec.name.as_str(), names::node_group(run.id(), &run.variant.name));
    let describe = async || node_group::describe(clients, cluster, &group).await.unwrap().unwrap();
    let first = describe().await.nodegroup_arn;
    node_group::delete(clients, cluster, &group).await.unwrap();
    let stuck = node_group::wait_gone(clients, cluster, &group, TIMEOUT).await.unwrap_err().to_string();
    assert!(stuck.contains("still DELETE_FAILED") && stuck.contains("NodeTerminationFailure"), "{stuck}");
    run.provision().await;
    assert_ne!(describe().await.nodegroup_arn, first);
    assert_eq!(run.destroy(&run.ledger).await.leftovers.as_slice(), []);
    run.assert_nothing_is_left().await;
}
