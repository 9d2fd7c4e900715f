//! A run in shards: which shard tests which variant, and one report from those of all shards. Pure.
//!
//! Every variant is tested by exactly one shard, and compared with its reference when the reports are merged: so it does not matter whether
//! both are in the same shard. The shards of its candidates use the existing nodes of a reference for traffic and
//! comparisons while checks run; only its own shard tests it.

mod merge;
pub(crate) mod missing;
mod number;
mod partition;
pub(crate) mod unsettled;

pub use self::merge::{MERGED, Mismatch, merge};
pub use self::number::Shard;
pub use self::partition::{Work, partition};
pub use self::unsettled::restore;

#[cfg(test)]
mod tests;
