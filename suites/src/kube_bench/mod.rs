//! Suite `kube-bench`: the CIS EKS benchmark, each control a check of its own.

pub mod cluster;
pub mod node;

use std::time::Duration;

/// For one attempt, beyond the deadlines that the scan keeps itself (Job, image, log, removal).
const ATTEMPT: Duration = Duration::from_secs(600);
