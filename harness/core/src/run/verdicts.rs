//! The last word on a run's results: traffic charged to the node that broke it, origins by comparison with the reference,
//! dispositions after waivers, and the gates over scans. Pure.

use std::collections::BTreeMap;

use amiproof_model::charge::{TrafficPair, broken_nodes};
use amiproof_model::facts;
use amiproof_model::judge::{judge, origin};
use amiproof_model::name::{CheckId, Level, VariantName};
use amiproof_model::prediction;
use amiproof_model::pull;
use amiproof_model::report::{CheckResult, Report, Subject};
use amiproof_model::threshold;
use amiproof_model::verdict::Outcome;
use amiproof_model::waiver::{self, Circumstances, Waiver};
use jiff::Timestamp;

/// Settles every result of a report.
pub fn settle(report: &mut Report, waivers: &[Waiver], now: Timestamp) {
    charge(&mut report.results);
    pull::charge(report);
    prediction::yield_to_observations(report);
    let references: BTreeMap<VariantName, Option<VariantName>> =
        report.variants.iter().map(|variant| (variant.name.clone(), variant.reference.clone())).collect();
    let levels: BTreeMap<VariantName, Option<Level>> =
        report.variants.iter().map(|variant| (variant.name.clone(), variant.level)).collect();
    let outcomes: BTreeMap<(VariantName, CheckId), Outcome> = report
        .results
        .iter()
        .filter_map(|result| match &result.subject {
            Subject::Variant(name) => Some(((name.clone(), result.check.clone()), result.outcome.clone())),
            Subject::Cluster => None,
        })
        .collect();
    for result in &mut report.results {
        let variant = match &result.subject {
            Subject::Variant(name) => Some(name),
            Subject::Cluster => None,
        };
        let twin = variant.and_then(|name| references.get(name)).and_then(Option::as_ref);
        let twin_outcome = twin.and_then(|twin| outcomes.get(&(twin.clone(), result.check.clone())));
        result.origin = origin(&result.outcome, twin_outcome);
        let level = variant.and_then(|name| levels.get(name).copied().flatten());
        let circumstances = Circumstances::of(result, level);
        result.disposition = judge(&result.outcome, result.earlier_attempts.len(), waivers, &circumstances, false, now);
    }
    facts::attach(report);
    report.waivers = waiver::records(report, waivers, now);
    threshold::mark_disagreements(&mut report.results);
    let thresholds = report.thresholds.clone();
    threshold::apply(report, &thresholds, now);
}

/// Takes back failures of traffic checks that another variant's node caused: whoever shares no broken node is not evaluated,
/// because the only evidence it has was spoilt at the other end.
fn charge(results: &mut [CheckResult]) {
    let pairs: Vec<TrafficPair> = results.iter().flat_map(|result| result.traffic.iter().cloned()).collect();
    let broken = broken_nodes(&pairs);
    for result in results.iter_mut() {
        let Subject::Variant(own) = &result.subject else { continue };
        if !matches!(result.outcome, Outcome::Fail { .. }) || result.traffic.iter().all(|pair| pair.ok) {
            continue;
        }
        let failing: Vec<&TrafficPair> = result.traffic.iter().filter(|pair| !pair.ok).collect();
        let ends = || failing.iter().flat_map(|pair| [&pair.from, &pair.to]);
        let own_is_broken = ends().any(|end| end.variant.as_ref() == Some(own) && broken.contains(end));
        let culprit = ends().find(|end| end.variant.as_ref() != Some(own) && broken.contains(end));
        if let (false, Some(culprit)) = (own_is_broken, culprit) {
            let name = culprit.variant.as_ref().map_or("no variant of this run", VariantName::as_str);
            result.outcome = Outcome::NotEvaluated {
                reason: format!(
                    "the other end is broken: every failing connection involves node {} of {name}",
                    culprit.node
                ),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use amiproof_model::charge::Endpoint;
    use amiproof_model::judge::Disposition;
    use amiproof_model::verdict::Finding;

    use super::*;

    fn end(node: &str) -> Endpoint {
        let variant = node.split_once('.').map_or(node, |(variant, _)| variant);
        Endpoint { variant: variant.parse().ok(), node: node.to_owned() }
    }

    fn traffic(variant: &str, pairs: &[(&str, &str, bool)]) -> CheckResult {
        let fails = pairs.iter().any(|(_, _, ok)| !ok);
        CheckResult {
            check: "workload/pod-to-pod".parse().unwrap(),
            title: "pods reach each other".to_owned(),
            subject: Subject::Variant(variant.parse().unwrap()),
            control: None,
            level: None,
            severity: None,
            scanner: None,
            outcome: if fails {
                Outcome::Fail { findings: vec![Finding::new("pod client", "no answer")] }
            } else {
                Outcome::Pass
            },
            disposition: Disposition::Passed,
            origin: None,
            disagreement: None,
            started: Timestamp::UNIX_EPOCH,
            seconds: 1.0,
            earlier_attempts: Vec::new(),
            placements: Vec::new(),
            traffic: pairs.iter().map(|(from, to, ok)| TrafficPair { from: end(from), to: end(to), ok: *ok }).collect(),
            exercises: Vec::new(),
            evidence: Vec::new(),
        }
    }

    #[test]
    fn a_broken_variant_does_not_paint_its_neighbours_red() {
        let mut results = vec![
            traffic("stock", &[("stock.1", "stock.2", true), ("stock.1", "bad.1", false)]),
            traffic("bad", &[("bad.1", "stock.1", false), ("stock.1", "bad.1", false)]),
        ];
        charge(&mut results);
        assert!(matches!(results[0].outcome, Outcome::NotEvaluated { .. }), "{:?}", results[0].outcome);
        assert!(matches!(results[1].outcome, Outcome::Fail { .. }), "{:?}", results[1].outcome);
    }

    #[test]
    fn a_broken_reference_is_not_charged_to_the_hardened_variant() {
        let mut results = vec![
            traffic("stock", &[("stock.1", "stock.2", false)]),
            traffic("good", &[("good.1", "stock.1", false), ("good.1", "good.2", true)]),
        ];
        charge(&mut results);
        assert!(matches!(results[0].outcome, Outcome::Fail { .. }));
        assert!(matches!(results[1].outcome, Outcome::NotEvaluated { .. }), "{:?}", results[1].outcome);
    }
}
