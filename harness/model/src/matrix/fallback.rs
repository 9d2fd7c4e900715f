//! Defaults for settings that a variant does not have.

use std::collections::BTreeMap;

use super::file::Defaults;
use super::spec::{ClusterSpec, Timeouts};

/// The defaults of a section.
pub(super) struct Fallback<'a> {
    pub(super) defaults: &'a Defaults,
    pub(super) timeouts: Timeouts,
    /// Whether `defaults.timeouts` has a deadline for Ready nodes.
    pub(super) says_nodes_ready: bool,
    pub(super) instance_types: Option<Vec<String>>,
    pub(super) kms_key: Option<String>,
    pub(super) security_groups: Vec<String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) cluster: Option<&'a ClusterSpec>,
}
