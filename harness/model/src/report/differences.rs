//! Facts in a file: those of one node whole, of the others what differs.
//!
//! A node has about a thousand facts, and all but a few are those of the reference. So each is written once: whole for the first node of a
//! reference, and of a variant without one; for all other nodes as differences from it.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::{FactDifferences, Report, VariantRecord};
use crate::name::VariantName;

/// All facts of a node, by name.
type Facts = IndexMap<String, String>;

/// A node whose facts are complete: its variant, its index, and the facts.
struct Base<'a> {
    variant: &'a VariantName,
    node: u32,
    facts: &'a Facts,
}

/// The variants with facts replaced by their differences from those of a base, wherever that is shorter.
pub(super) fn reduced(report: &Report) -> Vec<VariantRecord> {
    let mut variants = report.variants.clone();
    for variant in &mut variants {
        let Some(base) = base(report, &variant.name) else { continue };
        let is_base = |index: u32| variant.name == *base.variant && index == base.node;
        let joined = variant.nodes.iter_mut().filter(|node| !is_base(node.index));
        for node in joined.chain(&mut variant.never_joined) {
            if let Some(differences) = differences(&node.facts, &base) {
                node.facts = Facts::new();
                node.fact_differences = Some(differences);
            }
        }
    }
    variants
}

/// What the facts of a variant are compared with: the first node with facts at the end of its chain of references. `None` where there is no
/// such node, and where the references form a cycle.
fn base<'a>(report: &'a Report, name: &VariantName) -> Option<Base<'a>> {
    let mut chain: Vec<&VariantName> = Vec::new();
    let mut last = None;
    let mut next = Some(name);
    while let Some(name) = next {
        if chain.contains(&name) {
            return None;
        }
        chain.push(name);
        let Some(variant) = report.variants.iter().find(|variant| variant.name == *name) else { break };
        if let Some(node) = variant.nodes.iter().find(|node| !node.facts.is_empty()) {
            last = Some(Base { variant: &variant.name, node: node.index, facts: &node.facts });
        }
        next = variant.reference.as_ref();
    }
    last
}

/// The differences of facts from a base; `None` for a node without facts, and where they are not shorter.
fn differences(own: &Facts, base: &Base<'_>) -> Option<FactDifferences> {
    // In the order in which they are read again, so that a report that is read and written is the same file.
    let names = base.facts.keys().chain(own.keys().filter(|name| !base.facts.contains_key(*name)));
    let values: Facts = names
        .filter_map(|name| Some((name, own.get(name)?)))
        .filter(|(name, value)| base.facts.get(*name) != Some(value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let absent: Vec<String> = base.facts.keys().filter(|name| !own.contains_key(*name)).cloned().collect();
    let is_shorter = values.len() + absent.len() < own.len();
    is_shorter.then(|| FactDifferences { variant: base.variant.clone(), node: base.node, values, absent })
}

/// Makes the facts of all nodes whole.
///
/// # Errors
/// The node whose facts are differences from those of a node that the report does not have whole, as a sentence.
pub(super) fn resolve(report: &mut Report) -> Result<(), String> {
    let mut whole: BTreeMap<(VariantName, u32), Facts> = BTreeMap::new();
    let needed: Vec<(VariantName, u32)> = report
        .variants
        .iter()
        .flat_map(|variant| variant.nodes.iter().chain(&variant.never_joined))
        .filter_map(|node| {
            node.fact_differences.as_ref().map(|differences| (differences.variant.clone(), differences.node))
        })
        .collect();
    for variant in &report.variants {
        for node in variant.nodes.iter().filter(|node| node.fact_differences.is_none()) {
            let key = (variant.name.clone(), node.index);
            if needed.contains(&key) {
                whole.entry(key).or_insert_with(|| node.facts.clone());
            }
        }
    }
    for variant in &mut report.variants {
        for node in variant.nodes.iter_mut().chain(&mut variant.never_joined) {
            if let Some(differences) = node.fact_differences.take() {
                let missing = || {
                    let FactDifferences { variant: other, node: index, .. } = &differences;
                    format!(
                        "the facts of {} of {} refer to node {index} of {other}, which the report does not have",
                        node.name, variant.name
                    )
                };
                let base = whole.get(&(differences.variant.clone(), differences.node)).ok_or_else(missing)?;
                node.facts = combined(base, differences);
            }
        }
    }
    Ok(())
}

/// The facts of a base with differences applied, in the base's order.
fn combined(base: &Facts, differences: FactDifferences) -> Facts {
    let mut values = differences.values;
    let own = base.iter().filter(|(name, _)| !differences.absent.contains(name));
    let mut facts: Facts =
        own.map(|(name, value)| (name.clone(), values.shift_remove(name).unwrap_or_else(|| value.clone()))).collect();
    facts.extend(values);
    facts
}

#[cfg(test)]
mod tests {
    use proptest::collection::{hash_map, vec};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::report::NodeRecord;

    fn facts(node: &mut NodeRecord, facts: impl IntoIterator<Item = (String, String)>) {
        node.facts = facts.into_iter().collect();
    }

    /// A variant: the position of its reference, and the facts of its nodes.
    type Nodes = (Option<usize>, Vec<Vec<(String, String)>>);

    /// A report with variants of these references, each with nodes that have these facts; the last node of a variant never joined.
    fn report(variants: &[Nodes]) -> Report {
        let name = |index: usize| format!("v{index}");
        let shown: Vec<Value> = variants
            .iter()
            .enumerate()
            .map(|(index, (reference, nodes))| {
                let node = |number: usize| json!({"index": number + 1, "name": format!("n{number}")});
                let joined = nodes.len().saturating_sub(1);
                json!({
                    "name": name(index), "family": "al2023", "reference": reference.map(name),
                    "nodes": (0..joined).map(node).collect::<Vec<_>>(),
                    "neverJoined": (joined..nodes.len()).map(node).collect::<Vec<_>>(),
                })
            })
            .collect();
        let document = json!({
            "schemaVersion": 1, "tool": {"name": "amiproof", "version": "2.0.0"},
            "run": {"id": "r-1", "matrix": "m", "started": "2026-11-21T00:00:00Z", "seconds": 1.0, "criticalPathSeconds": 1.0, "interrupted": false},
            "cluster": {"name": "c"}, "variants": shown, "results": [],
            "cleanup": {"ran": true, "created": 0, "deleted": 0, "leftovers": []},
        });
        let mut report = Report::parse(&document.to_string()).unwrap();
        for (variant, (_, nodes)) in report.variants.iter_mut().zip(variants) {
            for (node, own) in variant.nodes.iter_mut().chain(&mut variant.never_joined).zip(nodes) {
                facts(node, own.clone());
            }
        }
        report
    }

    fn for_file(report: &Report) -> Report {
        Report { variants: reduced(report), ..report.clone() }
    }

    fn pairs(text: &str) -> Vec<(String, String)> {
        let pair = |word: &str| word.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        text.split_whitespace().filter_map(pair).collect()
    }

    #[test]
    fn the_reference_has_its_facts_and_other_nodes_have_what_differs() {
        let stock = pairs("a=1 b=2 c=3 d=4");
        let whole = report(&[
            (Some(1), vec![pairs("a=1 b=9 d=4 e=5"), pairs("a=1 b=2 c=3 d=4"), pairs("a=1 b=2 c=3")]),
            (None, vec![stock.clone(), stock.clone(), vec![]]),
        ]);
        let written = for_file(&whole);
        assert_eq!(written.variants[1].nodes[0].facts, stock.into_iter().collect::<Facts>());
        let hardened = &written.variants[0].nodes[0];
        assert!(hardened.facts.is_empty());
        let wanted = json!({"variant": "v1", "node": 1, "values": {"b": "9", "e": "5"}, "absent": ["c"]});
        assert_eq!(serde_json::to_value(&hardened.fact_differences).unwrap(), wanted);
        let same = &written.variants[1].nodes[1];
        assert_eq!(serde_json::to_value(&same.fact_differences).unwrap(), json!({"variant": "v1", "node": 1}));
        let read = Report::parse(&serde_json::to_string(&written).unwrap()).unwrap();
        assert_eq!(read, whole);
        let names: Vec<&str> = read.variants[0].nodes[0].facts.keys().map(String::as_str).collect();
        assert_eq!(names, ["a", "b", "d", "e"], "in the order of the reference");
    }

    #[test]
    fn a_report_without_differences_is_read_as_it_is() {
        let whole = report(&[(None, vec![pairs("a=1"), pairs("a=2")]), (Some(0), vec![pairs("a=1 b=2"), vec![]])]);
        assert_eq!(Report::parse(&serde_json::to_string(&whole).unwrap()).unwrap(), whole);
    }

    #[test]
    fn differences_from_a_node_that_is_not_there_are_refused_and_not_taken_for_facts() {
        let all = pairs("a=1 b=2 c=3");
        let mut written = for_file(&report(&[(None, vec![all.clone(), all.clone(), all])]));
        written.variants[0].nodes.remove(0);
        let error = Report::parse(&serde_json::to_string(&written).unwrap()).unwrap_err().to_string();
        assert!(
            error.contains("the facts of n1 of v0 refer to node 1 of v0, which the report does not have"),
            "{error}"
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same(
            variants in vec((any::<Option<u8>>(), vec(hash_map("[a-f]", "[x-z]?", 0..6), 0..4)), 0..5)
        ) {
            let count = variants.len();
            let variants: Vec<_> = variants
                .into_iter()
                .map(|(reference, nodes)| {
                    // Some name nothing, some themselves or each other.
                    let reference = reference.map(|number| usize::from(number) % (count + 1));
                    let sorted = |own: std::collections::HashMap<String, String>| own.into_iter().collect::<BTreeMap<_, _>>();
                    (reference, nodes.into_iter().map(|own| sorted(own).into_iter().collect()).collect())
                })
                .collect();
            let whole = report(&variants);
            let written = for_file(&whole);
            prop_assert_eq!(&Report::parse(&serde_json::to_string(&written).unwrap()).unwrap(), &whole);
            // Written again it is the same, to the byte.
            let text = serde_json::to_string(&written).unwrap();
            let again = for_file(&Report::parse(&text).unwrap());
            prop_assert_eq!(serde_json::to_string(&again).unwrap(), text);
        }
    }
}
