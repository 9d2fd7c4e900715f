//! What a variant takes where it says nothing itself.

use std::collections::BTreeMap;

use super::file::Defaults;
use super::spec::{ClusterSpec, Timeouts};

/// What holds where a section is silent.
pub(super) struct Fallback<'a> {
    pub(super) defaults: &'a Defaults,
    pub(super) timeouts: Timeouts,
    /// Whether `defaults.timeouts` says when nodes are to be Ready.
    pub(super) says_nodes_ready: bool,
    pub(super) instance_types: Option<Vec<String>>,
    pub(super) kms_key: Option<String>,
    pub(super) security_groups: Vec<String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) cluster: Option<&'a ClusterSpec>,
}
