//! The scans of a variant's nodes, in the order of reports. Disruptive checks repeat them afterwards.

use crate::definition::Definition;
use crate::{addon, kube_bench, os_cis};

/// All scans.
pub(crate) const SCANS: [&Definition; 5] = [
    &addon::daemonsets::CHECK,
    &kube_bench::node::CHECK,
    &os_cis::inspector::CHECK,
    &os_cis::bottlerocket::CHECK,
    &os_cis::openscap::CHECK,
];
