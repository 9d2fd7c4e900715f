//! Everything of amiproof that talks to AWS and Kubernetes, and the runner that drives it.
//!
//! Reading order: [`check`] (what a check is) and [`context`] (what it may touch), then [`ledger`] (the record of everything
//! that is made), [`aws`], [`user_data`], [`cluster`], [`workload`], [`wait`], [`scan`], [`destroy`], [`scope`] and [`pace`].

pub mod aws;
pub mod check;
pub mod cluster;
pub mod context;
pub mod destroy;
#[cfg(test)]
mod fixture;
pub mod ledger;
pub mod pace;
pub mod scan;
pub mod scope;
pub mod user_data;
pub mod wait;
pub mod workload;
