//! `amiproof report`: a run's report again, offline.

use amiproof_model::exit::ExitCode;
use amiproof_reports::{Format, Options, terminal};
use camino::Utf8Path;

use crate::args::{Global, Report};
use crate::output::{Failure, Output};
use crate::rundir;

/// Writes all files beside the report, or prints one format.
pub(crate) fn run(global: &Global, args: &Report, output: &Output) -> Result<ExitCode, Failure> {
    let (report, path) = rundir::read_report(&global.dir, args.run.as_deref())?;
    let baseline = match &args.baseline {
        Some(which) => Some(rundir::read_report(&global.dir, Some(which))?.0),
        None => None,
    };
    let report = super::run::held_against(&report, baseline.as_ref());
    if let Some(word) = &args.format {
        let format = Format::ALL.into_iter().find(|format| format.word() == word).ok_or_else(|| {
            let words: Vec<&str> = Format::ALL.iter().map(|format| format.word()).collect();
            Failure::usage(format!("there is no format '{word}'"), format!("use one of {}", words.join(", ")))
        })?;
        let style = super::run::style(*output);
        let options = Options { baseline: baseline.as_ref(), style };
        let text = amiproof_reports::render(format, &report, &options)
            .map_err(|error| Failure::error(error.to_string(), ""))?;
        output.data(text);
        return Ok(ExitCode::Passed);
    }
    let folder = path.parent().unwrap_or(Utf8Path::new("."));
    let written = super::run::write_files(&report, baseline.as_ref(), folder, output);
    output.data(terminal::render(&report, baseline.as_ref(), &super::run::style(*output)));
    for (format, path) in written {
        output.data(format_args!("{:<9} {path}", format.word()));
    }
    Ok(ExitCode::Passed)
}
