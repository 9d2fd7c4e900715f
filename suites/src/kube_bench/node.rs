//! `kube-bench/node`: the worker node's controls, on the first node of each variant or on all of them.

use amiproof_core::check::Applies;
use amiproof_core::scan::kube_bench::scan_node;
use amiproof_model::matrix::{Family, Variant};
use amiproof_model::report::Phase;
use futures::FutureExt as _;

use super::ATTEMPT;
use crate::definition::Definition;

/// See the module. Reported under this id only if the scan fails.
pub const CHECK: Definition =
    Definition::scan("kube-bench/node", "the CIS EKS controls for worker nodes are met", Phase::KubeBench, |context| {
        scan_node(context).boxed()
    })
    .on(no_windows)
    .within(ATTEMPT);

fn no_windows(variant: &Variant) -> Applies {
    match variant.family {
        Family::Windows => Applies::No("kube-bench has no configuration for Windows"),
        Family::Al2023 | Family::Al2 | Family::Bottlerocket => Applies::Yes,
    }
}
