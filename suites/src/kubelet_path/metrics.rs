//! `kubelet-path/metrics`: every kubelet serves `stats/summary` through the API server, so that its statistics can be read.

use futures::FutureExt as _;

use super::proxy::ask;
use super::target::ATTEMPT;
use crate::definition::Definition;

/// See the module.
pub const CHECK: Definition = Definition::question(
    "kubelet-path/metrics",
    "the statistics of every kubelet can be read within ten seconds",
    |context| ask(context, "stats/summary", |value| value.pointer("/node/cpu").is_some()).boxed(),
)
.within(ATTEMPT);
