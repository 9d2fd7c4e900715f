//! The part of amiproof that talks to AWS, Kubernetes and nodes, and the runner that drives it.
//!
//! Reading order: [`check`] (what a check is) and [`context`] (what a check may use), then [`ledger`] (the record of everything
//! that is created), [`aws`], [`user_data`], [`cluster`], [`workload`], [`wait`], [`act`], [`probe`], [`scan`], [`resource`], [`destroy`],
//! [`bisect`] and [`impact`] (by `exchange`, what gives running nodes other settings), [`transport`] and [`run`] (the dispatcher and the pipelines). [`cost`] says what it costs, [`release`] promotes the image that a run tested, [`store`] keeps
//! the reports of its nights. [`iam`] is what all of it needs to be allowed, [`doctor`] asks
//! beforehand.

pub mod act;
pub mod aws;
pub mod bisect;
pub mod bounded;
pub mod check;
pub mod cluster;
pub mod context;
pub mod cost;
pub mod destroy;
mod digest;
pub mod doctor;
pub mod endpoint;
pub mod evidence;
mod exchange;
pub mod finish;
pub mod iam;
pub mod images;
pub mod impact;
pub mod ledger;
pub mod probe;
pub mod release;
pub mod resource;
pub mod run;
pub mod scan;
pub mod store;
pub mod transport;
pub mod user_data;
pub mod wait;
pub mod workload;

#[cfg(test)]
mod fixture;
