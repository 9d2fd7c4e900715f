//! Results that were not evaluated because something else failed: consequences of that failure, not gaps of their own.

use crate::name::CheckId;
use crate::report::Report;
use crate::report::phase::{PhaseEnd, PhaseRecord};
use crate::report::result::CheckResult;
use crate::report::subject::Subject;
use crate::verdict::Outcome;

impl Report {
    /// The failed check that keeps a result from being evaluated: `node/joined` for everything that would have been asked of nodes that
    /// never came. `None` for a result that was evaluated, and for a gap of its own.
    ///
    /// A consequence is not a second gap: the failure itself decides the exit code. A check of the whole cluster that
    /// did not run is a consequence if the phase that would have run it failed.
    pub fn cause_of(&self, result: &CheckResult) -> Option<&CheckId> {
        let Outcome::NotEvaluated { .. } = result.outcome else { return None };
        let phases: &[PhaseRecord] = match &result.subject {
            Subject::Cluster => &self.run.phases,
            Subject::Variant(name) => &self.variants.iter().find(|variant| variant.name == *name)?.phases,
        };
        let named = phases.iter().rev().filter_map(|phase| match &phase.ended {
            PhaseEnd::Failed { check, .. } => Some(check),
            PhaseEnd::Done | PhaseEnd::Error { .. } | PhaseEnd::Cancelled => None,
        });
        let is_failed = |check: &&CheckId| {
            self.results.iter().any(|row| {
                row.check == **check
                    && (result.subject == Subject::Cluster || row.subject == result.subject)
                    && matches!(row.outcome, Outcome::Fail { .. })
            })
        };
        named.into_iter().find(is_failed)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(check: &str, subject: &str, outcome: serde_json::Value) -> serde_json::Value {
        let subject = if subject == "cluster" { json!("cluster") } else { json!({"variant": subject}) };
        json!({"check": check, "title": "t", "subject": subject, "outcome": outcome, "disposition": "failed",
               "started": "2026-11-21T00:00:00Z", "seconds": 1.0})
    }

    fn phase(phase: &str, ended: serde_json::Value) -> serde_json::Value {
        json!({"phase": phase, "started": "2026-11-21T00:00:00Z", "seconds": 1.0, "ended": ended})
    }

    /// Two variants, of which `l2` ended its node group as told; both have the same three rows.
    fn report(ended: serde_json::Value, joined: serde_json::Value) -> Report {
        let silent = || json!({"notEvaluated": {"reason": "r"}});
        let variants: Vec<_> = [("l1", json!("done")), ("l2", ended.clone())]
            .into_iter()
            .map(|(name, ended)| json!({"name": name, "family": "al2023", "phases": [phase("node-group", ended)]}))
            .collect();
        let results = [
            row("node/joined", "l2", joined),
            row("node/ready", "l2", silent()),
            row("node/ready", "l1", silent()),
            row("eks-cis/policies", "cluster", silent()),
            row("host/imds", "l2", json!("pass")),
        ];
        serde_json::from_value(json!({
            "schemaVersion": crate::report::SCHEMA_VERSION,
            "tool": {"name": "amiproof", "version": "0"},
            "run": {"id": "r-1", "matrix": "m", "started": "2026-11-21T00:00:00Z", "seconds": 1.0,
                    "criticalPathSeconds": 1.0, "interrupted": false, "phases": [phase("addons", ended)]},
            "cluster": {"name": "c"},
            "variants": variants,
            "results": results,
            "cleanup": {"ran": true, "created": 0, "gone": 0, "leftovers": []},
        }))
        .unwrap()
    }

    fn causes(report: &Report) -> Vec<Option<&str>> {
        report.results.iter().map(|result| report.cause_of(result).map(CheckId::as_str)).collect()
    }

    #[test]
    fn what_was_not_asked_of_nodes_that_never_came_is_a_consequence_of_that_and_of_nothing_else() {
        let failed = json!({"failed": {"check": "node/joined", "message": "never"}});
        let fail = json!({"fail": {"findings": [{"resource": "node group", "summary": "0 of 2 nodes joined"}]}});
        let joined = Some("node/joined");
        assert_eq!(causes(&report(failed.clone(), fail.clone())), [None, joined, None, joined, None]);
        // Nodes that came after all: the row says so, and what is missing then is a gap.
        assert_eq!(causes(&report(failed, json!("pass"))), [None; 5]);
        // What broke for reasons of amiproof or AWS is not a verdict, so nothing follows from it.
        let broken = json!({"broken": {"message": "no capacity"}});
        assert_eq!(causes(&report(broken, fail)), [None; 5]);
    }
}
