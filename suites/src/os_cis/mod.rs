//! Suite `os-cis`: the CIS benchmark of the operating system, each control as a separate check.

pub mod bottlerocket;
pub mod inspector;
pub mod openscap;
