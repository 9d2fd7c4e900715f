//! Scanners: what they are asked, what they answer, and what the answers mean.

pub mod inspector;
pub mod kube_bench;
