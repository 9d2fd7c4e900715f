//! How a run comes to one of each kind, as the product does it.

use amiproof_core::aws::Class;
use amiproof_core::aws::{ami, cluster, launch_template, names, node_group};
use amiproof_core::cluster::{RUN_LABEL, namespace, windows};
use amiproof_core::ledger::Resource;
use amiproof_core::resource::{self, NotCreated};
use amiproof_model::matrix::AddonSpec;
use amiproof_model::name::Level;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::json;

use super::stage::{Run, Stage};
use crate::provisioning::{TIMEOUT, cluster_spec, installation};

type Create = for<'a> fn(&'a Stage, &'a Run) -> BoxFuture<'a, ()>;
type Others = for<'a> fn(&'a Stage) -> BoxFuture<'a, ()>;

/// A kind of resource.
pub(super) struct Row {
    /// Its name in the registry.
    pub(super) kind: &'static str,
    /// The call that creates it, by how its name in the lab begins.
    pub(super) call: &'static str,
    /// Creates it.
    create: Create,
    /// Whether a second creation replaces the first.
    pub(super) is_replaced: bool,
    /// Makes it someone else's, if no tag names the owner; and undoes that.
    pub(super) taken_over: Option<Others>,
    pub(super) given_back: Option<Others>,
}

impl Row {
    pub(super) async fn create(&self, stage: &Stage, run: &Run) {
        (self.create)(stage, run).await;
    }
}

const fn row(kind: &'static str, call: &'static str, create: Create) -> Row {
    Row { kind, call, create, is_replaced: false, taken_over: None, given_back: None }
}

pub(super) static ROWS: &[Row] = &[
    row("access-entry", "eks CreateAccessEntry", access_entry),
    row("addon", "eks CreateAddon", addon),
    row("cis-scan-configuration", "inspector2 CreateCisScanConfiguration", cis_scan_configuration),
    row("cluster", "eks CreateCluster", eks_cluster),
    Row {
        taken_over: Some(|stage| stage.write_config_map("later").boxed()),
        given_back: Some(|stage| stage.write_config_map("false").boxed()),
        ..row("config-map-change", "kubernetes PATCH /api/v1/namespaces/kube-system/configmaps/", config_map_change)
    },
    row("kubernetes-object", "kubernetes PATCH /apis/rbac.authorization.k8s.io/v1/clusterroles/", object),
    row("launch-template", "ec2 CreateLaunchTemplate", a_launch_template),
    row("log-group", "eks CreateCluster", eks_cluster),
    // The namespace of an earlier attempt holds what that left.
    Row { is_replaced: true, ..row("namespace", "kubernetes PATCH /api/v1/namespaces/", a_namespace) },
    row("node-group", "eks CreateNodegroup", a_node_group),
    row("oidc-provider", "iam CreateOpenIDConnectProvider", oidc_provider),
    row("pod-identity-association", "eks CreatePodIdentityAssociation", pod_identity_association),
    row("role", "iam CreateRole", role),
    row("stack", "cloudformation CreateStack", stack),
    row("storage-class", "kubernetes PATCH /apis/storage.k8s.io/v1/storageclasses/", storage_class),
];

fn access_entry<'a>(stage: &'a Stage, run: &'a Run) -> BoxFuture<'a, ()> {
    async move {
        let role = &stage.network.windows_node_role_arn;
        let made =
            resource::access_entry::admit_windows(&stage.clients, &run.ledger, &stage.spec.name, role, &run.tags);
        made.await.unwrap();
    }
    .boxed()
}

fn addon<'a>(stage: &'a Stage, run: &'a Run) -> BoxFuture<'a, ()> {
    async move {
        let addon = AddonSpec::recommended("metrics-server");
        let wanted = installation(&stage.spec.name, &addon, &run.tags);
        resource::addon::install(&stage.clients, &run.ledger, &wanted).await.unwrap();
    }
    .boxed()
}

fn cis_scan_configuration<'a>(stage: &'a Stage, run: &'a Run) -> BoxFuture<'a, ()> {
    async move {
        let of = (&run.tags.run, &stage.variant.name);
        let standing =
            resource::cis_scan_configuration::standing(&stage.clients, &run.ledger, of, Level::One).await.unwrap();
        if standing.is_none() {
            let tags = run.tags.for_variant(&stage.variant.name);
            let made = resource::cis_scan_configuration::create(&stage.clients, &run.ledger, of, Level::One, &tags);
            made.await.unwrap();
        }
    }
    .boxed()
}

fn eks_cluster<'a>(stage: &'a Stage, run: &'a Run) -> BoxFuture<'a, ()> {
    async move {
        let (spec, subnets) = (cluster_spec("row"), stage.network.subnet_ids());
        let role = stage.network.cluster_role_arn.as_str();
        let made =
            resource::cluster::create(&stage.clients, &run.ledger, &spec, &subnets, role, &run.tags, TIMEOUT).await;
        assert_eq!(made.unwrap().run_tag.as_deref(), Some(run.tags.run.as_str()));
    }
    .boxed()
}

fn config_map_change<'a>(stage: &'a Stage, run: &'a Run) -> BoxFuture<'a, ()> {
    async move { windows::enable_ipam(&stage.access, &run.ledger).await.unwrap() }.boxed()
}

fn object<'a>(stage: &'a Stage, run: &'a Run) -> BoxFuture<'a, ()> {
    async move {
        let object = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": format!("amiproof-{}-row", run.tags.run), "labels": {RUN_LABEL: run.tags.run}},
            "rules": [],
        });
        resource::object::create(&stage.access, &run.ledger, &object).await.unwrap();
    }
    .boxed()
}

async fn template(stage: &Stage, run: &Run) -> launch_template::LaunchTemplate {
    let (clients, variant) = (&stage.clients, &stage.variant);
    let made = variant.made().unwrap();
    let image = ami::resolve(clients, variant, made, None).await.unwrap();
    let name = names::node_group(&run.tags.run, &variant.name);
    let labels = node_group::node_labels(&run.tags.run, variant, &name);
    let there = cluster::describe(clients, &stage.spec.name).await.unwrap().unwrap();
    let user_data = amiproof_core::user_data::generate(&there.facts(), variant, None, &labels).unwrap();
    let group = there.security_group_id.as_deref();
    let plan = launch_template::Plan { variant, made, ami: &image, cluster_group: group, user_data: &user_data };
    let tags = run.tags.for_variant(&variant.name);
    resource::launch_template::create(clients, &run.ledger, &plan, &tags).await.unwrap()
}

fn a_launch_template<'a>(stage: &'a Stage, run: &'a Run) -> BoxFuture<'a, ()> {
    async move { drop(template(stage, run).await) }.boxed()
}

fn a_namespace<'a>(stage: &'a Stage, run: &'a Run) -> BoxFuture<'a, ()> {
    async move {
        let spec = namespace::Spec {
            name: namespace::name(&run.tags.run, stage.variant.name.as_str(), "row"),
            run: run.tags.run.clone(),
            variant: Some(stage.variant.name.clone()),
            privileged: false,
        };
        resource::namespace::create(&stage.access, &run.ledger, &spec).await.unwrap();
    }
    .boxed()
}

fn a_node_group<'a>(stage: &'a Stage, run: &'a Run) -> BoxFuture<'a, ()> {
    async move {
        let launch_template = template(stage, run).await;
        let plan = node_group::Plan {
            cluster: &stage.spec.name,
            variant: &stage.variant,
            made: stage.variant.made().unwrap(),
            role_arn: &stage.network.node_role_arn,
            subnet_ids: &stage.network.private_subnet_ids,
            launch_template: &launch_template,
            tags: &run.tags.for_variant(&stage.variant.name),
        };
        resource::node_group::provision(&stage.clients, &run.ledger, &plan, &|_| {}).await.unwrap();
    }
    .boxed()
}

fn oidc_provider<'a>(stage: &'a Stage, run: &'a Run) -> BoxFuture<'a, ()> {
    async move {
        let (clients, cluster) = (&stage.clients, &stage.spec.name);
        match resource::oidc_provider::create(clients, &run.ledger, cluster, &stage.issuer, &run.tags).await {
            Ok(_) => {}
            // It is used, and belongs to whom its tag says.
            Err(NotCreated::Aws(error)) if error.class == Class::Exists => {}
            Err(error) => panic!("{error}"),
        }
    }
    .boxed()
}

fn pod_identity_association<'a>(stage: &'a Stage, run: &'a Run) -> BoxFuture<'a, ()> {
    async move {
        let of = (stage.spec.name.as_str(), "default", "row");
        let (role, variant) = (&stage.network.node_role_arn, &stage.variant.name);
        let made =
            resource::pod_identity_association::create(&stage.clients, &run.ledger, of, variant, role, &run.tags);
        made.await.unwrap();
    }
    .boxed()
}

fn role<'a>(stage: &'a Stage, run: &'a Run) -> BoxFuture<'a, ()> {
    async move {
        let name = names::workload_role(&run.tags.run, &stage.variant.name, "row", "default");
        let wanted = Resource::new(resource::role::KIND, name).in_cluster(&stage.spec.name);
        let trust = resource::pod_identity_association::trust();
        let policies = ["arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore".to_owned()];
        let made = resource::role::create(&stage.clients, &run.ledger, wanted, &trust, &policies, None, &run.tags);
        made.await.unwrap();
    }
    .boxed()
}

fn stack<'a>(stage: &'a Stage, run: &'a Run) -> BoxFuture<'a, ()> {
    async move {
        let spec = cluster_spec("row");
        let name = names::network_stack(&spec.name);
        let made = resource::stack::create(&stage.clients, &run.ledger, &name, &spec, &run.tags, TIMEOUT).await;
        assert_eq!(made.unwrap().run_tag.as_deref(), Some(run.tags.run.as_str()));
    }
    .boxed()
}

fn storage_class<'a>(stage: &'a Stage, run: &'a Run) -> BoxFuture<'a, ()> {
    async move {
        resource::storage_class::ensure_classes(&stage.access, &run.ledger, &run.tags.others).await.unwrap();
    }
    .boxed()
}
