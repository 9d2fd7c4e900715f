//! Observations override predictions. A check that says "this setting would break X" is settled by the results that exercise X on the
//! same nodes in the same run: if they passed, the prediction becomes a note; if one of them failed, it stays a failure. Pure.
//!
//! A prediction that nothing in the run has tested is kept: missing evidence refutes nothing.

use std::collections::BTreeSet;

use Capability::{ClusterDns, Egress, ImagePull, NodePort, PodNetwork, SameNodeNetwork, ServiceVip, TrafficRedirect};

use crate::capability::Capability;
use crate::name::{CheckId, VariantName};
use crate::report::result::CheckResult;
use crate::report::subject::Subject;
use crate::report::{NodeRecord, Report};
use crate::verdict::{Evidence, Finding, Outcome};

/// The title of the evidence that a settled prediction leaves behind.
pub const TITLE: &str = "predicted but not observed";

/// The prediction of a check, and the results that settle it.
struct Prediction {
    /// The check.
    check: &'static str,
    /// The last part of a finding's resource (`node 1, iptable_nat`) for predictions about single things; empty for all findings.
    about: &'static [&'static str],
    /// The results that settle it.
    settled_by: SettledBy,
    /// The outcome of a check whose findings are all refuted.
    then: Then,
}

/// Which results of the same variant settle a prediction.
enum SettledBy {
    /// Everything that runs on the nodes: workloads and add-ons.
    Everything,
    /// Workloads that exercise one of these.
    Workloads(&'static [Capability]),
    /// These rows.
    Rows(&'static [&'static str]),
}

/// The outcome of a check all of whose findings are refuted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// It passes: what it warned of works.
    Passes,
    /// It becomes manual: the setting is real, but nothing in the run was affected.
    Noted,
}

const PREDICTIONS: [Prediction; 13] = [
    Prediction {
        check: "node/kernel-modules",
        about: &["overlay"],
        settled_by: SettledBy::Workloads(&[ImagePull]),
        then: Then::Passes,
    },
    Prediction {
        check: "node/kernel-modules",
        about: &["veth", "bridge", "vxlan", "geneve", "wireguard"],
        settled_by: SettledBy::Workloads(&[PodNetwork, SameNodeNetwork]),
        then: Then::Passes,
    },
    Prediction {
        check: "node/kernel-modules",
        about: &[
            "br_netfilter",
            "nf_conntrack",
            "nf_nat",
            "nf_tables",
            "nft_compat",
            "nft_chain_nat",
            "ip_tables",
            "iptable_nat",
            "iptable_filter",
            "iptable_mangle",
            "ip_vs",
            "xt_conntrack",
            "xt_comment",
            "xt_mark",
            "xt_nat",
            "xt_statistic",
            "xt_addrtype",
        ],
        settled_by: SettledBy::Workloads(&[ServiceVip, NodePort]),
        then: Then::Passes,
    },
    Prediction {
        check: "node/kernel-modules",
        about: &["xt_MASQUERADE"],
        settled_by: SettledBy::Workloads(&[Egress]),
        then: Then::Passes,
    },
    Prediction {
        check: "node/kernel-modules",
        about: &["xt_REDIRECT", "xt_owner"],
        settled_by: SettledBy::Workloads(&[TrafficRedirect]),
        then: Then::Passes,
    },
    Prediction {
        check: "node/ipv6",
        about: &["net.ipv6.conf.all.disable_ipv6", "net.ipv6.conf.all.forwarding", "net.ipv6.conf.all.accept_ra"],
        settled_by: SettledBy::Workloads(&[PodNetwork]),
        then: Then::Passes,
    },
    Prediction {
        check: "node/local-dns",
        about: &[],
        settled_by: SettledBy::Workloads(&[ClusterDns]),
        then: Then::Passes,
    },
    // A tracer that every node may run by an add-on of EKS.
    Prediction {
        check: "node/ebpf",
        about: &[],
        settled_by: SettledBy::Rows(&["addon/aws-guardduty-agent"]),
        then: Then::Noted,
    },
    // What the EKS node monitoring agent only warns of.
    Prediction {
        check: "node/monitoring-agent",
        about: &[
            "InterfaceNotUp",
            "MACAddressPolicyMisconfigured",
            "MissingDefaultRoutes",
            "MissingIPRoutes",
            "MissingIPRules",
            "NetworkSysctl",
            "UnexpectedRejectRule",
        ],
        settled_by: SettledBy::Workloads(&[PodNetwork, ServiceVip, NodePort, Egress, ClusterDns]),
        then: Then::Noted,
    },
    Prediction {
        check: "node/monitoring-agent",
        about: &["KubeProxyNotReady"],
        settled_by: SettledBy::Workloads(&[ServiceVip, NodePort]),
        then: Then::Noted,
    },
    // The API server reaches the kubelet, so no pod has taken over its port.
    Prediction {
        check: "node/monitoring-agent",
        about: &["PortConflict"],
        settled_by: SettledBy::Rows(&["kubelet-path/logs", "kubelet-path/exec", "kubelet-path/metrics"]),
        then: Then::Noted,
    },
    Prediction {
        check: "node/monitoring-agent",
        about: &["EtcHostsMountFailed", "KubeletFailed", "ServiceFailedToStart"],
        settled_by: SettledBy::Everything,
        then: Then::Noted,
    },
    Prediction { check: "host/selinux-denials", about: &[], settled_by: SettledBy::Everything, then: Then::Noted },
];

/// The checks that predict, without duplicates; a test compares them with the registry of checks.
pub fn checks() -> BTreeSet<&'static str> {
    PREDICTIONS.iter().map(|prediction| prediction.check).collect()
}

/// Replaces every failure that only predicts, and whose predictions the run refutes, by a note.
///
/// Findings that nothing refutes stay; those that are refuted become evidence of the same result.
pub fn yield_to_observations(report: &mut Report) {
    let settled: Vec<(usize, Settled)> =
        report.results.iter().enumerate().filter_map(|(at, result)| Some((at, settle(result, report)?))).collect();
    for (at, settled) in settled {
        let Some(result) = report.results.get_mut(at) else { continue };
        result.outcome = settled.outcome;
        result.evidence.push(Evidence { name: TITLE.to_owned(), text: settled.note, file: None });
    }
}

/// The new outcome of a result.
struct Settled {
    outcome: Outcome,
    note: String,
}

fn settle(result: &CheckResult, report: &Report) -> Option<Settled> {
    let (Subject::Variant(variant), Outcome::Fail { findings }) = (&result.subject, &result.outcome) else {
        return None;
    };
    let nodes = &report.variants.iter().find(|record| record.name == *variant)?.nodes;
    let (mut open, mut lines, mut then) = (Vec::new(), Vec::new(), Then::Passes);
    for finding in findings {
        let prediction = PREDICTIONS.iter().find(|prediction| prediction.makes(&result.check, finding));
        let refuted =
            prediction.and_then(|prediction| Some((prediction, refuted(prediction, finding, variant, nodes, report)?)));
        let Some((prediction, by)) = refuted else {
            open.push(finding.clone());
            continue;
        };
        if prediction.then == Then::Noted {
            then = Then::Noted;
        }
        lines.push(format!("{}: {}\n  but passed there: {}", finding.resource, finding.summary, by.join(", ")));
        if !finding.detail.is_empty() {
            lines.push(finding.detail.clone());
        }
    }
    if lines.is_empty() {
        return None;
    }
    let outcome = match then {
        _ if !open.is_empty() => Outcome::Fail { findings: open },
        Then::Passes => Outcome::Pass,
        Then::Noted => {
            let first = findings.first().map_or("", |finding| finding.summary.as_str());
            Outcome::Manual {
                look_at: format!(
                    "{first}; nothing that ran on these nodes was affected: check whether your workloads are"
                ),
            }
        }
    };
    Some(Settled { outcome, note: lines.join("\n") })
}

impl Prediction {
    /// Whether a finding of a check is this prediction.
    fn makes(&self, check: &CheckId, finding: &Finding) -> bool {
        let about = finding.resource.split_once(", ").map(|(_, about)| about);
        self.check == check.as_str()
            && (self.about.is_empty() || about.is_some_and(|about| self.about.contains(&about)))
    }

    /// Whether a result can settle the prediction.
    fn is_settled_by(&self, result: &CheckResult) -> bool {
        match self.settled_by {
            SettledBy::Everything => matches!(result.check.suite(), "workload" | "addon"),
            SettledBy::Workloads(capabilities) => {
                let exercised = |one: &Capability| result.exercises.iter().any(|word| word == one.as_str());
                result.check.suite() == "workload" && capabilities.iter().any(exercised)
            }
            SettledBy::Rows(rows) => rows.contains(&result.check.as_str()),
        }
    }
}

/// The results that refute a finding: none of the results that could show it failed, and at least one of them passed
/// on the same node.
fn refuted(
    prediction: &Prediction,
    finding: &Finding,
    variant: &VariantName,
    nodes: &[NodeRecord],
    report: &Report,
) -> Option<Vec<String>> {
    let node = node_of(finding, nodes)?;
    let observed = report.results.iter().filter(|result| {
        matches!(&result.subject, Subject::Variant(name) if name == variant) && prediction.is_settled_by(result)
    });
    let mut passed = Vec::new();
    for result in observed {
        match result.outcome {
            Outcome::Fail { .. } => return None,
            Outcome::Pass if result.placements.iter().any(|placement| placement.node == node.name) => {
                passed.push(result.check.to_string());
            }
            _ => {}
        }
    }
    (!passed.is_empty()).then_some(passed)
}

/// The node of a finding's resource: `node 1`, `node 1, iptable_nat`.
fn node_of<'a>(finding: &Finding, nodes: &'a [NodeRecord]) -> Option<&'a NodeRecord> {
    let index = finding.resource.strip_prefix("node ")?;
    let index: u32 = index.split(',').next()?.trim().parse().ok()?;
    nodes.iter().find(|node| node.index == index)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A result of variant `l1`; what passes ran on the given nodes.
    fn result(check: &str, exercises: &[&str], outcome: Value, nodes: &[&str]) -> CheckResult {
        let placements: Vec<Value> = nodes.iter().map(|node| json!({"node": node})).collect();
        let result = json!({
            "check": check, "title": "t", "subject": {"variant": "l1"}, "exercises": exercises, "outcome": outcome,
            "disposition": "passed", "started": "2026-11-21T00:00:00Z", "seconds": 1.0, "placements": placements,
        });
        serde_json::from_value(result).unwrap()
    }

    fn fail(findings: &[(&str, &str)]) -> Value {
        let findings: Vec<Value> =
            findings.iter().map(|(resource, summary)| json!({"resource": resource, "summary": summary})).collect();
        json!({"fail": {"findings": findings}})
    }

    fn report(results: Vec<CheckResult>) -> Report {
        let node = |index: u32| json!({"index": index, "name": format!("n{index}"), "facts": {}});
        let report = json!({
            "schemaVersion": 1,
            "tool": {"name": "amiproof", "version": "0"},
            "run": {"id": "r-1", "matrix": "m", "started": "2026-11-21T00:00:00Z", "seconds": 1.0, "criticalPathSeconds": 1.0,
                    "interrupted": false, "phases": []},
            "cluster": {"name": "c"},
            "variants": [{"name": "l1", "family": "al2023", "nodes": [node(1), node(2)], "phases": []}],
            "results": [],
            "cleanup": {"ran": true, "created": 0, "gone": 0, "leftovers": []},
        });
        let mut report: Report = serde_json::from_value(report).unwrap();
        report.results = results;
        report
    }

    /// What the first of some results becomes.
    fn first(results: Vec<CheckResult>) -> CheckResult {
        let mut report = report(results);
        yield_to_observations(&mut report);
        report.results.swap_remove(0)
    }

    fn modules(resource: &str) -> CheckResult {
        result("node/kernel-modules", &[], fail(&[(resource, "module cannot be loaded")]), &["n1", "n2"])
    }

    #[test]
    fn a_port_that_a_pod_took_is_told_where_the_kubelet_is_reached_still() {
        let warned = [("node 1, PortConflict", "the agent warns of PortConflict: m")];
        let row = || result("node/monitoring-agent", &[], fail(&warned), &[]);
        for (kubelet, expected) in [(json!("pass"), "manual"), (fail(&[("node 1", "no answer")]), "fail")] {
            let mut report = report(vec![row(), result("kubelet-path/logs", &[], kubelet, &["n1"])]);
            yield_to_observations(&mut report);
            assert_eq!(report.results[0].outcome.as_str(), expected);
        }
    }

    #[test]
    fn a_blocked_module_is_a_failure_until_what_needs_it_passes_on_the_same_node() {
        let service = |outcome: Value, nodes: &[&str]| result("workload/web", &["service-vip"], outcome, nodes);
        let asked = |others: Vec<CheckResult>| {
            let mut results = vec![modules("node 1, iptable_nat")];
            results.extend(others);
            first(results).outcome.as_str().to_owned()
        };
        assert_eq!(asked(vec![service(json!("pass"), &["n1"])]), "pass");
        assert_eq!(asked(vec![]), "fail", "nothing was observed");
        assert_eq!(asked(vec![service(json!("pass"), &["n2"])]), "fail", "another node");
        assert_eq!(
            asked(vec![service(json!("pass"), &["n1"]), service(fail(&[("pod a", "no answer")]), &["n1"])]),
            "fail"
        );
        assert_eq!(asked(vec![service(json!({"error": {"message": "away"}}), &["n1"])]), "fail");
        let names = result("workload/names", &["cluster-dns"], json!("pass"), &["n1"]);
        assert_eq!(asked(vec![names]), "fail", "it exercises something else");
    }

    #[test]
    fn what_nothing_refutes_stays_and_the_rest_is_evidence() {
        let predicted = fail(&[("node 1, iptable_nat", "no Services"), ("node 1, nfs", "no NFS")]);
        let settled = first(vec![
            result("node/kernel-modules", &[], predicted, &[]),
            result("workload/web", &["service-vip"], json!("pass"), &["n1"]),
        ]);
        assert_eq!(settled.outcome.findings().len(), 1);
        assert_eq!(settled.outcome.findings()[0].resource, "node 1, nfs");
        assert_eq!(settled.evidence[0].name, TITLE);
        assert_eq!(settled.evidence[0].text, "node 1, iptable_nat: no Services\n  but passed there: workload/web");
    }

    #[test]
    fn a_denial_that_nobody_missed_is_for_a_person_and_one_beside_a_failure_stays() {
        let denials =
            || result("host/selinux-denials", &[], fail(&[("node 1", "SELinux denied something to mv")]), &[]);
        let passed = || result("workload/web", &[], json!("pass"), &["n1"]);
        let settled = first(vec![denials(), passed()]);
        assert!(
            matches!(&settled.outcome, Outcome::Manual { look_at } if look_at.starts_with("SELinux denied something to mv; "))
        );
        let addon = result("addon/vpc-cni", &[], fail(&[("node 1", "not Ready")]), &["n1"]);
        assert_eq!(first(vec![denials(), passed(), addon]).outcome.as_str(), "fail");
        assert_eq!(first(vec![denials()]).outcome.as_str(), "fail");
    }

    #[test]
    fn results_of_another_variant_and_other_checks_settle_nothing() {
        let mut other = result("workload/web", &["service-vip"], json!("pass"), &["n1"]);
        other.subject = Subject::Variant("l2".parse().unwrap());
        assert_eq!(first(vec![modules("node 1, iptable_nat"), other]).outcome.as_str(), "fail");
        let conntrack = result("node/conntrack", &[], fail(&[("node 1", "too few")]), &[]);
        let passed = result("workload/web", &["service-vip"], json!("pass"), &["n1"]);
        assert_eq!(first(vec![conntrack, passed]).outcome.as_str(), "fail", "it measured, and predicts nothing");
    }
}
