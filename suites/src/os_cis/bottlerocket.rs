//! `os-cis/bottlerocket`: Bottlerocket's own CIS reports, on all nodes of each variant.

use std::time::Duration;

use amiproof_core::check::Applies;
use amiproof_core::scan::bottlerocket::scan;
use amiproof_model::matrix::{Family, Variant};
use amiproof_model::report::Phase;
use futures::FutureExt as _;

use crate::definition::Definition;

/// See the module. Reported under this id only if a report is missing.
pub const CHECK: Definition = Definition::scan(
    "os-cis/bottlerocket",
    "the controls of Bottlerocket's own CIS reports are met",
    Phase::OsScan,
    |context| scan(context).boxed(),
)
.on(bottlerocket_only)
.within(Duration::from_secs(600));

fn bottlerocket_only(variant: &Variant) -> Applies {
    match variant.family {
        Family::Bottlerocket => Applies::Yes,
        Family::Al2023 | Family::Al2 | Family::Windows => Applies::No("only Bottlerocket has `apiclient report`"),
    }
}
