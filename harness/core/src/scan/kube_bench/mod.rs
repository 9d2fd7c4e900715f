//! kube-bench: which benchmark, as which Job, what its output says, and what that means.
//!
//! The node target runs once per variant, on its first node or on all of them; the other targets once per cluster. The output has two
//! ways out: the pod's log, which needs the kubelet's port 10250, and a compact form in the termination message, which does not.
//! Existing runs in the cluster are read the same way (`existing`). The results about the kubelet's configuration are
//! compared with the configuration that the kubelet runs with ([`effective`]), because kube-bench reads only one of its files.

pub mod assess;
pub mod benchmark;
mod configuration;
pub mod effective;
mod existing;
pub mod job;
pub mod merge;
mod others;
pub mod parse;
pub mod rows;
mod run;
mod scan;

pub use self::scan::{scan_cluster, scan_node};
