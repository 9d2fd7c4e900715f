//! A cluster of the lab with nodes of two images, and the checks on it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use amiproof_core::check::{Applies, Check, Scope};
use amiproof_core::cluster::pull_secret::PullSecret;
use amiproof_core::cluster::{Access, NODE_GROUP_LABEL, Token, nodes, objects, storage, watch};
use amiproof_core::context::{Context, Peers};
use amiproof_core::ledger::{Header, Ledger, State, VERSION};
use amiproof_core::resource::storage_class;
use amiproof_core::run::budget::Budget;
use amiproof_core::run::checks::{RunnerConfig, run_all};
use amiproof_core::run::clock;
use amiproof_core::run::event::{EventKind, Events};
use amiproof_core::transport::Transport;
use amiproof_core::wait::{Condition, Observed, Progress};
use amiproof_lab::aws::NodeSpec;
use amiproof_lab::clock::Clock;
use amiproof_lab::kube::server::{ApiServer, ServerOptions};
use amiproof_lab::listen::{MemoryNetwork, Network};
use amiproof_lab::node::{self, Fabric, NodeHandle};
use amiproof_lab::profile::{HostProfile, builtin};
use amiproof_model::attribution::{TrafficPair, broken_nodes};
use amiproof_model::matrix::{
    Architecture, ClusterSpec, Family, Matrix, NodeSource, SuiteSelection, Timeouts, Variant,
};
use amiproof_model::report::{NodeRecord, Subject};
use amiproof_model::selector::NodeSelector;
use amiproof_model::verdict::{Outcome, Verdict};
use amiproof_model::workload::Expectation;
use amiproof_time::watch as channel;
use camino::Utf8PathBuf;
use futures::FutureExt as _;
use k8s_openapi::api::apps::v1::Deployment;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// The reference of every test: nothing hardened.
pub(crate) const REFERENCE: &str = "eks-al2023";

/// The most pods that a test's checks have at a time: the default of a run with a variant and its reference.
const PODS: u32 = 60;

/// What all checks share, and the end of a run removes.
fn classes() -> [String; 2] {
    [storage::CLASS, storage::WINDOWS_CLASS].map(|class| storage::class_name(&header().run, class))
}

/// A cluster with two nodes of the reference and two of another image.
pub(crate) struct Lab {
    server: ApiServer,
    nodes: Vec<NodeHandle>,
    access: Access,
    ledger: Ledger,
    folder: tempfile::TempDir,
    traffic: Mutex<Vec<TrafficPair>>,
    variant: Arc<Variant>,
    own: Arc<Vec<NodeRecord>>,
    peers: Arc<Vec<NodeRecord>>,
    /// Where images are pulled from instead, and with what.
    pub(crate) image_registry: Option<String>,
    pub(crate) pull_secret: Option<PullSecret>,
}

/// Runs a test in a time of its own: nothing waits, and a busy machine changes nothing.
pub(crate) fn simulated<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send) {
    amiproof_time::simulate(1, test).unwrap();
}

/// A built-in profile.
pub(crate) fn profile(name: &str) -> Arc<HostProfile> {
    let all = builtin().unwrap();
    Arc::new(all.into_iter().find(|profile| profile.name == name).unwrap_or_else(|| panic!("no profile {name}")))
}

fn boot(
    server: &ApiServer,
    fabric: &Fabric,
    clock: Clock,
    group: &str,
    profile: &Arc<HostProfile>,
    number: u8,
) -> NodeHandle {
    let labels = BTreeMap::from([
        ("eks.amazonaws.com/nodegroup".to_owned(), group.to_owned()),
        ("kubernetes.io/hostname".to_owned(), format!("{group}-{number}")),
    ]);
    let instance_id = format!("i-{group}{number}");
    let spec = NodeSpec {
        proxies_services: amiproof_lab::aws::Toggle::new(true),
        name: format!("{group}-{number}"),
        provider_id: format!("aws:///us-west-2a/{instance_id}"),
        instance_id,
        internal_ip: Ipv4Addr::new(10, 0, 16 * number + if group == "reference" { 0 } else { 64 }, 10),
        labels,
        taints: vec![],
        tags: BTreeMap::new(),
        ami_id: profile.image.id.clone(),
        profile: Arc::clone(profile),
        kubernetes_version: "1.36".into(),
        instance_type: "m6i.large".into(),
        zone: "us-west-2a".into(),
        metadata_hops: 2,
    };
    node::start(spec, server.store().clone(), server.kubelets(), fabric.clone(), clock)
}

impl Lab {
    pub(crate) async fn new(image: &str) -> Self {
        Self::of(profile(image), image).await
    }

    /// As [`Lab::new`], on hosts that are as `profile` says.
    pub(crate) async fn of(profile_under_test: Arc<HostProfile>, image: &str) -> Self {
        let (clock, network) = (Clock::new(1.0), MemoryNetwork::default());
        let options = ServerOptions { network: Network::Memory(network.clone()), ..ServerOptions::new("lab", "1.36") };
        let server = ApiServer::start(options).await.unwrap();
        let fabric = Fabric::new(server.store().clone());
        let mut handles = Vec::new();
        for number in 1..=2 {
            handles.push(boot(&server, &fabric, clock, "reference", &profile(REFERENCE), number));
            handles.push(boot(&server, &fabric, clock, "hardened", &profile_under_test, number));
        }
        let bearer = server.admin_token().to_owned();
        let tokens = Arc::new(move || {
            let token = Token { bearer: bearer.clone(), expires: amiproof_time::now() + Duration::from_secs(900) };
            async move { Ok(token) }.boxed()
        });
        let transport = Transport::memory(move |authority| network.dial(authority));
        let access = Access::eks(&server.endpoint(), server.ca_pem().as_bytes(), tokens, &transport).unwrap();
        let ready = async |group: &str| {
            let found = nodes::wait_ready(&access, &nodes::of_group(group), 2, Duration::from_secs(600)).await;
            Arc::new(found.unwrap_or_else(|error| panic!("{error}")))
        };
        let (own, peers) = (ready("hardened").await, ready("reference").await);
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::create(&Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap(), header()).unwrap();
        let driver = json!({"apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver", "metadata": {"name": storage::EBS_DRIVER},
                            "spec": {}});
        objects::apply(&access, None, &driver).await.unwrap();
        for part in [dns(), metrics_server(), policy_agent()] {
            objects::apply(&access, Some("kube-system"), &part).await.unwrap();
        }
        wait_for_dns(&access).await;
        storage_class::ensure_classes(&access, &ledger, &std::collections::BTreeMap::new()).await.unwrap();
        Self {
            server,
            nodes: handles,
            access,
            ledger,
            folder,
            traffic: Mutex::default(),
            variant: Arc::new(variant(image)),
            own,
            peers,
            image_registry: None,
            pull_secret: None,
        }
    }

    pub(crate) fn context(&self, scope: Scope) -> Context {
        Context {
            run: "r-1".parse().unwrap(),
            matrix: Arc::new(matrix(&self.variant)),
            subject: match scope {
                Scope::Variant => Subject::Variant(self.variant.name.clone()),
                Scope::Cluster => Subject::Cluster,
            },
            variant: Arc::clone(&self.variant),
            selector: group(if scope == Scope::Variant { "hardened" } else { "reference" }),
            nodes: Arc::clone(if scope == Scope::Variant { &self.own } else { &self.peers }),
            peers: channel::channel(Peers::Ready(Arc::clone(&self.peers))).1,
            facts: Default::default(),
            cluster: self.access.clone(),
            kubernetes: "1.36".parse().unwrap(),
            aws: None,
            ledger: self.ledger.clone(),
            evidence: Utf8PathBuf::from_path_buf(self.folder.path().to_owned()).unwrap(),
            image_registry: self.image_registry.clone(),
            pull_secret: self.pull_secret.clone(),
            pods: Default::default(),
            cancel: CancellationToken::new(),
        }
    }

    /// Runs every check that applies and is not opt-in, all at the same time; outcomes by id, the rows of scans each by its own.
    pub(crate) async fn run_all(&self) -> BTreeMap<String, Outcome> {
        self.run_those(|check| !check.opt_in).await
    }

    /// Runs the checks that apply and that `wanted` picks, as a run does: by the product's own scheduler and its pod budget, those of
    /// the cluster after those of the variant.
    pub(crate) async fn run_those(&self, wanted: impl Fn(&Check) -> bool) -> BTreeMap<String, Outcome> {
        let checks = amiproof_suites::all(amiproof_workloads::catalogue().unwrap()).unwrap();
        let applies = |check: &Check| check.scope == Scope::Cluster || (check.applies)(&self.variant) == Applies::Yes;
        let wanted = checks.into_iter().filter(|check| applies(check) && wanted(check));
        let (of_variant, of_cluster): (Vec<Check>, Vec<Check>) =
            wanted.partition(|check| check.scope == Scope::Variant);
        let (events, mut received) = Events::channel(clock::Clock::start());
        let config = RunnerConfig { retries: 0, budget: Budget::new(PODS), events, abort: Default::default() };
        run_all(&self.context(Scope::Variant), &of_variant, &config).await;
        run_all(&self.context(Scope::Cluster), &of_cluster, &config).await;
        drop(config);
        let mut outcomes = BTreeMap::new();
        while let Some(event) = received.recv().await {
            if let EventKind::Result(result) = event.kind {
                self.traffic.lock().unwrap().extend(result.traffic);
                outcomes.insert(result.check.to_string(), result.outcome);
            }
        }
        outcomes
    }

    /// A node of the image under test.
    pub(crate) fn host(&self, name: &str) -> &NodeHandle {
        self.nodes.iter().find(|node| node.name() == name).unwrap_or_else(|| panic!("no node {name}"))
    }

    /// Changes with every boot of a node.
    pub(crate) async fn boot_id(&self, node: &str) -> String {
        let api: kube::Api<k8s_openapi::api::core::v1::Node> = kube::Api::all(self.access.client());
        api.get(node).await.unwrap().status.unwrap().node_info.unwrap().boot_id
    }

    /// A client of the cluster's API.
    /// The driver of EFS, and a storage class with a policy for volumes whose claim is gone.
    pub(crate) async fn install_efs(&self, policy: &str) {
        let driver = json!({"apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver", "metadata": {"name": "efs.csi.aws.com"}, "spec": {}});
        let class = json!({
            "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
            "metadata": {"name": format!("efs-{}", policy.to_lowercase())}, "provisioner": "efs.csi.aws.com",
            "reclaimPolicy": policy, "parameters": {"provisioningMode": "efs-ap", "fileSystemId": "fs-1"},
        });
        for object in [driver, class] {
            objects::apply(&self.access, None, &object).await.unwrap();
        }
    }

    /// Removes what [`Lab::install_efs`] made.
    pub(crate) async fn remove_efs(&self) {
        for (kind, name) in
            [("CSIDriver", "efs.csi.aws.com"), ("StorageClass", "efs-retain"), ("StorageClass", "efs-delete")]
        {
            objects::delete(&self.access, "storage.k8s.io/v1", kind, None, name).await.unwrap();
        }
    }

    pub(crate) fn client(&self) -> kube::Client {
        self.access.client()
    }

    /// Names of the namespaces that checks have made.
    pub(crate) async fn own_namespaces(&self) -> Vec<String> {
        let all = self.access.client().list_namespaces().await;
        all.into_iter().filter(|name| name.starts_with("ap-")).collect()
    }

    /// Whatever the connection, even among the reference's own nodes, only nodes of the image under test may be blamed.
    pub(crate) async fn assert_fair(&self) {
        let reference = reference(&self.variant);
        let context = Context {
            subject: Subject::Variant(reference.name.clone()),
            variant: Arc::new(reference),
            selector: group("reference"),
            nodes: Arc::clone(&self.peers),
            peers: channel::channel(Peers::None).1,
            ..self.context(Scope::Variant)
        };
        let catalogue = amiproof_workloads::catalogue().unwrap();
        let pod_to_pod = Arc::new(catalogue.iter().find(|workload| workload.name == "pod-to-pod").unwrap().clone());
        let decision = amiproof_core::workload::run(&pod_to_pod, &context).await.unwrap();
        assert_eq!(decision.verdict, Verdict::Pass);
        let mut traffic = self.traffic.lock().unwrap().clone();
        assert!(traffic.len() >= 3, "two pairs of pod-to-pod and one of web-service: {traffic:?}");
        traffic.extend(decision.traffic);
        let blamed = broken_nodes(&traffic);
        assert!(blamed.iter().all(|node| node.node.starts_with("hardened")), "blamed: {blamed:?}\nof {traffic:#?}");
    }

    /// Whether no check made anything.
    pub(crate) fn ledger_is_empty(&self) -> bool {
        self.ledger.entries().iter().all(|entry| classes().contains(&entry.resource.name))
    }

    /// Nothing that the checks made is left, in the cluster or in the ledger.
    pub(crate) async fn assert_clean(&self) {
        assert_eq!(self.own_namespaces().await, [""; 0]);
        let left: Vec<_> = self.ledger.entries().into_iter().filter(|entry| entry.state != State::Gone).collect();
        let names: Vec<&str> = left.iter().map(|entry| entry.resource.name.as_str()).collect();
        assert_eq!(names, classes());
        self.server.stop().await;
    }
}

/// Names of all namespaces.
trait Namespaces {
    async fn list_namespaces(&self) -> Vec<String>;
}

impl Namespaces for kube::Client {
    async fn list_namespaces(&self) -> Vec<String> {
        let api: kube::Api<k8s_openapi::api::core::v1::Namespace> = kube::Api::all(self.clone());
        let list = api.list(&Default::default()).await.unwrap();
        list.items.into_iter().filter_map(|namespace| namespace.metadata.name).collect()
    }
}

/// The VPC CNI with its network policy agent turned on.
fn policy_agent() -> Value {
    let labels = json!({"k8s-app": "aws-node"});
    json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "aws-node"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "hostNetwork": true,
                    "nodeSelector": {"kubernetes.io/os": "linux"},
                    "containers": [{
                        "name": "aws-eks-nodeagent",
                        "image": "602401143452.dkr.ecr.us-west-2.amazonaws.com/amazon/aws-network-policy-agent:v1.2.7-eksbuild.1",
                        "args": ["--enable-network-policy=true"],
                    }],
                },
            },
        },
    })
}

/// A Deployment of `kube-system` on nodes of the reference, where no hardening reaches it.
fn system(name: &str, labels: &Value, container: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"nodeSelector": {NODE_GROUP_LABEL: "reference"}, "containers": [container]},
            },
        },
    })
}

fn dns() -> Value {
    let ports =
        json!([{"name": "dns", "containerPort": 53, "protocol": "UDP"}, {"name": "dns-tcp", "containerPort": 53}]);
    let container = json!({"name": "coredns", "image": "registry.k8s.io/coredns/coredns:v1.13.1", "ports": ports});
    system("coredns", &json!({"k8s-app": "kube-dns"}), &container)
}

/// While a pod of it is ready the lab serves the metrics API.
fn metrics_server() -> Value {
    let container = json!({"name": "metrics-server", "image": "registry.k8s.io/metrics-server/metrics-server:v0.8.0",
                           "ports": [{"name": "https", "containerPort": 10251}]});
    system("metrics-server", &json!({"k8s-app": "metrics-server"}), &container)
}

async fn wait_for_dns(access: &Access) {
    let condition = Condition::of(&Expectation::Ready("deployment/coredns".into())).unwrap();
    let api: kube::Api<Deployment> = kube::Api::namespaced(access.client(), "kube-system");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(600);
    let mut last = Progress::NotYet(String::new());
    let seen = watch::follow(api, Default::default());
    let ready = watch::until(seen, deadline, |deployments| {
        last = condition.progress(&Observed { deployments, ..Observed::default() });
        (last == Progress::Met).then_some(())
    });
    let ready = ready.await;
    ready.unwrap_or_else(|error| panic!("{error}: {last:?}"));
}

fn header() -> Header {
    Header {
        version: VERSION,
        run: "r-1".parse().unwrap(),
        matrix: "lab".into(),
        account: String::new(),
        region: String::new(),
        endpoint: None,
        kubeconfig: None,
        started: jiff::Timestamp::UNIX_EPOCH,
        expires: jiff::Timestamp::UNIX_EPOCH,
        keep: false,
    }
}

fn variant(image: &str) -> Variant {
    Variant {
        name: "hardened".parse().unwrap(),
        family: match image {
            "bottlerocket" => Family::Bottlerocket,
            image if image.starts_with("windows") => Family::Windows,
            _ => Family::Al2023,
        },
        reference: Some("reference".parse().unwrap()),
        hardening: None,
        architecture: Architecture::X86_64,
        nodes: NodeSource::Selected(group("hardened")),
        imds_hop_limit: 2,
        timeouts: Timeouts {
            nodes_ready: Duration::from_secs(1200),
            check: Duration::from_secs(600),
            os_scan: Duration::from_secs(3600),
        },
    }
}

/// The nodes of a node group.
fn group(name: &str) -> NodeSelector {
    NodeSelector::label(NODE_GROUP_LABEL, name)
}

/// The stock counterpart of a variant.
fn reference(variant: &Variant) -> Variant {
    Variant {
        name: "reference".parse().unwrap(),
        reference: None,
        // Its nodes boot REFERENCE, whatever the variant is.
        family: Family::Al2023,
        nodes: NodeSource::Selected(group("reference")),
        ..variant.clone()
    }
}

fn matrix(variant: &Variant) -> Matrix {
    Matrix {
        name: "lab".into(),
        cluster: ClusterSpec {
            name: "lab".into(),
            region: None,
            kubernetes_version: None,
            create: false,
            subnet_ids: Vec::new(),
            role_arn: None,
            node_role_arn: None,
            windows_node_role_arn: None,
            max_pods: None,
            addons: Vec::new(),
            governance: amiproof_model::matrix::Governance::default(),
        },
        variants: vec![reference(variant), variant.clone()],
        suites: SuiteSelection::default(),
        scans: amiproof_model::matrix::ScanSettings::default(),
        thresholds: Vec::new(),
        workloads: Vec::new(),
        waivers: None,
    }
}
