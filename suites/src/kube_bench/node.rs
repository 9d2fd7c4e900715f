//! `kube-bench/node`: the worker node's controls, on the first node of each variant or on all of them.

use amiproof_core::check::{Applies, Scope};
use amiproof_core::scan::kube_bench::scan_node;
use amiproof_model::matrix::{Family, Variant};
use amiproof_model::report::Phase;
use futures::FutureExt as _;

use super::ATTEMPT;
use crate::definition::{Definition, Work};

/// See the module. Reported under this id only if the scan fails.
pub const CHECK: Definition = Definition {
    id: "kube-bench/node",
    title: "the CIS EKS controls for worker nodes are met",
    scope: Scope::Variant,
    phase: Phase::KubeBench,
    timeout: Some(ATTEMPT),
    applies: no_windows,
    work: Work::Scan(|context| scan_node(context).boxed()),
};

fn no_windows(variant: &Variant) -> Applies {
    match variant.family {
        Family::Windows => Applies::No("kube-bench has no configuration for Windows"),
        Family::Al2023 | Family::Al2 | Family::Bottlerocket => Applies::Yes,
    }
}
