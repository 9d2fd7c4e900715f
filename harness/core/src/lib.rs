//! Everything of amiproof that talks to AWS and Kubernetes, and the runner that drives it.
//!
//! Reading order: [`check`] (what a check is) and [`context`] (what it may touch), then [`ledger`] (the record of everything
//! that is made), [`aws`], [`cluster`] and [`pace`].

pub mod aws;
pub mod check;
pub mod cluster;
pub mod context;
pub mod ledger;
pub mod pace;
pub mod scan;
pub mod wait;
pub mod workload;
