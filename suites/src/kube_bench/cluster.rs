//! `kube-bench/cluster`: the controls that do not depend on the node, once per cluster.

use amiproof_core::scan::kube_bench::scan_cluster;
use amiproof_model::report::Phase;
use futures::FutureExt as _;

use super::ATTEMPT;
use crate::definition::Definition;

/// See the module. Reported under this id only if the scan fails.
pub const CHECK: Definition = Definition::scan(
    "kube-bench/cluster",
    "the controls of the cluster are met: policies, managed services, control plane",
    Phase::KubeBench,
    |context| scan_cluster(context).boxed(),
)
.per_cluster()
.within(ATTEMPT);
