//! What a governed account demands, on everything that is made in it.

use amiproof_core::aws::node_roles::role_name;
use amiproof_core::aws::{cluster, names, network};
use amiproof_core::resource;
use amiproof_model::matrix::{AmiSource, Endpoint, Family, Governance, NodeSource};
use aws_sdk_ec2::types::Filter;
use aws_sdk_eks::types::LogType;

use super::{Run, TIMEOUT, World};

const KEY: &str = "arn:aws:kms:us-west-2:111122223333:key/1234abcd";
const BOUNDARY: &str = "arn:aws:iam::111122223333:policy/boundary";
const FURTHER: &str = "arn:aws:iam::111122223333:policy/golden-image";
const TAG: (&str, &str) = ("CostCenter", "4711");

/// Tags, boundary, endpoint, logs, keys and policies reach AWS, and nothing of it stays.
pub(crate) async fn what_an_account_demands_is_on_everything(world: &World) {
    let mut run = Run::start(world, "r-governed").await;
    run.spec.governance = Governance {
        tags: [(TAG.0.to_owned(), TAG.1.to_owned())].into(),
        permissions_boundary: Some(BOUNDARY.to_owned()),
        endpoint: Endpoint { public: true, public_access_cidrs: vec!["203.0.113.0/24".to_owned()] },
        // Nobody says: the audit log, because its log group can be removed again.
        logging: None,
        secrets_key: Some(KEY.to_owned()),
        node_policies: vec![FURTHER.to_owned()],
    };
    run.tags = run.tags.clone().with(&run.spec.governance.tags);
    let NodeSource::Made(made) = &mut run.variant.nodes else { panic!("its nodes are made") };
    made.kms_key = Some(KEY.to_owned());
    let network = run.provision().await;
    roles_are_limited(&run, &network).await;
    the_cluster_is_as_demanded(&run).await;
    nodes_are_tagged_and_encrypted(&run).await;
    let cleanup = run.destroy(&run.ledger).await;
    assert_eq!(cleanup.leftovers.as_slice(), []);
    run.assert_nothing_is_left().await;
}

async fn roles_are_limited(run: &Run, network: &network::Network) {
    let stacks = run.clients.cloudformation.describe_stacks().stack_name(run.stack()).send().await.unwrap();
    let tags = stacks.stacks()[0].tags();
    assert!(tags.iter().any(|tag| (tag.key(), tag.value()) == (Some(TAG.0), Some(TAG.1))), "{tags:?}");
    for (arn, is_of_nodes) in
        [(&network.cluster_role_arn, false), (&network.node_role_arn, true), (&network.windows_node_role_arn, true)]
    {
        let name = role_name(arn);
        let role = run.clients.iam.get_role().role_name(name).send().await.unwrap().role.unwrap();
        let boundary = role.permissions_boundary().and_then(|boundary| boundary.permissions_boundary_arn());
        assert_eq!(boundary, Some(BOUNDARY), "{name}");
        assert!(role.tags().iter().any(|tag| (tag.key(), tag.value()) == TAG), "{role:?}");
        let attached = run.clients.iam.list_attached_role_policies().role_name(name).send().await.unwrap();
        let has_further = attached.attached_policies().iter().any(|policy| policy.policy_arn() == Some(FURTHER));
        assert_eq!(has_further, is_of_nodes, "{name}");
    }
}

async fn the_cluster_is_as_demanded(run: &Run) {
    let cluster = run.clients.eks.describe_cluster().name(&run.spec.name).send().await.unwrap().cluster.unwrap();
    assert_eq!(cluster.tags().unwrap().get(TAG.0).map(String::as_str), Some(TAG.1));
    assert_eq!(cluster.resources_vpc_config().unwrap().public_access_cidrs(), ["203.0.113.0/24"]);
    let logged = &cluster.logging().unwrap().cluster_logging()[0];
    assert_eq!((logged.enabled(), logged.types()), (Some(true), [LogType::Audit].as_slice()));
    let key = cluster.encryption_config()[0].provider().and_then(|provider| provider.key_arn());
    assert_eq!(key, Some(KEY));
}

async fn nodes_are_tagged_and_encrypted(run: &Run) {
    let group = names::node_group(run.id(), &run.variant.name);
    let group = run.clients.eks.describe_nodegroup().cluster_name(&run.spec.name).nodegroup_name(group);
    let group = group.send().await.unwrap().nodegroup.unwrap();
    assert_eq!(group.tags().unwrap().get(TAG.0).map(String::as_str), Some(TAG.1));
    let tagged = Filter::builder().name(format!("tag:{}", TAG.0)).values(TAG.1).build();
    let templates = run.clients.ec2.describe_launch_templates().filters(tagged.clone()).send().await.unwrap();
    assert_eq!(templates.launch_templates().len(), 1);
    let volumes = run.clients.ec2.describe_volumes().filters(tagged.clone()).send().await.unwrap();
    assert_eq!(volumes.volumes().len(), 2, "one for each node");
    assert!(volumes.volumes().iter().all(|volume| volume.kms_key_id() == Some(KEY)), "{volumes:?}");
    let instances = run.clients.ec2.describe_instances().filters(tagged).send().await.unwrap();
    assert_eq!(instances.reservations().iter().map(|one| one.instances().len()).sum::<usize>(), 2);
}

/// The image of Bottlerocket has a volume for its own partitions and one for everything that grows.
pub(crate) async fn both_volumes_of_bottlerocket_are_as_the_matrix_says(world: &World) {
    let mut run = Run::start(world, "r-bottlerocket").await;
    run.variant.family = Family::Bottlerocket;
    run.variant.hardening = None;
    let NodeSource::Made(made) = &mut run.variant.nodes else { panic!("its nodes are made") };
    made.ami = AmiSource::Recommended;
    made.volume_gib = 64;
    run.provision().await;
    let tagged = Filter::builder().name(format!("tag:{}", names::RUN_TAG)).values(run.id().as_str()).build();
    let volumes = run.clients.ec2.describe_volumes().filters(tagged).send().await.unwrap();
    let mut seen: Vec<(String, Option<i32>, Option<bool>)> = volumes
        .volumes()
        .iter()
        .map(|volume| {
            let device = volume.attachments()[0].device().unwrap_or_default().to_owned();
            (device, volume.size(), volume.encrypted())
        })
        .collect();
    seen.sort();
    let of_node = |device: &str, gib| (device.to_owned(), Some(gib), Some(true));
    let (system, data) = (of_node("/dev/xvda", 2), of_node("/dev/xvdb", 64));
    assert_eq!(seen, [system.clone(), system, data.clone(), data], "two nodes with two volumes each");
    assert_eq!(run.destroy(&run.ledger).await.leftovers.as_slice(), []);
    run.assert_nothing_is_left().await;
}

/// EKS puts its own group on nodes only where the launch template names no others.
pub(crate) async fn further_security_groups_are_on_every_node(world: &World) {
    let mut run = Run::start(world, "r-groups").await;
    let network =
        resource::stack::create(&run.clients, &run.ledger, &run.stack(), &run.spec, &run.tags, TIMEOUT).await.unwrap();
    // One that is there and in the same VPC.
    let of_vpc = Filter::builder().name("vpc-id").values(&network.vpc_id).build();
    let named = Filter::builder().name("group-name").values("default").build();
    let found = run.clients.ec2.describe_security_groups().filters(of_vpc).filters(named).send().await.unwrap();
    let group = found.security_groups()[0].group_id().unwrap().to_owned();
    let NodeSource::Made(nodes) = &mut run.variant.nodes else { panic!("its nodes are made") };
    nodes.security_groups = vec![group.clone()];
    run.provision().await;
    let cluster = cluster::describe(&run.clients, &run.spec.name).await.unwrap().unwrap();
    let tagged = Filter::builder().name(format!("tag:{}", names::RUN_TAG)).values(run.id().as_str()).build();
    let found = run.clients.ec2.describe_instances().filters(tagged).send().await.unwrap();
    let instances: Vec<_> = found.reservations().iter().flat_map(|one| one.instances()).collect();
    assert_eq!(instances.len(), 2);
    for instance in instances {
        let mut groups: Vec<_> = instance.security_groups().iter().filter_map(|one| one.group_id()).collect();
        groups.sort_unstable();
        let mut wanted = [cluster.security_group_id.as_deref().unwrap(), group.as_str()];
        wanted.sort_unstable();
        assert_eq!(groups, wanted);
    }
    assert_eq!(run.destroy(&run.ledger).await.leftovers.as_slice(), []);
    run.assert_nothing_is_left().await;
}
