//! What amiproof asks of IAM: one table of actions, from which the policy is written, the README is checked and `amiproof doctor` asks
//! whether the caller may.
//!
//! Reading order: [`action`] (what a row says), [`scope`] (on what), [`table`] (the rows), [`policy`] (the documents).

pub mod action;
pub mod place;
pub mod policy;
pub mod scope;
pub mod table;

pub use self::action::{Action, Goal};
pub use self::place::Place;
pub use self::scope::Scope;
