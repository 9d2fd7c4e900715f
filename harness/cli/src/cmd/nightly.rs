//! `amiproof nightly`: a complete run that is compared with the night before, which is in a store or in the folder of runs.

use std::cell::OnceCell;
use std::sync::Arc;

use amiproof_core::store::Error;
use amiproof_model::exit::ExitCode;
use amiproof_model::history::track::{Wanted, tracks};
use amiproof_model::name::RunId;
use amiproof_model::report::Report;
use amiproof_reports::history::History;

use super::forms;
use super::nights::Place;
use super::run::{self, Ending, Past};
use crate::args::{Global, Nightly};
use crate::files;
use crate::output::{Failure, Output};
use crate::rundir::{self, RunDir};
use crate::runtime::block_on;
use crate::session::Goal;

/// A run, and its place among the nights. A store that cannot be read or written does not stop the run, and does not hide its verdict.
pub(crate) fn run(global: &Global, args: &Nightly, output: &Output) -> Result<ExitCode, Failure> {
    let inputs = files::read(&args.run.selection.file, output)?;
    let Some(place) = Place::of(args.run.store.as_ref(), args.keep, &args.run.selection.file, inputs.history.as_ref())
    else {
        if args.keep.is_some() {
            return Err(Failure::usage(
                "--keep applies to a history store, and none is named",
                "name one with --store",
            ));
        }
        let ending = Ending::Night { past: Past::Folder, junit: args.junit };
        return run::complete(global, &args.run, inputs, Goal::Nightly, ending, output).map(|(exit, _)| exit);
    };
    let region = inputs.matrix.cluster.region.clone();
    let night = Night { global, args, place, region };
    let matrix = inputs.matrix.name.clone();
    let asked: OnceCell<Result<Option<Arc<Report>>, Failure>> = OnceCell::new();
    let find = |own: &RunId| {
        let found = asked.get_or_init(|| night.baseline(&matrix, own, output));
        if let Err(failure) = found {
            output.error(failure);
            output.note("the run is not compared with an earlier one");
        }
        found.as_ref().ok().cloned().flatten()
    };
    let ending = Ending::Night { past: Past::Store(&find), junit: args.junit };
    let (exit, folder) = run::complete(global, &args.run, inputs, Goal::Nightly, ending, output)?;
    let asked = asked.into_inner();
    let mut is_broken = matches!(asked, Some(Err(_)));
    let baseline = asked.and_then(Result::ok).flatten();
    if let Some(folder) = folder
        && let Err(failure) = night.add(&folder, exit, baseline, output)
    {
        output.error(&failure);
        is_broken = true;
    }
    if is_broken && exit == ExitCode::Passed {
        output.alert("exit code 3: the run passed, but the history store could not be read or written");
        return Ok(ExitCode::Error);
    }
    Ok(exit)
}

/// How many nights the pages show.
const LAST: usize = 30;

/// A night and its store.
struct Night<'a> {
    global: &'a Global,
    args: &'a Nightly,
    place: Place,
    region: Option<String>,
}

impl Night<'_> {
    /// The last good night apart from this one (which may already be in the store, if the run is continued, or
    /// repeated in the lab), and the message about it.
    fn baseline(&self, matrix: &str, own: &RunId, output: &Output) -> Result<Option<Arc<Report>>, Failure> {
        let found = block_on(async {
            let store = self.place.reach(&self.args.run.target, self.region.as_deref(), output).await?;
            store.baseline(matrix, Some(own)).await.map_err(|error| self.place.failure(&error))
        })??;
        self.place.warn(&found.passed_over, output);
        let store = &self.place.location;
        if self.args.run.options.baseline.is_some() {
            return Ok(None);
        }
        match (&found.report, found.nights) {
            (Some(report), _) => output.note(format_args!(
                "comparing with run {} of {}, the last good nightly run in {store}",
                report.run.id,
                report.run.started.strftime("%Y-%m-%d")
            )),
            (None, 0) => output.note(format_args!("first nightly run in {store}: there is nothing to compare with")),
            (None, nights) => output.note(format_args!(
                "there is nothing to compare with: each of the {nights} nightly runs in {store} is unreadable, or fewer than half of its rows have a verdict"
            )),
        }
        Ok(found.report.map(Arc::new))
    }

    /// Adds the night to the store, deletes what is not to be kept, then shows the last nights in the page of the run and in one of their own.
    fn add(
        &self,
        folder: &RunDir,
        exit: ExitCode,
        baseline: Option<Arc<Report>>,
        output: &Output,
    ) -> Result<(), Failure> {
        let store = &self.place.location;
        if exit == ExitCode::Interrupted {
            output.note(format_args!("not added to {store}: the run was interrupted; `amiproof resume` continues it"));
            return Ok(());
        }
        let path = folder.report();
        let text = rundir::report_text(&path)
            .map_err(|error| Failure::error(format!("cannot read the report {path}: {error}"), ""))?;
        let Some(text) = text else {
            return Err(Failure::error(format!("there is no report {path} to add to {store}"), ""));
        };
        let report = Report::parse(&text).map_err(|error| Failure::error(format!("{path}: {error}"), ""))?;
        if report.run.interrupted {
            output.note(format_args!("not added to {store}: the run was interrupted; `amiproof resume` continues it"));
            return Ok(());
        }
        let added = block_on(async {
            let failed = |error| self.place.failure(&error);
            let opened = self.place.open(&self.args.run.target, self.region.as_deref()).await?;
            let is_new = match opened.append(&text).await {
                // `rerun` has checked some rows again; the night stays as it was.
                Err(Error::Conflict { .. }) if self.global.resumption.is_some() => false,
                other => other.map_err(failed)?,
            };
            let deleted = match self.place.keep {
                Some(keep) => opened.prune(&report.run.matrix, keep, amiproof_time::now()).await.map_err(failed)?,
                None => Vec::new(),
            };
            let nights = opened.nights(&report.run.matrix, None).await.map_err(failed)?.nights;
            Ok::<_, Failure>((is_new, deleted, nights))
        })?;
        let (is_new, deleted, nights) = added?;
        let what = if is_new { "added to" } else { "is already in" };
        output.note(format_args!("run {} {what} {store}", report.run.id));
        for key in deleted {
            output.note(format_args!(
                "run {} of {} deleted from {store}",
                key.run(),
                key.started().strftime("%Y-%m-%d")
            ));
        }
        let named = self.args.run.options.baseline.as_deref();
        let baseline = match named {
            Some(named) => Some(Arc::new(rundir::read_report(&self.global.dir, Some(named))?.0)),
            None => baseline,
        };
        let tracks = tracks(&nights, Wanted { last: Some(LAST), ..Wanted::default() });
        let history =
            History { matrix: &report.run.matrix, nights: &nights, tracks: &tracks, last: LAST, has_steady: false };
        forms::write_nights(&report, baseline.as_deref(), &history, folder.path(), output)
    }
}
