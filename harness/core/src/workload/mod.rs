//! Runs a workload of the catalogue or of the user on one variant.
//!
//! [`inject`] turns its objects into those of one variant (pure), [`run`] applies them and waits, [`judge`](mod@judge) says
//! what the outcome means (pure), [`evidence`] collects the proof. The verdict comes from pod statuses, exit codes and
//! termination messages alone; logs and exec need the kubelet's port, whose absence must not fail a workload.

pub mod inject;
