//! What a look at emulated hosts says: each check of the suites `node` and `host` that reads a host fails for its own reason alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use amiproof_lab::profile::{HostProfile, Policy, Selinux};
use amiproof_model::verdict::Outcome;
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{Node, Service};
use kube::Api;
use kube::api::PostParams;
use serde_json::json;

use super::cluster::{Lab, REFERENCE, profile, simulated};

/// What suites `node` and `host` come to on hosts that are stock but for a change.
async fn outcomes(change: impl FnOnce(&mut HostProfile)) -> BTreeMap<String, Outcome> {
    let mut host = (*profile(REFERENCE)).clone();
    change(&mut host);
    let lab = Lab::of(Arc::new(host), REFERENCE).await;
    let outcomes = lab.run_those(|check| ["node", "host"].contains(&check.id.suite())).await;
    lab.assert_clean().await;
    outcomes
}

/// The checks that fail, each with its first finding.
fn failing(outcomes: &BTreeMap<String, Outcome>) -> Vec<(&str, &str)> {
    let broken = outcomes.iter().filter(|(_, outcome)| outcome.as_str() == "error").collect::<Vec<_>>();
    assert!(broken.is_empty(), "{broken:#?}");
    let failing = outcomes.iter().filter_map(|(id, outcome)| match outcome {
        Outcome::Fail { findings } => Some((id.as_str(), findings[0].summary.as_str())),
        _ => None,
    });
    failing.collect()
}

#[test]
fn a_stock_host_passes_everything_that_a_look_at_it_can_say() {
    simulated(|| async {
        let outcomes = outcomes(|_| {}).await;
        assert_eq!(failing(&outcomes), []);
        for id in [
            "node/audit",
            "node/cgroups",
            "node/conntrack",
            "node/disk-space",
            "node/ebpf",
            "node/ipv6",
            "node/kernel-defaults",
            "node/kernel-modules",
            "node/martian-packets",
            "host/imds-answers",
            "host/selinux",
        ] {
            assert_eq!(outcomes[id], Outcome::Pass, "{id}");
        }
        for id in ["node/integrity-scan", "node/local-dns", "node/sctp", "host/selinux-denials", "host/run-command"] {
            assert_eq!(outcomes[id].as_str(), "not applicable", "{id}: {:?}", outcomes[id]);
        }
    });
}

#[test]
fn a_windows_node_gives_its_log_and_runs_a_command() {
    simulated(|| async {
        let lab = Lab::new("windows-2022-core").await;
        let outcomes = lab.run_those(|check| check.id.suite() == "kubelet-path").await;
        let words: Vec<(&str, &str)> = outcomes.iter().map(|(id, outcome)| (id.as_str(), outcome.as_str())).collect();
        let passed = ["configz", "exec", "logs", "metrics"].map(|check| format!("kubelet-path/{check}"));
        assert_eq!(words, passed.each_ref().map(|id| (id.as_str(), "pass")), "{outcomes:#?}");
        lab.assert_clean().await;
    });
}

/// What the suite of the kubelet's port says where certificates are signed a number of seconds after nodes have registered.
async fn kubelet_path(seconds: u32) -> BTreeMap<String, Outcome> {
    let mut host = (*profile(REFERENCE)).clone();
    host.boot.serving_certificate_seconds = Some(seconds);
    let lab = Lab::of(Arc::new(host), REFERENCE).await;
    let outcomes = lab.run_those(|check| check.id.suite() == "kubelet-path").await;
    lab.assert_clean().await;
    outcomes
}

#[test]
fn a_certificate_that_is_late_is_waited_for_and_one_that_never_comes_is_named() {
    simulated(|| async {
        let late = kubelet_path(120).await;
        assert!(late.values().all(|outcome| *outcome == Outcome::Pass), "{late:#?}");
        let never = failing_of(&kubelet_path(1_000_000).await);
        assert_eq!(never.len(), 6, "{never:#?}");
        let named = never
            .iter()
            .filter(|summary| summary.contains("its serving CSR csr-") && summary.ends_with("is not approved"));
        assert_eq!(named.count(), 6, "{never:#?}");
    });
}

/// The first finding of each check that fails.
fn failing_of(outcomes: &BTreeMap<String, Outcome>) -> Vec<String> {
    failing(outcomes).into_iter().map(|(_, summary)| summary.to_owned()).collect()
}

#[test]
fn each_setting_that_breaks_nodes_is_named_by_its_own_check() {
    simulated(|| async {
        let denial = "type=AVC msg=audit(1.2:3): avc:  denied  { execute } for  pid=1 comm=\"kubelet\" \
                  scontext=system_u:system_r:init_t:s0 tcontext=system_u:object_r:var_lib_t:s0 tclass=file permissive=0";
        let outcomes = outcomes(|host| {
            host.sysctl.insert("kernel.panic".into(), "60".into());
            host.sysctl.insert("net.netfilter.nf_conntrack_max".into(), "16384".into());
            host.blocked_modules.extend(["squashfs".into(), "nfsv4".into(), "xt_statistic".into()]);
            host.selinux = Selinux::Enforcing;
            host.packages.insert("aide".into());
            for (name, value) in [
                ("auditd.lost", "17"),
                ("disk.available", "1048576"),
                ("kernel.martians", "2000"),
                ("aide.rules", "/var NORMAL\n!/var/lib/kubelet\n"),
                ("selinux.denials", denial),
                ("boot.arguments", "ipv6.disable=1"),
                ("kernel.lockdown", "confidentiality"),
            ] {
                host.facts.insert(name.into(), value.into());
            }
        })
        .await;
        assert_eq!(
            failing(&outcomes),
            [
                ("host/selinux-denials", "SELinux denied something to kubelet"),
                ("node/audit", "lost 17 audit records"),
                ("node/conntrack", "net.netfilter.nf_conntrack_max is 16384, less than 131072"),
                (
                    "node/disk-space",
                    "5% of the space below /var/lib/kubelet is free: the kubelet evicts pods (nodefs.available)"
                ),
                (
                    "node/ebpf",
                    "the kernel is locked down for confidentiality: eBPF programs that read kernel memory (bpf_probe_read helpers) are \
                 refused, and with them tracers such as Tetragon and Falco"
                ),
                ("node/integrity-scan", "AIDE scans /var/lib/containerd"),
                (
                    "node/ipv6",
                    "booted with ipv6.disable=1: programs that listen on [::] do not start, on the host or in pods"
                ),
                ("node/kernel-defaults", "kernel.panic is 60, not 10"),
                (
                    "node/kernel-modules",
                    "module xt_statistic cannot be loaded: kube-proxy cannot choose among the pods of a Service"
                ),
                ("node/martian-packets", "the kernel logged 2000 martian packets in ten minutes"),
            ]
        );
    });
}

/// A Service that speaks SCTP, and a DNS cache on every node.
async fn install(lab: &Lab) {
    let service = json!({"metadata": {"name": "sigtran"}, "spec": {"ports": [{"port": 2905, "protocol": "SCTP"}]}});
    let services: Api<Service> = Api::namespaced(lab.client(), "default");
    services.create(&PostParams::default(), &serde_json::from_value(service).unwrap()).await.unwrap();
    let labels = json!({"k8s-app": "node-local-dns"});
    let container = json!({"name": "node-cache", "image": "registry.k8s.io/dns/k8s-dns-node-cache:1.26.4"});
    let cache = json!({
        "metadata": {"name": "node-local-dns", "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"hostNetwork": true, "containers": [container]}},
        },
    });
    let sets: Api<DaemonSet> = Api::namespaced(lab.client(), "kube-system");
    sets.create(&PostParams::default(), &serde_json::from_value(cache).unwrap()).await.unwrap();
}

#[test]
fn what_hardening_takes_away_is_a_finding_only_where_the_cluster_uses_it() {
    simulated(|| async {
        let ids = ["node/sctp", "node/local-dns"];
        for (hardened, word) in [(false, "pass"), (true, "fail")] {
            let mut host = (*profile(REFERENCE)).clone();
            if hardened {
                host.blocked_modules.insert("sctp".into());
                host.firewall.managed_by = "nftables".into();
                host.firewall.input = Policy::Drop;
            }
            let lab = Lab::of(Arc::new(host), REFERENCE).await;
            install(&lab).await;
            let outcomes = lab.run_those(|check| ids.contains(&check.id.as_str())).await;
            for id in ids {
                assert_eq!(outcomes[id].as_str(), word, "{id}: {:?}", outcomes[id]);
            }
        }
    });
}

/// Each change makes one check fail, and no other of these suites.
#[test]
fn clocks_accounts_and_partitions_of_logs_fail_their_own_check_alone() {
    type Change = fn(&mut HostProfile);
    let cases: [(&str, &str, Change); 7] = [
        ("node/clock", "its clock is ", |host| drop(host.facts.insert("clock.offset".into(), "600".into()))),
        ("node/clock", "nothing keeps its clock right", |host| {
            drop(host.facts.insert("time.sources".into(), String::new()))
        }),
        ("node/expiry", "the password of root expires on ", |host| {
            drop(host.facts.insert("password.maxDays".into(), "30".into()));
        }),
        ("node/expiry", "account ec2-user expired on 2020-01-01", |host| {
            drop(host.facts.insert("account.ec2-user.expires".into(), "18262".into()));
        }),
        ("node/expiry", "a certificate in /etc/pki/ca-trust/source/anchors/corp.pem expires on 2026-12-12", |host| {
            let fact = "certificate./etc/pki/ca-trust/source/anchors/corp.pem.expires";
            drop(host.facts.insert(fact.into(), "2026-12-12".into()));
        }),
        ("node/log-space", "/var/log has 1024 MiB", |host| {
            drop(host.mounts.insert("/var/log".into(), vec!["rw".into()]));
            drop(host.facts.insert("disk./var/log.size".into(), "1048576".into()));
        }),
        ("node/log-space", "/var/log/audit has 102 MiB", |host| {
            drop(host.mounts.insert("/var/log/audit".into(), vec!["rw".into()]));
            drop(host.facts.insert("disk./var/log/audit.size".into(), "104857".into()));
        }),
    ];
    simulated(|| async move {
        for (check, summary, change) in cases {
            let outcomes = outcomes(change).await;
            let failing = failing(&outcomes);
            assert!(
                matches!(failing[..], [(id, found)] if id == check && found.starts_with(summary)),
                "{check}: {failing:#?}"
            );
        }
    });
}

/// The agent of the nodes, as its add-on brings it.
async fn with_agent(change: impl FnOnce(&mut HostProfile)) -> Outcome {
    let mut host = (*profile(REFERENCE)).clone();
    change(&mut host);
    let lab = Lab::of(Arc::new(host), REFERENCE).await;
    let agent: DaemonSet = serde_json::from_value(json!({
        "metadata": {"name": "eks-node-monitoring-agent"},
        "spec": {"selector": {"matchLabels": {"app": "agent"}}, "template": {
            "metadata": {"labels": {"app": "agent"}},
            "spec": {"containers": [{"name": "agent", "image": "602401143452.dkr.ecr.us-west-2.amazonaws.com/eks/eks-node-monitoring-agent:v1.7.0"}]}}},
    }))
    .unwrap();
    let sets: Api<DaemonSet> = Api::namespaced(lab.client(), "kube-system");
    sets.create(&PostParams::default(), &agent).await.unwrap();
    let nodes: Api<Node> = Api::all(lab.client());
    let says = |node: &Node| {
        let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
        conditions.map(|condition| condition.type_.as_str()).any(|kind| kind == "NetworkingReady")
    };
    for name in ["hardened-1", "hardened-2"] {
        while !says(&nodes.get(name).await.unwrap()) {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    }
    let mut outcomes = lab.run_those(|check| check.id.as_str() == "node/monitoring-agent").await;
    outcomes.remove("node/monitoring-agent").unwrap()
}

#[test]
fn what_the_monitoring_agent_says_is_a_row_where_it_runs() {
    simulated(|| async {
        assert_eq!(outcomes(|_| {}).await["node/monitoring-agent"].as_str(), "not applicable");
        assert_eq!(with_agent(|_| {}).await, Outcome::Pass);
        for (name, value, summary) in [
            (
                "health.Networking",
                "IPAMDNotReady",
                "NetworkingReady is false: IPAMDNotReady: the lab says IPAMDNotReady",
            ),
            ("health.events", "NetworkSysctl IODelays", "the agent warns of NetworkSysctl: the lab says NetworkSysctl"),
            ("health.events", "PortConflict", "the agent warns of PortConflict: the lab says PortConflict"),
        ] {
            let Outcome::Fail { findings } =
                with_agent(|host| drop(host.facts.insert(name.into(), value.into()))).await
            else {
                panic!("{summary}")
            };
            assert_eq!((findings.len(), findings[0].summary.as_str()), (2, summary));
        }
    });
}
