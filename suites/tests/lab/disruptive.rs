//! Hosts of the lab that reboot, restart and reload: what is back, what is lost, and who says so.

use std::sync::Arc;
use std::time::Duration;

use amiproof_core::check::{Body, CheckError, Decision, Scope};
use amiproof_core::context::Context;
use amiproof_lab::profile::{Change, HostEvent, HostProfile, Policy};
use amiproof_model::matrix::{Timeouts, Variant};
use amiproof_model::verdict::{Finding, Verdict};

use super::cluster::{Lab, REFERENCE, profile, simulated};

/// One disruptive check on the image under test, whose nodes get `timeout` to come back.
async fn decide_in(lab: &Lab, id: &str, timeout: Duration) -> Result<Decision, CheckError> {
    let checks = amiproof_suites::all(amiproof_workloads::catalogue().unwrap()).unwrap();
    let check = checks.iter().find(|check| check.id.as_str() == id).unwrap_or_else(|| panic!("no check {id}"));
    assert!(check.opt_in && check.disturbs, "{id}");
    let Body::Code(run) = check.body else { panic!("{id} asks one question") };
    let context = lab.context(Scope::Variant);
    let timeouts = Timeouts { nodes_ready: timeout, ..context.variant.timeouts };
    let variant = Arc::new(Variant { timeouts, ..(*context.variant).clone() });
    run(&Context { variant, ..context }).await
}

async fn decide(lab: &Lab, id: &str) -> Decision {
    let decided = decide_in(lab, id, Duration::from_secs(1200)).await;
    decided.unwrap_or_else(|error| panic!("{id}: {error}"))
}

/// A stock host to which something happens.
fn host(change: impl FnOnce(&mut HostProfile)) -> Arc<HostProfile> {
    let mut host = (*profile(REFERENCE)).clone();
    change(&mut host);
    Arc::new(host)
}

fn findings(decision: &Decision) -> &[Finding] {
    match &decision.verdict {
        Verdict::Fail(findings) => findings,
        other => panic!("{other:?}"),
    }
}

fn text<'a>(decision: &'a Decision, evidence: &str) -> &'a str {
    let named = decision.evidence.iter().find(|one| one.name == evidence);
    named.map_or_else(|| panic!("no {evidence} in {:#?}", decision.evidence), |one| &one.text)
}

#[test]
fn a_stock_image_survives_a_reboot_restarts_and_a_drain() {
    simulated(|| async {
        let lab = Lab::new(REFERENCE).await;
        let boots = async || lab.boot_id("hardened-1").await;
        let before = boots().await;
        for id in ["sysctl-reload", "kubelet-restart", "containerd-restart", "reboot", "drain"] {
            let decision = decide(&lab, &format!("disruptive/{id}")).await;
            assert_eq!(decision.verdict, Verdict::Pass, "{id}: {:#?}", decision.evidence);
            assert!(!decision.placements.is_empty(), "{id} says where it was");
            let worked = decision.evidence.iter().find(|one| one.name.starts_with("what worked before"));
            let worked = worked.map(|one| one.text.as_str()).unwrap_or_default();
            for workload in ["workload/host-path", "workload/pod-to-pod", "workload/web-service"] {
                assert!(worked.contains(workload), "{id}: {worked}");
            }
            let scanned = worked.contains("kube-bench/cis-eks-1.8.0/3.");
            assert_eq!(scanned, id == "reboot", "{id}: {worked}");
        }
        assert_ne!(boots().await, before, "it really booted again");
        lab.assert_clean().await;
    });
}

#[test]
fn without_a_firewall_service_there_is_nothing_to_load_again() {
    simulated(|| async {
        let lab = Lab::of(
            host(|host| host.services.retain(|name| !["nftables", "iptables", "firewalld"].contains(&name.as_str()))),
            REFERENCE,
        )
        .await;
        let decision = decide(&lab, "disruptive/firewall-reload").await;
        assert!(
            matches!(&decision.verdict, Verdict::NotApplicable(why) if why.contains("no firewall service")),
            "{decision:#?}"
        );
        lab.assert_clean().await;
    });
}

#[test]
fn a_host_that_does_not_come_back_from_its_reboot_is_a_finding_of_each_node() {
    simulated(|| async {
        let change = Change { fails: Some("grub asks for a password".to_owned()), ..Change::default() };
        let lab = Lab::of(host(|host| drop(host.later.insert(HostEvent::Reboot, change))), REFERENCE).await;
        let decision = decide_in(&lab, "disruptive/reboot", Duration::from_secs(1200)).await.unwrap();
        let found = findings(&decision);
        let nodes: Vec<&str> = found.iter().map(|finding| finding.resource.as_str()).collect();
        assert_eq!(nodes, ["node 1", "node 2"]);
        assert!(
            found[0].summary.starts_with("node 1 never came back from the reboot: NodeStatusUnknown"),
            "{found:#?}"
        );
        assert!(found[0].remediation.contains("1.4.1"), "{found:#?}");
        assert!(text(&decision, "nodes").contains("not back after 1500s"), "{:#?}", decision.evidence);
    });
}

#[test]
fn a_setting_that_only_a_boot_brings_is_named_beside_what_it_broke() {
    simulated(|| async {
        let sysctl = [("net.ipv4.ip_forward".to_owned(), "0".to_owned())].into();
        let change = Change { sysctl, ..Change::default() };
        let lab = Lab::of(host(|host| drop(host.later.insert(HostEvent::Reboot, change))), REFERENCE).await;
        let decision = decide(&lab, "disruptive/reboot").await;
        let found = findings(&decision);
        let lost: Vec<&str> = found.iter().map(|finding| finding.resource.as_str()).collect();
        assert_eq!(lost, ["workload/pod-to-pod", "workload/web-service"], "{found:#?}");
        assert!(found[0].summary.starts_with("workload/pod-to-pod passed before the reboot and fails after it"));
        assert!(
            found[0].detail.contains("node 1: - net.ipv4.ip_forward = 1\nnode 1: + net.ipv4.ip_forward = 0"),
            "{found:#?}"
        );
        lab.assert_clean().await;
    });
}

#[test]
fn a_kubelet_that_does_not_start_again_is_a_finding_with_what_its_unit_said() {
    simulated(|| async {
        let change =
            Change { fails: Some("invalid kernel flag: vm/overcommit_memory".to_owned()), ..Change::default() };
        let lab = Lab::of(host(|host| drop(host.later.insert(HostEvent::KubeletRestart, change))), REFERENCE).await;
        let decision = decide_in(&lab, "disruptive/kubelet-restart", Duration::from_secs(600)).await.unwrap();
        let found = findings(&decision);
        assert_eq!(found.len(), 2, "{found:#?}");
        assert!(found[0].summary.starts_with("kubelet does not start again on node 1: Job for kubelet.service failed"));
        assert!(found[0].summary.contains("invalid kernel flag"), "{found:#?}");
    });
}

/// The firewall's service loads rules that drop what it forwards, which the kubelet had undone when it started.
fn drops_at_the_next_load() -> Arc<HostProfile> {
    host(|host| {
        host.services.insert("iptables".to_owned());
        let change = Change { forward: Some(Policy::Drop), ..Change::default() };
        host.later.insert(HostEvent::FirewallReload, change);
    })
}

#[test]
fn rules_that_the_kubelet_had_undone_break_the_pod_network_when_the_service_loads_them_again() {
    simulated(|| async {
        let lab = Lab::of(drops_at_the_next_load(), REFERENCE).await;
        let decision = decide(&lab, "disruptive/firewall-reload").await;
        let found = findings(&decision);
        let lost: Vec<&str> = found.iter().map(|finding| finding.resource.as_str()).collect();
        assert_eq!(lost, ["workload/pod-to-pod", "workload/web-service"], "{found:#?}");
        assert!(found[0].remediation.contains("accept forwarded packets"));
        assert_eq!(text(&decision, "firewall service per node"), "iptables\niptables");
        lab.assert_clean().await;
    });
}

#[test]
fn kernel_settings_that_a_plugin_had_overridden_break_the_pod_network_when_they_are_loaded_again() {
    simulated(|| async {
        let sysctl = [("net.ipv4.ip_forward".to_owned(), "0".to_owned())].into();
        let change = Change { sysctl, ..Change::default() };
        let lab = Lab::of(host(|host| drop(host.later.insert(HostEvent::SysctlReload, change))), REFERENCE).await;
        let decision = decide(&lab, "disruptive/sysctl-reload").await;
        let found = findings(&decision);
        let lost: Vec<&str> = found.iter().map(|finding| finding.resource.as_str()).collect();
        assert_eq!(lost, ["workload/pod-to-pod", "workload/web-service"], "{found:#?}");
        assert!(found[0].remediation.contains("/etc/sysctl.d"), "{found:#?}");
        assert!(found[0].detail.contains("node 1: + net.ipv4.ip_forward = 0"), "{found:#?}");
        lab.assert_clean().await;
    });
}

#[test]
fn a_file_of_settings_that_the_kernel_refuses_is_a_finding_of_each_node() {
    simulated(|| async {
        let change = Change { fails: Some("Couldn't write '1' to 'net/ipv4/tcp_x'".to_owned()), ..Change::default() };
        let lab = Lab::of(host(|host| drop(host.later.insert(HostEvent::SysctlReload, change))), REFERENCE).await;
        let decision = decide(&lab, "disruptive/sysctl-reload").await;
        let found = findings(&decision);
        assert_eq!(found.len(), 2, "{found:#?}");
        assert!(found[0].summary.starts_with("the kernel settings of node 1 cannot be loaded again"), "{found:#?}");
        lab.assert_clean().await;
    });
}

#[test]
fn what_an_agent_changes_within_ten_minutes_is_found() {
    simulated(|| async {
        let lab = Lab::of(drops_at_the_next_load(), REFERENCE).await;
        let drift = decide(&lab, "disruptive/drift");
        let agent = async {
            // Between the two snapshots there is no namespace of any check.
            while lab.own_namespaces().await.is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            while !lab.own_namespaces().await.is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            for node in ["hardened-1", "hardened-2"] {
                assert_eq!(lab.host(node).run_on_host("systemctl restart iptables").await.status, 0);
            }
        };
        let (decision, ()) = tokio::join!(drift, agent);
        let lost: Vec<&str> = findings(&decision).iter().map(|finding| finding.resource.as_str()).collect();
        assert_eq!(lost, ["workload/pod-to-pod", "workload/web-service"], "{:#?}", findings(&decision));
        lab.assert_clean().await;
    });
}
