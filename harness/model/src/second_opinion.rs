//! What another observer of the nodes says, beside what checks found: the conditions of the EKS node monitoring
//! agent. If it calls a node ready that loses packets of pods, both results are shown, and a person decides. Pure.

use crate::judge::Origin;
use crate::report::Report;
use crate::report::subject::Subject;
use crate::verdict::{Evidence, Outcome};

/// The conditions that the agent writes (aws/eks-node-monitoring-agent, docs/node-health-issues.adoc).
pub const CONDITIONS: [&str; 5] =
    ["AcceleratedHardwareReady", "ContainerRuntimeReady", "KernelReady", "NetworkingReady", "StorageReady"];

/// The check that reads them.
const CHECK: &str = "node/monitoring-agent";

/// The title of the evidence of a disagreement.
pub const TITLE: &str = "what checks say about the same nodes";

/// Capabilities that a node lacks whose network is broken, by their words in reports.
const NETWORK: [&str; 9] = [
    "api-server",
    "cluster-dns",
    "egress",
    "host-network",
    "host-port",
    "node-port",
    "pod-network",
    "same-node-network",
    "service-vip",
];

/// Turns a passed row of the agent into a manual one if network checks of the same variant failed because of its
/// hardening.
pub fn compare(report: &mut Report) {
    let mut disagreements = Vec::new();
    for (at, result) in report.results.iter().enumerate() {
        if result.check.as_str() != CHECK || !matches!(result.outcome, Outcome::Pass) {
            continue;
        }
        let Subject::Variant(_) = &result.subject else { continue };
        let failed: Vec<String> = report
            .results
            .iter()
            .filter(|other| {
                other.subject == result.subject
                    && other.origin == Some(Origin::Hardening)
                    && matches!(other.outcome, Outcome::Fail { .. })
                    && other.exercises.iter().any(|word| NETWORK.contains(&word.as_str()))
            })
            .map(|other| format!("{}: {}", other.check, other.outcome.reason()))
            .collect();
        if !failed.is_empty() {
            disagreements.push((at, failed));
        }
    }
    for (at, failed) in disagreements {
        let Some(result) = report.results.get_mut(at) else { continue };
        let look_at = format!(
            "the agent reports NetworkingReady, but {} of the nodes' network failed: node auto repair will not notice",
            if failed.len() == 1 { "1 check".to_owned() } else { format!("{} checks", failed.len()) }
        );
        result.outcome = Outcome::Manual { look_at };
        result.evidence.push(Evidence { name: TITLE.to_owned(), text: failed.join("\n"), file: None });
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::report::result::CheckResult;
    use crate::report::{ClusterRecord, RunRecord};
    use crate::verdict::Finding;

    fn row(check: &str, outcome: Outcome, exercises: &[&str], origin: Option<Origin>) -> CheckResult {
        let subject = Subject::Variant("l2".parse().unwrap());
        let exercises = exercises.iter().map(|word| (*word).to_owned()).collect();
        CheckResult { exercises, origin, ..CheckResult::new(check.parse().unwrap(), subject, outcome) }
    }

    fn compared(other: CheckResult) -> Outcome {
        let run = RunRecord::new("r".parse().unwrap(), "m", Timestamp::UNIX_EPOCH);
        let mut report = Report::new("1", run, ClusterRecord::new("c"));
        report.results = vec![row(CHECK, Outcome::Pass, &[], None), other];
        compare(&mut report);
        report.results.remove(0).outcome
    }

    #[test]
    fn an_agent_that_sees_nothing_while_packets_are_lost_is_looked_at() {
        let failed = || Outcome::Fail { findings: vec![Finding::new("job/client", "no answer")] };
        let by_hardening = Some(Origin::Hardening);
        let Outcome::Manual { look_at } = compared(row("workload/dns", failed(), &["cluster-dns"], by_hardening))
        else {
            panic!("they disagree")
        };
        assert!(
            look_at.starts_with("the agent reports NetworkingReady, but 1 check of the nodes' network failed"),
            "{look_at}"
        );
        for agreed in [
            row("workload/dns", Outcome::Pass, &["cluster-dns"], None),
            row("workload/dns", failed(), &["cluster-dns"], Some(Origin::Environment)),
            row("workload/non-root", failed(), &["non-root"], by_hardening),
        ] {
            assert_eq!(compared(agreed), Outcome::Pass);
        }
    }
}
