//! `node/facts`: every node can be read: settings, firewall, mounts, modules, services, journals.
//!
//! A node without facts is not a failure of its image: it is not evaluated, and other checks lack its facts.

use amiproof_core::check::{CheckError, Decision};
use amiproof_core::context::Context;
use amiproof_core::probe::facts::{NodeFacts, evidence};
use amiproof_model::verdict::Verdict;
use futures::FutureExt as _;

use super::{placements, resource};
use crate::definition::Definition;

/// See the module.
pub const CHECK: Definition = Definition::question(
    "node/facts",
    "settings, firewall, mounts and journals can be read from every node",
    |context| run(context).boxed(),
);

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let facts = context.facts.of(context).await;
    let mut found = Vec::new();
    for of_node in facts {
        found.extend(evidence(context, of_node).await);
    }
    Ok(Decision { evidence: found, placements: placements(&context.nodes), ..assess(facts).into() })
}

fn assess(facts: &[NodeFacts]) -> Verdict {
    if facts.is_empty() {
        return Verdict::NotEvaluated("there is no node".to_owned());
    }
    let unread: Vec<String> = facts
        .iter()
        .filter_map(|of_node| Some(format!("{}: {}", resource(&of_node.node), of_node.read.as_ref().err()?)))
        .collect();
    if unread.is_empty() { Verdict::Pass } else { Verdict::NotEvaluated(unread.join("; ")) }
}

#[cfg(test)]
mod tests {
    use amiproof_core::probe::Channel;

    use super::super::tests::record;
    use super::*;

    #[test]
    fn a_node_that_cannot_be_read_is_not_evaluated() {
        let read = |index, read| NodeFacts { node: record(index, ""), read };
        let good = || read(1, Ok((Channel::Ssm, Default::default())));
        let bad = read(2, Err("no agent".to_owned()));
        assert_eq!(assess(&[good()]), Verdict::Pass);
        assert_eq!(assess(&[good(), bad]), Verdict::NotEvaluated("node 2: no agent".to_owned()));
        assert!(matches!(assess(&[]), Verdict::NotEvaluated(_)));
    }
}
