//! A run of the tests: its clients, its ledger, and what it makes.

use std::collections::BTreeMap;

use amiproof_core::aws::node_group::Plan;
use amiproof_core::aws::{Clients, Settings, ami, launch_template, names, network, node_group};
use amiproof_core::destroy::{self, Deadlines, ProgressSink, What};
use amiproof_core::ledger::{self, Header, Ledger};
use amiproof_core::resource::{self, addon::Installation};
use amiproof_core::user_data;
use amiproof_model::matrix::{
    AddonSpec, AmiSource, Architecture, Capacity, ClusterSpec, Family, Hardening, MadeNodes, NodeSource, Timeouts,
    Variant,
};
use amiproof_model::name::{Level, RunId};
use amiproof_model::report::Cleanup;
use aws_sdk_ec2::types::Filter;
use camino::{Utf8Path, Utf8PathBuf};

use super::{MINUTE, TIMEOUT, World};

/// One run in a world: its clients, ledger and names.
pub(crate) struct Run {
    pub(crate) clients: Clients,
    pub(crate) ledger: Ledger,
    pub(crate) folder: Utf8PathBuf,
    pub(crate) tags: names::Tags,
    pub(crate) spec: ClusterSpec,
    pub(crate) variant: Variant,
    _guard: tempfile::TempDir,
}

impl Run {
    pub(crate) async fn start(world: &World, run: &str) -> Self {
        let clients = connect(world).await;
        let account = clients.whoami().await.unwrap().account;
        assert_eq!(account.len(), 12, "{account}");
        let guard = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(guard.path()).unwrap().to_owned();
        let started = "2026-11-21T07:42:20Z".parse().unwrap();
        let header = Header {
            version: ledger::VERSION,
            run: run.parse().unwrap(),
            matrix: "test".to_owned(),
            account,
            region: clients.region().to_owned(),
            endpoint: clients.endpoint().map(str::to_owned),
            kubeconfig: None,
            started,
            expires: started,
            keep: false,
        };
        let tags = names::Tags::of_run(header.run.clone(), header.expires);
        let ledger = Ledger::create(&folder, header).unwrap();
        let spec = cluster_spec(&format!("ami-conformance-{run}"));
        Self { clients, ledger, folder, tags, spec, variant: variant(&world.parameter), _guard: guard }
    }

    pub(crate) fn id(&self) -> &RunId {
        &self.tags.run
    }

    pub(crate) fn stack(&self) -> String {
        names::network_stack(&self.spec.name)
    }

    /// Network, cluster, launch template and node group, as a run makes them.
    pub(crate) async fn provision(&self) -> network::Network {
        let (network, group) = self.try_provision().await;
        assert_eq!(group.unwrap().name, names::node_group(self.id(), &self.variant.name));
        network
    }

    pub(crate) async fn try_provision(&self) -> (network::Network, Result<node_group::NodeGroup, node_group::Error>) {
        let Self { clients, ledger, tags, spec, variant, .. } = self;
        let network = resource::stack::create(clients, ledger, &self.stack(), spec, tags, TIMEOUT).await.unwrap();
        assert_eq!((network.private_subnet_ids.len(), network.public_subnet_ids.len()), (2, 2), "{network:?}");
        let cluster = resource::cluster::create(
            clients,
            ledger,
            spec,
            &network.subnet_ids(),
            &network.cluster_role_arn,
            tags,
            TIMEOUT,
        )
        .await
        .unwrap();
        assert!(cluster.endpoint.starts_with("http"), "{cluster:?}");
        assert!(String::from_utf8_lossy(&cluster.ca_pem().unwrap()).contains("BEGIN CERTIFICATE") || self.is_moto());
        let made = variant.made().unwrap();
        let image = ami::resolve(clients, variant, made, None).await.unwrap();
        let tags = tags.for_variant(&variant.name);
        let name = names::node_group(self.id(), &variant.name);
        let labels = node_group::node_labels(self.id(), variant, &name);
        let user_data = user_data::generate(&cluster.facts(), variant, None, &labels).unwrap();
        let cluster_group = cluster.security_group_id.as_deref();
        let wanted = launch_template::Plan { variant, made, ami: &image, cluster_group, user_data: &user_data };
        let template = resource::launch_template::create(clients, ledger, &wanted, &tags).await.unwrap();
        let plan = Plan {
            cluster: &spec.name,
            variant,
            made,
            role_arn: &network.node_role_arn,
            subnet_ids: &network.private_subnet_ids,
            launch_template: &template,
            tags: &tags,
        };
        let group = resource::node_group::provision(clients, ledger, &plan, &|_| {}).await;
        if group.is_ok() {
            self.assert_node_group(&name, &template.id).await;
        }
        (network, group)
    }

    fn is_moto(&self) -> bool {
        self.ledger.header().account == "123456789012"
    }

    async fn assert_node_group(&self, name: &str, template: &str) {
        let group = node_group::describe(&self.clients, &self.spec.name, name).await.unwrap().unwrap();
        assert_eq!(group.status().unwrap().as_str(), "ACTIVE");
        assert_eq!(group.launch_template().unwrap().id(), Some(template));
        let labels = group.labels().unwrap();
        assert_eq!(labels.get("amiproof.dev/variant").map(String::as_str), Some("al2023-l1"), "{labels:?}");
        assert_eq!(group.tags().unwrap().get(names::RUN_TAG).map(String::as_str), Some(self.id().as_str()));
        // moto reports its own default; EKS and the lab report none beside a launch template.
        assert!(group.disk_size().is_none() || self.is_moto());
        assert_eq!(group.scaling_config().unwrap().desired_size(), Some(2));
    }

    pub(crate) async fn destroy(&self, ledger: &Ledger) -> Cleanup {
        let deadlines = Deadlines::default();
        let progress = &ProgressSink::silent();
        let (clients, what) = (Some(&self.clients), What::Everything);
        let plan = destroy::Plan { ledger, clients, access: None, what, deadlines, progress };
        destroy::destroy(&plan).await.unwrap()
    }

    /// Asks the services themselves, and not the ledger, for anything of the run.
    pub(crate) async fn assert_nothing_is_left(&self) {
        let clients = &self.clients;
        let clusters = clients.eks.list_clusters().send().await.unwrap().clusters.unwrap_or_default();
        assert!(!clusters.contains(&self.spec.name), "{clusters:?}");
        let tagged = Filter::builder().name(format!("tag:{}", names::RUN_TAG)).values(self.id().as_str()).build();
        let templates = clients.ec2.describe_launch_templates().filters(tagged.clone()).send().await.unwrap();
        assert!(templates.launch_templates().is_empty(), "{templates:?}");
        let instances = clients.ec2.describe_instances().filters(tagged.clone()).send().await.unwrap();
        let states = instances.reservations().iter().flat_map(|reservation| reservation.instances());
        let states: Vec<_> = states.filter_map(|instance| Some(instance.state()?.name()?.as_str())).collect();
        assert!(states.iter().all(|state| *state == "terminated"), "{states:?}");
        let volumes = clients.ec2.describe_volumes().filters(tagged).send().await.unwrap();
        assert!(volumes.volumes().is_empty(), "{volumes:?}");
        let stack = clients.cloudformation.describe_stacks().stack_name(self.stack()).send().await;
        assert!(stack.is_err(), "{stack:?}");
        let roles = clients.iam.list_roles().path_prefix(network::ROLE_PATH).send().await.unwrap();
        let stack = self.stack();
        let ours: Vec<_> = roles.roles().iter().filter(|role| role.role_name().starts_with(&stack)).collect();
        assert!(ours.is_empty(), "{ours:?}");
        let vpcs = Filter::builder().name("tag:Name").values(format!("{} vpc", self.stack())).build();
        let vpcs = clients.ec2.describe_vpcs().filters(vpcs).send().await.unwrap();
        assert!(vpcs.vpcs().is_empty(), "{vpcs:?}");
    }
}

/// Clients with any credentials.
pub(crate) async fn connect(world: &World) -> Clients {
    let settings = Settings {
        region: Some("us-west-2".to_owned()),
        endpoint: Some(world.endpoint.clone()),
        credentials: Some(("AKIAIOSFODNN7EXAMPLE".to_owned(), "secret".to_owned())),
        transport: world.transport.clone(),
        ..Settings::default()
    };
    Clients::connect(settings).await.unwrap()
}

/// moto's CloudFormation never deletes route tables (moto 5.2: `AWS::EC2::RouteTable` has no delete), and then refuses to delete
/// the VPC. AWS and the lab do it themselves.
pub(crate) async fn help_moto(world: &World, run: &Run, network: &network::Network) {
    if !world.is_moto {
        return;
    }
    let ec2 = &run.clients.ec2;
    let of_vpc = Filter::builder().name("vpc-id").values(&network.vpc_id).build();
    let tables = ec2.describe_route_tables().filters(of_vpc).send().await.unwrap();
    for table in tables.route_tables() {
        if table.associations().iter().any(|association| association.main() == Some(true)) {
            continue;
        }
        for association in table.associations() {
            let id = association.route_table_association_id().unwrap();
            ec2.disassociate_route_table().association_id(id).send().await.unwrap();
        }
        ec2.delete_route_table().route_table_id(table.route_table_id().unwrap()).send().await.unwrap();
    }
}

pub(crate) fn cluster_spec(name: &str) -> ClusterSpec {
    ClusterSpec {
        name: name.to_owned(),
        region: Some("us-west-2".to_owned()),
        kubernetes_version: Some("1.36".parse().unwrap()),
        create: true,
        subnet_ids: Vec::new(),
        role_arn: None,
        node_role_arn: None,
        windows_node_role_arn: None,
        max_pods: None,
        addons: Vec::new(),
        governance: amiproof_model::matrix::Governance::default(),
    }
}

pub(crate) fn variant(parameter: &str) -> Variant {
    Variant {
        name: "al2023-l1".parse().unwrap(),
        family: Family::Al2023,
        reference: None,
        hardening: Some(Hardening { benchmark: "cis-al2023-1.0.0".parse().unwrap(), level: Level::One }),
        architecture: Architecture::X86_64,
        nodes: NodeSource::Made(made(AmiSource::SsmParameter(parameter.to_owned()))),
        imds_hop_limit: 2,
        timeouts: Timeouts { nodes_ready: TIMEOUT, check: MINUTE, os_scan: TIMEOUT },
    }
}

pub(crate) fn made(ami: AmiSource) -> MadeNodes {
    MadeNodes {
        count: 2,
        ami,
        build: None,
        user_data: None,
        instance_types: vec!["m6i.large".to_owned()],
        capacity: Capacity::OnDemand,
        kubernetes_version: "1.36".parse().unwrap(),
        volume_gib: 40,
        kms_key: None,
        security_groups: Vec::new(),
        tags: BTreeMap::new(),
    }
}

/// An add-on in a cluster, with nothing beside it.
pub(crate) fn installation<'a>(cluster: &'a str, addon: &'a AddonSpec, tags: &'a names::Tags) -> Installation<'a> {
    Installation {
        cluster,
        kubernetes: "1.36",
        addon,
        with_identities: false,
        controllers_on: None,
        boundary: None,
        with_windows: false,
        tags,
    }
}
