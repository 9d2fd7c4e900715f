//! What has no name that a run chose, and is known by tags alone: volumes, security groups, network interfaces, launch templates and
//! roles. A run takes its own, sweep takes what has expired, and what others made stays, however much it looks alike.

use std::collections::{BTreeMap, BTreeSet};

use amiproof_core::aws::Clients;
use amiproof_core::aws::names::{EXPIRES_TAG, KEEP_TAG, RUN_TAG};
use amiproof_core::aws::network::ROLE_PATH;
use amiproof_core::destroy::{self, Deadlines, ProgressSink};
use amiproof_core::ledger::{self, Resource};
use amiproof_core::resource;
use aws_sdk_ec2::types::{ResourceType, Tag, TagSpecification};

use super::{Run, World};

const PAST: &str = "2026-11-01T00:00:00Z";
const FUTURE: &str = "2999-01-01T00:00:00Z";

/// Owners by a word, and the tags of what they made.
fn owners() -> BTreeMap<&'static str, Vec<(&'static str, &'static str)>> {
    BTreeMap::from([
        ("ours", vec![(RUN_TAG, "r-tagged"), (EXPIRES_TAG, FUTURE)]),
        ("another run", vec![(RUN_TAG, "r-tagged-2"), (EXPIRES_TAG, FUTURE)]),
        ("a run that has expired", vec![(RUN_TAG, "r-old"), (EXPIRES_TAG, PAST)]),
        ("meant to stay", vec![(RUN_TAG, "r-kept"), (EXPIRES_TAG, PAST), (KEEP_TAG, "true")]),
        ("without an end", vec![(RUN_TAG, "r-endless")]),
        ("only an end", vec![(EXPIRES_TAG, PAST)]),
        ("a team", vec![("team", "payments"), ("run", "r-tagged")]),
        ("nobody", Vec::new()),
    ])
}

fn tagged(kind: ResourceType, tags: &[(&str, &str)]) -> Option<Vec<TagSpecification>> {
    let tags: Vec<Tag> = tags.iter().map(|(key, value)| Tag::builder().key(*key).value(*value).build()).collect();
    (!tags.is_empty()).then(|| vec![TagSpecification::builder().resource_type(kind).set_tags(Some(tags)).build()])
}

/// One of each kind; its ids as `kind id`.
async fn make(clients: &Clients, number: usize, tags: &[(&str, &str)], subnet: &str, vpc: &str) -> Vec<String> {
    let ec2 = &clients.ec2;
    let volume = ec2.create_volume().availability_zone("us-west-2a").size(1);
    let volume = volume.set_tag_specifications(tagged(ResourceType::Volume, tags)).send().await.unwrap();
    let group = ec2.create_security_group().group_name(format!("same-{number}")).description("same").vpc_id(vpc);
    let group = group.set_tag_specifications(tagged(ResourceType::SecurityGroup, tags)).send().await.unwrap();
    let interface = ec2.create_network_interface().subnet_id(subnet);
    let interface =
        interface.set_tag_specifications(tagged(ResourceType::NetworkInterface, tags)).send().await.unwrap();
    let template = ec2.create_launch_template().launch_template_name(format!("amiproof-{number}"));
    let data = aws_sdk_ec2::types::RequestLaunchTemplateData::builder().image_id("ami-0123456789abcdef0").build();
    let template = template.launch_template_data(data);
    let template = template.set_tag_specifications(tagged(ResourceType::LaunchTemplate, tags)).send().await.unwrap();
    let role = clients.iam.create_role().role_name(format!("amiproof-{number}")).path(ROLE_PATH);
    let iam =
        tags.iter().map(|(key, value)| aws_sdk_iam::types::Tag::builder().key(*key).value(*value).build().unwrap());
    let trust = r#"{"Version":"2012-10-17","Statement":[]}"#;
    role.assume_role_policy_document(trust).set_tags(Some(iam.collect())).send().await.unwrap();
    vec![
        format!("volume {}", volume.volume_id.unwrap()),
        format!("group {}", group.group_id.unwrap()),
        format!("interface {}", interface.network_interface.unwrap().network_interface_id.unwrap()),
        format!("template {}", template.launch_template.unwrap().launch_template_id.unwrap()),
        format!("role amiproof-{number}"),
    ]
}

/// Everything of these kinds that is there.
async fn there(clients: &Clients) -> BTreeSet<String> {
    let ec2 = &clients.ec2;
    let volumes = ec2.describe_volumes().send().await.unwrap();
    let groups = ec2.describe_security_groups().send().await.unwrap();
    let interfaces = ec2.describe_network_interfaces().send().await.unwrap();
    let templates = ec2.describe_launch_templates().send().await.unwrap();
    let roles = clients.iam.list_roles().path_prefix(ROLE_PATH).send().await.unwrap();
    let volumes = volumes.volumes().iter().filter_map(|one| Some(format!("volume {}", one.volume_id()?)));
    let groups = groups.security_groups().iter().filter_map(|one| Some(format!("group {}", one.group_id()?)));
    let interfaces = interfaces
        .network_interfaces()
        .iter()
        .filter_map(|one| Some(format!("interface {}", one.network_interface_id()?)));
    let templates =
        templates.launch_templates().iter().filter_map(|one| Some(format!("template {}", one.launch_template_id()?)));
    let roles = roles.roles().iter().map(|one| format!("role {}", one.role_name()));
    volumes.chain(groups).chain(interfaces).chain(templates).chain(roles).collect()
}

/// A volume that the EBS CSI driver made for a claim in a namespace of the run, in a cluster.
async fn claimed(clients: &Clients, namespace: &str, cluster: &str) -> String {
    let key = format!("kubernetes.io/cluster/{cluster}");
    let tags = [("kubernetes.io/created-for/pvc/namespace", namespace), (key.as_str(), "owned")];
    let volume = clients.ec2.create_volume().availability_zone("us-west-2a").size(1);
    let volume = volume.set_tag_specifications(tagged(ResourceType::Volume, &tags)).send().await.unwrap();
    format!("volume {}", volume.volume_id.unwrap())
}

pub(crate) async fn what_only_tags_say_the_owner_of_is_taken_by_its_owner_alone(world: &World) {
    let ours = Run::start(world, "r-tagged").await;
    let clients = &ours.clients;
    let vpc = clients.ec2.create_vpc().cidr_block("10.77.0.0/16").send().await.unwrap().vpc.unwrap().vpc_id.unwrap();
    let subnet = clients.ec2.create_subnet().vpc_id(&vpc).cidr_block("10.77.1.0/24").send().await.unwrap();
    let subnet = subnet.subnet.unwrap().subnet_id.unwrap();
    let before = there(clients).await;
    let mut made: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (number, (owner, tags)) in owners().into_iter().enumerate() {
        made.insert(owner, make(clients, number, &tags, &subnet, &vpc).await);
    }
    let of_claim = claimed(clients, "amiproof-r-tagged-web", &ours.spec.name).await;
    let of_another_cluster = claimed(clients, "amiproof-r-tagged-web", "someone-elses").await;

    // Something of each kind of service was begun: the answer was lost, and only tags can tell.
    let cluster = ours.spec.name.as_str();
    for (kind, name) in [
        (resource::cluster::KIND, cluster),
        (resource::node_group::KIND, "group"),
        (resource::launch_template::KIND, "template"),
        (resource::role::KIND, "role"),
    ] {
        let lost = || async { Err::<String, _>(ledger::Error::GivenUp) };
        let resource = Resource::new(kind, name).in_region("us-west-2").in_cluster(cluster);
        ours.ledger.create_resource(resource, lost).await.unwrap_err();
    }
    let namespace = Resource::new(resource::namespace::KIND, "amiproof-r-tagged-web").in_cluster(cluster);
    let lost = || async { Err::<String, _>(ledger::Error::GivenUp) };
    ours.ledger.create_resource(namespace, lost).await.unwrap_err();
    ours.destroy(&ours.ledger).await;
    let stays = |owners: &[&str]| -> BTreeSet<String> {
        let gone: BTreeSet<&String> = owners.iter().flat_map(|owner| &made[owner]).collect();
        let all = made.values().flatten().filter(|id| !gone.contains(id)).cloned();
        all.chain(before.iter().cloned()).chain([of_another_cluster.clone()]).collect()
    };
    assert_eq!(there(clients).await, stays(&["ours"]), "without {of_claim}: its cluster is the run's");

    let now = "2026-11-29T00:00:00Z".parse().unwrap();
    let swept = destroy::sweep(clients, now, &BTreeSet::new(), Deadlines::default(), &ProgressSink::silent()).await;
    assert_eq!(swept.cleanup.leftovers.as_slice(), []);
    assert_eq!(there(clients).await, stays(&["ours", "a run that has expired"]));
    let runs: BTreeSet<Option<&str>> = swept.deleted.iter().map(|target| target.run.as_deref()).collect();
    assert_eq!(runs, BTreeSet::from([Some("r-old")]));
}
