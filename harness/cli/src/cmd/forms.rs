//! Writes a report in all formats into the folder of a run.

use std::path::PathBuf;

use amiproof_model::exit::ExitCode;
use amiproof_model::report::Report;
use amiproof_reports::compare::{Comparison, ComparisonFormat};
use amiproof_reports::history::History;
use amiproof_reports::{Format, Options, RenderError, Style};
use camino::Utf8Path;

use super::forms;
use crate::output::{Failure, Output};
use crate::rundir::{self, RunDir};

/// The files that were written.
#[derive(Debug)]
pub(crate) struct Written {
    files: Vec<(Format, String)>,
    /// Tables of controls and checks.
    impacts: Vec<String>,
    /// The comparison with the baseline.
    comparison: Vec<String>,
    is_complete: bool,
}

impl Written {
    /// The exit code of a command whose own would be `own`: a report that a CI server cannot read must not look like success. Leftovers
    /// and an interruption take precedence.
    pub(crate) fn exit(&self, own: ExitCode) -> ExitCode {
        match own {
            ExitCode::LeftBehind | ExitCode::Interrupted | ExitCode::Usage => own,
            _ if !self.is_complete => ExitCode::Error,
            _ => own,
        }
    }

    /// Prints the paths of some formats, one per line.
    pub(crate) fn show(&self, wanted: &[Format], output: &Output) {
        for (format, path) in self.files.iter().filter(|(format, _)| wanted.contains(format)) {
            output.data(format_args!("{:<9} {path}", format.as_str()));
        }
    }

    /// Writes a comparison in every format that has a file, and as `junit.xml` if that is to have only what changed.
    #[must_use]
    pub(crate) fn with_comparison(
        mut self,
        comparison: &Comparison,
        is_junit: bool,
        folder: &Utf8Path,
        output: &Output,
    ) -> Self {
        let mut outcomes = comparison.write_all(folder.as_std_path());
        if let Some(name) = Format::Junit.file_name().filter(|_| is_junit) {
            let text = comparison.render(ComparisonFormat::Junit, &Style::default());
            let written = text.and_then(|text| amiproof_reports::write_file(folder.as_std_path(), name, &text));
            outcomes.extend(written.err().map(Err));
        }
        for outcome in outcomes {
            match outcome {
                Ok(path) => self.comparison.push(path.display().to_string()),
                Err(error) => {
                    self.is_complete = false;
                    output.alert(format_args!("error: compare: {error}"));
                }
            }
        }
        self
    }

    /// Prints the path of the page of the comparison, if there is one.
    pub(crate) fn show_comparison(&self, output: &Output) {
        for path in self.comparison.iter().filter(|path| path.ends_with(".html")) {
            output.data(format_args!("{:<9} {path}", "compare"));
        }
    }

    /// Prints the paths of the tables of controls and checks, one per line.
    pub(crate) fn show_impacts(&self, output: &Output) {
        for path in &self.impacts {
            output.data(format_args!("{:<9} {path}", "impact"));
        }
    }
}

/// Writes the report in every format. A format that fails is reported and does not stop the others.
pub(crate) fn write_all(report: &Report, baseline: Option<&Report>, folder: &Utf8Path, output: &Output) -> Written {
    let written = written(amiproof_reports::write_all(folder.as_std_path(), report, baseline), output);
    with_impacts(written, report, folder, output)
}

/// Writes every format except the report itself, which the others are rendered from.
pub(crate) fn write_rendered(
    report: &Report,
    baseline: Option<&Report>,
    folder: &Utf8Path,
    output: &Output,
) -> Written {
    let written = written(amiproof_reports::write_rendered(folder.as_std_path(), report, baseline), output);
    with_impacts(written, report, folder, output)
}

/// Writes the pages that show the last nightly runs: `matrix.html` again, now with the history of its rows, and `history.html`.
///
/// # Errors
/// If one of them cannot be written.
pub(crate) fn write_nights(
    report: &Report,
    baseline: Option<&Report>,
    history: &History<'_>,
    folder: &Utf8Path,
    output: &Output,
) -> Result<(), Failure> {
    let options = Options { baseline, history: Some(history), ..Options::default() };
    let matrix = amiproof_reports::render(Format::Html, report, &options);
    let nights = amiproof_reports::history::page(history);
    for (name, page) in [("matrix.html", matrix), ("history.html", nights)] {
        page.and_then(|text| amiproof_reports::write_file(folder.as_std_path(), name, &text)).map_err(|error| {
            Failure::error(format!("{}: {error}", folder.join(name)), "the other files are complete")
        })?;
    }
    output.note(format_args!("history   {}", folder.join("history.html")));
    Ok(())
}

/// Writes what controls break, where it was measured.
fn with_impacts(mut written: Written, report: &Report, folder: &Utf8Path, output: &Output) -> Written {
    for outcome in amiproof_reports::impact::write_all(folder.as_std_path(), report) {
        match outcome {
            Ok(path) => written.impacts.push(path.display().to_string()),
            Err(error) => {
                written.is_complete = false;
                output.alert(format_args!("error: impact: {error}"));
            }
        }
    }
    written
}

fn written(outcomes: Vec<(Format, Result<PathBuf, RenderError>)>, output: &Output) -> Written {
    let mut written = Written { files: Vec::new(), impacts: Vec::new(), comparison: Vec::new(), is_complete: true };
    for (format, outcome) in outcomes {
        match outcome {
            Ok(path) => written.files.push((format, path.display().to_string())),
            Err(error) => {
                written.is_complete = false;
                output.alert(format_args!("error: {}: {error}", format.as_str()));
            }
        }
    }
    written
}

/// The output of a command as JSON.
///
/// # Errors
/// If it cannot be written, which would be a bug in amiproof.
pub(crate) fn json(answer: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(answer)
        .map_err(|error| Failure::error(format!("cannot write the output as JSON: {error}"), ""))
}

/// The style of tables on this terminal.
pub(crate) fn style(output: Output) -> Style {
    Style { width: output.width(), colour: output.color(), ..Style::default() }
}

/// Changes the report of a run by what a later `destroy` did, if there is one.
pub(crate) fn amend_report(
    folder: &RunDir,
    amend: impl FnOnce(&mut Report),
    output: &Output,
) -> Result<Option<Written>, Failure> {
    let unread = |error: &dyn std::fmt::Display| {
        Failure::error(
            format!("{}: {error}", folder.report()),
            "the report was not updated with what was destroyed; see the lines above",
        )
    };
    let Some(text) = rundir::report_text(&folder.report()).map_err(|error| unread(&error))? else { return Ok(None) };
    let mut report = Report::parse(&text).map_err(|error| unread(&error))?;
    amend(&mut report);
    Ok(Some(forms::write_all(&report, None, folder.path(), output)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_written_is_3_unless_something_worse_is_known() {
        let written =
            |is_complete| Written { files: Vec::new(), impacts: Vec::new(), comparison: Vec::new(), is_complete };
        for (own, expected) in [
            (ExitCode::Passed, ExitCode::Error),
            (ExitCode::Failed, ExitCode::Error),
            (ExitCode::Regression, ExitCode::Error),
            (ExitCode::NothingSelected, ExitCode::Error),
            (ExitCode::Usage, ExitCode::Usage),
            (ExitCode::LeftBehind, ExitCode::LeftBehind),
            (ExitCode::Interrupted, ExitCode::Interrupted),
        ] {
            assert_eq!(written(false).exit(own), expected, "{own:?}");
            assert_eq!(written(true).exit(own), own, "{own:?}");
        }
    }
}
