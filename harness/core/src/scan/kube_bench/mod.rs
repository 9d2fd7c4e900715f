//! kube-bench: which benchmark, as which Job, what its output says, and what that means.
//!
//! The node target runs once per variant, on its node 1; the other targets once per cluster. The output has two ways out: the
//! pod's log, which needs the kubelet's port 10250, and a compact form in the termination message, which does not.

pub mod assess;
pub mod benchmark;
pub mod job;
pub mod parse;
pub mod rows;
mod run;

pub use self::run::{scan_cluster, scan_node};
