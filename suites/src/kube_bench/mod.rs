//! Suite `kube-bench`: the CIS EKS benchmark, each control as a separate check.

pub mod cluster;
pub mod node;

use std::time::Duration;

/// Deadline of one attempt, above the scan's own deadlines (Job, image, log, removal).
const ATTEMPT: Duration = Duration::from_secs(600);
