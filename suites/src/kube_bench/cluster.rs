//! `kube-bench/cluster`: the controls that do not depend on the node, once per cluster.

use amiproof_core::check::{Scope, always};
use amiproof_core::scan::kube_bench::scan_cluster;
use amiproof_model::report::Phase;
use futures::FutureExt as _;

use super::ATTEMPT;
use crate::definition::{Definition, Work};

/// See the module. Reported under this id only if the scan fails.
pub const CHECK: Definition = Definition {
    id: "kube-bench/cluster",
    title: "the controls of the cluster are met: policies, managed services, control plane",
    scope: Scope::Cluster,
    phase: Phase::KubeBench,
    timeout: Some(ATTEMPT),
    applies: always,
    work: Work::Scan(|context| scan_cluster(context).boxed()),
};
