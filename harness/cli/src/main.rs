//! The amiproof command.

fn main() {}
