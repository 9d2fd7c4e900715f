//! Which settings break a check: complete bisections on nodes of the lab, and what is left of them, even if the process is killed.

use std::collections::BTreeMap;
use std::time::Duration;

use amiproof_core::aws::Clients;
use amiproof_core::bisect::Wanted;
use amiproof_core::cluster::Access;
use amiproof_core::destroy::{self, Deadlines, ProgressSink, What};
use amiproof_core::ledger::{FILE_NAME, Ledger};
use amiproof_core::run::{self, Experiment};
use amiproof_lab::profile::{HostProfile, Policy};
use amiproof_model::bisect::Limits;
use amiproof_model::report::proof::{Proof, ProofEnd};
use amiproof_model::report::{Certainty, Report};

use crate::bench::{Bench, CLUSTER, made, matrix, open_changes, sysctl};
use crate::cluster::simulated;

/// Bisects checks of the candidate, on nodes that are made for it and deleted afterwards.
async fn bisected(bench: &Bench, checks: &[&str]) -> Report {
    bench.run("whole", &made(), checks, Some(Experiment::Bisect(wanted(checks)))).await
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
        let report = bisected(&bench, &["workload/web-service"]).await;
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
        let report = bisected(&bench, &["workload/projected-volumes"]).await;
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
        let report = bisected(&bench, &["workload/redis"]).await;
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
        let report = bisected(&bench, &["node/ebpf", "workload/web-service"]).await;
        let ends: Vec<(&str, &ProofEnd)> =
            report.proofs.iter().map(|proof| (proof.check.as_str(), &proof.end)).collect();
        assert_eq!(ends, [("node/ebpf", &ProofEnd::OutOfReach), ("workload/web-service", &ProofEnd::NotReproduced)]);
        assert!(
            report.explanations.iter().flat_map(|one| &one.causes).all(|cause| cause.certainty != Certainty::Proven)
        );
    });
}

/// Two programs of the host write the setting, each its own value: whatever the bisection finds, it names nothing else, and leaves the nodes to
/// them as they were.
#[test]
fn a_setting_that_comes_and_goes_by_itself_names_no_other_cause() {
    simulated(|| async {
        let bench = Bench::start(|host| {
            noise_of_hardening(host);
            sysctl(host, "net.ipv4.ip_forward", "0");
            host.facts.insert("flapping.net.ipv4.ip_forward".to_owned(), "1".to_owned());
        })
        .await;
        let report = bisected(&bench, &["workload/web-service"]).await;
        let proof = only(&report);
        match &proof.end {
            ProofEnd::Unsteady { .. } | ProofEnd::NotReproduced | ProofEnd::Undecided { .. } => {
                assert_eq!(facts(&proof.sufficient), Vec::<Vec<&str>>::new(), "{}", proof.sentence());
            }
            ProofEnd::Proven => assert_eq!(facts(&proof.sufficient), [["sysctl.net.ipv4.ip_forward"]]),
            other => panic!("{other:?}: {}", proof.sentence()),
        }
        insta::assert_snapshot!(proof.sentence());
    });
}

/// A node that boots has its own settings again: what is seen after that is about nothing that was tried. While it is being changed the change is
/// made once more.
#[test]
fn a_node_that_reboots_in_the_middle_is_no_evidence() {
    simulated(|| async {
        let mut ends = Vec::new();
        for after in [0, 20, 90] {
            let report = bisected_with_reboot(Duration::from_secs(after)).await;
            let proof = only(&report);
            let is_named = |named: &[&str]| facts(&proof.sufficient).iter().all(|set| set == named);
            assert!(is_named(&["sysctl.net.ipv4.ip_forward"]), "{}", proof.sentence());
            ends.push(format!("after {after} s: {}", proof.sentence()));
        }
        insta::assert_snapshot!(ends.join("\n"));
    });
}

/// A bisection during which a node boots, so long after the second change was begun.
async fn bisected_with_reboot(after: Duration) -> Report {
    let bench = Bench::start(|host| {
        noise_of_hardening(host);
        sysctl(host, "net.ipv4.ip_forward", "0");
    })
    .await;
    let clients = bench.clients(false).await;
    let folder = bench.folder("whole");
    let is_over = std::cell::Cell::new(false);
    let rebooted = async {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert!(!is_over.get(), "nothing was changed");
            let entries = Ledger::replay(&folder).map(|(_, entries)| entries).unwrap_or_default();
            let mut changes = entries.iter().filter(|entry| entry.resource.kind.as_str() == "node-change");
            if let Some(change) = changes.nth(1) {
                tokio::time::sleep(after).await;
                return reboot(&clients, &change.resource.name).await;
            }
        }
    };
    let work = async {
        let report = bisected(&bench, &["workload/web-service"]).await;
        is_over.set(true);
        report
    };
    let (report, ()) = tokio::join!(work, rebooted);
    assert_eq!(open_changes(&folder), 0);
    report
}

/// Lets the host of a node boot.
async fn reboot(clients: &Clients, node: &str) {
    let all = clients.ec2.describe_instances().send().await.unwrap();
    let mut instances = all.reservations().iter().flat_map(|reservation| reservation.instances());
    let instance = instances.find(|instance| instance.private_dns_name() == Some(node)).unwrap();
    let send = clients.ssm.send_command().document_name("AWS-RunShellScript");
    let send = send.instance_ids(instance.instance_id().unwrap());
    send.parameters("commands", vec!["systemctl reboot".to_owned()]).send().await.unwrap();
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
        let wanted = |checks: &[&str]| Experiment::Bisect(Wanted { nodes: nodes.clone(), ..wanted(checks) });
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
