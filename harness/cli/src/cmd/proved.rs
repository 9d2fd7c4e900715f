//! The output of a command that bisects.

use amiproof_core::bisect::Wanted;
use amiproof_model::exit::ExitCode;
use amiproof_model::report::proof::ProofEnd;
use amiproof_model::report::{Proof, Report};

use super::forms::{self, json};
use crate::args::OutputForm;
use crate::output::{Failure, Output, count};

/// Prints the proofs of this run, and determines the exit code.
pub(super) fn proved(report: &Report, wanted: &Wanted, form: OutputForm, output: &Output) -> Result<ExitCode, Failure> {
    let is_asked = |proof: &&Proof| proof.variant == wanted.variant && wanted.checks.contains(&proof.check);
    let proofs: Vec<&Proof> = report.proofs.iter().filter(is_asked).collect();
    match form {
        OutputForm::Text => output.data(amiproof_reports::proof::render(&proofs, &forms::style(*output))),
        OutputForm::Json => output.json(json(&proofs)?),
    }
    let missing = wanted.checks.len() - proofs.len();
    if missing > 0 {
        output.note(format_args!(
            "not bisected: {missing} of {}, because the nodes did not exist, or the run ended",
            count(wanted.checks.len(), "check")
        ));
    }
    let are_proven = missing == 0 && proofs.iter().all(|proof| proof.end == ProofEnd::Proven);
    let are_changed = proofs.iter().any(|proof| !proof.not_restored.is_empty());
    Ok(match (are_changed, report.run.interrupted, are_proven) {
        (true, ..) => ExitCode::LeftBehind,
        (_, true, _) => ExitCode::Interrupted,
        (_, _, true) => ExitCode::Passed,
        _ => ExitCode::Error,
    })
}
