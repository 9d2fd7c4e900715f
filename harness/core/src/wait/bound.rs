//! A PersistentVolumeClaim has its volume.

use kube::ResourceExt as _;

use super::observed::{Observed, Progress};
use super::target::Target;

/// Whether the claim is bound.
pub fn bound(target: &Target, observed: &Observed) -> Progress {
    let Some(claim) = observed.claims.iter().find(|claim| claim.name_any() == target.name) else {
        return Progress::NotYet(format!("{target} does not exist"));
    };
    match claim.status.as_ref().and_then(|status| status.phase.as_deref()) {
        Some("Bound") => Progress::Met,
        Some("Lost") => Progress::Failed(format!("{target} lost its volume")),
        phase => Progress::NotYet(format!("{target} is {}", phase.unwrap_or("Pending"))),
    }
}
