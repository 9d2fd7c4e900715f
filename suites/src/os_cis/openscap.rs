//! `os-cis/openscap`: OpenSCAP on all nodes of each variant on which it is installed.

use amiproof_core::check::{Applies, Scope};
use amiproof_core::scan::openscap::scan;
use amiproof_model::matrix::{Family, Variant};
use amiproof_model::report::Phase;
use futures::FutureExt as _;

use crate::definition::{Definition, Work};

/// See the module. Reported under this id only if there are no rows, or none for a node.
pub const CHECK: Definition = Definition {
    id: "os-cis/openscap",
    title: "the rules of OpenSCAP's CIS profile are met",
    scope: Scope::Variant,
    phase: Phase::OsScan,
    // The variant's `timeouts.osScan` bounds it.
    timeout: None,
    applies: amazon_linux_only,
    work: Work::Scan(|context| scan(context).boxed()),
};

fn amazon_linux_only(variant: &Variant) -> Applies {
    match variant.family {
        Family::Al2023 | Family::Al2 => Applies::Yes,
        Family::Bottlerocket => Applies::No("Bottlerocket installs no packages, so it has no oscap"),
        Family::Windows => Applies::No("there is no SCAP content for Windows with OpenSCAP"),
    }
}
