//! `amiproof history`: the results of the checks of a matrix over its nightly runs.

use amiproof_core::bounded;
use amiproof_core::store::Store;
use amiproof_model::exit::ExitCode;
use amiproof_model::history::Night;
use amiproof_model::history::track::{Wanted, tracks};
use amiproof_model::matrix::HistorySpec;
use amiproof_reports::history::{self, History as Shown};

use super::forms::style;
use super::nights::Place;
use crate::args::{Global, History, OutputForm};
use crate::files;
use crate::output::{Failure, Output};
use crate::rundir;
use crate::runtime::block_on;
use crate::suggest;

/// Shows the nights, or adds one.
pub(crate) fn run(global: &Global, args: &History, output: &Output) -> Result<ExitCode, Failure> {
    let named = Named::of(args, output)?;
    let Some(place) = Place::of(args.store.as_ref(), None, &args.file, named.history.as_ref()) else {
        return Err(Failure::usage(
            format!("{} names no history store", args.file),
            "name one with --store, or write `history: {store: ..}` into the matrix",
        ));
    };
    let region = args.region.clone().or(named.region);
    block_on(async {
        let store = place.reach(&args.target, region.as_deref(), output).await?;
        match &args.add {
            Some(run) => add(global, run, &place, &store, output).await,
            None => show(args, named.matrix, &place, &store, output).await,
        }
    })?
}

/// What the matrix file contains.
#[derive(Default)]
struct Named {
    matrix: Option<String>,
    region: Option<String>,
    history: Option<HistorySpec>,
}

impl Named {
    /// Read only where the command line leaves something open; where it names the store, the file may be missing.
    fn of(args: &History, output: &Output) -> Result<Self, Failure> {
        let is_needed = args.store.is_none() || (args.matrix.is_none() && args.add.is_none() && args.file.exists());
        if !is_needed {
            return Ok(Self { matrix: args.matrix.clone(), ..Self::default() });
        }
        let inputs = files::read_offline(&args.file, output)?;
        Ok(Self {
            matrix: Some(args.matrix.clone().unwrap_or(inputs.matrix.name)),
            region: inputs.matrix.cluster.region,
            history: inputs.history,
        })
    }
}

async fn add(global: &Global, run: &str, place: &Place, store: &Store, output: &Output) -> Result<ExitCode, Failure> {
    let (report, path) = rundir::read_report(&global.dir, Some(run))?;
    let text = bounded::text(&path, bounded::REPORT)
        .map_err(|error| Failure::usage(format!("cannot read the report {path}: {error}"), ""))?;
    let is_new = store.append(&text).await.map_err(|error| place.failure(&error))?;
    let what = if is_new { "added to" } else { "is already in" };
    output.data(format_args!("run {} {what} {}", report.run.id, store.location()));
    Ok(ExitCode::Passed)
}

async fn show(
    args: &History,
    named: Option<String>,
    place: &Place,
    store: &Store,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let failed = |error| place.failure(&error);
    let matrix = match named {
        Some(matrix) => matrix,
        None => only(store.matrices().await.map_err(failed)?, place)?,
    };
    let found = store.nights(&matrix, None).await.map_err(failed)?;
    place.warn(&found.passed_over, output);
    if found.nights.is_empty() {
        let others = store.matrices().await.map_err(failed)?;
        if !others.is_empty() && !others.contains(&matrix) {
            return Err(Failure::usage(
                format!("{} has no nightly run of matrix {matrix}", place.location),
                suggest::instead(&matrix, &others.iter().map(String::as_str).collect::<Vec<_>>(), "it has those of"),
            ));
        }
    }
    let last = usize::from(args.last);
    let wanted = Wanted { subject: args.variant.as_deref(), check: args.check.as_deref(), last: Some(last) };
    let tracks = tracks(&found.nights, wanted);
    if tracks.is_empty() && !found.nights.is_empty() {
        return Err(unknown(&matrix, args, &found.nights));
    }
    let shown =
        Shown { matrix: &matrix, nights: &found.nights, tracks: &tracks, last, has_steady: args.check.is_some() };
    if let Some(path) = &args.html {
        let page = history::page(&shown).map_err(|error| Failure::error(error.to_string(), ""))?;
        rundir::write_new(path, page.as_bytes())?;
    }
    match args.output {
        OutputForm::Text => output.data(history::terminal(&shown, &style(*output))),
        OutputForm::Json => {
            output.json(history::json(&shown).map_err(|error| Failure::error(error.to_string(), ""))?);
        }
    }
    Ok(ExitCode::Passed)
}

/// Why `--variant` and `--check` select nothing, and what was probably meant.
fn unknown(matrix: &str, args: &History, nights: &[Night]) -> Failure {
    let all = tracks(nights, Wanted::default());
    let mut subjects: Vec<&str> = all.iter().map(|track| track.subject.as_str()).collect();
    subjects.sort_unstable();
    subjects.dedup();
    if let Some(variant) = args.variant.as_deref().filter(|variant| !subjects.contains(variant)) {
        let message = format!("--variant: no nightly run of {matrix} has a variant '{variant}'");
        return Failure::usage(message, suggest::instead(variant, &subjects, "they have"));
    }
    let is_of = |subject: &str| args.variant.as_deref().is_none_or(|variant| variant == subject);
    let ids: Vec<&str> = all.iter().filter(|track| is_of(&track.subject)).map(|track| track.check.as_str()).collect();
    let check = args.check.as_deref().unwrap_or_default();
    let of = args.variant.as_ref().map_or_else(String::new, |variant| format!(" on {variant}"));
    Failure::usage(
        format!("--check: no nightly run of {matrix} has a check{of} that begins with '{check}'"),
        suggest::check(check, &ids),
    )
}

/// The only matrix of a store.
fn only(mut matrices: Vec<String>, place: &Place) -> Result<String, Failure> {
    match (matrices.pop(), matrices.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) => Err(Failure::usage(
            format!("{} has no nightly runs", place.location),
            "`amiproof nightly --store` adds one",
        )),
        (Some(last), false) => {
            matrices.push(last);
            let names = matrices.join(", ");
            Err(Failure::usage(format!("{} has nightly runs of {names}", place.location), "name one with --matrix"))
        }
    }
}
