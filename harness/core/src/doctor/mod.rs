//! What a run needs of its account, its registries and this machine, asked before anything is created.
//!
//! Reading order: [`finding`] (what is said of each), then what is asked: [`endpoints`], [`permissions`], [`preparation`] (images, Inspector,
//! Systems Manager), [`version`], [`quotas`] and [`registry`].

pub mod endpoints;
pub mod finding;
pub mod permissions;
pub mod preparation;
pub mod quotas;
pub mod registry;
pub mod version;

pub use self::finding::{Finding, Status, conclude};
