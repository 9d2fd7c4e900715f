//! `kubelet-path/configz`: every kubelet serves `configz` through the API server, so that its effective configuration can be read.

use futures::FutureExt as _;

use super::proxy::ask;
use super::target::ATTEMPT;
use crate::definition::Definition;

/// See the module.
pub const CHECK: Definition = Definition::question(
    "kubelet-path/configz",
    "the effective configuration of every kubelet can be read within ten seconds",
    |context| ask(context, "configz", |value| value["kubeletconfig"].is_object()).boxed(),
)
.within(ATTEMPT);
