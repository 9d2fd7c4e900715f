//! Controls that a scanner finds met on the reference and not on the variant: the facts that decide it, where the file of the benchmark
//! names them.

use crate::bisect::items::value_of;
use crate::controls::{Controls, Demand};
use crate::report::NodeRecord;
use crate::report::cause::LostControl;
use crate::report::result::CheckResult;

/// What the failed rows of scanners lost: facts that the control requires, that a node of the variant does not have, and that the other nodes
/// have.
pub(super) fn of(
    controls: &[Controls],
    failed: &[&CheckResult],
    nodes: &[NodeRecord],
    twins: &[NodeRecord],
) -> Vec<LostControl> {
    let mut all: Vec<LostControl> = Vec::new();
    let Some(twin) = twins.iter().find(|node| !node.facts.is_empty()) else { return all };
    for result in failed {
        let Some(control) = &result.control else { continue };
        let of_benchmark = controls.iter().filter(|one| one.benchmark.as_str() == control.benchmark());
        let entries = of_benchmark.flat_map(|one| &one.entries).filter(|entry| entry.controls.contains(control));
        for entry in entries {
            let Demand::Set(set) = &entry.demand else { continue };
            for (fact, required) in set {
                let there = value_of(&twin.facts, fact);
                let lacking = nodes.iter().find(|node| {
                    !node.facts.is_empty() && required.is_met(fact, value_of(&node.facts, fact)) == Some(false)
                });
                let Some(node) = lacking.filter(|_| required.is_met(fact, there) == Some(true)) else { continue };
                let lost = LostControl {
                    control: control.clone(),
                    check: result.check.clone(),
                    fact: fact.clone(),
                    value: value_of(&node.facts, fact).map(str::to_owned),
                    reference: there.map(str::to_owned),
                    required: required.example(),
                };
                if !all.contains(&lost) {
                    all.push(lost);
                }
            }
        }
    }
    all
}
