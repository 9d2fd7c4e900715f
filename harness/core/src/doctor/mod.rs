//! `amiproof doctor`: checks account, registries and this machine before anything is created. All requests only read.
//!
//! Reading order: [`finding`] (one line of the output), then one module per check: [`endpoints`], [`permissions`], [`preparation`] (images,
//! Inspector, Systems Manager), [`version`], [`quotas`] and [`registry`].

pub mod endpoints;
pub mod finding;
pub mod permissions;
pub mod preparation;
pub mod quotas;
pub mod registry;
pub mod version;

pub use self::finding::{Finding, Status, conclude};
