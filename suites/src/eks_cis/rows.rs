//! From facts to rows: one row per control of the benchmark, none left out.

use amiproof_core::check::{CheckError, Decision, ScanAnswer, ScanRow};
use amiproof_model::name::{CheckId, Level};
use amiproof_model::report::{ScanRecord, Subject};
use amiproof_model::verdict::{Finding, Verdict};

use super::QUESTIONS;
use super::facts::{Facts, Unreadable};
use crate::benchmark::{Catalogue, Control, Judged};

/// Who answers, in rows and records.
pub(crate) const SCANNER: &str = "amiproof";

/// The answer for every control of `catalogue`. `nodes_by` is the benchmark that kube-bench judges nodes by.
///
/// # Errors
/// When a control's id is not a valid part of a check's; a test keeps that from happening.
pub(crate) fn answer(
    catalogue: &Catalogue,
    nodes_by: Option<&Catalogue>,
    facts: &Facts,
) -> Result<ScanAnswer, CheckError> {
    let rows = catalogue.controls.iter().map(|control| row(control, nodes_by, facts)).collect::<Result<Vec<_>, _>>()?;
    let record = ScanRecord {
        subject: Subject::Cluster,
        suite: "eks-cis".to_owned(),
        scanner: SCANNER.to_owned(),
        scanner_version: None,
        benchmark: Some(catalogue.benchmark.clone()),
        // All controls are asked, and level 2 holds those of level 1.
        level: Some(Level::Two),
        // Those of nodes are kube-bench's; their rows here say where the answer is.
        expected: Some(catalogue.controls.len()),
        source: None,
        note: String::new(),
    };
    Ok(ScanAnswer { scans: vec![record], rows })
}

fn row(control: &Control, nodes_by: Option<&Catalogue>, facts: &Facts) -> Result<ScanRow, CheckError> {
    let check = CheckId::try_from(format!("eks-cis/{}", control.id));
    Ok(ScanRow {
        check: check.map_err(|error| CheckError::Undecided(error.to_string()))?,
        title: control.title.clone(),
        control: Some(control.id.clone()),
        level: Some(control.level),
        severity: None,
        scanner: SCANNER.to_owned(),
        decision: decision(control, nodes_by, facts),
    })
}

/// Questions about what amiproof itself decides when it makes a cluster: settings of the control plane, add-ons, the role of nodes. Who
/// tests images can help none of it, and the cluster is gone when the run is over.
const OWN: [&str; 12] = [
    "access-manager",
    "audit-logs",
    "audit-logs-managed",
    "cni-network-policy",
    "cni-version",
    "dedicated-service-accounts",
    "endpoint-private",
    "endpoint-restricted",
    "network-policy-enabled",
    "private-nodes",
    "registry-nodes",
    "secrets-encryption",
];

/// What a failure says of a cluster that amiproof made: of its own settings nothing, and of the namespace that every cluster comes with
/// neither. What someone put into it afterwards counts.
fn of_own_cluster(question: &str, decision: Decision) -> Decision {
    let Verdict::Fail(findings) = &decision.verdict else { return decision };
    let of_fresh_namespace = |finding: &Finding| {
        finding.resource == "Namespace/default" || finding.resource.starts_with("default/ServiceAccount/default")
    };
    if !OWN.contains(&question) && !findings.iter().all(of_fresh_namespace) {
        return decision;
    }
    let first = findings.first().map_or("", |finding| finding.summary.as_str());
    let reason = format!("made by amiproof, which decides this for its own test cluster: {first}");
    Decision { verdict: Verdict::NotApplicable(reason), ..decision }
}

fn decision(control: &Control, nodes_by: Option<&Catalogue>, facts: &Facts) -> Decision {
    if control.judged == Judged::KubeBench {
        let there = nodes_by.and_then(|catalogue| catalogue.asking(&control.question));
        let reason = match there {
            Some(same) => format!("a control of nodes: kube-bench judges it per variant, as kube-bench/{}", same.id),
            None => "a control of nodes: kube-bench judges it per variant".to_owned(),
        };
        return Verdict::NotApplicable(reason).into();
    }
    let Some(question) = QUESTIONS.iter().find(|question| question.id == control.question) else {
        return Verdict::NotEvaluated(format!("this build has no answer to '{}'", control.question)).into();
    };
    match (question.assess)(facts) {
        Ok(decision) if facts.made_by_us => of_own_cluster(question.id, decision),
        Ok(decision) => decision,
        Err(Unreadable::NoAccount) => {
            Verdict::NotApplicable("the answer is in the AWS account, and this run has none".to_owned()).into()
        }
        Err(Unreadable::Denied(permission)) => {
            Verdict::NotEvaluated(format!("the caller lacks {permission}; allow it and run again")).into()
        }
        Err(Unreadable::Unavailable(reason)) => Verdict::NotEvaluated(reason).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{account, account_of, clean};
    use super::*;
    use crate::benchmark;

    /// What a control comes to in a cluster that amiproof made, and in one that was there.
    fn both(number: &str, spoil: impl Fn(&mut Facts)) -> (String, String) {
        let catalogue = benchmark::find("cis-eks-1.8.0").unwrap().unwrap();
        let control = catalogue.controls.iter().find(|control| control.id.number() == number).unwrap();
        let word = |made_by_us: bool| {
            let mut facts = Facts { made_by_us, ..clean() };
            spoil(&mut facts);
            format!("{:?}", decision(control, None, &facts).verdict).split('(').next().unwrap_or_default().to_owned()
        };
        (word(true), word(false))
    }

    #[test]
    fn what_amiproof_decided_for_its_own_cluster_says_nothing_of_an_image() {
        let not_ours = ("NotApplicable".to_owned(), "Fail".to_owned());
        assert_eq!(both("2.1.1", |facts| account_of(facts).control_plane.as_mut().unwrap().logs.clear()), not_ours);
        assert_eq!(
            both("5.3.1", |facts| account_of(facts).control_plane.as_mut().unwrap().secrets_keys.clear()),
            not_ours
        );
        let fresh = |facts: &mut Facts| facts.service_accounts.as_mut().unwrap()[0].automount = None;
        assert_eq!(both("4.1.5", fresh), not_ours, "the namespace default of every cluster");
    }

    #[test]
    fn what_somebody_put_into_it_counts_there_too() {
        let of_web = |facts: &mut Facts| {
            facts.service_accounts.as_mut().unwrap().push(account("shop", "default", None));
        };
        assert_eq!(both("4.1.5", of_web), ("Fail".to_owned(), "Fail".to_owned()));
        assert_eq!(both("2.1.1", |_| {}), ("Pass".to_owned(), "Pass".to_owned()));
    }
}
