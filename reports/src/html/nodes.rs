//! What the nodes of a column have in common.

use amiproof_model::report::NodeRecord;
use indexmap::IndexSet;

use crate::text;

/// The values of all nodes, each once, joined by commas.
pub(super) fn each_once(nodes: &[NodeRecord], value: impl Fn(&NodeRecord) -> &String) -> String {
    let values: IndexSet<String> = nodes.iter().map(|node| text::line(value(node))).filter(|v| !v.is_empty()).collect();
    values.into_iter().collect::<Vec<_>>().join(", ")
}
