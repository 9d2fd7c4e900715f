//! The scans of a variant's nodes, in the order of reports: what checks that disturb nodes ask again afterwards.

use crate::definition::Definition;
use crate::{addon, kube_bench, os_cis};

/// All of them.
pub(crate) const SCANS: [&Definition; 5] = [
    &addon::daemonsets::CHECK,
    &kube_bench::node::CHECK,
    &os_cis::inspector::CHECK,
    &os_cis::bottlerocket::CHECK,
    &os_cis::openscap::CHECK,
];
