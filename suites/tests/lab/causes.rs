//! Which settings a report blames: whole runs of many images beside a stock one, and exactly the causes that each must have.
//!
//! An image that breaks nothing has no explanation, however much it changes; what breaks for a reason that no setting stands for
//! stays unexplained.

use std::sync::Arc;

use amiproof_core::ledger::Ledger;
use amiproof_core::run::{self, Answers, Plan, Steps, Stop, Tools};
use amiproof_lab::LabOptions;
use amiproof_lab::profile::{HostProfile, Policy, Selinux, builtin};
use amiproof_model::matrix::{Files, resolve};
use amiproof_model::report::Report;
use amiproof_model::setting::Value;
use amiproof_suites::SUITES;
use camino::Utf8PathBuf;

use crate::cluster::{REFERENCE, simulated};
use crate::memory_lab;

/// A stock image with one change.
type Case = (&'static str, fn(&mut HostProfile));

fn sysctl(host: &mut HostProfile, name: &str, value: &str) {
    host.sysctl.insert(name.to_owned(), value.to_owned());
}

fn fact(host: &mut HostProfile, name: &str, value: &str) {
    host.facts.insert(name.to_owned(), value.to_owned());
}

fn never_joins(host: &mut HostProfile, last_words: &str) {
    host.boot.never_joins = Some(last_words.to_owned());
}

/// What hardening changes without breaking anything: none of these may ever be blamed.
fn harmless(host: &mut HostProfile) {
    for (name, value) in [
        ("kernel.yama.ptrace_scope", "1"),
        ("fs.suid_dumpable", "0"),
        ("net.ipv4.conf.all.log_martians", "1"),
        ("net.ipv4.conf.all.send_redirects", "0"),
        ("net.ipv4.conf.all.accept_redirects", "0"),
        ("net.ipv4.conf.all.secure_redirects", "0"),
        ("net.ipv4.conf.all.rp_filter", "1"),
        ("net.ipv6.conf.all.accept_ra", "0"),
    ] {
        sysctl(host, name, value);
    }
    host.blocked_modules.extend(["sctp", "dccp", "udf", "cramfs", "squashfs"].map(str::to_owned));
    host.mounts.insert("/tmp".to_owned(), ["rw", "nosuid", "nodev", "noexec"].map(str::to_owned).to_vec());
    host.packages.insert("aide".to_owned());
    host.selinux = Selinux::Enforcing;
    fact(host, "auditd.diskFullAction", "HALT");
    fact(host, "password.maxDays", "90");
}

const DENIAL: &str = "type=AVC msg=audit(1.2:3): avc:  denied  { execute } for  pid=1 comm=\"kubelet\" \
                      scontext=system_u:system_r:init_t:s0 tcontext=system_u:object_r:var_lib_t:s0 tclass=file permissive=0";

/// Drops what no rule accepts, in the chains of nftables.
fn dropping(host: &mut HostProfile, change: fn(&mut HostProfile)) {
    host.firewall.managed_by = "nftables".to_owned();
    change(host);
}

const CASES: &[Case] = &[
    ("nothing", |_| {}),
    ("harmless", harmless),
    ("forward", |host| dropping(host, |host| host.firewall.forward = Policy::Drop)),
    ("forward-among-harmless", |host| {
        harmless(host);
        dropping(host, |host| host.firewall.forward = Policy::Drop);
    }),
    // No fact shows it: the tool that would list the rules is not installed.
    ("forward-unseen-among-harmless", |host| {
        harmless(host);
        host.firewall.forward = Policy::Drop;
    }),
    ("ip-forward", |host| sysctl(host, "net.ipv4.ip_forward", "0")),
    ("three-at-once", |host| {
        dropping(host, |host| host.firewall.forward = Policy::Drop);
        host.umask = "0027".to_owned();
        sysctl(host, "net.netfilter.nf_conntrack_max", "16384");
    }),
    ("user-namespaces", |host| sysctl(host, "user.max_user_namespaces", "0")),
    ("boot-without-ipv6", |host| fact(host, "boot.arguments", "ipv6.disable=1")),
    ("lockdown", |host| fact(host, "kernel.lockdown", "confidentiality")),
    ("martians", |host| {
        sysctl(host, "net.ipv4.conf.all.log_martians", "1");
        fact(host, "kernel.martians", "2000");
    }),
    ("denied-and-not-missed", |host| {
        host.selinux = Selinux::Enforcing;
        fact(host, "selinux.denials", DENIAL);
    }),
    ("modules-and-not-missed", |host| {
        host.blocked_modules.extend(["ip_tables", "iptable_nat", "xt_statistic"].map(str::to_owned));
    }),
    ("kernel-flags-at-run-time", |host| sysctl(host, "kernel.panic", "60")),
    ("kernel-flags-at-boot", |host| {
        harmless(host);
        sysctl(host, "vm.overcommit_memory", "0");
        never_joins(host, "kubelet: invalid kernel flag: vm/overcommit_memory, expected value: 1, actual value: 0");
    }),
    ("never-joins-unread", |host| {
        sysctl(host, "vm.overcommit_memory", "0");
        host.boot.ssm_seconds = None;
        never_joins(host, "kernel: Kernel panic - not syncing");
    }),
    ("never-joins-denied", |host| {
        host.selinux = Selinux::Enforcing;
        never_joins(host, "nodeadm-config.service: Failed at step EXEC spawning /usr/bin/nodeadm: Permission denied");
    }),
    ("never-joins-for-no-known-reason", |host| {
        sysctl(host, "kernel.yama.ptrace_scope", "1");
        never_joins(host, "nodeadm: cannot read the user data");
    }),
    ("scanned-by-aide", |host| {
        host.packages.insert("aide".to_owned());
        fact(host, "aide.rules", "/var NORMAL\n!/var/lib/kubelet\n");
    }),
    ("full-disk", |host| fact(host, "disk.available", "1048576")),
    ("inotify", |host| sysctl(host, "fs.inotify.max_user_instances", "8")),
];

/// More of them: a cluster has at most thirty node groups.
const MORE_CASES: &[Case] = &[
    ("mesh", |host| {
        harmless(host);
        host.blocked_modules.extend(["xt_REDIRECT", "xt_owner"].map(str::to_owned));
    }),
    ("hidden-processes", |host| fact(host, "proc.hidepid", "2")),
    ("kernel-pointers", |host| sysctl(host, "kernel.kptr_restrict", "2")),
    ("few-open-files", |host| fact(host, "limits.containerd.nofile", "4096")),
    ("memory-is-refused", |host| sysctl(host, "vm.overcommit_memory", "2")),
    ("image-volumes", |host| {
        host.os.runc = "1.1.12".to_owned();
        host.mounts
            .insert("/var/lib/containerd".to_owned(), ["rw", "nosuid", "nodev", "noexec"].map(str::to_owned).to_vec());
    }),
    ("no-time-source", |host| fact(host, "time.sources", "")),
    ("accounts-expire", |host| fact(host, "password.maxDays", "30")),
    ("small-log-partition", |host| {
        host.mounts.insert("/var/log".to_owned(), vec!["rw".to_owned()]);
        fact(host, "disk./var/log.size", "1048576");
    }),
    // One of two writers turns forwarding off, and the other on again.
    ("forwarding-flaps", |host| {
        harmless(host);
        sysctl(host, "net.ipv4.ip_forward", "0");
        fact(host, "flapping.net.ipv4.ip_forward", "1");
    }),
    ("never-joins-without-nodeadm", |host| {
        host.services.remove("nodeadm-config");
        host.services.remove("nodeadm-run");
        never_joins(host, "cloud-init: the instance is not a node");
    }),
];

/// A stock image, shipped ones by the names of their profiles, and cases: one run, and for each what its report explains.
async fn explained(shipped: &[&str], cases: &[Case]) -> (Report, String) {
    let all = builtin().unwrap();
    let named = |name: &str| all.iter().find(|profile| profile.name == name).unwrap().clone();
    let mut profiles = Vec::new();
    let mut matrix = format!(
        "apiVersion: amiproof/v1\nkind: Matrix\nmetadata: {{name: causes}}\n\
         cluster: {{name: causes, region: us-west-2, kubernetesVersion: \"1.35\", create: true}}\ndefaults: {{nodes: 1}}\n\
         variants:\n  - {{name: {REFERENCE}, family: al2023, ami: {{ssm: recommended}}}}\n"
    );
    let mut add = |name: &str, id: &str| {
        let line = format!(
            "  - {{name: {name}, family: al2023, reference: {REFERENCE}, hardening: {{benchmark: cis-al2023-1.0.0, level: 2}}, \
             ami: {{id: {id}}}}}\n"
        );
        matrix.push_str(&line);
    };
    for name in shipped {
        add(name, &named(name).image.id);
    }
    for (number, (name, change)) in cases.iter().enumerate() {
        let mut host = named(REFERENCE);
        change(&mut host);
        host.name = (*name).to_owned();
        host.image.id = format!("ami-0c{number:015x}");
        host.image.name = format!("amiproof-lab-{name}");
        host.image.ssm_parameters.clear();
        add(name, &host.image.id);
        profiles.push(host);
    }
    let report = run(&matrix, profiles).await;
    let names = shipped.iter().copied().chain(cases.iter().map(|(name, _)| *name));
    let told: Vec<String> = names.map(|name| told(&report, name)).collect();
    (report, told.join("\n"))
}

/// What a report explains about an image: `l2: likely forward-policy; unexplained: node/disk-space`.
fn told(report: &Report, name: &str) -> String {
    let Some(explanation) = report.explanations.iter().find(|explanation| explanation.variant.as_str() == name) else {
        let own = report.results.iter().filter(|result| result.subject.as_str() == name);
        assert!(own.clone().any(|result| result.outcome.as_str() == "pass"), "{name} was not tested");
        return format!("{name}: nothing failed by hardening");
    };
    let mut words: Vec<String> =
        explanation.causes.iter().map(|cause| format!("{} {}", cause.certainty.as_str(), cause.setting)).collect();
    words.extend(explanation.note.clone());
    let unexplained: Vec<&str> = explanation.unexplained.iter().map(|check| check.as_str()).collect();
    if !unexplained.is_empty() {
        words.push(format!("unexplained {}", unexplained.join(" ")));
    }
    format!("{name}: {}", words.join(", "))
}

async fn run(matrix: &str, profiles: Vec<HostProfile>) -> Report {
    let options = LabOptions { profiles, ..LabOptions::default() };
    let (lab, network) = memory_lab::start(Arc::default(), options).await.unwrap();
    let clients = memory_lab::clients(&lab, move |authority| network.dial(authority)).await.unwrap();
    let matrix = resolve("causes.yaml", matrix.as_bytes(), &Files::new(), SUITES).unwrap().matrix;
    let mut checks = amiproof_suites::all(amiproof_workloads::catalogue().unwrap()).unwrap();
    checks.retain(|check| {
        !check.opt_in && ["node", "host", "kubelet-path", "workload", "addon"].contains(&check.id.suite())
    });
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
    let header = memory_lab::header(&clients, "causes".parse().unwrap(), &matrix.name).await.unwrap();
    let plan = Plan {
        run: header.run.clone(),
        max_pods: matrix.max_pods(),
        matrix: Arc::new(matrix),
        steps: Steps { provision: true, network_only: false, test: true, scan: false, teardown: true },
        checks,
        waivers: Vec::new(),
        settings: amiproof_suites::settings::all(),
        retries: 0,
        image_registry: None,
        pull_secret: None,
        base: ".".into(),
        folder: path.clone(),
        expires: header.expires,
        lab: true,
        shards: None,
        earlier: None,
        controls: amiproof_suites::controls::all(),
        experiment: None,
        answers: Answers::default(),
    };
    let tools = Tools { clients: Some(clients), access: None, ledger: Ledger::create(&path, header).unwrap() };
    run::run(plan, tools, Stop::default(), |_| ()).await
}

#[test]
fn each_image_of_our_own_has_exactly_its_causes() {
    simulated(|| async {
        let (_, told) = explained(&[], CASES).await;
        insta::assert_snapshot!(told);
    });
}

#[test]
fn each_further_image_of_our_own_has_exactly_its_causes() {
    simulated(|| async {
        let (_, told) = explained(&[], MORE_CASES).await;
        insta::assert_snapshot!(told);
    });
}

#[test]
fn each_image_that_is_shipped_has_exactly_its_causes() {
    simulated(|| async {
        let shipped = [
            "al2023-ip-forward-off",
            "al2023-no-10250",
            "al2023-never-joins",
            "al2023-umask-027",
            "al2023-var-noexec",
            "cis-al2023-l1",
            "cis-al2023-l2",
        ];
        let (report, told) = explained(&shipped, &[]).await;
        insta::assert_snapshot!(told);
        is_stock_harmless(&report);
    });
}

/// A stock node has no harmful value, except those that do not matter in its cluster. Missing facts are not counted:
/// they are a change only if the reference has them.
fn is_stock_harmless(report: &Report) {
    let stock = report.variants.iter().find(|variant| variant.name.as_str() == REFERENCE).unwrap();
    let facts = &stock.nodes[0].facts;
    let harmful: Vec<&str> = amiproof_suites::settings::all()
        .iter()
        .filter(|setting| {
            let mut values = setting.harmful.iter().filter(|harmful| harmful.value != Value::Missing);
            values.any(|harmful| harmful.find(facts).is_some())
        })
        .map(|setting| setting.name.as_str())
        .collect();
    insta::assert_snapshot!("values_of_a_stock_node", harmful.join("\n"));
}
