//! Attributes failed traffic checks to the faulty node: the one that all failing pairs share.
//!
//! Traffic goes in both directions between a node of the variant and one of its peer. When it fails, either end may be
//! broken. Pairs among several nodes tell which: see [`broken_nodes`].

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::VariantName;

/// One end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// The variant that the node belongs to; absent for a node that belongs to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<VariantName>,
    /// The Kubernetes node.
    pub node: String,
}

/// One attempted connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrafficPair {
    /// Where the client ran.
    pub from: Endpoint,
    /// Where the server ran.
    pub to: Endpoint,
    /// Whether the client got its answer.
    pub ok: bool,
}

/// The fewest nodes that explain every failing pair, as far as the passing pairs tell.
///
/// A failing pair has two suspects: the sender and the receiver. A passing pair with another node clears its sender as
/// a sender and its receiver as a receiver, and nothing more, because a firewall mostly breaks one direction. A pair with one
/// suspect left settles it. Of what is then unexplained the node in most failing pairs is broken, and where several tie, all of
/// them: without evidence none is cleared. A pair whose both ends are cleared keeps both as suspects.
pub fn broken_nodes(pairs: &[TrafficPair]) -> BTreeSet<&Endpoint> {
    let passed = || pairs.iter().filter(|pair| pair.ok && pair.from.node != pair.to.node);
    let senders: BTreeSet<&Endpoint> = passed().map(|pair| &pair.from).collect();
    let receivers: BTreeSet<&Endpoint> = passed().map(|pair| &pair.to).collect();
    let suspects = |pair: &'_ TrafficPair| (!senders.contains(&pair.from), !receivers.contains(&pair.to));
    let mut unexplained: Vec<BTreeSet<&Endpoint>> = Vec::new();
    let mut broken = BTreeSet::new();
    for pair in pairs.iter().filter(|pair| !pair.ok) {
        match suspects(pair) {
            _ if pair.from == pair.to => _ = broken.insert(&pair.from),
            (true, false) => _ = broken.insert(&pair.from),
            (false, true) => _ = broken.insert(&pair.to),
            (true, true) | (false, false) => unexplained.push(BTreeSet::from([&pair.from, &pair.to])),
        }
    }
    loop {
        unexplained.retain(|ends| ends.is_disjoint(&broken));
        let weight = |end: &Endpoint| unexplained.iter().filter(|ends| ends.contains(end)).count();
        let ends: BTreeSet<&Endpoint> = unexplained.iter().flatten().copied().collect();
        let Some(heaviest) = ends.iter().map(|end| weight(end)).max() else { return broken };
        broken.extend(ends.into_iter().filter(|end| weight(end) == heaviest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    #[test]
    fn a_healthy_client_of_two_broken_servers_is_not_blamed_for_being_in_most_failures() {
        let pairs = [
            pair("ref.1", "bad.1", false),
            pair("ref.1", "bad.2", false),
            pair("ref.1", "ref.2", true),
            pair("ref.2", "ref.1", true),
        ];
        assert_eq!(names(&pairs), ["bad.1", "bad.2"]);
    }

    #[test]
    fn a_node_that_only_cannot_be_reached_is_blamed_although_it_reaches_others() {
        let pairs = [pair("ref.1", "bad.1", false), pair("bad.1", "ref.1", true), pair("ref.1", "ref.2", true)];
        assert_eq!(names(&pairs), ["bad.1"]);
        let outbound = [pair("bad.1", "ref.1", false), pair("ref.1", "bad.1", true), pair("ref.2", "ref.1", true)];
        assert_eq!(names(&outbound), ["bad.1"]);
    }

    #[test]
    fn a_pair_that_fails_between_two_otherwise_healthy_nodes_blames_both() {
        let pairs = [pair("a.1", "b.1", false), pair("a.1", "c.1", true), pair("c.1", "b.1", true)];
        assert_eq!(names(&pairs), ["a.1", "b.1"]);
    }

    #[test]
    fn a_node_that_cannot_reach_itself_is_broken_and_reaching_itself_clears_nobody() {
        assert_eq!(names(&[pair("a.1", "a.1", false), pair("a.1", "b.1", true)]), ["a.1"]);
        let pairs = [pair("a.1", "b.1", false), pair("a.1", "a.1", true), pair("b.1", "b.1", true)];
        assert_eq!(names(&pairs), ["a.1", "b.1"]);
    }

    /// A cluster of up to four variants with two nodes each, some of them broken in one or both directions, all pairs tried.
    fn mesh() -> impl Strategy<Value = (Vec<TrafficPair>, BTreeSet<String>)> {
        prop::collection::vec((any::<bool>(), any::<bool>()), 2..=4).prop_map(|breaks| {
            // The first variant is the reference and healthy.
            let is_fine = |variant: usize, way: fn(&(bool, bool)) -> bool| variant == 0 || !way(&breaks[variant]);
            let mut pairs = Vec::new();
            let ends = || (0..breaks.len()).flat_map(|variant| [(variant, 1), (variant, 2)]);
            for (from, to) in ends().flat_map(|from| ends().map(move |to| (from, to))).filter(|(from, to)| from != to) {
                let ok = is_fine(from.0, |way| way.0) && is_fine(to.0, |way| way.1);
                pairs.push(pair(&format!("v{}.{}", from.0, from.1), &format!("v{}.{}", to.0, to.1), ok));
            }
            let broken = ends()
                .filter(|(variant, _)| !is_fine(*variant, |way| way.0) || !is_fine(*variant, |way| way.1))
                .map(|(variant, node)| format!("v{variant}.{node}"));
            (pairs, broken.collect())
        })
    }

    proptest! {
        #[test]
        fn with_all_pairs_tried_exactly_the_broken_nodes_are_blamed((pairs, broken) in mesh()) {
            let named: BTreeSet<String> = names(&pairs).into_iter().collect();
            prop_assert_eq!(named, broken);
        }

        #[test]
        fn every_failing_pair_is_explained_by_one_of_its_ends(list in prop::collection::vec((0_u8..5, 0_u8..5, any::<bool>()), 0..20)) {
            let pairs: Vec<_> = list.iter().map(|(from, to, ok)| pair(&format!("v{from}.1"), &format!("v{to}.1"), *ok)).collect();
            let broken = broken_nodes(&pairs);
            for failing in pairs.iter().filter(|pair| !pair.ok) {
                prop_assert!(broken.contains(&failing.from) || broken.contains(&failing.to));
            }
            prop_assert!(pairs.iter().any(|pair| !pair.ok) || broken.is_empty());
        }
    }
}
