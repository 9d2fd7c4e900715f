//! Proving a cause: which of many changed settings break a check, found by exchanging values on running nodes.
//!
//! [`items`] says what differs between nodes of a variant and those of its reference and can be changed in place, the most suspected
//! first. [`search`] says what to try next: a pure function of what has been tried so far. The driver that changes nodes and runs the check
//! is in `core::bisect`. [`releases`] finds the first of several images that breaks a check, by the columns of one run.

pub mod items;
pub mod releases;
pub mod search;

pub use self::items::{Exchanged, Item, Items, OutOfReach};
pub use self::search::{Answer, Culprits, End, History, Limits, Reduced, Side, Step, Trial};
