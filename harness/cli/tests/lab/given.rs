//! Clusters that amiproof did not make: by kubeconfig without any AWS call, and by name with nodes that are there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use amiproof_model::report::{CheckResult, PhaseEnd, Report};
use amiproof_model::verdict::Outcome;

use crate::process::{LabProcess, Watched, amiproof, finish, matrix, report, stderr};

/// A lab with a cluster of two node groups that someone else made, as far as later runs can tell.
pub(crate) struct Standing {
    pub(crate) lab: LabProcess,
    dir: tempfile::TempDir,
    groups: Vec<String>,
}

impl Standing {
    pub(crate) fn new() -> Self {
        let (lab, dir) = (LabProcess::start(None), tempfile::tempdir().unwrap());
        let mut apply = amiproof(&dir.path().join("theirs"));
        lab.target(&mut apply).args(["apply", "--checks", "node/joined", "--file"]).arg(matrix("pair.yaml"));
        let applied = ended(&mut apply);
        assert_eq!(applied.status.code(), Some(0), "{}", stderr(&applied));
        let theirs = report(&dir.path().join("theirs"));
        let groups = theirs.variants.iter().map(|variant| variant.node_group.clone().unwrap()).collect();
        std::fs::write(dir.path().join("kubeconfig"), lab.kubeconfig("pair")).unwrap();
        Self { lab, dir, groups }
    }

    /// Where everything is kept.
    pub(crate) fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// A matrix of these variants, each with its selector.
    pub(crate) fn matrix(&self, name: &str, cluster: &str, variants: &[(&str, &str)]) -> PathBuf {
        let mut text = format!(
            "apiVersion: amiproof/v1\nkind: Matrix\nmetadata: {{name: {name}}}\ncluster: {cluster}\nvariants:\n"
        );
        for (name, selector) in variants {
            let reference = if *name == "stock" { "" } else { ", reference: stock" };
            text += &format!("  - {{name: {name}, family: al2023, nodes: {{selector: \"{selector}\"}}{reference}}}\n");
        }
        let path = self.dir.path().join(format!("{name}.yaml"));
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The two node groups, one by equality and one by a set.
    pub(crate) fn both(&self) -> [(&'static str, String); 2] {
        let label = "eks.amazonaws.com/nodegroup";
        [("stock", format!("{label}={}", self.groups[0])), ("l1", format!("{label} in ({}), !absent", self.groups[1]))]
    }

    /// The command with the cluster's kubeconfig and nothing that leads to AWS.
    pub(crate) fn given(&self, runs: &str, command: &str, matrix: &Path) -> Command {
        let mut given = amiproof(&self.dir.path().join(runs));
        given.arg(command).arg("--kubeconfig").arg(self.dir.path().join("kubeconfig")).arg("--file").arg(matrix);
        given
    }

    pub(crate) fn report(&self, runs: &str) -> Report {
        report(&self.dir.path().join(runs))
    }
}

pub(crate) fn ended(command: &mut Command) -> Output {
    finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

pub(crate) fn pairs<'a>(variants: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    variants.iter().map(|(name, selector)| (*name, selector.as_str())).collect()
}

/// Checks of Linux nodes that only call AWS.
const ONLY_AWS: [&str; 16] = [
    "host/container-os",
    "host/encrypted-root",
    "host/imds",
    "host/inspector-coverage",
    "host/no-public-address",
    "host/no-ssh",
    "host/private-subnets",
    "host/run-command",
    "host/ssm-managed",
    "host/ssm-permissions",
    "host/vulnerabilities",
    "node/ami-not-deprecated",
    "node/boot-time",
    "node/expected-ami",
    "node/newest-ami",
    "os-cis/inspector",
];

#[test]
fn a_cluster_by_kubeconfig_is_tested_and_scanned_without_one_aws_call() {
    let standing = Standing::new();
    let variants = standing.both();
    let matrix = standing.matrix("given", "{name: somebodys}", &pairs(&variants));
    let (requests, resources) = (standing.lab.requests(), standing.lab.resources());
    let checks = "node,host,kubelet-path,kube-bench,os-cis,workload/pod-to-pod,workload/web-service";
    let run = ended(standing.given("ours", "run", &matrix).args(["--no-fail", "--checks", checks]));
    assert_eq!(run.status.code(), Some(0), "{}", stderr(&run));
    assert_eq!(standing.lab.requests(), requests, "no AWS request reached the lab");
    assert_eq!(standing.lab.resources(), resources, "what was there is there, and nothing else");

    let report = standing.report("ours");
    assert_eq!((report.cluster.name.as_str(), report.cluster.kubernetes()), ("pair", "1.35"));
    assert_eq!((report.cluster.region.as_str(), report.cluster.account.as_str()), ("", ""));
    assert!(report.cluster.lab, "it says that it was a lab");
    assert!(report.variants.iter().all(|variant| variant.nodes.len() == 2 && variant.ami.is_none()));
    assert_eq!(report.variants[0].node_group.as_ref(), Some(&standing.groups[0]));
    assert!(report.cleanup.ran && report.cleanup.leftovers.is_empty(), "{:?}", report.cleanup);
    assert!(report.cleanup.created > 8 && report.cleanup.created == report.cleanup.deleted, "{:?}", report.cleanup);
    for result in &report.results {
        let check = result.check.as_str();
        let word = result.outcome.as_str();
        if check.starts_with("workload/") {
            assert_eq!(word, "pass", "{check}: {:?}", result.outcome);
            assert!(result.placements.iter().all(|at| at.pod.is_some() && at.instance_id.is_some()), "{result:?}");
        }
    }
    let only_aws = |result: &&CheckResult| {
        result.outcome.as_str() == "not applicable" && result.outcome.reason() == "no AWS account"
    };
    let found: BTreeSet<&str> = report.results.iter().filter(only_aws).map(|result| result.check.as_str()).collect();
    assert_eq!(found, BTreeSet::from(ONLY_AWS), "what only AWS could answer, and nothing else");
    let tested = |suite: &str| report.results.iter().any(|result| result.check.suite() == suite);
    assert!(["node", "kubelet-path", "kube-bench", "workload"].into_iter().all(tested));
}

#[test]
fn what_an_interrupted_and_a_killed_run_made_in_a_cluster_by_kubeconfig_is_removed() {
    let standing = Standing::new();
    let variants = standing.both();
    let matrix = standing.matrix("given", "{name: somebodys}", &pairs(&variants));
    let resources = standing.lab.resources();

    let run = Watched::start(standing.given("stopped", "test", &matrix).args(["--checks", "workload"]));
    run.wait_for(&["l1", "test …"]);
    run.signal("INT");
    let (code, progress) = run.end();
    assert_eq!(code, Some(130), "{progress}");
    assert_eq!(standing.lab.resources(), resources, "{progress}");

    let run = Watched::start(standing.given("killed", "test", &matrix).args(["--checks", "workload", "--run", "x"]));
    standing.lab.wait_for_resource("kubernetes namespace pair/ap-x-");
    run.signal("KILL");
    assert_eq!(run.end().0, None);
    assert_ne!(standing.lab.resources(), resources, "namespaces are left, or the kill came too late to mean anything");
    let requests = standing.lab.requests();
    let mut destroy = amiproof(&standing.dir.path().join("killed"));
    let destroyed = ended(destroy.args(["destroy", "--run", "x"]));
    assert_eq!(destroyed.status.code(), Some(0), "{}", stderr(&destroyed));
    assert_eq!(standing.lab.resources(), resources);
    assert_eq!(standing.lab.requests(), requests, "the ledger knows the kubeconfig, and AWS is not asked");
}

#[test]
fn another_cluster_behind_the_same_kubeconfig_is_refused_and_not_touched() {
    let (standing, other) = (Standing::new(), Standing::new());
    let variants = standing.both();
    let matrix = standing.matrix("given", "{name: somebodys}", &pairs(&variants));
    let run = Watched::start(standing.given("killed", "test", &matrix).args(["--checks", "workload", "--run", "x"]));
    standing.lab.wait_for_resource("kubernetes namespace pair/ap-x-");
    run.signal("KILL");
    assert_eq!(run.end().0, None);
    // Someone in the other cluster has a run of the same name, and the file leads there now.
    let theirs = other.both();
    let their_matrix = other.matrix("given", "{name: somebodys}", &pairs(&theirs));
    let run = Watched::start(other.given("killed", "test", &their_matrix).args(["--checks", "workload", "--run", "x"]));
    other.lab.wait_for_resource("kubernetes namespace pair/ap-x-");
    run.signal("KILL");
    assert_eq!(run.end().0, None);
    let (path, own) = (standing.dir.path().join("kubeconfig"), standing.lab.kubeconfig("pair"));
    std::fs::write(&path, other.lab.kubeconfig("pair")).unwrap();
    let (here, there) = (standing.lab.resources(), other.lab.resources());
    let destroy = || {
        let mut destroy = amiproof(&standing.dir.path().join("killed"));
        ended(destroy.args(["destroy", "--run", "x"]))
    };
    let refused = destroy();
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("nothing was touched"), "{}", stderr(&refused));
    assert_eq!((standing.lab.resources(), other.lab.resources()), (here, there.clone()));

    std::fs::write(&path, own).unwrap();
    let destroyed = destroy();
    assert_eq!(destroyed.status.code(), Some(0), "{}", stderr(&destroyed));
    assert!(!standing.lab.resources().iter().any(|one| one.contains("ap-x-")), "{:?}", standing.lab.resources());
    assert_eq!(other.lab.resources(), there);
}

#[test]
fn nodes_that_are_there_are_found_refused_and_described_by_their_selectors() {
    let standing = Standing::new();
    let variants = standing.both();
    let (stock, l1) = (&variants[0].1, &variants[1].1);
    let nowhere = "eks.amazonaws.com/nodegroup=nowhere";
    let twice = format!("kubernetes.io/os=linux,{}", l1.split(',').next().unwrap());
    let odd =
        standing.matrix("odd", "{name: x}", &[("stock", stock), ("none", nowhere), ("l1", l1), ("twice", &twice)]);
    let tested = ended(standing.given("odd", "test", &odd).args(["--checks", "node/ready"]));
    assert_eq!(tested.status.code(), Some(3), "{}", stderr(&tested));
    let report = standing.report("odd");
    let broken: Vec<Option<&str>> = report
        .variants
        .iter()
        .map(|variant| {
            variant.phases.iter().find_map(|phase| match &phase.ended {
                PhaseEnd::Error { message, .. } => Some(message.as_str()),
                PhaseEnd::Done | PhaseEnd::Failed { .. } | PhaseEnd::Cancelled => None,
            })
        })
        .collect();
    assert_eq!(broken[0], None, "one variant's selector is not the other's problem");
    let none = broken[1].unwrap();
    assert!(
        none.contains("no node of the cluster matches the selector 'eks.amazonaws.com/nodegroup=nowhere'"),
        "{none}"
    );
    assert!(none.contains(&standing.groups[0]), "says what there is: {none}");
    for message in [broken[2].unwrap(), broken[3].unwrap()] {
        assert!(message.contains("l1 ('") && message.contains("twice ('"), "{message}");
    }
    let passed = report.results.iter().filter(|result| result.outcome == Outcome::Pass).count();
    assert_eq!(passed, 1, "{:?}", report.results);

    // The same nodes in a cluster that is known by its name: AWS says what they run.
    let known = standing.matrix("known", "{name: pair, region: us-west-2}", &pairs(&variants));
    let mut test = amiproof(&standing.dir.path().join("known"));
    standing.lab.target(&mut test).args(["test", "--checks", "node,workload/pod-to-pod", "--file"]).arg(&known);
    let tested = ended(&mut test);
    assert_eq!(tested.status.code(), Some(0), "{}", stderr(&tested));
    let report = standing.report("known");
    let images: Vec<_> = report.variants.iter().map(|variant| variant.ami.as_ref().unwrap().id.to_string()).collect();
    assert_ne!(images[0], images[1]);
    for result in report.results.iter().filter(|result| result.check.suite() == "workload") {
        let seen = |image: &String| result.placements.iter().any(|at| at.ami_id.as_ref() == Some(image));
        assert!(seen(&images[0]) || seen(&images[1]), "{result:?}");
        assert!(result.placements.iter().all(|at| at.ami_id.is_some()), "{result:?}");
    }

    let refused = ended(&mut standing.given("none", "apply", &odd));
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
    let made = ended(&mut standing.given("none", "test", &matrix("pair.yaml")));
    assert_eq!(made.status.code(), Some(2), "{}", stderr(&made));
    assert!(stderr(&made).contains("nodes: {selector: ..}"), "{}", stderr(&made));
}

#[test]
fn what_ran_says_where_and_what_ran_elsewhere_is_an_error_that_names_both() {
    let standing = Standing::new();
    let variants = standing.both();
    let theirs = report(&standing.dir.path().join("theirs"));
    let on = &theirs.variants[0].nodes[0];
    // It chooses its own node, which is right for one variant and wrong for the other.
    let workload = format!(
        "apiVersion: amiproof/v1\nkind: Workload\nmetadata: {{name: stubborn}}\nspec:\n  title: it chooses its own node\n  \
         exercises: [image-pull]\n  timeout: 1m\n  expect: [complete: job/it]\n---\napiVersion: batch/v1\nkind: Job\n\
         metadata: {{name: it}}\nspec:\n  backoffLimit: 0\n  template:\n    spec:\n      restartPolicy: Never\n      nodeName: {}\n      \
         containers: [{{name: it, image: 'public.ecr.aws/docker/library/busybox:1.36.1', command: ['true']}}]\n",
        on.name
    );
    let file = standing.dir.path().join("stubborn.yaml");
    std::fs::write(&file, workload).unwrap();
    // AWS says what the nodes run.
    let matrix = standing.matrix("known", "{name: pair, region: us-west-2}", &pairs(&variants));
    let mut test = amiproof(&standing.dir.path().join("stubborn"));
    standing.lab.target(&mut test).args(["test", "--file"]).arg(&matrix).arg("--workloads").arg(&file);
    let tested = ended(&mut test);
    assert_eq!(tested.status.code(), Some(3), "{}", stderr(&tested));

    let report = standing.report("stubborn");
    let of = |name: &str| report.results.iter().find(|result| result.subject.as_str() == name).unwrap();
    let right = of("stock");
    assert_eq!(right.outcome, Outcome::Pass);
    let [at] = &right.placements[..] else { panic!("{:?}", right.placements) };
    assert!(at.pod.as_ref().is_some_and(|pod| pod.starts_with("it-")), "{at:?}");
    assert_eq!((&at.node, &at.instance_id), (&on.name, &on.instance_id));
    assert_eq!(at.ami_id, on.ami_id.as_ref().map(ToString::to_string));
    assert!(at.instance_id.is_some() && at.ami_id.is_some(), "{at:?}");
    let Outcome::Error { message } = &of("l1").outcome else { panic!("{:?}", of("l1").outcome) };
    assert!(message.contains(&on.name) && message.contains("nodes of l1 ('"), "{message}");
}
