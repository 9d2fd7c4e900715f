//! Runs a workload of the catalogue or of the user on one variant.
//!
//! [`inject`] turns its objects into those of one variant (pure), [`run`] applies them and watches, [`judge`](mod@judge) determines
//! the outcome (pure), [`evidence`] formats the evidence. The verdict comes from pod statuses, exit codes, termination messages
//! and events alone; logs and exec need the kubelet's port, whose absence must not fail a workload.

pub(crate) mod capacity;
mod change;
pub mod demand;
pub mod evidence;
pub mod inject;
pub mod judge;
mod late;
mod needs;
mod pod_security;
mod precondition;
mod rights;
mod run;
mod stage;
pub mod target_nodes;
pub mod variables;

pub(crate) use self::capacity::node_counts;
pub use self::run::run;
