//! Suite `os-cis`: the CIS benchmark of the operating system, each control a check of its own.

pub mod bottlerocket;
pub mod inspector;
pub mod openscap;
