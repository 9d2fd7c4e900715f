//! Every check that is not a workload, in the order of reports.

use crate::definition::Definition;
use crate::{addon, disruptive, eks_cis, host, kube_bench, kubelet_path, node, os_cis, windows};

/// All checks. The tidy test fails if a file is not listed.
pub const CHECKS: &[&Definition] = &[
    &node::joined::CHECK,
    &node::ready::CHECK,
    &node::expected_ami::CHECK,
    &node::kubelet_skew::CHECK,
    &node::age::CHECK,
    &node::newest_ami::CHECK,
    &node::ami_not_deprecated::CHECK,
    &node::boot_time::CHECK,
    &node::kubelet_config::CHECK,
    &node::kernel_defaults::CHECK,
    &node::kernel_modules::CHECK,
    &node::cgroups::CHECK,
    &node::conntrack::CHECK,
    &node::disk_space::CHECK,
    &node::log_space::CHECK,
    &node::audit::CHECK,
    &node::expiry::CHECK,
    &node::clock::CHECK,
    &node::integrity_scan::CHECK,
    &node::martian_packets::CHECK,
    &node::ipv6::CHECK,
    &node::sctp::CHECK,
    &node::local_dns::CHECK,
    &node::ebpf::CHECK,
    &node::webhooks::CHECK,
    &node::monitoring_agent::CHECK,
    &node::facts::CHECK,
    &host::no_ssh::CHECK,
    &host::sshd::CHECK,
    &host::no_public_address::CHECK,
    &host::private_subnets::CHECK,
    &host::imds::CHECK,
    &host::imds_answers::CHECK,
    &host::ssm_managed::CHECK,
    &host::run_command::CHECK,
    &host::ssm_permissions::CHECK,
    &host::encrypted_root::CHECK,
    &host::selinux::CHECK,
    &host::selinux_denials::CHECK,
    &host::container_os::CHECK,
    &host::inspector_coverage::CHECK,
    &host::vulnerabilities::CHECK,
    &windows::server_core::CHECK,
    &windows::image_age::CHECK,
    &windows::no_remote_access::CHECK,
    &windows::guard_duty::CHECK,
    &windows::guard_duty_findings::CHECK,
    &windows::inspector_cis::CHECK,
    &kubelet_path::logs::CHECK,
    &kubelet_path::exec::CHECK,
    &kubelet_path::attach::CHECK,
    &kubelet_path::port_forward::CHECK,
    &kubelet_path::configz::CHECK,
    &kubelet_path::metrics::CHECK,
    &addon::daemonsets::CHECK,
    &addon::controllers::CHECK,
    &kube_bench::node::CHECK,
    &kube_bench::cluster::CHECK,
    &os_cis::inspector::CHECK,
    &os_cis::bottlerocket::CHECK,
    &os_cis::openscap::CHECK,
    &eks_cis::cluster::CHECK,
    &disruptive::drift::CHECK,
    &disruptive::firewall_reload::CHECK,
    &disruptive::sysctl_reload::CHECK,
    &disruptive::kubelet_restart::CHECK,
    &disruptive::containerd_restart::CHECK,
    &disruptive::reboot::CHECK,
    &disruptive::drain::CHECK,
];

/// The names of all suites, in the order of reports; which `suites.include` and `suites.exclude` of a matrix may name.
pub const SUITES: &[&str] =
    &["node", "host", "windows", "kubelet-path", "workload", "addon", "kube-bench", "os-cis", "eks-cis", "disruptive"];

/// What a suite is about, as a clause; empty for a name that is none of [`SUITES`].
pub fn about(suite: &str) -> &'static str {
    match suite {
        "node" => "the node in its cluster: it joined, is Ready, has the right image, kernel and kubelet",
        "host" => "the host and its instance: access, metadata, encryption, SELinux, vulnerabilities",
        "windows" => "what only hosts with Windows have",
        "kubelet-path" => "logs, exec, attach, port-forward and metrics, which go through the kubelet",
        "workload" => "sample apps of the catalogue, and your own",
        "addon" => "the add-ons of EKS, on the nodes of the variant",
        "kube-bench" => "the CIS benchmark for EKS: its controls of nodes",
        "os-cis" => "the CIS benchmark of the operating system",
        "eks-cis" => "the CIS benchmark for EKS: its controls of the cluster",
        "disruptive" => "the same after reboots, restarts and drains",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use amiproof_core::check::Scope;

    use super::*;
    use crate::definition::Work;
    use crate::scans::SCANS;

    #[test]
    fn every_scan_of_nodes_is_asked_again_after_a_disturbance() {
        let is_scan =
            |definition: &&&Definition| matches!(definition.work, Work::Scan(_)) && definition.scope == Scope::Variant;
        let registered: Vec<&str> = CHECKS.iter().filter(is_scan).map(|definition| definition.id).collect();
        assert_eq!(SCANS.map(|definition| definition.id).to_vec(), registered);
    }

    #[test]
    fn every_suite_says_what_it_is_about() {
        assert!(SUITES.iter().all(|suite| !about(suite).is_empty()) && about("nodes").is_empty());
    }

    #[test]
    fn every_check_belongs_to_a_named_suite() {
        for definition in CHECKS {
            let check = definition.check().unwrap();
            assert!(SUITES.contains(&check.id.suite()), "{}", check.id);
        }
    }
}
