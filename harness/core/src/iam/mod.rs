//! The IAM permissions that amiproof needs: one table of actions. The policy is generated from it, the page of IAM policies is compared with it, and
//! `amiproof doctor` checks the caller against it.
//!
//! Reading order: [`action`] (a row of the table), [`scope`] (its resources and conditions), [`table`] (the rows), [`policy`] (the documents).

pub mod action;
pub mod place;
pub mod policy;
pub mod scope;
pub mod table;

pub use self::action::{Action, Goal};
pub use self::place::Place;
pub use self::scope::Scope;
