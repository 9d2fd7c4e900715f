//! The catalogue and the kubelet path on a cluster of your own, without AWS: `make test-cluster KUBECONFIG=..`.
//!
//! Every node group of the cluster (label `eks.amazonaws.com/nodegroup`) is a variant, and one of them the reference that the others
//! exchange traffic with. Checks run through amiproof's own code; namespaces are created through a ledger and deleted
//! at the end, volumes and images are those of the cluster.
//!
//! - `AMIPROOF_TEST_KUBECONFIG`: the cluster.
//! - `AMIPROOF_TEST_REFERENCE`: the reference's node group; without it the first by name.
//! - `AMIPROOF_TEST_ONLY`: the checks to run, as ids separated by commas; without it all of both suites.
//! - `AMIPROOF_EXPECT`: which checks must fail where, as JSON: `{"hardened": ["workload/pod-to-pod"]}`. Whatever is not named
//!   must not fail, so without it every node group must pass everything.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot continue ends there")]

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use amiproof_core::check::{Body, Check, CheckError, Decision};
use amiproof_core::cluster::nodes::{self, selector_of};
use amiproof_core::cluster::{Access, NODE_GROUP_LABEL};
use amiproof_core::context::{Context, Peers};
use amiproof_core::ledger::{self, Ledger, State};
use amiproof_core::probe::{self, Channel};
use amiproof_core::workload;
use amiproof_model::attribution::{TrafficPair, broken_nodes};
use amiproof_model::matrix::{self, Files, Matrix};
use amiproof_model::name::RunId;
use amiproof_model::report::{NodeRecord, Subject};
use amiproof_model::verdict::Verdict;
use camino::{Utf8Path, Utf8PathBuf};
use futures::StreamExt as _;
use jiff::Timestamp;
use kube::ResourceExt as _;

/// How many checks start pods at a time; more would test the limits of the cluster instead of its nodes.
const AT_A_TIME: usize = 6;

/// What one check came to on one node group.
struct Cell {
    check: String,
    group: String,
    result: Result<Decision, CheckError>,
}

impl Cell {
    fn traffic(&self) -> &[TrafficPair] {
        self.result.as_ref().map_or(&[], |decision| &decision.traffic)
    }

    fn failed(&self) -> bool {
        matches!(&self.result, Ok(Decision { verdict: Verdict::Fail(_), .. }))
    }

    /// Whether it failed by its own fault: a failed connection whose broken end is another variant's node is not.
    fn is_attributed(&self, all: &[TrafficPair]) -> bool {
        let broken = broken_nodes(all);
        let mut failing =
            self.traffic().iter().filter(|pair| !pair.ok).flat_map(|pair| [&pair.from, &pair.to]).peekable();
        let own = |end: &str| end == self.group;
        let on_own = failing.peek().is_none()
            || failing.any(|end| broken.contains(end) && end.variant.as_ref().is_some_and(|name| own(name.as_str())));
        self.failed() && on_own
    }

    fn word(&self, all: &[TrafficPair]) -> &'static str {
        match &self.result {
            Err(_) => "ERROR",
            Ok(decision) => match &decision.verdict {
                Verdict::Pass => "pass",
                Verdict::Fail(_) if self.is_attributed(all) => "FAIL",
                Verdict::Fail(_) => "other end",
                Verdict::NotApplicable(_) => "n/a",
                Verdict::NotEvaluated(_) => "no answer",
                Verdict::Manual(_) => "manual",
            },
        }
    }

    /// Why it did not simply pass.
    fn reason(&self) -> Option<String> {
        match &self.result {
            Err(error) => Some(error.to_string()),
            Ok(decision) => match &decision.verdict {
                Verdict::Pass => None,
                Verdict::Fail(findings) => {
                    Some(findings.iter().map(|finding| finding.summary.as_str()).collect::<Vec<_>>().join("; "))
                }
                Verdict::NotApplicable(reason) | Verdict::NotEvaluated(reason) | Verdict::Manual(reason) => {
                    Some(reason.clone())
                }
            },
        }
    }
}

/// The node groups of the cluster with their nodes.
type Groups = BTreeMap<String, Arc<Vec<NodeRecord>>>;

async fn groups(access: &Access) -> Groups {
    let mut found: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for node in nodes::list(access, NODE_GROUP_LABEL).await.unwrap() {
        found.entry(node.labels()[NODE_GROUP_LABEL].clone()).or_default().push(node);
    }
    assert!(!found.is_empty(), "no node of the cluster has the label {NODE_GROUP_LABEL}");
    found.into_iter().map(|(group, nodes)| (group, Arc::new(nodes::records(nodes)))).collect()
}

/// The matrix of these node groups.
fn matrix(groups: &Groups, reference: &str) -> Matrix {
    let mut text =
        "apiVersion: amiproof/v1\nkind: Matrix\nmetadata: {name: cluster}\ncluster: {name: by-kubeconfig}\nvariants:\n"
            .to_owned();
    for group in groups.keys() {
        let twin = if group == reference { String::new() } else { format!(", reference: {reference}") };
        let nodes = format!("{{selector: {NODE_GROUP_LABEL}={group}}}");
        writeln!(text, "  - {{name: {group}, family: al2023, nodes: {nodes}{twin}}}").unwrap();
    }
    matrix::resolve("cluster.yaml", text.as_bytes(), &Files::new(), &[])
        .unwrap_or_else(|problems| panic!("{problems:#?}"))
        .matrix
}

fn ledger(folder: &Utf8Path, run: &RunId) -> Ledger {
    let now = Timestamp::now();
    let header = ledger::Header {
        version: ledger::VERSION,
        run: run.clone(),
        matrix: "cluster".to_owned(),
        account: String::new(),
        region: String::new(),
        endpoint: None,
        kubeconfig: None,
        started: now,
        expires: now,
        keep: false,
    };
    Ledger::create(folder, header).unwrap()
}

async fn ask(context: &Context, check: &Check) -> Result<Decision, CheckError> {
    match &check.body {
        Body::Code(run) => run(context).await,
        Body::Workload(workload) => workload::run(workload, context).await,
        Body::Scan(_) => Err(CheckError::Undecided("scans are not asked here".to_owned())),
    }
}

/// One line per check, one column per node group; then why, for whatever did not pass.
fn table(cells: &[Cell], groups: &Groups) -> String {
    let all: Vec<TrafficPair> = cells.iter().flat_map(|cell| cell.traffic().iter().cloned()).collect();
    let checks: BTreeSet<&str> = cells.iter().map(|cell| cell.check.as_str()).collect();
    let mut text = format!("\n{:32}", "");
    groups.keys().for_each(|group| write!(text, " {group:>18}").unwrap());
    for check in checks {
        write!(text, "\n{check:32}").unwrap();
        for group in groups.keys() {
            let cell = cells.iter().find(|cell| cell.check == check && cell.group == *group);
            write!(text, " {:>18}", cell.map_or("", |cell| cell.word(&all))).unwrap();
        }
    }
    for cell in cells {
        if let Some(reason) = cell.reason() {
            write!(text, "\n{} on {}: {reason}", cell.check, cell.group).unwrap();
        }
    }
    text
}

/// `AMIPROOF_EXPECT`, as pairs of node group and check.
fn expected(groups: &Groups) -> BTreeSet<(String, String)> {
    let text = env::var("AMIPROOF_EXPECT").unwrap_or_else(|_| "{}".to_owned());
    let wanted: BTreeMap<String, Vec<String>> =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("AMIPROOF_EXPECT: {error}"));
    for group in wanted.keys() {
        assert!(
            groups.contains_key(group),
            "AMIPROOF_EXPECT names the node group {group}, which the cluster does not have"
        );
    }
    wanted.into_iter().flat_map(|(group, checks)| checks.into_iter().map(move |check| (group.clone(), check))).collect()
}

/// The cluster, ready for checks.
struct Prepared {
    groups: Groups,
    /// One per node group.
    contexts: Vec<Context>,
    ledger: Ledger,
    /// Deleted when the test ends.
    _folder: tempfile::TempDir,
}

async fn prepare() -> Prepared {
    let path = env::var("AMIPROOF_TEST_KUBECONFIG").expect("AMIPROOF_TEST_KUBECONFIG names the cluster's kubeconfig");
    let access = Access::kubeconfig(Utf8Path::new(&path), None).await.unwrap();
    let groups = groups(&access).await;
    let reference =
        env::var("AMIPROOF_TEST_REFERENCE").ok().or_else(|| groups.keys().next().cloned()).unwrap_or_default();
    assert!(groups.contains_key(&reference), "the cluster has no node group {reference}");
    let version = access.client().apiserver_version().await.unwrap();
    let minor = version.minor.trim_end_matches('+');
    let kubernetes = format!("{}.{minor}", version.major);
    let matrix = Arc::new(matrix(&groups, &reference));
    let temporary = tempfile::tempdir().unwrap();
    let folder = Utf8PathBuf::try_from(temporary.path().to_owned()).unwrap();
    let run: RunId = format!("r-{}-test", Timestamp::now().strftime("%Y%m%d-%H%M%S")).parse().unwrap();
    let ledger = ledger(&folder, &run);
    let contexts = matrix.variants.iter().map(|variant| {
        let is_reference = variant.name.as_str() == reference;
        let peers = if is_reference { Peers::None } else { Peers::Ready(groups[&reference].clone()) };
        Context {
            run: run.clone(),
            matrix: matrix.clone(),
            subject: Subject::Variant(variant.name.clone()),
            variant: Arc::new(variant.clone()),
            selector: selector_of(&run, variant),
            nodes: groups[variant.name.as_str()].clone(),
            peers: amiproof_time::watch::channel(peers).1,
            facts: Default::default(),
            cluster: access.clone(),
            kubernetes: kubernetes.parse().unwrap(),
            aws: None,
            ledger: ledger.clone(),
            evidence: folder.clone(),
            image_registry: None,
            pull_secret: None,
            pods: Default::default(),
            cancel: Default::default(),
        }
    });
    let contexts: Vec<Context> = contexts.collect();
    Prepared { groups, contexts, ledger, _folder: temporary }
}

/// Everything that was made is gone.
fn assert_clean(ledger: &Ledger) {
    let standing: Vec<_> = ledger.entries().into_iter().filter(|entry| entry.state != State::Gone).collect();
    assert!(standing.is_empty(), "left behind: {standing:#?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a cluster: make test-cluster KUBECONFIG=.."]
async fn every_node_group_passes_what_it_should_and_fails_what_it_should() {
    let Prepared { groups, contexts, ledger, _folder } = prepare().await;
    let expected = expected(&groups);
    let checks = amiproof_suites::all(amiproof_workloads::catalogue().unwrap()).unwrap();
    let only = env::var("AMIPROOF_TEST_ONLY").ok();
    let wanted = |check: &&Check| match &only {
        Some(ids) => ids.split(',').any(|id| id == check.id.to_string()),
        None => matches!(check.id.suite(), "workload" | "kubelet-path"),
    };
    let checks = checks.iter().filter(wanted);
    let work = checks.flat_map(|check| contexts.iter().map(move |context| (check, context)));
    let asked = work.map(async |(check, context)| Cell {
        check: check.id.to_string(),
        group: context.variant.name.to_string(),
        result: ask(context, check).await,
    });
    let cells: Vec<Cell> = futures::stream::iter(asked).buffer_unordered(AT_A_TIME).collect().await;

    let shown = table(&cells, &groups);
    println!("{shown}");
    let all: Vec<TrafficPair> = cells.iter().flat_map(|cell| cell.traffic().iter().cloned()).collect();
    let undecided: Vec<&Cell> = cells.iter().filter(|cell| cell.result.is_err()).collect();
    assert!(undecided.is_empty(), "{} checks could not be decided:{shown}", undecided.len());
    let failed: BTreeSet<(String, String)> = cells
        .iter()
        .filter(|cell| cell.is_attributed(&all))
        .map(|cell| (cell.group.clone(), cell.check.clone()))
        .collect();
    assert_eq!(failed, expected, "node groups fail other checks than AMIPROOF_EXPECT says:{shown}");
    assert_clean(&ledger);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a cluster: make test-cluster KUBECONFIG=.."]
async fn a_command_reaches_every_node_through_a_pod_whatever_its_firewall_says() {
    let Prepared { contexts, ledger, _folder, .. } = prepare().await;
    let nodes = contexts.iter().flat_map(|context| context.nodes.iter().map(move |node| (context, node)));
    let asked = nodes.map(async |(context, node)| {
        // 32 KiB that do not compress: more than the messages of one pod hold.
        let script =
            "hostname; cat /proc/sys/net/ipv4/ip_forward; head -c 24576 /dev/urandom | base64; echo oh >&2; exit 3";
        let output = probe::command(context, node, script, Duration::from_secs(60)).await;
        let output = output.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((output.exit_code, output.stderr.as_str(), output.way), (3, "oh\n", Channel::Pod), "{}", node.name);
        let mut lines = output.stdout.lines();
        println!("{}: hostname {:?}, {} bytes", node.name, lines.next(), output.stdout.len());
        assert!(matches!(lines.next(), Some("0" | "1")), "{}", node.name);
        assert_eq!(lines.map(str::len).sum::<usize>(), 32_768, "{}", node.name);
    });
    futures::future::join_all(asked).await;
    assert_clean(&ledger);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a cluster: make test-cluster KUBECONFIG=.."]
async fn facts_of_every_node_can_be_read() {
    let Prepared { contexts, ledger, _folder, .. } = prepare().await;
    let asked = contexts.iter().map(async |context| {
        for facts in context.facts.of(context).await {
            let (way, read) = facts.read.as_ref().unwrap_or_else(|error| panic!("{}: {error}", facts.node.name));
            let texts: Vec<_> = read.texts.iter().map(|(name, text)| format!("{name}: {} bytes", text.len())).collect();
            println!("{} through the {}: {:#?}\n{texts:#?}", facts.node.name, way.as_str(), read.facts);
            assert!(matches!(read.get("sysctl.net.ipv4.ip_forward"), Some("0" | "1")), "{}", facts.node.name);
            assert!(read.get("listening.tcp").is_some_and(|ports| ports.contains("10250")), "{}", facts.node.name);
            assert!(read.kubelet.is_some(), "{}", facts.node.name);
        }
    });
    futures::future::join_all(asked).await;
    assert_clean(&ledger);
}
