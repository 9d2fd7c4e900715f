//! Suite `workload`: each file of the catalogue and of the user's folders runs on each variant.

use std::sync::Arc;

use amiproof_core::check::{Body, Check, Scope, always};
use amiproof_model::name::{CheckId, NameError};
use amiproof_model::report::Phase;
use amiproof_model::workload::Workload;

/// The check of one workload. The runner decides whether its operating system fits the variant.
///
/// # Errors
/// If the workload's name cannot be part of a check id.
pub fn check(workload: &Workload) -> Result<Check, NameError> {
    Ok(Check {
        id: CheckId::try_from(format!("workload/{}", workload.name))?,
        title: workload.title.clone(),
        scope: Scope::Variant,
        phase: Phase::Test,
        opt_in: false,
        disturbs: false,
        timeout: None,
        retries: 0,
        applies: always,
        body: Body::Workload(Arc::new(workload.clone())),
    })
}
