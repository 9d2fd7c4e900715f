//! What a run leaves and prints at its end: every format, the summary, and the exit code.

use amiproof_model::conclusion::{Scope, Summary};
use amiproof_model::exit::ExitCode;
use amiproof_model::report::Report;
use amiproof_reports::compare::compare as compared;
use amiproof_reports::{Format, Options, terminal};

use super::{compare, first_bad, forms};
use crate::args::{Junit, OutputForm};
use crate::output::{Failure, Output};
use crate::rundir::RunDir;

/// How the end of a run is printed.
pub(super) struct Printed {
    pub(super) form: OutputForm,
    /// Whether a failed check leaves the exit code at 0.
    pub(super) no_fail: bool,
}

/// Writes every format, and prints which release is the first bad one.
pub(super) fn of_releases(
    report: &Report,
    folder: &RunDir,
    form: OutputForm,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let written = forms::write_all(report, None, folder.path(), output);
    let answer = first_bad::answered(report, form, output)?;
    if matches!(form, OutputForm::Text) {
        written.show(&[Format::Html, Format::Junit, Format::Json], output);
    }
    // Whether the releases pass is not the question; what became of the account is.
    Ok(written.exit(match Summary::of(report, Scope::Run, 0).conclusion.exit_code() {
        worse @ (ExitCode::LeftBehind | ExitCode::Interrupted | ExitCode::NothingSelected) => worse,
        _ => answer,
    }))
}

/// Writes every format, prints the summary, determines the exit code. Of a nightly run with a baseline the comparison is written, too.
pub(super) fn publish(
    report: &Report,
    folder: &RunDir,
    baseline: Option<&Report>,
    nightly: Option<Junit>,
    printed: &Printed,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let mut written = forms::write_all(report, baseline, folder.path(), output);
    if let Some((baseline, junit)) = baseline.zip(nightly) {
        let comparison = compare::caused(baseline, report);
        written = written.with_comparison(&comparison, junit == Junit::New, folder.path(), output);
    }
    match printed.form {
        OutputForm::Text => {
            if output.is_quiet() {
                output.data(terminal::verdict(report, baseline, &forms::style(*output)));
            } else {
                output.data(terminal::render(report, baseline, &forms::style(*output)));
                written.show(&[Format::Html, Format::Junit, Format::Json], output);
                written.show_comparison(output);
                if let Some(shard) = report.run.shards.as_ref().and_then(|shards| Some((shards.shard?, shards.count))) {
                    let (shard, count) = shard;
                    output.note(format_args!(
                        "shard {shard}/{count}: `amiproof merge` combines the reports of all shards"
                    ));
                }
            }
        }
        OutputForm::Json => match amiproof_reports::render(Format::Json, report, &Options::default()) {
            Ok(text) => output.json(text),
            Err(error) => output.alert(format_args!("error: json: {error}")),
        },
    }
    let judged = exit_code(report, baseline, printed.no_fail);
    let exit = written.exit(judged);
    if exit != judged {
        output.alert(format_args!("exit code {}: the report was not written in every format", exit.code()));
    }
    if printed.no_fail && matches!(printed.form, OutputForm::Text) {
        say_no_fail(ExitCode::of(report), exit, output);
    }
    Ok(exit)
}

/// Prints that `--no-fail` changed the exit code of the verdict.
pub(super) fn say_no_fail(verdict: ExitCode, exit: ExitCode, output: &Output) {
    if verdict == ExitCode::Failed && exit == ExitCode::Passed {
        output.note("exits 0 instead of 1 because of --no-fail");
        output.name_log();
    }
}

fn exit_code(report: &Report, baseline: Option<&Report>, no_fail: bool) -> ExitCode {
    let regressions = baseline.map_or(0, |baseline| compared(baseline, report).regressions(|_| true));
    match Summary::of(report, Scope::Run, regressions).conclusion.exit_code() {
        ExitCode::Failed if no_fail => ExitCode::Passed,
        other => other,
    }
}
