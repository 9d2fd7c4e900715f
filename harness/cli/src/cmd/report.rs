//! `amiproof report`: renders a run's report again. The report itself is read and never written. Only `--send` needs a network.

mod send;

use amiproof_core::bounded;
use amiproof_model::exit::ExitCode;
use amiproof_reports::{Format, Options, RenderError, terminal};
use camino::Utf8Path;

use super::first_bad::first_bad;
use super::forms;
use super::promote::hex;
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
    if args.send {
        return send::run(args, &report, baseline, output);
    }
    match args.format {
        // The file as it is, even if this build would write it differently.
        Some(Format::Json) => output.json(text_of(&path)?),
        Some(Format::InToto) => {
            // The statements and the digest are made from the same bytes, because other commands rewrite the file.
            let text = text_of(&path)?;
            let report = amiproof_model::report::Report::parse(&text)
                .map_err(|error| Failure::usage(format!("{path}: {error}"), ""))?;
            let digest = hex(text.as_bytes());
            let options = Options { baseline, digest: Some(&digest), ..Options::default() };
            output.data(rendered(Format::InToto, &report, &options)?);
        }
        Some(format) => {
            let options = Options { baseline, style: forms::style(*output), ..Options::default() };
            output.data(rendered(format, &report, &options)?);
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

/// The report as it lies on the disk.
fn text_of(path: &Utf8Path) -> Result<String, Failure> {
    bounded::text(path, bounded::REPORT)
        .map_err(|error| Failure::usage(format!("cannot read the report {path}: {error}"), ""))
}

fn rendered(format: Format, report: &amiproof_model::report::Report, options: &Options<'_>) -> Result<String, Failure> {
    amiproof_reports::render(format, report, options).map_err(|error| match error {
        RenderError::NoImage { .. } => Failure::usage(error.to_string(), ""),
        error => Failure::error(error.to_string(), ""),
    })
}
