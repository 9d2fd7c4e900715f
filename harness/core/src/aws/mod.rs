//! AWS: the only place that builds SDK clients, with one module per kind of resource or service.
//!
//! Reading order: [`error`] (the classes of errors) and [`names`] (names and tags), then in the order of a run [`network`],
//! [`cluster`], [`token`], [`addons`], [`ami`], [`launch_template`], [`node_group`] and [`instances`]. What audits read from an account:
//! [`control_plane`], [`access`], [`node_roles`], [`registry`] and [`load_balancers`]; its limits: [`quotas`].

pub mod access;
pub mod addons;
pub mod ami;
mod autoscaling;
mod calls;
pub(crate) mod cause;
mod class;
pub(crate) mod classic;
mod clients;
mod clock;
pub mod cluster;
pub mod control_plane;
pub mod error;
pub mod guardduty;
pub mod hosts;
pub(crate) mod http;
pub(crate) mod iam_tags;
pub mod instances;
mod json_api;
pub(crate) mod kms;
pub mod launch_template;
pub mod load_balancers;
pub mod log_groups;
pub mod names;
pub mod network;
pub mod node_group;
pub mod node_roles;
pub(crate) mod oidc_provider;
pub(crate) mod pages;
pub mod partition;
pub mod presigned;
pub mod quotas;
mod recent;
pub mod registry;
pub(crate) mod retry;
pub mod security_hub;
mod signed;
pub mod ssm;
pub(crate) mod stacks;
pub mod token;

pub use self::calls::Calls;
pub use self::clients::{Clients, Identity, Settings};
pub use self::clock::Skew;
pub use self::error::{AwsError, Class};
