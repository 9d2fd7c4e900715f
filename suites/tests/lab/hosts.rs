//! What a look at emulated hosts says: each check of the suites `node` and `host` that reads a host fails for its own reason alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use amiproof_lab::profile::{HostProfile, Selinux};
use amiproof_model::verdict::Outcome;

use super::cluster::{Lab, REFERENCE, profile};

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
    let broken = outcomes.iter().filter(|(_, outcome)| outcome.word() == "error").collect::<Vec<_>>();
    assert!(broken.is_empty(), "{broken:#?}");
    let failing = outcomes.iter().filter_map(|(id, outcome)| match outcome {
        Outcome::Fail { findings } => Some((id.as_str(), findings[0].summary.as_str())),
        _ => None,
    });
    failing.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stock_host_passes_everything_that_a_look_at_it_can_say() {
    let outcomes = outcomes(|_| {}).await;
    assert_eq!(failing(&outcomes), []);
    for id in [
        "node/audit",
        "node/cgroups",
        "node/conntrack",
        "node/disk-space",
        "node/kernel-defaults",
        "node/kernel-modules",
        "node/martian-packets",
        "host/imds-answers",
        "host/selinux",
    ] {
        assert_eq!(outcomes[id], Outcome::Pass, "{id}");
    }
    for id in ["node/integrity-scan", "host/selinux-denials", "host/run-command"] {
        assert_eq!(outcomes[id].word(), "not applicable", "{id}: {:?}", outcomes[id]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_windows_node_gives_its_log_and_runs_a_command() {
    let lab = Lab::new("windows-2022-core").await;
    let outcomes = lab.run_those(|check| check.id.suite() == "kubelet-path").await;
    let words: Vec<(&str, &str)> = outcomes.iter().map(|(id, outcome)| (id.as_str(), outcome.word())).collect();
    let passed = ["configz", "exec", "logs", "metrics"].map(|check| format!("kubelet-path/{check}"));
    assert_eq!(words, passed.each_ref().map(|id| (id.as_str(), "pass")), "{outcomes:#?}");
    lab.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_setting_that_breaks_nodes_is_named_by_its_own_check() {
    let denial = "type=AVC msg=audit(1.2:3): avc:  denied  { execute } for  pid=1 comm=\"kubelet\" \
                  scontext=system_u:system_r:init_t:s0 tcontext=system_u:object_r:var_lib_t:s0 tclass=file permissive=0";
    let outcomes = outcomes(|host| {
        host.sysctl.insert("kernel.panic".into(), "60".into());
        host.sysctl.insert("net.netfilter.nf_conntrack_max".into(), "16384".into());
        host.blocked_modules.extend(["squashfs".into(), "nfsv4".into()]);
        host.selinux = Selinux::Enforcing;
        host.packages.insert("aide".into());
        for (name, value) in [
            ("auditd.lost", "17"),
            ("disk.available", "1048576"),
            ("kernel.martians", "2000"),
            ("aide.rules", "/var NORMAL\n!/var/lib/kubelet\n"),
            ("selinux.denials", denial),
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
                "5% of the room below /var/lib/kubelet is free: the kubelet evicts pods (nodefs.available)"
            ),
            ("node/integrity-scan", "AIDE scans /var/lib/containerd"),
            ("node/kernel-defaults", "kernel.panic is 60, not 10"),
            ("node/kernel-modules", "module nfsv4 cannot be loaded: EFS and NFS volumes cannot be mounted"),
            ("node/martian-packets", "the kernel logged 2000 martian packets in ten minutes"),
        ]
    );
}
