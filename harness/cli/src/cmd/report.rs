//! `amiproof report`: renders a run's report again, offline. The report itself is read and never written.

use amiproof_core::bounded;
use amiproof_model::exit::ExitCode;
use amiproof_reports::{Format, Options, terminal};
use camino::Utf8Path;

use super::first_bad::first_bad;
use super::forms;
use crate::args::{Global, Report};
use crate::output::{Failure, Output};
use crate::rundir;

/// Writes the rendered formats next to the report, or prints one of them. If a format cannot be written, the exit code is 3, and the
/// others are still written.
pub(crate) fn run(global: &Global, args: &Report, output: &Output) -> Result<ExitCode, Failure> {
    let (report, path) = rundir::read_report(&global.dir, args.run.as_deref())?;
    let baseline = match &args.baseline {
        Some(which) => Some(rundir::read_report(&global.dir, Some(which))?.0),
        None => None,
    };
    let baseline = baseline.as_ref();
    match args.format {
        // The file as it is, even if this build would write it differently.
        Some(Format::Json) => output.json(
            bounded::text(&path, bounded::REPORT)
                .map_err(|error| Failure::usage(format!("cannot read the report {path}: {error}"), ""))?,
        ),
        Some(format) => {
            let options = Options { baseline, style: forms::style(*output), ..Options::default() };
            let text = amiproof_reports::render(format, &report, &options)
                .map_err(|error| Failure::error(error.to_string(), ""))?;
            output.data(text);
        }
        None => {
            let folder = path.parent().filter(|folder| !folder.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
            let written = forms::write_rendered(&report, baseline, folder, output);
            output.data(terminal::render(&report, baseline, &forms::style(*output)));
            if !report.run.releases.is_empty() {
                output.data(amiproof_reports::releases::render(&first_bad(&report), &forms::style(*output)));
            }
            written.show(Format::ALL, output);
            return Ok(written.exit(ExitCode::Passed));
        }
    }
    Ok(ExitCode::Passed)
}
