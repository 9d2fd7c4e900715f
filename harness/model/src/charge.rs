//! Whom a failed traffic check blames: the node that all failing pairs share.
//!
//! Traffic goes in both directions between a node of the variant and one of its peer. When it fails, either end may be
//! broken. Pairs among several nodes tell which: see [`broken_nodes`].

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::VariantName;

/// One end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Endpoint {
    /// The variant that the node belongs to; absent for a node that belongs to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<VariantName>,
    /// The Kubernetes node.
    pub node: String,
}

/// One connection that was tried.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrafficPair {
    /// Where the client ran.
    pub from: Endpoint,
    /// Where the server ran.
    pub to: Endpoint,
    /// Whether the client got its answer.
    pub ok: bool,
}

/// The fewest nodes that explain every failing pair, when that set is unambiguous.
///
/// Greedy cover over the failing pairs: the node in most unexplained failing pairs is broken. A tie between nodes that no
/// passing pair clears is ambiguous, and then all tied nodes are suspects. A node with a passing pair to or from *another*
/// node is cleared in a tie.
pub fn broken_nodes(pairs: &[TrafficPair]) -> BTreeSet<&Endpoint> {
    let mut unexplained: Vec<&TrafficPair> = pairs.iter().filter(|pair| !pair.ok).collect();
    let cleared: BTreeSet<&Endpoint> = pairs
        .iter()
        .filter(|pair| pair.ok && pair.from.node != pair.to.node)
        .flat_map(|pair| [&pair.from, &pair.to])
        .collect();
    let mut broken = BTreeSet::new();
    while !unexplained.is_empty() {
        let ends: BTreeSet<&Endpoint> = unexplained.iter().flat_map(|pair| [&pair.from, &pair.to]).collect();
        let weight = |end: &Endpoint| unexplained.iter().filter(|pair| &pair.from == end || &pair.to == end).count();
        let heaviest = ends.iter().map(|end| weight(end)).max().unwrap_or(0);
        let tied: Vec<&Endpoint> = ends.into_iter().filter(|end| weight(end) == heaviest).collect();
        let suspects: Vec<&Endpoint> = tied.iter().copied().filter(|end| !cleared.contains(end)).collect();
        let blamed = if suspects.is_empty() { tied } else { suspects };
        unexplained.retain(|pair| !blamed.contains(&&pair.from) && !blamed.contains(&&pair.to));
        broken.extend(blamed);
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(name: &str) -> Endpoint {
        let variant = name.split_once('.').map_or(name, |(variant, _)| variant);
        Endpoint { variant: variant.parse().ok(), node: name.to_owned() }
    }

    fn pair(from: &str, to: &str, ok: bool) -> TrafficPair {
        TrafficPair { from: end(from), to: end(to), ok }
    }

    fn names(pairs: &[TrafficPair]) -> Vec<String> {
        broken_nodes(pairs).into_iter().map(|end| end.node.clone()).collect()
    }

    #[test]
    fn the_node_that_all_failing_pairs_share_is_blamed() {
        let pairs = [
            pair("a.1", "bad.1", false),
            pair("bad.1", "a.1", false),
            pair("b.1", "bad.1", false),
            pair("a.1", "b.1", true),
            pair("b.1", "a.1", true),
        ];
        assert_eq!(names(&pairs), ["bad.1"]);
    }

    #[test]
    fn one_failing_pair_with_a_cleared_end_blames_the_other_end() {
        let pairs = [pair("ref.1", "bad.1", false), pair("bad.1", "ref.1", false), pair("ref.1", "ref.2", true)];
        assert_eq!(names(&pairs), ["bad.1"]);
    }

    #[test]
    fn without_any_passing_pair_both_ends_are_suspects() {
        assert_eq!(names(&[pair("a.1", "b.1", false)]), ["a.1", "b.1"]);
        assert!(names(&[pair("a.1", "b.1", true)]).is_empty());
    }

    #[test]
    fn two_broken_nodes_are_both_found() {
        let pairs = [
            pair("ref.1", "bad.1", false),
            pair("ref.1", "bad.2", false),
            pair("bad.1", "bad.2", false),
            pair("ref.1", "ref.2", true),
        ];
        assert_eq!(names(&pairs), ["bad.1", "bad.2"]);
    }
}
