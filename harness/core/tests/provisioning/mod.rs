//! Provisioning and cleanup against an emulation of AWS: the same test bodies for every emulation.

#![allow(dead_code, unused_imports, clippy::allow_attributes, reason = "each world runs the bodies that it is able to")]

use std::collections::BTreeSet;
use std::time::Duration;

use amiproof_core::aws::{addons, ami, cluster, instances, names, network, node_group, ssm};
use amiproof_core::destroy::{self, Deadlines, ProgressSink};
use amiproof_core::finish;
use amiproof_core::ledger::{self, FILE_NAME, Ledger, State};
use amiproof_core::resource;
use amiproof_core::transport::Transport;
use amiproof_model::matrix::{AmiSource, image_builder};
use amiproof_model::report::Cleanup;
use aws_sdk_ec2::types::{Filter, Tag};
use tokio_util::sync::CancellationToken;

pub(crate) use self::run::{Run, cluster_spec, connect, installation, variant};
use self::run::{help_moto, made};

pub(crate) mod again;
pub(crate) mod failed;
pub(crate) mod findings;
pub(crate) mod governed;
pub(crate) mod history;
pub(crate) mod kept;
pub(crate) mod load_balancers;
pub(crate) mod owners;
pub(crate) mod promoted;
pub(crate) mod provider;
pub(crate) mod run;
pub(crate) mod scan;
pub(crate) mod tagged;

const MINUTE: Duration = Duration::from_secs(60);

/// How long anything may take to be made.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(3600);

/// Something that answers like AWS.
pub(crate) struct World {
    /// Where it listens.
    pub(crate) endpoint: String,
    /// How it is reached.
    pub(crate) transport: Transport,
    /// The SSM parameter with an image of Amazon Linux 2023.
    pub(crate) parameter: String,
    /// Whether it is moto, which lacks some things.
    pub(crate) is_moto: bool,
}

/// Stack, cluster, launch template and node group, and the log group, which moto's control planes do not have.
fn assert_all_gone(world: &World, cleanup: &Cleanup) {
    let wanted = if world.is_moto { 4 } else { 5 };
    assert_eq!((cleanup.created, cleanup.deleted, cleanup.leftovers.as_slice()), (wanted, wanted, [].as_slice()));
}

/// A whole life: made, described, and gone without a trace; a second destroy finds nothing to do.
pub(crate) async fn everything_that_is_made_is_removed(world: &World) {
    let run = Run::start(world, "r-whole").await;
    let network = run.provision().await;
    let kinds: Vec<_> = run.ledger.entries().into_iter().map(|entry| (entry.resource.kind, entry.state)).collect();
    assert_eq!(
        kinds,
        [
            (resource::stack::KIND, State::Created),
            // EKS creates it with the first line that the control plane logs.
            (resource::log_group::KIND, State::Planned),
            (resource::cluster::KIND, State::Created),
            (resource::launch_template::KIND, State::Created),
            (resource::node_group::KIND, State::Created),
        ]
    );
    help_moto(world, &run, &network).await;
    let cleanup = run.destroy(&run.ledger).await;
    assert_all_gone(world, &cleanup);
    run.assert_nothing_is_left().await;
    let again = run.destroy(&run.ledger).await;
    assert_eq!((again.created, again.leftovers.as_slice()), (again.deleted, [].as_slice()));
}

/// A caller without the right to list learns, once, that everything that the ledger names is gone, and that it was not
/// verified that nothing else is there.
pub(crate) async fn what_may_not_be_read_is_not_verified(world: &World, why: &str) {
    let run = Run::start(world, "r-denied").await;
    run.provision().await;
    let cleanup = run.destroy(&run.ledger).await;
    assert_all_gone(world, &cleanup);
    let [expected] = cleanup.unverified.as_slice() else { panic!("{cleanup:?}") };
    assert!(expected.starts_with("could not verify that no EKS clusters and node groups are left: "), "{expected}");
    assert!(expected.contains(why), "{expected}");
    assert!(!cleanup.is_verified());
}

pub(crate) async fn what_a_stack_holds_may_not_be_read(world: &World) {
    let run = Run::start(world, "r-denied").await;
    run.provision().await;
    let cleanup = run.destroy(&run.ledger).await;
    assert_all_gone(world, &cleanup);
    let expected = format!(
        "could not verify what else was in the network of stack {}: the caller lacks the IAM action \
         cloudformation:DescribeStackResources",
        run.stack()
    );
    assert_eq!(cleanup.unverified, [expected]);
}

/// As after `kill -9` at the worst moment: the ledger says what was planned, and nothing of what came back.
pub(crate) async fn a_ledger_without_a_single_answer_is_enough(world: &World) {
    let run = Run::start(world, "r-killed").await;
    let network = run.provision().await;
    let text = std::fs::read_to_string(run.ledger.path()).unwrap();
    let planned: Vec<&str> = text.lines().filter(|line| !line.starts_with("{\"created\"")).collect();
    assert_eq!(planned.len(), 6, "{text}");
    let folder = run.folder.join("after");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join(FILE_NAME), format!("{}\n{{\"created\":{{\"key\":", planned.join("\n"))).unwrap();
    let ledger = Ledger::open(&folder).unwrap();
    // A run that is resumed asks again, and adopts what answers that its name is taken.
    let adopted =
        resource::stack::create(&run.clients, &ledger, &run.stack(), &run.spec, &run.tags, MINUTE).await.unwrap();
    assert_eq!(adopted, network);
    help_moto(world, &run, &network).await;
    let cleanup = run.destroy(&ledger).await;
    assert_eq!(cleanup.leftovers.as_slice(), []);
    assert_eq!(cleanup.created, cleanup.deleted);
    run.assert_nothing_is_left().await;
}

/// What was planned under a name that someone else has taken is not ours to delete.
pub(crate) async fn a_cluster_of_the_same_name_that_another_run_made_is_left_alone(world: &World) {
    let theirs = Run::start(world, "r-theirs").await;
    let network = theirs.provision().await;
    let mut ours = Run::start(world, "r-ours").await;
    ours.spec = theirs.spec.clone();
    let role = &network.cluster_role_arn;
    let subnets = network.subnet_ids();
    let refused =
        resource::cluster::create(&ours.clients, &ours.ledger, &ours.spec, &subnets, role, &ours.tags, MINUTE).await;
    assert!(matches!(refused, Err(cluster::Error::Foreign { .. })), "{refused:?}");
    assert!(ours.ledger.entries().is_empty());
    // The check and the create call cannot be one: had the other run come in between, this is what the ledger would say.
    let resource = ledger::Resource::new(resource::cluster::KIND, &ours.spec.name).in_cluster(&ours.spec.name);
    let lost = || async { Err::<String, _>(ledger::Error::Exists { path: "lost".into() }) };
    ours.ledger.create_resource(resource, lost).await.unwrap_err();
    let cleanup = ours.destroy(&ours.ledger).await;
    assert_eq!((cleanup.created, cleanup.leftovers.as_slice()), (0, [].as_slice()));
    let named: Vec<String> = cleanup.foreign.iter().map(ToString::to_string).collect();
    assert_eq!(named, [format!("EKS cluster {} is owned by run r-theirs: left alone", ours.spec.name)]);
    assert!(cluster::describe(&theirs.clients, &theirs.spec.name).await.unwrap().is_some());
    help_moto(world, &theirs, &network).await;
    assert_eq!(theirs.destroy(&theirs.ledger).await.leftovers.as_slice(), []);
    theirs.assert_nothing_is_left().await;
}

/// Sweep needs no ledger: tags say what has expired.
pub(crate) async fn what_has_expired_is_swept_by_its_tags_alone(world: &World) {
    let run = Run::start(world, "r-lost").await;
    let network = run.provision().await;
    let before = "2026-11-21T07:42:19Z".parse().unwrap();
    let early = destroy::expired(&run.clients, before, &BTreeSet::new(), &ProgressSink::silent()).await;
    assert!(!early.targets.iter().any(|target| target.name.contains("r-lost")), "{early:?}");
    assert_eq!(early.unverified, Vec::<String>::new());
    let under_way = BTreeSet::from(["r-lost".to_owned()]);
    help_moto(world, &run, &network).await;
    let after = "2026-11-21T07:42:21Z".parse().unwrap();
    // A run that is in progress on this machine is not swept, whatever its tags say.
    let spared = destroy::expired(&run.clients, after, &under_way, &ProgressSink::silent()).await;
    assert!(!spared.targets.iter().any(|target| target.run.as_deref() == Some("r-lost")), "{spared:?}");
    let swept =
        destroy::sweep(&run.clients, after, &BTreeSet::new(), Deadlines::default(), &ProgressSink::silent()).await;
    assert_eq!(swept.cleanup.leftovers.as_slice(), []);
    let removed: BTreeSet<&str> = swept.deleted.iter().map(|target| target.title()).collect();
    let roots = BTreeSet::from(["CloudFormation stack", "EKS cluster", "launch template", "node group"]);
    assert!(removed.is_superset(&roots) && !removed.contains("IAM role"), "members go with their stack: {removed:?}");
    run.assert_nothing_is_left().await;
}

/// Asking for what is not there is an answer, and what cannot be made says so with the help.
pub(crate) async fn what_is_missing_is_said_with_a_suggestion(world: &World) {
    let clients = connect(world).await;
    let missing = cluster::existing(&clients, "nowhere", MINUTE).await.unwrap_err().to_string();
    assert!(missing.contains("cluster nowhere does not exist in us-west-2"), "{missing}");
    assert_eq!(network::describe(&clients, "amiproof-nowhere").await.unwrap(), None);
    node_group::delete(&clients, "nowhere", "none").await.unwrap();
    cluster::delete(&clients, "nowhere").await.unwrap();
    let variant = variant("/amiproof/nowhere");
    let resolve = async |source| ami::resolve(&clients, &variant, &made(source), None).await;
    let error = resolve(AmiSource::SsmParameter("/amiproof/nowhere".to_owned())).await.unwrap_err().to_string();
    assert!(error.contains("SSM parameter /amiproof/nowhere does not exist"), "{error}");
    let error = resolve(AmiSource::Id("ami-0ffffffffffffffff".parse().unwrap())).await.unwrap_err().to_string();
    assert!(error.contains("ami-0ffffffffffffffff does not exist in us-west-2"), "{error}");
    let error = resolve(AmiSource::Filter { owner: "self".to_owned(), name: "nothing-*".to_owned() })
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("named nothing-*"), "{error}");
    if !world.is_moto {
        assert!(addons::describe(&clients, "nowhere", "vpc-cni").await.unwrap().is_none());
    }
}

/// AMIs of EC2 Image Builder are found by the tag that it puts on them: one build, a version, or the newest of all.
pub(crate) async fn images_of_image_builder_are_found_by_their_tag(world: &World) {
    const ARN: &str = "arn:aws:imagebuilder:us-west-2:123456789012:image/golden";
    let clients = connect(world).await;
    if world.is_moto {
        let stock = Filter::builder().name("name").values("al2023-ami-*-x86_64").build();
        let stock = clients.ec2.describe_images().filters(stock).send().await.unwrap();
        let stock = stock.images().first().and_then(|image| image.image_id()).unwrap();
        for name in ["al2023-golden-1", "al2023-golden-2"] {
            let copy = clients.ec2.copy_image().name(name).source_image_id(stock).source_region("us-west-2");
            copy.send().await.unwrap();
        }
    }
    let own = clients.ec2.describe_images().owners("self").send().await.unwrap();
    let fits = own.images().iter().filter(|image| {
        image.name().is_some_and(|name| name.contains("al2023"))
            && image.architecture().is_some_and(|architecture| architecture.as_str() == "x86_64")
    });
    let ids: Vec<&str> = fits.filter_map(|image| image.image_id()).collect();
    let [first, second, ..] = ids.as_slice() else { panic!("{ids:?}") };
    for (id, build) in [(first, "/1.0.0/1"), (second, "/1.1.0/1")] {
        let tag = Tag::builder().key(image_builder::TAG).value(format!("{ARN}{build}")).build();
        clients.ec2.create_tags().resources(*id).tags(tag).send().await.unwrap();
    }
    let variant = variant("/amiproof/nowhere");
    let resolve = async |version: &str| {
        let arn = format!("{ARN}{version}");
        let pattern = image_builder::pattern(&arn).unwrap();
        let found = ami::resolve(&clients, &variant, &made(AmiSource::ImageBuilder { arn, pattern }), None).await;
        found.map(|ami| (ami.record.id.to_string(), ami.record.source)).map_err(|error| error.to_string())
    };
    for (version, expected) in [("/1.0.0/1", first), ("/1.0.0", first), ("/1.1.x", second)] {
        let (id, source) = resolve(version).await.unwrap();
        assert_eq!((id.as_str(), source), (*expected, format!("image builder {ARN}{version}")), "{version}");
    }
    let (id, _) = resolve("/x.x.x").await.unwrap();
    assert!([*first, *second].contains(&id.as_str()), "{id}");
    let missing = resolve("/2.0.0").await.unwrap_err();
    assert!(
        missing.contains(&format!("was built by {ARN}/2.0.0: check it with `aws ec2 describe-images --owners self")),
        "{missing}"
    );
    let untagged = Tag::builder().key(image_builder::TAG).build();
    clients.ec2.delete_tags().resources(*first).resources(*second).tags(untagged).send().await.unwrap();
}

/// Nodes that boot but never join are given up at the variant's own deadline, with all that can be learned of them.
pub(crate) async fn nodes_that_never_join_are_given_up_with_evidence(world: &World) {
    let mut run = Run::start(world, "r-never").await;
    run.variant.timeouts.nodes_ready = 10 * MINUTE;
    let (_, group) = run.try_provision().await;
    let Err(node_group::Error::NeverJoined { message, line, evidence, instances }) = group else { panic!("{group:?}") };
    assert!(message.contains("2 instances were launched but did not join the cluster"), "{message}");
    assert_eq!(line.as_deref(), Some("kubelet: Failed to determine user credentials"), "{evidence:#?}");
    assert_eq!(instances.iter().map(|instance| instance.index).collect::<Vec<_>>(), [1, 2]);
    let text = |name: &str| {
        let found = evidence.iter().find(|piece| piece.name.starts_with(name));
        found.unwrap_or_else(|| panic!("no {name} in {evidence:?}")).text.clone()
    };
    assert!(text("console output of node 1").contains("Failed to determine user credentials"), "{evidence:#?}");
    assert!(text("EC2 status checks").contains("running, system check"), "{evidence:#?}");
    // CREATING, or CREATE_FAILED where the world was faster than the deadline.
    assert!(text("node group health").contains("status CREAT"), "{evidence:#?}");
    assert!(text("scaling activities").contains("Launching a new EC2 instance"), "{evidence:#?}");
    assert_eq!(run.destroy(&run.ledger).await.leftovers.as_slice(), []);
    run.assert_nothing_is_left().await;
}

/// A node group that fails for reasons of AWS is recreated without a trace in the report.
pub(crate) async fn a_node_group_that_aws_throttled_is_made_anew(world: &World) {
    let run = Run::start(world, "r-throttled").await;
    run.provision().await;
    let states: Vec<_> = run
        .ledger
        .entries()
        .iter()
        .filter(|entry| entry.resource.kind == resource::node_group::KIND)
        .map(|entry| entry.state)
        .collect();
    assert_eq!(states, [State::Gone, State::Created]);
    assert_eq!(run.destroy(&run.ledger).await.leftovers.as_slice(), []);
    run.assert_nothing_is_left().await;
}

/// What is permanent (a quota) is tried once, and no image is blamed for it.
pub(crate) async fn what_is_permanent_is_tried_once(world: &World) {
    let run = Run::start(world, "r-quota").await;
    let (_, group) = run.try_provision().await;
    let Err(node_group::Error::Infrastructure { class, message, .. }) = group else { panic!("{group:?}") };
    assert_eq!(class, node_group::Infrastructure::Quota, "{message}");
    assert!(message.contains("not the image") && message.contains("VcpuLimitExceeded"), "{message}");
    let made = run.ledger.entries().iter().filter(|entry| entry.resource.kind == resource::node_group::KIND).count();
    assert_eq!(made, 1, "it was made once");
    assert_eq!(run.destroy(&run.ledger).await.leftovers.as_slice(), []);
    run.assert_nothing_is_left().await;
}

/// Node groups of a cluster that someone else made go into its private subnets.
pub(crate) async fn private_subnets_are_told_from_public_ones(world: &World) {
    let run = Run::start(world, "r-subnets").await;
    let Run { clients, ledger, tags, spec, .. } = &run;
    let network = resource::stack::create(clients, ledger, &run.stack(), spec, tags, TIMEOUT).await.unwrap();
    let private = node_group::subnets::private_of(clients, &network.subnet_ids()).await.unwrap();
    assert_eq!(private, network.private_subnet_ids, "{network:?}");
    assert_eq!(node_group::subnets::private_of(clients, &network.public_subnet_ids).await.unwrap(), [""; 0]);
    help_moto(world, &run, &network).await;
    assert_eq!(run.destroy(&run.ledger).await.leftovers.as_slice(), []);
    run.assert_nothing_is_left().await;
}

/// A command of Systems Manager that was sent, and whose answer was lost, is found again.
pub(crate) async fn a_command_is_sent_once(world: &World) {
    let run = Run::start(world, "r-command").await;
    run.provision().await;
    let group = names::node_group(run.id(), &run.variant.name);
    let found = instances::of_node_group(&run.clients, &run.spec.name, &group).await.unwrap();
    let id = found[0].id.as_str();
    let online = ssm::wait_online(&run.clients, &[id.to_owned()], TIMEOUT).await.unwrap();
    assert_eq!(online.get(id).map(String::as_str), Some("Online"));
    let output = ssm::run(&run.clients, id, "AWS-RunShellScript", &["reboot"], MINUTE).await.unwrap();
    assert_eq!((output.code, output.stdout.as_str()), (0, "ran: reboot"));
    assert_eq!(run.destroy(&run.ledger).await.leftovers.as_slice(), []);
    run.assert_nothing_is_left().await;
}

/// A create call that is in progress when a run is stopped is answered and recorded before anyone looks for what there is. `is_under_way`
/// says when the call has arrived.
pub(crate) async fn a_create_call_in_flight_is_recorded(world: &World, is_under_way: impl Fn() -> bool) {
    let run = Run::start(world, "r-stopped").await;
    let (stop, abort) = (CancellationToken::new(), CancellationToken::new());
    let stack = run.stack();
    let making = resource::stack::create(&run.clients, &run.ledger, &stack, &run.spec, &run.tags, TIMEOUT);
    let interrupt = async {
        while !is_under_way() {
            tokio::task::yield_now().await;
        }
        stop.cancel();
    };
    let (made, ()) = tokio::join!(finish::until_stopped(&stop, &abort, making), interrupt);
    assert!(made.is_none(), "the run was stopped: {made:?}");
    let states: Vec<_> = run.ledger.entries().iter().map(|entry| entry.state).collect();
    assert_eq!(states, [State::Created], "{:?}", run.ledger.entries());
    assert_eq!(run.destroy(&run.ledger).await.leftovers.as_slice(), []);
    run.assert_nothing_is_left().await;
}
