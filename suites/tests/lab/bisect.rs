//! Which settings break a check: whole bisections on nodes of the lab, and what is left of them, also when the process is killed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use amiproof_core::aws::Clients;
use amiproof_core::bisect::Wanted;
use amiproof_core::cluster::Access;
use amiproof_core::destroy::{self, Deadlines, ProgressSink, What};
use amiproof_core::ledger::{FILE_NAME, Ledger};
use amiproof_core::run::{self, Answers, Plan, Steps, Stop, Tools};
use amiproof_lab::inject::{Fault, Injector};
use amiproof_lab::listen::MemoryNetwork;
use amiproof_lab::profile::{HostProfile, Policy, builtin};
use amiproof_lab::{Lab, LabOptions};
use amiproof_model::bisect::Limits;
use amiproof_model::matrix::{Files, resolve};
use amiproof_model::report::proof::{Proof, ProofEnd};
use amiproof_model::report::{Certainty, Report};
use amiproof_suites::SUITES;
use camino::{Utf8Path, Utf8PathBuf};

use crate::cluster::{REFERENCE, simulated};
use crate::memory_lab;

const CLUSTER: &str = "bisect";

/// The image of the candidate.
const IMAGE: &str = "ami-0b15ec70000000001";

/// A lab with an image of our own, for many runs in one cluster.
struct Bench {
    lab: Lab,
    network: MemoryNetwork,
    injector: Arc<Injector>,
    /// The folder of the run that is to be killed once it has changed a node.
    marked: Arc<Mutex<Option<Utf8PathBuf>>>,
    folder: tempfile::TempDir,
}

impl Bench {
    async fn start(change: impl FnOnce(&mut HostProfile)) -> Self {
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
    async fn clients(&self, is_mortal: bool) -> Clients {
        let (network, killed) = (self.network.clone(), self.injector.killed().clone());
        let dial = move |authority: &str| match is_mortal && killed.is_cancelled() {
            true => Err(std::io::ErrorKind::ConnectionRefused.into()),
            false => network.dial(authority),
        };
        memory_lab::clients(&self.lab, dial).await.unwrap()
    }

    fn folder(&self, name: &str) -> Utf8PathBuf {
        let path = Utf8PathBuf::from_path_buf(self.folder.path().join(name)).unwrap();
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    /// A run of this name: of nodes that it makes, or of those that are in the cluster. One called `killed` is mortal.
    async fn run(&self, name: &str, matrix: &str, checks: &[&str], wanted: Option<Wanted>) -> Report {
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
                teardown: is_made && wanted.is_some(),
            },
            checks: all,
            waivers: Vec::new(),
            settings: amiproof_suites::settings::all(),
            bisect: wanted,
            retries: 0,
            image_registry: None,
            pull_secret: None,
            base: ".".into(),
            folder: path.clone(),
            expires: header.expires,
            lab: true,
            earlier: None,
            answers: Answers::default(),
        };
        let tools = Tools { clients: Some(clients), access, ledger: Ledger::create(&path, header).unwrap() };
        run::run(plan, tools, Stop::default(), |_| ()).await
    }

    /// Bisects checks of the candidate, on nodes that are made for it and deleted afterwards.
    async fn bisected(&self, checks: &[&str]) -> Report {
        self.run("whole", &made(), checks, Some(wanted(checks))).await
    }
}

fn matrix(nodes: [&str; 2]) -> String {
    let [stock, candidate] = nodes;
    format!(
        "apiVersion: amiproof/v1\nkind: Matrix\nmetadata: {{name: bisect}}\n\
         cluster: {{name: {CLUSTER}, region: us-west-2, kubernetesVersion: \"1.35\", create: true}}\ndefaults: {{nodes: 1}}\n\
         variants:\n  - {{name: {REFERENCE}, family: al2023, {stock}}}\n  \
         - {{name: candidate, family: al2023, reference: {REFERENCE}, hardening: {{benchmark: cis-al2023-1.0.0, level: 2}}, {candidate}}}\n"
    )
}

fn made() -> String {
    matrix(["ami: {ssm: recommended}", &format!("ami: {{id: {IMAGE}}}")])
}

fn wanted(checks: &[&str]) -> Wanted {
    Wanted {
        variant: "candidate".parse().unwrap(),
        checks: checks.iter().map(|check| check.parse().unwrap()).collect(),
        suspects: BTreeMap::new(),
        limits: Limits { runs: 60 },
        nodes: Vec::new(),
    }
}

fn sysctl(host: &mut HostProfile, name: &str, value: &str) {
    host.sysctl.insert(name.to_owned(), value.to_owned());
}

/// The facts of a setting, one word per set.
fn facts(sets: &[Vec<amiproof_model::report::proof::ProvenSetting>]) -> Vec<Vec<&str>> {
    sets.iter().map(|set| set.iter().map(|one| one.fact.as_str()).collect()).collect()
}

fn only(report: &Report) -> &Proof {
    assert!(report.cleanup.leftovers.is_empty(), "{:?}", report.cleanup);
    let [proof] = report.proofs.as_slice() else { panic!("{:?}", report.proofs) };
    assert_eq!(proof.not_restored, Vec::<String>::new());
    proof
}

#[test]
fn a_dropped_forward_chain_is_proven_among_forty_changes_and_the_cause_says_so() {
    simulated(|| async {
        let bench = Bench::start(|host| {
            noise_of_hardening(host);
            host.firewall.managed_by = "nftables".to_owned();
            host.firewall.forward = Policy::Drop;
        })
        .await;
        let report = bench.bisected(&["workload/web-service"]).await;
        let proof = only(&report);
        assert_eq!(proof.end, ProofEnd::Proven, "{}", proof.sentence());
        assert_eq!(facts(&proof.sufficient), [["firewall.nft.forward"]]);
        assert!(proof.settings >= 40 && proof.runs <= 12, "{} runs among {} settings", proof.runs, proof.settings);
        let cause = &report.explanations[0].causes[0];
        assert_eq!((cause.setting.as_str(), cause.certainty), ("forward-policy", Certainty::Proven));
    });
}

/// Forty settings that differ on a stock host and harm nothing.
fn noise_of_hardening(host: &mut HostProfile) {
    let stock: Vec<String> = ["net.ipv4.tcp_", "net.ipv4.icmp_", "net.ipv4.igmp_", "vm.dirty"]
        .iter()
        .flat_map(|head| {
            amiproof_lab::node::stock::settings(host, "n")
                .into_keys()
                .filter(|name| name.starts_with(head))
                .collect::<Vec<_>>()
        })
        .filter(|name| !["net.ipv4.tcp_mem", "net.ipv4.tcp_fastopen_key"].contains(&name.as_str()))
        .collect();
    for name in stock.iter().take(45) {
        sysctl(host, name, "7");
    }
}

/// What the kubelet started with is exchanged by a drop-in and a restart.
#[test]
fn the_umask_of_the_kubelet_is_proven_and_its_drop_in_is_gone() {
    simulated(|| async {
        let bench = Bench::start(|host| host.umask = "0027".to_owned()).await;
        let report = bench.bisected(&["workload/projected-volumes"]).await;
        let proof = only(&report);
        assert_eq!(facts(&proof.sufficient), [["umask.kubelet"]], "{}", proof.sentence());
    });
}

/// Either alone is harmless: the share of memory counts only where every promise is counted.
#[test]
fn a_pair_that_only_hurts_together_is_found_among_two_hundred_and_fifty() {
    simulated(|| async {
        let bench = Bench::start(|host| {
            let names: Vec<String> = amiproof_lab::node::stock::settings(host, "n").into_keys().collect();
            let is_needed = |name: &str| {
                [
                    "ip_forward",
                    "forwarding",
                    "user.max",
                    "inotify",
                    "conntrack",
                    "panic",
                    "keys",
                    "overcommit",
                    "tcp_mem",
                    "fastopen_key",
                ]
                .iter()
                .any(|part| name.contains(part))
            };
            for name in names.iter().filter(|name| !is_needed(name)).take(400) {
                sysctl(host, name, "7");
            }
            sysctl(host, "vm.overcommit_memory", "2");
            sysctl(host, "vm.overcommit_ratio", "10");
        })
        .await;
        let report = bench.bisected(&["workload/redis"]).await;
        let proof = only(&report);
        assert_eq!(proof.end, ProofEnd::Proven, "{}", proof.sentence());
        assert_eq!(
            facts(&proof.sufficient),
            [["sysctl.vm.overcommit_memory", "sysctl.vm.overcommit_ratio"]],
            "{}",
            proof.sentence()
        );
        assert!(proof.settings >= 250 && proof.runs <= 40, "{} runs among {} settings", proof.runs, proof.settings);
    });
}

#[test]
fn what_cannot_be_changed_in_place_names_no_cause() {
    simulated(|| async {
        // A lockdown is only ever raised until the next boot.
        let bench = Bench::start(|host| {
            host.facts.insert("kernel.lockdown".to_owned(), "confidentiality".to_owned());
            sysctl(host, "net.ipv4.tcp_syncookies", "0");
        })
        .await;
        let report = bench.bisected(&["node/ebpf", "workload/web-service"]).await;
        let ends: Vec<(&str, &ProofEnd)> =
            report.proofs.iter().map(|proof| (proof.check.as_str(), &proof.end)).collect();
        assert_eq!(ends, [("node/ebpf", &ProofEnd::OutOfReach), ("workload/web-service", &ProofEnd::NotReproduced)]);
        assert!(
            report.explanations.iter().flat_map(|one| &one.causes).all(|cause| cause.certainty != Certainty::Proven)
        );
    });
}

/// Neither the next command nor `destroy` leaves a node as a killed bisection had changed it.
#[test]
fn a_process_that_is_killed_while_nodes_are_changed_is_put_right() {
    simulated(|| async {
        let check = "workload/web-service";
        let bench = Bench::start(|host| sysctl(host, "net.ipv4.ip_forward", "0")).await;
        let there = bench.run("theirs", &made(), &["node/joined"], None).await;
        let selectors: Vec<String> = there
            .variants
            .iter()
            .map(|variant| {
                let group = variant.node_group.clone().unwrap();
                format!("nodes: {{selector: eks.amazonaws.com/nodegroup={group}}}")
            })
            .collect();
        let nodes: Vec<String> =
            there.variants.iter().flat_map(|variant| &variant.nodes).map(|node| node.name.clone()).collect();
        let wanted = |checks: &[&str]| Wanted { nodes: nodes.clone(), ..wanted(checks) };
        let found = matrix([&selectors[0], &selectors[1]]).replace(", create: true", "");
        *bench.marked.lock().unwrap() = Some(bench.folder("killed"));
        let killed = bench.injector.killed().clone();
        let report = killed.run_until_cancelled(bench.run("killed", &found, &[check], Some(wanted(&[check])))).await;
        assert!(report.is_none(), "it was not killed");
        // What the process had written by its end is all that there is.
        let left = bench.folder("left");
        std::fs::copy(bench.folder("killed").join(FILE_NAME), left.join(FILE_NAME)).unwrap();
        assert_eq!(open_changes(&left), 2, "a node of each side is changed");

        let (ledger, clients) = (Ledger::open(&left).unwrap(), bench.clients(false).await);
        let access: Option<Access> = run::reach(&clients, CLUSTER).await;
        let plan = destroy::Plan {
            ledger: &ledger,
            clients: Some(&clients),
            access: access.as_ref(),
            what: What::Everything,
            deadlines: Deadlines::default(),
            progress: &ProgressSink::silent(),
        };
        let cleanup = destroy::destroy(&plan).await.unwrap();
        assert_eq!(cleanup.leftovers.as_slice(), []);
        assert_eq!(open_changes(&left), 0);

        // Were the candidate still changed, the check would pass there; were the reference, it would fail.
        let again = bench.run("again", &found, &[check], Some(wanted(&[check]))).await;
        assert_eq!(only(&again).end, ProofEnd::Proven, "{}", only(&again).sentence());
    });
}

/// Changes of nodes that a ledger does not know to be undone.
fn open_changes(folder: &Utf8Path) -> usize {
    let (_, entries) = Ledger::replay(folder).unwrap();
    entries.iter().filter(|entry| entry.is_live() && entry.resource.kind.as_str() == "node-change").count()
}
