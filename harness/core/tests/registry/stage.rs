//! A lab with a cluster that belongs to nobody's test, runs in it, and what exists beside it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use amiproof_core::aws::network::Network;
use amiproof_core::aws::{Clients, names};
use amiproof_core::cluster::{Access, RUN_LABEL, identity};
use amiproof_core::destroy::{self, Deadlines, ProgressSink, What};
use amiproof_core::ledger::{self, FILE_NAME, Ledger, Resource};
use amiproof_core::resource;
use amiproof_lab::inject::{Fault, Injector};
use amiproof_lab::{Lab, LabOptions};
use amiproof_model::matrix::{ClusterSpec, Variant};
use amiproof_model::report::Cleanup;
use camino::{Utf8Path, Utf8PathBuf};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::rbac::v1::ClusterRole;
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;

use crate::memory_lab;
use crate::provisioning::{TIMEOUT, cluster_spec, variant};

const IMAGE: &str = "/aws/service/eks/optimized-ami/1.36/amazon-linux-2023/x86_64/standard/recommended/image_id";
const CONFIG_MAP: &str = "amazon-vpc-cni";
/// Long enough for a cluster that was just created to admit its creator.
const LOOKS: u32 = 30;

/// Strikes one call, once it is armed.
#[derive(Debug, Default)]
struct Strike {
    is_armed: AtomicBool,
    has_struck: AtomicBool,
}

/// A lab in which one cluster is in its network.
pub(super) struct Stage {
    lab: Lab,
    strike: Arc<Strike>,
    pub(super) clients: Clients,
    pub(super) access: Access,
    pub(super) network: Network,
    pub(super) spec: ClusterSpec,
    pub(super) issuer: String,
    pub(super) variant: Variant,
    base: Run,
}

/// A run with a ledger of its own.
pub(super) struct Run {
    pub(super) ledger: Ledger,
    pub(super) tags: names::Tags,
    folder: Utf8PathBuf,
    _guard: tempfile::TempDir,
}

impl Stage {
    /// Starts it; a fault strikes the first call whose name begins so, once it is armed.
    pub(super) async fn start(fault: Option<(Fault, &'static str)>) -> Self {
        let strike = Arc::new(Strike::default());
        let seen = Arc::clone(&strike);
        let injector = Injector::new(move |call| {
            let (fault, name) = fault?;
            let is_it = call.name.starts_with(name) && seen.is_armed.load(Ordering::Relaxed);
            (is_it && !seen.has_struck.swap(true, Ordering::Relaxed)).then_some(fault)
        });
        let (lab, network) = memory_lab::start(Arc::new(injector), LabOptions::default()).await.unwrap();
        let clients = memory_lab::clients(&lab, move |authority| network.dial(authority)).await.unwrap();
        let base = Run::start(&clients, "r-base").await;
        let spec = cluster_spec("base");
        let stack = names::network_stack(&spec.name);
        let network =
            resource::stack::create(&clients, &base.ledger, &stack, &spec, &base.tags, TIMEOUT).await.unwrap();
        let (subnets, role) = (network.subnet_ids(), network.cluster_role_arn.as_str());
        let made = resource::cluster::create(&clients, &base.ledger, &spec, &subnets, role, &base.tags, TIMEOUT)
            .await
            .unwrap();
        let access = amiproof_core::run::reach(&clients, &spec.name).await.unwrap();
        for look in 1.. {
            match access.client().apiserver_version().await {
                Ok(_) => break,
                Err(error) => assert!(look < LOOKS, "{error}"),
            }
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
        let issuer = made.issuer.unwrap();
        let issuer = issuer.strip_prefix("https://").unwrap().to_owned();
        let stage = Self { lab, strike, clients, access, network, spec, issuer, variant: variant(IMAGE), base };
        stage.write_config_map("false").await;
        stage
    }

    pub(super) async fn stop(self) {
        let cleanup = self.base.destroy(&self, Deadlines::default()).await;
        assert_eq!(cleanup.leftovers.as_slice(), []);
        let left = self.lab.resources();
        assert!(left.is_empty(), "{left:#?}");
        self.lab.stop().await;
    }

    /// From now on the fault strikes.
    pub(super) fn arm(&self) {
        self.strike.is_armed.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_struck(&self) -> bool {
        self.strike.has_struck.load(Ordering::Relaxed)
    }

    /// A new run of this name.
    pub(super) async fn run(&self, name: &str) -> Run {
        let run = Run::start(&self.clients, name).await;
        let met = identity::read(&self.access, self.access.name().to_owned()).await;
        run.ledger.met(met).await.unwrap();
        run
    }

    /// Everything in the account and the cluster, by kind and name, with the names of runs left out.
    pub(super) async fn there(&self, runs: &[&Run]) -> Vec<String> {
        let mut lines: Vec<String> = self
            .lab
            .resources()
            .into_iter()
            .map(|one| {
                let name = runs.iter().fold(one.name, |name, run| name.replace(run.tags.run.as_str(), "RUN"));
                // An id is another one every time.
                let is_id = |part: &str| {
                    let is_hexadecimal = part.chars().all(|one| one.is_ascii_hexdigit());
                    part.len() >= 4 && is_hexadecimal && part.contains(|one: char| one.is_ascii_digit())
                };
                let name = name.split(['-', '/', '.']).map(|part| if is_id(part) { "ID" } else { part });
                format!("{} {} {}", one.service, one.kind, name.collect::<Vec<_>>().join("-"))
            })
            .collect();
        let of_runs = ListParams::default().labels(RUN_LABEL);
        let roles = Api::<ClusterRole>::all(self.access.client()).list(&of_runs).await.unwrap();
        let classes = Api::<StorageClass>::all(self.access.client()).list(&of_runs).await.unwrap();
        let names = roles.iter().map(ResourceExt::name_any).chain(classes.iter().map(ResourceExt::name_any));
        lines.extend(names.map(|name| {
            runs.iter().fold(format!("labelled {name}"), |name, run| name.replace(run.tags.run.as_str(), "RUN"))
        }));
        lines.sort();
        lines.push(format!("{:?}", self.config_map().await.data));
        lines
    }

    /// The ids of everything in the account and the cluster.
    pub(super) fn ids(&self) -> BTreeSet<String> {
        self.lab.resources().into_iter().map(|one| format!("{} {} {}", one.service, one.kind, one.id)).collect()
    }

    async fn config_map(&self) -> ConfigMap {
        let api: Api<ConfigMap> = Api::namespaced(self.access.client(), "kube-system");
        api.get(CONFIG_MAP).await.unwrap()
    }

    /// What someone else writes into the config map of the VPC CNI.
    pub(super) async fn write_config_map(&self, value: &str) {
        let api: Api<ConfigMap> = Api::namespaced(self.access.client(), "kube-system");
        let object = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": CONFIG_MAP, "namespace": "kube-system"},
            "data": {"enable-windows-ipam": value},
        });
        let parameters = PatchParams::apply("someone-else").force();
        api.patch(CONFIG_MAP, &parameters, &Patch::Apply(&object)).await.unwrap();
    }
}

impl Run {
    async fn start(clients: &Clients, run: &str) -> Self {
        let header = memory_lab::header(clients, run.parse().unwrap(), "registry").await.unwrap();
        let tags = names::Tags::of_run(header.run.clone(), header.expires);
        let guard = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(guard.path()).unwrap().to_owned();
        let ledger = Ledger::create(&folder, header).unwrap();
        Self { ledger, tags, folder, _guard: guard }
    }

    /// The run as another process finds it, without the lines of its ledger that begin so.
    pub(super) fn without(&self, beginning: &str) -> Self {
        let text = std::fs::read_to_string(self.folder.join(FILE_NAME)).unwrap();
        let kept: String =
            text.lines().filter(|line| !line.starts_with(beginning)).map(|line| format!("{line}\n")).collect();
        assert!(kept.len() < text.len(), "{beginning}: {text}");
        let guard = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(guard.path()).unwrap().to_owned();
        std::fs::write(folder.join(FILE_NAME), kept).unwrap();
        Self { ledger: Ledger::open(&folder).unwrap(), tags: self.tags.clone(), folder, _guard: guard }
    }

    /// What the ledger says of a kind.
    pub(super) fn entries_of(&self, kind: &str) -> Vec<Resource> {
        let entries = self.ledger.entries().into_iter().map(|entry| entry.resource);
        let mut of_kind: Vec<Resource> = entries.filter(|resource| resource.kind.as_str() == kind).collect();
        of_kind.dedup();
        assert!(!of_kind.is_empty(), "the ledger has no {kind}");
        of_kind
    }

    /// Writes that these were about to be created.
    pub(super) async fn plan(&self, resources: &[Resource]) {
        for resource in resources {
            let never = || async { Err::<String, _>(ledger::Error::GivenUp) };
            self.ledger.create_resource(resource.clone(), never).await.unwrap_err();
        }
    }

    pub(super) async fn destroy(&self, stage: &Stage, deadlines: Deadlines) -> Cleanup {
        let plan = destroy::Plan {
            ledger: &self.ledger,
            clients: Some(&stage.clients),
            access: Some(&stage.access),
            what: What::Everything,
            deadlines,
            progress: &ProgressSink::silent(),
        };
        destroy::destroy(&plan).await.unwrap()
    }
}
