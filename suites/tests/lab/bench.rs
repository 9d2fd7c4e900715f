//! A lab with an image of our own, for many runs in one cluster.

use std::sync::{Arc, Mutex};

use amiproof_core::aws::Clients;
use amiproof_core::ledger::{FILE_NAME, Ledger};
use amiproof_core::run::{self, Answers, Experiment, Plan, Steps, Stop, Tools};
use amiproof_lab::inject::{Fault, Injector};
use amiproof_lab::listen::MemoryNetwork;
use amiproof_lab::profile::{HostProfile, builtin};
use amiproof_lab::{Lab, LabOptions};
use amiproof_model::matrix::{Files, resolve};
use amiproof_model::report::Report;
use amiproof_suites::SUITES;
use camino::{Utf8Path, Utf8PathBuf};

use crate::cluster::REFERENCE;
use crate::memory_lab;

pub(crate) const CLUSTER: &str = "bisect";

/// The image of the candidate.
const IMAGE: &str = "ami-0b15ec70000000001";

/// A lab with an image of our own, for many runs in one cluster.
pub(crate) struct Bench {
    lab: Lab,
    network: MemoryNetwork,
    pub(crate) injector: Arc<Injector>,
    /// The folder of the run that is to be killed once it has changed a node.
    pub(crate) marked: Arc<Mutex<Option<Utf8PathBuf>>>,
    folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) async fn start(change: impl FnOnce(&mut HostProfile)) -> Self {
        let mut host = builtin().unwrap().into_iter().find(|profile| profile.name == REFERENCE).unwrap();
        change(&mut host);
        host.name = "candidate".to_owned();
        host.image.id = IMAGE.to_owned();
        host.image.name = "amiproof-lab-candidate".to_owned();
        host.image.ssm_parameters.clear();
        let marked: Arc<Mutex<Option<Utf8PathBuf>>> = Arc::default();
        let path = Arc::clone(&marked);
        let injector = Arc::new(Injector::new(move |_| {
            let mut path = path.lock().unwrap();
            let ledger = std::fs::read_to_string(path.as_ref()?.join(FILE_NAME)).ok()?;
            let changed = ledger.lines().filter(|line| line.contains("\"node-change\"")).count();
            // The second change is made, or about to be.
            (changed >= 2).then(|| {
                *path = None;
                Fault::KilledBefore
            })
        }));
        let options = LabOptions { profiles: vec![host], ..LabOptions::default() };
        let (lab, network) = memory_lab::start(Arc::clone(&injector), options).await.unwrap();
        Self { lab, network, injector, marked, folder: tempfile::tempdir().unwrap() }
    }

    /// The clients of a process; a mortal one is heard no more once it is killed.
    pub(crate) async fn clients(&self, is_mortal: bool) -> Clients {
        let (network, killed) = (self.network.clone(), self.injector.killed().clone());
        let dial = move |authority: &str| match is_mortal && killed.is_cancelled() {
            true => Err(std::io::ErrorKind::ConnectionRefused.into()),
            false => network.dial(authority),
        };
        memory_lab::clients(&self.lab, dial).await.unwrap()
    }

    pub(crate) fn folder(&self, name: &str) -> Utf8PathBuf {
        let path = Utf8PathBuf::from_path_buf(self.folder.path().join(name)).unwrap();
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    /// A run of this name: of nodes that it makes, or of those that are in the cluster. One called `killed` is mortal.
    pub(crate) async fn run(
        &self,
        name: &str,
        matrix: &str,
        checks: &[&str],
        experiment: Option<Experiment>,
    ) -> Report {
        let path = self.folder(name);
        let is_made = matrix.contains("create: true");
        let clients = self.clients(name == "killed").await;
        let access = if is_made { None } else { run::reach(&clients, CLUSTER).await };
        let matrix = resolve("bisect.yaml", matrix.as_bytes(), &Files::new(), SUITES).unwrap().matrix;
        let mut all = amiproof_suites::all(amiproof_workloads::catalogue().unwrap()).unwrap();
        all.retain(|check| checks.contains(&check.id.as_str()));
        assert_eq!(all.len(), checks.len(), "{checks:?}");
        let header = memory_lab::header(&clients, name.parse().unwrap(), &matrix.name).await.unwrap();
        let plan = Plan {
            run: header.run.clone(),
            max_pods: 20,
            matrix: Arc::new(matrix),
            steps: Steps {
                provision: is_made,
                network_only: false,
                test: true,
                scan: false,
                teardown: is_made && experiment.is_some(),
            },
            checks: all,
            waivers: Vec::new(),
            settings: amiproof_suites::settings::all(),
            controls: amiproof_suites::controls::all(),
            experiment,
            retries: 0,
            image_registry: None,
            pull_secret: None,
            base: ".".into(),
            folder: path.clone(),
            expires: header.expires,
            lab: true,
            shards: None,
            earlier: None,
            answers: Answers::default(),
        };
        let tools = Tools { clients: Some(clients), access, ledger: Ledger::create(&path, header).unwrap() };
        run::run(plan, tools, Stop::default(), |_| ()).await
    }
}

pub(crate) fn matrix(nodes: [&str; 2]) -> String {
    let [stock, candidate] = nodes;
    format!(
        "apiVersion: amiproof/v1\nkind: Matrix\nmetadata: {{name: bisect}}\n\
         cluster: {{name: {CLUSTER}, region: us-west-2, kubernetesVersion: \"1.35\", create: true}}\ndefaults: {{nodes: 1}}\n\
         variants:\n  - {{name: {REFERENCE}, family: al2023, {stock}}}\n  \
         - {{name: candidate, family: al2023, reference: {REFERENCE}, hardening: {{benchmark: cis-al2023-1.0.0, level: 2}}, {candidate}}}\n"
    )
}

pub(crate) fn made() -> String {
    matrix(["ami: {ssm: recommended}", &format!("ami: {{id: {IMAGE}}}")])
}

/// Sets a kernel setting of an image.
pub(crate) fn sysctl(host: &mut HostProfile, name: &str, value: &str) {
    host.sysctl.insert(name.to_owned(), value.to_owned());
}

/// Changes of nodes that a ledger does not know to be undone.
pub(crate) fn open_changes(folder: &Utf8Path) -> usize {
    let (_, entries) = Ledger::replay(folder).unwrap();
    entries.iter().filter(|entry| entry.is_live() && entry.resource.kind.as_str() == "node-change").count()
}
