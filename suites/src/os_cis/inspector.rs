//! `os-cis/inspector`: the CIS scan of Amazon Inspector, on all nodes of each variant.

use amiproof_core::scan::inspector::scan;
use amiproof_model::report::Phase;
use futures::FutureExt as _;

use crate::definition::Definition;

/// See the module. The deadline is the variant's `timeouts.osScan`. Reported under this id only if there are no rows.
pub const CHECK: Definition = Definition::scan(
    "os-cis/inspector",
    "the controls of the operating system's CIS benchmark are met",
    Phase::OsScan,
    |context| scan(context).boxed(),
);
