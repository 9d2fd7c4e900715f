//! From facts to rows: one row per control of the benchmark, none left out.

use amiproof_core::check::{CheckError, Decision, ScanAnswer, ScanRow};
use amiproof_model::name::{CheckId, Level};
use amiproof_model::report::{ScanRecord, Subject};
use amiproof_model::verdict::Verdict;

use super::QUESTIONS;
use super::facts::{Facts, Unseen};
use crate::benchmark::{Catalogue, Control, Judged};

/// Who answers, in rows and records.
pub(crate) const SCANNER: &str = "amiproof";

/// The answer for every control of `catalogue`. `nodes_by` is the benchmark that kube-bench judges nodes by.
///
/// # Errors
/// When a control's id is no legal part of a check's; a test keeps that from happening.
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
        Ok(decision) => decision,
        Err(Unseen::NoAccount) => {
            Verdict::NotApplicable("the answer is in the AWS account, and this run has none".to_owned()).into()
        }
        Err(Unseen::Denied(permission)) => {
            Verdict::NotEvaluated(format!("the caller lacks {permission}; allow it and run again")).into()
        }
        Err(Unseen::Broken(reason)) => Verdict::NotEvaluated(reason).into(),
    }
}
