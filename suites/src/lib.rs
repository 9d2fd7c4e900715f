//! The checks: one file each, and the front door for cargo test.
