//! Everything of amiproof that talks to AWS and Kubernetes, and the runner that drives it.
//!
//! Reading order: [`check`] (what a check is and what it may touch), then the rest.

pub mod check;
