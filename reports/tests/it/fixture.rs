//! Reports for the tests: one per situation, all with fixed times.

mod explanation;

use amiproof_model::judge::{Disposition, Origin, origin};
use amiproof_model::matrix::Family;
use amiproof_model::name::Level;
use amiproof_model::report::{
    AmiRecord, CheckResult, Cleanup, ClusterRecord, Foreign, Leftover, NodeRecord, Phase, PhaseEnd, PhaseRecord,
    Report, RunRecord, Subject, VariantRecord,
};
use amiproof_model::verdict::{Evidence, Finding, Outcome, Placement};
use jiff::{SignedDuration, Timestamp};

use self::explanation::explanation;

/// What a text from outside may hold at its worst.
pub(crate) const NASTY: &str = "\u{1b}[31mred\u{1b}[0m nul:\0 cdata:]]> </script><img src=x onerror=alert(1)> <!-- {{ x }} | `tick` 🦀 \u{2028}\u{fffe} =1+1 @all #1";

pub(crate) fn start() -> Timestamp {
    "2026-11-21T07:42:20Z".parse().unwrap()
}

fn at(seconds: i64) -> Timestamp {
    start() + SignedDuration::from_secs(seconds)
}

/// A report without variants and results.
pub(crate) fn empty() -> Report {
    Report {
        cleanup: Cleanup { ran: true, created: 31, deleted: 31, ..Cleanup::default() },
        ..Report::new(
            "0.1.0",
            RunRecord {
                releases: Vec::new(),
                shards: None,
                id: "r-20261121-074220-4f2a".parse().unwrap(),
                matrix: "nightly".into(),
                started: start(),
                seconds: 1312.5,
                critical_path_seconds: 1250.0,
                interrupted: false,
                definitions: indexmap::IndexMap::new(),
                phases: vec![
                    phase(Phase::Network, 0, 42.0),
                    phase(Phase::Cluster, 42, 560.0),
                    phase(Phase::Teardown, 1190, 122.5),
                ],
            },
            ClusterRecord {
                region: "us-west-2".into(),
                account: "111122223333".into(),
                kubernetes_version: "1.36".parse().ok(),
                ..ClusterRecord::new("ami-conformance")
            },
        )
    }
}

pub(crate) fn phase(phase: Phase, start: i64, seconds: f64) -> PhaseRecord {
    PhaseRecord { phase, started: at(start), seconds, ended: PhaseEnd::Done }
}

/// A variant with two nodes and all its phases.
pub(crate) fn variant(name: &str, family: Family, hardening: Option<(&str, Level, &str)>) -> VariantRecord {
    let ami_id = format!("ami-{:017x}", name.bytes().fold(7_u64, |hash, byte| hash.wrapping_mul(31) ^ u64::from(byte)));
    let kernel = if family == Family::Al2 { "5.10.245-241.976.amzn2.x86_64" } else { "6.12.55-74.119.amzn2023.x86_64" };
    let node = |index: u32| NodeRecord {
        index,
        name: format!("ip-10-0-{}-{index}.us-west-2.compute.internal", name.len()),
        instance_id: Some(format!("i-0{index:016x}")),
        ami_id: ami_id.parse().ok(),
        os_image: "Amazon Linux 2023.9.20251110".into(),
        kernel: kernel.into(),
        kubelet: "v1.36.2-eks-3abbec1".into(),
        runtime: "containerd://2.1.9".into(),
        boot_to_ready_seconds: Some(38.0 + f64::from(index)),
        facts: [("sysctl net.ipv4.ip_forward".to_owned(), "1".to_owned())].into_iter().collect(),
        fact_differences: None,
    };
    VariantRecord {
        name: name.parse().unwrap(),
        family,
        reference: hardening.map(|(_, _, reference)| reference.parse().unwrap()),
        benchmark: hardening.map(|(benchmark, _, _)| benchmark.parse().unwrap()),
        level: hardening.map(|(_, level, _)| level),
        ami: Some(AmiRecord {
            id: ami_id.parse().unwrap(),
            name: format!("{name}-1.36-v20261115"),
            created: Some("2026-11-15T03:00:00Z".parse().unwrap()),
            source: "ssm /aws/service/eks/optimized-ami/1.36/amazon-linux-2023/x86_64/standard/recommended/image_id"
                .into(),
            architecture: "x86_64".into(),
            deprecated: None,
            ancestors: Vec::new(),
        }),
        user_data: None,
        node_group: Some(format!("amiproof-{name}")),
        nodes: vec![node(1), node(2)],
        never_joined: Vec::new(),
        phases: vec![
            phase(Phase::Ami, 602, 1.2),
            phase(Phase::LaunchTemplate, 603, 2.8),
            phase(Phase::NodeGroup, 606, 95.0),
            phase(Phase::Nodes, 701, 12.0),
            phase(Phase::Test, 713, 140.0),
            phase(Phase::KubeBench, 713, 21.0),
            phase(Phase::OsScan, 713, 310.0),
            phase(Phase::Teardown, 1023, 160.0),
        ],
    }
}

pub(crate) fn of_variant(name: &str) -> Subject {
    Subject::Variant(name.parse().unwrap())
}

/// A result with the disposition that its outcome has without waivers and retries.
pub(crate) fn result(check: &str, title: &str, subject: Subject, outcome: Outcome) -> CheckResult {
    let disposition = match &outcome {
        Outcome::Pass => Disposition::Passed,
        Outcome::Fail { .. } => Disposition::Failed,
        Outcome::NotApplicable { .. } => Disposition::NotApplicable,
        Outcome::NotEvaluated { .. } => Disposition::NotEvaluated,
        Outcome::Manual { .. } => Disposition::Manual,
        Outcome::Error { .. } => Disposition::Error,
    };
    let placements = match &subject {
        Subject::Cluster => Vec::new(),
        Subject::Variant(name) => vec![Placement {
            pod: None,
            node: format!("ip-10-0-{}-1.us-west-2.compute.internal", name.as_str().len()),
            instance_id: Some("i-00000000000000001".into()),
            ami_id: None,
        }],
    };
    CheckResult {
        title: title.into(),
        origin: origin(&outcome, None, false, true),
        disposition,
        started: at(713),
        seconds: 2.5,
        placements: placements.into(),
        ..CheckResult::new(check.parse().unwrap(), subject, outcome)
    }
}

/// A result of a scanner: check id and control from benchmark and number.
pub(crate) fn control(
    suite: &str,
    benchmark: &str,
    number: &str,
    title: &str,
    subject: Subject,
    outcome: Outcome,
) -> CheckResult {
    let mut result = result(&format!("{suite}/{benchmark}/{number}"), title, subject, outcome);
    result.control = Some(format!("{benchmark}/{number}").parse().unwrap());
    result.scanner = Some(if suite == "os-cis" { "inspector" } else { suite }.to_owned());
    result.level = Some(if number.ends_with('2') { Level::Two } else { Level::One });
    result
}

pub(crate) fn fail(resource: &str, summary: &str) -> Outcome {
    Outcome::Fail { findings: vec![Finding::new(resource, summary)] }
}

/// Three variants on which everything is fine.
pub(crate) fn green() -> Report {
    let mut report = empty();
    report.variants = vec![
        variant("al2023-eks", Family::Al2023, None),
        variant("al2023-eks-l1", Family::Al2023, Some(("cis-al2023-1.0.0", Level::One, "al2023-eks"))),
        variant("bottlerocket-l2", Family::Bottlerocket, Some(("cis-bottlerocket-1.0.0", Level::Two, "al2023-eks"))),
    ];
    for name in ["al2023-eks", "al2023-eks-l1", "bottlerocket-l2"] {
        let subject = || of_variant(name);
        report.results.extend([
            result("node/joined", "every node joins the cluster", subject(), Outcome::Pass),
            result("node/ready", "every node is Ready", subject(), Outcome::Pass),
            result(
                "workload/web-service",
                "a Deployment answers through its Service by name",
                subject(),
                Outcome::Pass,
            ),
            control("kube-bench", "cis-eks-1.8.0", "3.2.1", "anonymous requests are refused", subject(), Outcome::Pass),
        ]);
    }
    report.results.push(result("eks-cis/audit-logs", "control plane logs are on", Subject::Cluster, Outcome::Pass));
    report
}

/// Every disposition, every kind of outcome, and text that tries to break out of each form.
pub(crate) fn mixed() -> Report {
    let mut report = green();
    report.cluster.lab = true;
    let l1 = || of_variant("al2023-eks-l1");
    let mut failed = result(
        "workload/pod-to-pod",
        "two pods talk in both directions",
        l1(),
        Outcome::Fail {
            findings: vec![
                Finding::new("pod client", "no answer from 10.0.3.17:8080 within 10 s")
                    .with_detail("connect: no route to host\nFORWARD policy is DROP on node 1")
                    .with_remediation("set the FORWARD policy to ACCEPT, or add a rule for the pod network"),
                Finding::new("pod server", "no answer from 10.0.2.9:8080 within 10 s"),
            ],
        },
    );
    failed.origin = Some(Origin::Hardening);
    failed.evidence = vec![Evidence {
        name: "termination message of job/client".into(),
        text: "exit code 1\nconnect: no route to host".into(),
        file: Some("evidence/al2023-eks-l1/pod-to-pod.txt".into()),
    }];
    let mut waived =
        result("node/age", "the image is at most 45 days old", l1(), fail("cluster", "the image is 61 days old"));
    waived.disposition = Disposition::Waived {
        owner: "platform".into(),
        reason: "rebuild is scheduled".into(),
        until: "2027-01-31".parse().unwrap(),
    };
    let mut tolerated = control(
        "os-cis",
        "cis-al2023-1.0.0",
        "1.1.2",
        "/tmp is a separate partition",
        l1(),
        fail("node 1", "not mounted"),
    );
    tolerated.disposition = Disposition::Tolerated;
    let mut flaky = result("kubelet-path/logs", "logs come through the kubelet", l1(), Outcome::Pass);
    flaky.disposition = Disposition::Flaky;
    flaky.earlier_attempts = vec![fail("pod web", "connection reset by peer")];
    let mut nasty = result(
        "os-cis/nasty",
        NASTY,
        l1(),
        Outcome::Fail {
            findings: vec![
                Finding::new(NASTY, NASTY)
                    .with_detail(format!("{NASTY}\n{}", "long µ ".repeat(30_000)))
                    .with_remediation(NASTY),
            ],
        },
    );
    nasty.evidence =
        vec![Evidence { name: NASTY.into(), text: NASTY.repeat(50), file: Some("../../etc/passwd".into()) }];
    report.scans = vec![
        scan("al2023-eks-l1", "os-cis", "inspector", Some(("cis-al2023-1.0.0", 203)), "node 2 was not scanned"),
        scan("al2023-eks-l1", "kube-bench", "kube-bench", Some(("cis-eks-1.8.0", 1)), ""),
        scan("bottlerocket-l2", "os-cis", "inspector", None, "Inspector does not scan Bottlerocket"),
    ];
    report.explanations = vec![explanation()];
    report.results.extend([
        failed,
        waived,
        tolerated,
        flaky,
        nasty,
        control(
            "os-cis",
            "cis-al2023-1.0.0",
            "3.3.1",
            "ip forwarding is off",
            l1(),
            Outcome::NotEvaluated { reason: "the scan of node 2 never answered".into() },
        ),
        control("os-cis", "cis-al2023-1.0.0", "3.3.2", "redirects are not sent", l1(), Outcome::Pass),
        result(
            "windows/rdp-closed",
            "RDP is closed",
            l1(),
            Outcome::NotApplicable { reason: "not a Windows image".into() },
        ),
        result(
            "kubelet-path/exec",
            "exec works through the kubelet",
            l1(),
            Outcome::Error {
                message: "the API server answered 503 five times: see the cluster's health and run again".into(),
            },
        ),
    ]);
    report
}

fn scan(
    variant: &str,
    suite: &str,
    scanner: &str,
    benchmark: Option<(&str, usize)>,
    note: &str,
) -> amiproof_model::report::ScanRecord {
    amiproof_model::report::ScanRecord {
        subject: of_variant(variant),
        suite: suite.into(),
        scanner: scanner.into(),
        scanner_version: (scanner == "kube-bench").then(|| "0.15.6".to_owned()),
        benchmark: benchmark.map(|(benchmark, _)| benchmark.parse().unwrap()),
        level: benchmark.filter(|_| suite == "os-cis").map(|_| Level::One),
        expected: benchmark.map(|(_, expected)| expected),
        source: None,
        note: note.into(),
    }
}

/// A variant whose scan has answered its only control, with the row of its gate.
pub(crate) fn gated() -> Report {
    let mut report = green();
    report.scans = vec![scan("al2023-eks-l1", "os-cis", "inspector", Some(("cis-al2023-1.0.0", 1)), "")];
    // A gate is green only where every control of the benchmark is answered.
    let asked = amiproof_model::benchmark::asked("cis-al2023-1.0.0", &of_variant("al2023-eks-l1"), Some(Level::One));
    report.results.extend(asked.unwrap().into_iter().map(|number| {
        control("os-cis", "cis-al2023-1.0.0", number, "answered", of_variant("al2023-eks-l1"), Outcome::Pass)
    }));
    amiproof_model::threshold::apply(&mut report, &[], start());
    report
}

/// One control that two scanners answer differently.
pub(crate) fn disagreeing() -> Report {
    let mut report = green();
    let l1 = || of_variant("al2023-eks-l1");
    let title = "ip forwarding is off";
    let by_inspector = control("os-cis", "cis-al2023-1.0.0", "3.3.1", title, l1(), Outcome::Pass);
    let mut by_openscap =
        control("os-cis", "cis-al2023-1.0.0", "3.3.1", title, l1(), fail("node 1", "net.ipv4.ip_forward is 1"));
    by_openscap.scanner = Some("openscap".into());
    report.results.extend([by_inspector, by_openscap]);
    amiproof_model::threshold::mark_disagreements(&mut report.results);
    report
}

/// A control of the cluster that two suites judge differently, and one of nodes that the second leaves to the first.
pub(crate) fn judged_twice() -> Report {
    let mut report = green();
    let control = |suite, number, subject, outcome| control(suite, "cis-eks-1.8.0", number, "titled", subject, outcome);
    let elsewhere = Outcome::NotApplicable { reason: "kube-bench evaluates it per variant".into() };
    report.results.extend([
        control("kube-bench", "3.1.9", of_variant("al2023-eks-l1"), Outcome::Pass),
        control("kube-bench", "4.1.9", Subject::Cluster, fail("cluster", "a binding too many")),
        control("eks-cis", "3.1.9", Subject::Cluster, elsewhere),
        control("eks-cis", "4.1.9", Subject::Cluster, Outcome::Pass),
    ]);
    amiproof_model::threshold::mark_disagreements(&mut report.results);
    report
}

/// A run that was interrupted, with a node that never joined and a variant that never started.
pub(crate) fn interrupted() -> Report {
    let mut report = green();
    report.run.interrupted = true;
    let bottlerocket = of_variant("bottlerocket-l2");
    report.results.retain(|result| result.subject != bottlerocket);
    for variant in &mut report.variants {
        match variant.name.as_str() {
            "bottlerocket-l2" => {
                variant.nodes.clear();
                variant.phases.truncate(3);
                variant.phases.push(PhaseRecord {
                    phase: Phase::Nodes,
                    started: at(701),
                    seconds: 480.0,
                    ended: PhaseEnd::Error {
                        message:
                            "0 of 2 nodes joined within 8 min: the console output shows 'failed to fetch user data'"
                                .into(),
                        evidence: vec![Evidence {
                            name: "console output of node 1".into(),
                            text: "settings: failed to fetch user data".into(),
                            file: None,
                        }],
                    },
                });
            }
            _ => {
                for phase in variant.phases.iter_mut().filter(|phase| phase.phase == Phase::OsScan) {
                    phase.ended = PhaseEnd::Cancelled;
                }
            }
        }
    }
    report
}

/// A run that passed, and may not read whether everything is gone.
pub(crate) fn not_verified() -> Report {
    let mut report = green();
    report.cleanup.unverified =
        vec!["could not verify that no IAM roles are left: the caller lacks the IAM action iam:ListRoles".into()];
    let (kind, id, owner) = ("EKS cluster".into(), "nightly".into(), "is owned by run r-2".into());
    report.cleanup.foreign = vec![Foreign { kind, id, owner, was_made: true }];
    report
}

/// A run that could not remove everything.
pub(crate) fn leftovers() -> Report {
    let mut report = green();
    report.cleanup.deleted = 29;
    report.cleanup.leftovers = vec![
        Leftover {
            kind: "node group".into(),
            id: "amiproof-al2023-eks-l1".into(),
            variant: Some("al2023-eks-l1".parse().unwrap()),
            reason: "DELETE_FAILED: Ec2SecurityGroupDeletionFailure".into(),
            help: "amiproof destroy --run r-20261121-074220-4f2a --only node-group/amiproof-al2023-eks-l1 --region us-west-2 --yes".into(),
        },
        Leftover {
            kind: "launch template".into(),
            id: "lt-0123456789abcdef0".into(),
            variant: None,
            reason: "AccessDenied: not authorized to perform ec2:DeleteLaunchTemplate".into(),
            help: "aws ec2 delete-launch-template --launch-template-id lt-0123456789abcdef0 --region us-west-2".into(),
        },
    ];
    report
}

/// 30 variants with 400 checks each, every tenth one failing with evidence.
pub(crate) fn big() -> Report {
    let mut report = empty();
    for number in 0..30 {
        let name = format!("al2023-eks-variant-{number:02}");
        report.variants.push(variant(
            &name,
            Family::Al2023,
            Some(("cis-al2023-1.0.0", Level::One, "al2023-eks-variant-00")),
        ));
        for check in 0..400 {
            let outcome = if check % 10 == number % 10 {
                Outcome::Fail {
                    findings: vec![
                        Finding::new("node 1", format!("setting {check} is not as the benchmark asks"))
                            .with_detail("sysctl says 1\n".repeat(40))
                            .with_remediation("set it in /etc/sysctl.d/60-cis.conf and reboot"),
                    ],
                }
            } else {
                Outcome::Pass
            };
            let title = format!("setting {check} of the operating system is as the benchmark asks for it");
            let number = format!("{}.{}.{}", check / 100 + 1, check / 10 % 10, check % 10);
            report.results.push(control("os-cis", "cis-al2023-1.0.0", &number, &title, of_variant(&name), outcome));
        }
    }
    report
}

/// Every report of this file with a name for messages.
pub(crate) fn all() -> [(&'static str, Report); 6] {
    [
        ("empty", empty()),
        ("green", green()),
        ("mixed", mixed()),
        ("interrupted", interrupted()),
        ("leftovers", leftovers()),
        ("big", big()),
    ]
}
