//! Commands on emulated nodes through privileged pods: their output, its limits, and cleanup.

use std::time::Duration;

use amiproof_core::check::Scope;
use amiproof_core::probe::{self, Channel, Error, Output};

use super::cluster::{Lab, simulated};

const DEADLINE: Duration = Duration::from_secs(30);

async fn on_first_node(lab: &Lab, script: &str) -> Result<Output, Error> {
    let context = lab.context(Scope::Variant);
    probe::command(&context, &context.nodes[0], script, DEADLINE).await
}

#[test]
fn a_command_runs_on_the_host_though_its_pods_reach_nothing_and_10250_is_closed() {
    simulated(|| async {
        for image in ["cis-al2023-l2", "al2023-no-10250", "bottlerocket"] {
            let lab = Lab::new(image).await;
            let script = "hostname; echo \"it's $(getenforce)\"; echo oh >&2; exit 3";
            let output = on_first_node(&lab, script).await.unwrap_or_else(|error| panic!("{image}: {error}"));
            let mode = if image == "bottlerocket" { "Enforcing" } else { "Permissive" };
            assert_eq!(output.stdout, format!("hardened-1\nit's {mode}\n"), "{image}");
            assert_eq!((output.exit_code, output.stderr.as_str(), output.way), (3, "oh\n", Channel::Pod), "{image}");
            lab.assert_clean().await;
        }
    });
}

#[test]
fn a_result_that_is_longer_than_the_messages_of_one_pod_comes_back_whole() {
    simulated(|| async {
        let lab = Lab::new("eks-al2023").await;
        // Digests do not compress: 24,000 bytes of them are three times what one pod can say.
        let script = "for i in $(seq 1 300); do echo $i | sha256sum | cut -c 1-64; done";
        let output = on_first_node(&lab, script).await.unwrap();
        let lines: Vec<&str> = output.stdout.lines().collect();
        assert_eq!(lines.len(), 300);
        assert_eq!(lines[0], "4355a46b19d348dc2f57c046f8ef63d4538ebb936000f3c9ee954a27460dd865");
        let left = on_first_node(&lab, "ls /run").await.unwrap();
        assert!(!left.stdout.contains("amiproof"), "{}", left.stdout);
        lab.assert_clean().await;
    });
}

#[test]
fn a_command_that_does_not_end_is_ended() {
    simulated(|| async {
        let lab = Lab::new("eks-al2023").await;
        let context = lab.context(Scope::Variant);
        let error =
            probe::command(&context, &context.nodes[0], "sleep 100000", Duration::from_secs(5)).await.unwrap_err();
        assert!(matches!(error, Error::Deadline { way: Channel::Pod, .. }), "{error}");
        lab.assert_clean().await;
    });
}

#[test]
fn a_node_that_no_way_leads_to_says_which_were_tried() {
    simulated(|| async {
        let lab = Lab::new("eks-al2023").await;
        let mut context = lab.context(Scope::Variant);
        context.image_registry = Some("invalid.example/mirror".to_owned());
        let error = probe::command(&context, &context.nodes[0], "true", Duration::from_secs(1)).await.unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, Error::Unreachable { .. }), "{text}");
        assert!(text.contains("no AWS account") && text.contains("invalid.example"), "{text}");
        let unread = probe::read(&context, &context.nodes[0], "true", Duration::from_secs(1)).await.unwrap_err();
        let text = unread.to_string();
        assert!(matches!(unread, Error::Unread { .. }), "{text}");
        assert!(
            text.contains("Systems Manager: this run has no AWS account") && text.contains("privileged pod: "),
            "{text}"
        );
        lab.assert_clean().await;
    });
}

#[test]
fn facts_of_a_host_say_what_its_profile_does() {
    simulated(|| async {
        let facts = async |image: &str| {
            let lab = Lab::new(image).await;
            let context = lab.context(Scope::Variant);
            let found = context.facts.of(&context).await;
            assert_eq!(found.len(), 2, "{image}");
            let read = found[0].read.clone().unwrap_or_else(|error| panic!("{image}: {error}"));
            lab.assert_clean().await;
            read.1
        };
        let hardened = facts("cis-al2023-l2").await;
        for (name, value) in [
            ("os.name", "Amazon Linux 2023.9.20261103"),
            ("sysctl.net.ipv4.ip_forward", "1"),
            ("selinux.mode", "Permissive"),
            ("firewall.nft.forward", "drop (inet filter forward)"),
            ("firewall.nft.output", "accept"),
            ("firewall.iptables.FORWARD", "ACCEPT"),
            ("mount./tmp", "rw,nosuid,nodev,noexec,seclabel"),
            ("mount./var/lib/kubelet", "rw,nosuid,nodev,seclabel (on /var)"),
            ("modules.blocked", "cramfs dccp rds sctp squashfs tipc udf"),
            ("listening.tcp", "22 10250 10256"),
            ("service.sshd", "enabled active"),
            ("package.containerd", "2.1.4-1.amzn2023.x86_64"),
            ("packages", "16"),
        ] {
            assert_eq!(hardened.get(name), Some(value), "{name} of {:#?}", hardened.facts);
        }
        assert!(hardened.texts["nft ruleset"].contains("tcp dport 10250 accept"));
        assert!(hardened.kubelet.is_some_and(|kubelet| kubelet["protectKernelDefaults"] == true));
        let bottlerocket = facts("bottlerocket").await;
        for (name, value) in
            [("selinux.mode", "Enforcing"), ("host-container.admin", "disabled"), ("kernel.lockdown", "none")]
        {
            assert_eq!(bottlerocket.get(name), Some(value), "{name} of {:#?}", bottlerocket.facts);
        }
    });
}
