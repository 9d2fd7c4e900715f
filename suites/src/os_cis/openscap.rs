//! `os-cis/openscap`: OpenSCAP on all nodes of each variant on which it is installed.

use amiproof_core::check::Applies;
use amiproof_core::scan::openscap::scan;
use amiproof_model::matrix::{Family, Variant};
use amiproof_model::report::Phase;
use futures::FutureExt as _;

use crate::definition::Definition;

/// See the module. The deadline is the variant's `timeouts.osScan`. Reported under this id only if there are no rows, or none for a node.
pub const CHECK: Definition =
    Definition::scan("os-cis/openscap", "the rules of OpenSCAP's CIS profile are met", Phase::OsScan, |context| {
        scan(context).boxed()
    })
    .on(amazon_linux_only);

fn amazon_linux_only(variant: &Variant) -> Applies {
    match variant.family {
        Family::Al2023 | Family::Al2 => Applies::Yes,
        Family::Bottlerocket => Applies::No("Bottlerocket installs no packages, so it has no oscap"),
        Family::Windows => Applies::No("there is no SCAP content for Windows with OpenSCAP"),
    }
}
