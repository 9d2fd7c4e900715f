//! `os-cis/inspector`: the CIS scan of Amazon Inspector, on all nodes of each variant.

use amiproof_core::check::{Scope, always};
use amiproof_core::scan::inspector::scan;
use amiproof_model::report::Phase;
use futures::FutureExt as _;

use crate::definition::{Definition, Work};

/// See the module. Reported under this id only if there are no rows.
pub const CHECK: Definition = Definition {
    id: "os-cis/inspector",
    title: "the controls of the operating system's CIS benchmark are met",
    scope: Scope::Variant,
    phase: Phase::OsScan,
    // The variant's `timeouts.osScan` bounds it.
    timeout: None,
    applies: always,
    work: Work::Scan(|context| scan(context).boxed()),
};
