//! The files are honest: what they name exists, how they change it fits, and no two of them say the same.

use std::collections::{BTreeMap, BTreeSet};

use amiproof_model::benchmark;
use amiproof_model::capability::Capability;
use amiproof_model::explain::explain;
use amiproof_model::report::Report;
use amiproof_model::setting::{Change, Effect, Extent, Value as Meant};
use serde_json::{Value, json};

use super::*;

#[test]
fn every_file_is_read_and_named_like_its_setting() {
    for (name, text) in FILES {
        let setting = setting::parse(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(setting.name, *name);
        let is_clause = |text: &str| !text.ends_with('.') && !text.contains('\n') && !text.is_empty();
        assert!(is_clause(&setting.title) && setting.title.len() <= 90, "{name}: {}", setting.title);
        assert!(setting.compensation.is_empty() || is_clause(&setting.compensation), "{name}");
        assert!(!setting.sources.is_empty() && !setting.harmful.is_empty() && !setting.takes.is_empty(), "{name}");
        for source in &setting.sources {
            let is_honest = ["https://", "measured", "reasoned"].iter().any(|start| source.starts_with(start));
            assert!(
                is_honest && !source.ends_with('.'),
                "{name}: {source} says neither where it is from nor that it is reasoned"
            );
        }
    }
    assert_eq!(all().len(), FILES.len());
    assert!(all().len() >= 80);
}

#[test]
fn every_control_is_one_of_its_benchmark() {
    for setting in all() {
        for (benchmark, numbers) in setting.harmful.iter().flat_map(|harmful| &harmful.controls) {
            let known: BTreeSet<&str> = benchmark::controls(benchmark.as_str())
                .unwrap_or_else(|| panic!("{}: no benchmark {benchmark}", setting.name))
                .map(|(number, _)| number)
                .collect();
            for number in numbers {
                assert!(known.contains(number.as_str()), "{}: {benchmark} has no {number}", setting.name);
            }
        }
    }
}

#[test]
fn every_effect_names_something_that_exists_and_no_more_than_once() {
    let checks = crate::all(amiproof_workloads::catalogue().unwrap()).unwrap();
    let exists = |name: &str| {
        let below = format!("{name}/");
        let add_on = name.strip_prefix("addon/");
        checks.iter().any(|check| check.id.as_str() == name || check.id.as_str().starts_with(&below))
            || add_on.is_some_and(|name| amiproof_core::cluster::addons::ADD_ONS.iter().any(|known| known.name == name))
    };
    for setting in all() {
        for effect in &setting.takes {
            assert!(!effect.capabilities.is_empty() || !effect.checks.is_empty(), "{}", setting.name);
            for check in &effect.checks {
                assert!(exists(check), "{}: there is no check {check}", setting.name);
            }
            let capabilities: BTreeSet<&Capability> = effect.capabilities.iter().collect();
            assert_eq!(capabilities.len(), effect.capabilities.len(), "{}", setting.name);
        }
    }
}

#[test]
fn what_is_taken_away_for_certain_is_little() {
    let mut certain = BTreeMap::new();
    for setting in all() {
        for effect in setting.takes.iter().filter(|effect| effect.extent == Extent::All) {
            let words =
                effect.capabilities.iter().map(|one| one.as_str()).chain(effect.checks.iter().map(String::as_str));
            certain.entry(setting.name.as_str()).or_insert_with(Vec::new).extend(words);
        }
    }
    let wanted = BTreeMap::from([
        ("conntrack-limit", vec!["node/conntrack"]),
        ("kernel-defaults", vec!["node/kernel-defaults", "node/joined"]),
        ("kernel-lockdown", vec!["node/ebpf"]),
        ("user-namespace-support", vec!["user-namespaces"]),
        ("user-namespaces", vec!["user-namespaces"]),
        ("volumes-noexec", vec!["exec-from-volume"]),
    ]);
    assert_eq!(certain, wanted, "something else may be meant by \"all-or-nothing\" or \"some\"");
}

#[test]
fn how_a_fact_is_changed_belongs_to_its_kind() {
    for setting in all() {
        for harmful in &setting.harmful {
            let kind = harmful.fact.split('.').next().unwrap_or_default();
            let fits = match harmful.change {
                Change::Sysctl => kind == "sysctl",
                Change::NftPolicy => harmful.fact.starts_with("firewall.nft."),
                Change::IptablesPolicy => harmful.fact.starts_with("firewall.ip"),
                Change::Mount => kind == "mount",
                Change::Selinux => harmful.fact == "selinux.mode",
                Change::SelinuxBoolean => harmful.fact.starts_with("selinux.boolean."),
                Change::Service => kind == "service",
                Change::Module => kind == "module",
                Change::FileMode => kind == "file",
                Change::Unit => ["umask", "limits"].contains(&kind),
                Change::Kubelet => kind == "kubelet",
                Change::Containerd => kind == "containerd",
                Change::Audit => ["audit", "auditd"].contains(&kind),
                Change::Account => kind == "account",
                Change::TimeSource => harmful.fact == "time.sources",
                Change::Rebuild(ref why) => !why.is_empty() && !why.ends_with('.'),
            };
            assert!(fits, "{}: {} and {:?}", setting.name, harmful.fact, harmful.change);
        }
    }
}

/// Names of facts that the script of a family prints, by the word before the first dot; `*` stands for any name.
const FACTS: [(&str, &[&str]); 25] = [
    ("account", &["*"]),
    ("audit", &["enabled", "failure", "backlog_limit", "lost"]),
    ("auditd", &["*"]),
    ("cgroup", &["version"]),
    ("containerd", &["version", "snapshotter", "SystemdCgroup", "enable_selinux"]),
    ("disk", &["*"]),
    ("file", &["*"]),
    ("fips", &["enabled", "commandLine"]),
    ("firewall", &["*"]),
    ("host-container", &["admin", "control"]),
    ("kernel", &["cmdline", "lockdown", "release"]),
    ("kubelet", &["*"]),
    (
        "limits",
        &[
            "nofile",
            "kubelet.nofile",
            "containerd.nofile",
            "containerd.nofile.soft",
            "kubelet.nproc",
            "containerd.nproc",
        ],
    ),
    ("module", &["*"]),
    ("mount", &["*"]),
    ("os", &["id", "version", "name", "variant"]),
    (
        "package",
        &[
            "aide",
            "amazon-ec2-net-utils",
            "container-selinux",
            "containerd",
            "ec2-net-utils",
            "iptables",
            "iptables-nft",
            "runc",
        ],
    ),
    ("password", &["maxDays", "minDays"]),
    ("selinux", &["mode", "boolean.deny_ptrace", "boolean.secure_mode_insmod"]),
    ("service", &["*"]),
    ("settings", &["kernel.modules.sctp.allowed"]),
    ("sysctl", &["*"]),
    ("time", &["sources", "synchronized", "offset.seconds"]),
    ("umask", &["", "kubelet", "containerd"]),
    ("packages", &[""]),
];

#[test]
fn every_fact_is_one_that_a_node_is_asked_for() {
    let is_known = |fact: &str| {
        let (kind, name) = fact.split_once('.').unwrap_or((fact, ""));
        FACTS.iter().any(|(known, names)| *known == kind && names.iter().any(|own| *own == "*" || *own == name))
    };
    for setting in all() {
        let conditions = setting.takes.iter().flat_map(|effect| &effect.when).map(|condition| &condition.fact);
        for fact in setting.harmful.iter().map(|harmful| &harmful.fact).chain(conditions) {
            assert!(is_known(fact), "{}: nobody reads {fact}", setting.name);
            assert!(fact.matches('*').count() <= 1, "{}: {fact}", setting.name);
        }
    }
}

/// What two effects both take away.
fn shared(one: &Effect, other: &Effect) -> bool {
    one.capabilities.iter().any(|capability| other.capabilities.contains(capability))
        || one.checks.iter().any(|check| other.checks.contains(check))
}

#[test]
fn no_two_settings_say_the_same_of_a_fact() {
    for (at, one) in all().iter().enumerate() {
        for other in &all()[at + 1..] {
            let same = one.harmful.iter().find(|own| {
                other.harmful.iter().any(|harmful| (&harmful.fact, &harmful.value) == (&own.fact, &own.value))
            });
            let overlap = one.takes.iter().any(|own| other.takes.iter().any(|effect| shared(own, effect)));
            assert!(same.is_none() || !overlap, "{} and {}: {same:?}", one.name, other.name);
        }
        let facts: Vec<(&String, &Meant)> = one.harmful.iter().map(|harmful| (&harmful.fact, &harmful.value)).collect();
        let twice = facts.iter().enumerate().find(|(at, fact)| facts[at + 1..].contains(fact));
        assert!(twice.is_none(), "{}: {twice:?}", one.name);
    }
}

/// Seen on a cluster whose pods hang on a bridge: those of one node reach each other past the host.
#[test]
fn pods_that_reach_each_other_on_one_node_do_not_clear_what_forwards_to_others() {
    let node = |value: &str| json!({"index": 1, "name": "n1", "facts": {"sysctl.net.ipv4.ip_forward": value}});
    let row = |check: &str, exercises: &[&str], outcome: Value, origin: Option<&str>| {
        json!({"check": check, "title": "t", "subject": {"variant": "l2"}, "exercises": exercises, "outcome": outcome,
               "disposition": "failed", "origin": origin, "started": "2026-11-21T00:00:00Z", "seconds": 1.0})
    };
    let failed = json!({"fail": {"findings": [{"resource": "job/lookups", "summary": "no answer"}]}});
    let mut report: Report = serde_json::from_value(json!({
        "schemaVersion": 1,
        "tool": {"name": "amiproof", "version": "0"},
        "run": {"id": "r-1", "matrix": "m", "started": "2026-11-21T00:00:00Z", "seconds": 1.0, "criticalPathSeconds": 1.0,
                "interrupted": false},
        "cluster": {"name": "c"},
        "variants": [
            {"name": "stock", "family": "al2023", "nodes": [node("1")]},
            {"name": "l2", "family": "al2023", "reference": "stock", "benchmark": "cis-al2023-1.0.0", "nodes": [node("0")]},
        ],
        "results": [
            row("workload/cluster-dns", &["image-pull", "cluster-dns"], failed, Some("hardening")),
            row("workload/same-node", &["image-pull", "same-node-network", "probes"], json!("pass"), None),
        ],
        "cleanup": {"ran": true, "created": 0, "gone": 0, "leftovers": []},
    }))
    .unwrap();
    explain(&mut report, all(), crate::controls::all());
    let explanation = &report.explanations[0];
    let causes: Vec<(&str, &str)> =
        explanation.causes.iter().map(|cause| (cause.setting.as_str(), cause.certainty.as_str())).collect();
    assert_eq!(causes, [("ip-forward", "likely")], "{explanation:#?}");
}
