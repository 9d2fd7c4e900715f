//! The facts read from nodes.

use std::sync::Arc;

use amiproof_model::report::NodeRecord;
use indexmap::IndexMap;
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::probe::Channel;

/// What was read from one node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Collected {
    /// Short values by name, in the order of the script.
    pub facts: IndexMap<String, String>,
    /// Long texts by name: `nft ruleset`.
    pub texts: IndexMap<String, String>,
    /// Values that change by the minute, only for checks: the report does not keep them.
    pub measured: IndexMap<String, String>,
    /// The kubelet's configuration file merged with its drop-ins, if there is one.
    pub kubelet: Option<Value>,
}

impl Collected {
    pub(super) fn put(&mut self, name: impl Into<String>, value: impl AsRef<str>) {
        let value = value.as_ref().trim();
        if !value.is_empty() {
            self.facts.insert(name.into(), value.to_owned());
        }
    }

    /// What a section of the script printed, for checks alone; `None` if nothing printed it.
    pub fn measured(&self, name: &str) -> Option<&str> {
        self.measured.get(name).map(String::as_str)
    }

    /// A fact.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.facts.get(name).map(String::as_str)
    }
}

/// One node and what was read from it, or why nothing was.
#[derive(Clone, Debug)]
pub struct NodeFacts {
    /// The node, as the run knows it.
    pub node: NodeRecord,
    /// How it was reached, and what was read.
    pub read: Result<(Channel, Collected), String>,
}

/// The facts of a variant's nodes: read by the first check that asks, kept for the others. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Facts(pub(super) Arc<OnceCell<Vec<NodeFacts>>>);

impl Facts {
    /// The facts, if they have been read.
    pub fn known(&self) -> &[NodeFacts] {
        self.0.get().map_or(&[], Vec::as_slice)
    }
}
