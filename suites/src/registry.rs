//! Every check that is not a workload, in the order of reports.

use crate::definition::Definition;
use crate::{addon, eks_cis, kube_bench, kubelet_path, node, os_cis};

/// All checks. A file that is not listed here fails the tidy test.
pub const CHECKS: &[&Definition] = &[
    &node::joined::CHECK,
    &node::ready::CHECK,
    &node::expected_ami::CHECK,
    &node::kubelet_skew::CHECK,
    &node::age::CHECK,
    &node::facts::CHECK,
    &kubelet_path::logs::CHECK,
    &kubelet_path::exec::CHECK,
    &kubelet_path::port_forward::CHECK,
    &addon::daemons::CHECK,
    &addon::controllers::CHECK,
    &kube_bench::node::CHECK,
    &kube_bench::cluster::CHECK,
    &eks_cis::cluster::CHECK,
    &os_cis::inspector::CHECK,
];

/// The names of all suites, in the order of reports; what `suites.include` and `suites.exclude` of a matrix may name.
pub const SUITES: &[&str] = &["node", "kubelet-path", "workload", "addon", "kube-bench", "eks-cis", "os-cis"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_belongs_to_a_named_suite() {
        for definition in CHECKS {
            let check = definition.check().unwrap();
            assert!(SUITES.contains(&check.id.suite()), "{}", check.id);
        }
    }
}
