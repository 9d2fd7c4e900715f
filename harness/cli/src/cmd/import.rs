//! `amiproof import`: results of other tools become rows of a run's report.

mod spool;

use amiproof_core::run::recorder::Recorder;
use amiproof_core::scan::import::merge::{Change, merge};
use amiproof_core::scan::import::{self, Import, ImportError, Kind, Source, Target};
use amiproof_model::exit::ExitCode;
use amiproof_model::name::{Benchmark, Level, NameError, RunId};
use amiproof_model::report::{CheckResult, Report, ScanRecord, Subject};
use amiproof_model::waiver::Waiver;
use amiproof_model::{conclusion, explain};
use amiproof_reports::Format;
use amiproof_suites::{controls, settings};
use camino::Utf8Path;
use serde_json::json;

use self::spool::{MAX_KEPT, Spool};
use super::forms;
use crate::args::{self, Global, OutputForm};
use crate::dir;
use crate::files::{self, Inputs};
use crate::lock::RunLock;
use crate::output::{Failure, Output, count};
use crate::rundir::{self, RunDir};
use crate::suggest;

/// Reads the file, adds its rows, renders all formats again.
///
/// The file is read before anything is locked or created: it may be long, come through a pipe, or be rejected. The
/// report is read again once its run is locked, so that concurrent imports lose nothing.
pub(crate) fn run(global: &Global, args: &args::Import, output: &Output) -> Result<ExitCode, Failure> {
    let wanted = args.kind.0;
    let inputs = args.file.as_ref().map(|file| files::read(file, output)).transpose()?;
    let columns = place(global, args, inputs.as_ref())?.report;
    let spool = Spool::of(&args.path)?;
    let kind = match wanted {
        Some(kind) => kind,
        None => detect(&spool, &args.path)?,
    };
    let target = target(kind, &columns, args, &spool)?;
    let import = open(&spool, &args.path)
        .and_then(|source| import::read(kind, source, &target).map_err(|error| refused(&args.path, &error)))
        .map_err(|failure| with_second_opinion(failure, wanted, &spool))?;
    // Only now: a rejected file leaves nothing behind, not even the folder of a new run.
    let LockedRun { folder, mut report, _lock } = open_run(global, args, inputs.as_ref())?;
    let waivers = waivers(&report, inputs, output);
    report.run.id = folder.id.clone();
    keep_copy(&spool, &folder, target.copy.as_deref(), output)?;
    let summary = Summary::of(kind, &import);
    let change = merge(&mut report, import, &waivers, amiproof_time::now());
    explain::explain(&mut report, settings::all(), controls::all());
    let written = forms::write_all(&report, None, folder.path(), output);
    let exit = ExitCode::of(&report);
    let exit = written.exit(if exit == ExitCode::Failed && args.no_fail { ExitCode::Passed } else { exit });
    match args.output {
        OutputForm::Json => output.json(format_args!("{:#}", summary.json(&folder, change, &report, exit))),
        OutputForm::Text => {
            output.data(summary.text(args, &folder, change));
            written.show(&[Format::Html, Format::Junit], output);
            output.data(amiproof_reports::terminal::verdict(&report, None, &forms::style(*output)));
            if args.no_fail {
                super::published::say_no_fail(ExitCode::of(&report), exit, output);
            }
        }
    }
    Ok(exit)
}

fn open(spool: &Spool, path: &Utf8Path) -> Result<Source, Failure> {
    Source::open(spool.open()?).map_err(|error| refused(path, &error))
}

fn detect(spool: &Spool, path: &Utf8Path) -> Result<Kind, Failure> {
    import::detect(open(spool, path)?).map_err(|error| match error {
        ImportError::Unknown { .. } => {
            Failure::usage(format!("{path}: {error}"), format!("name its kind instead of 'auto': {}", words()))
        }
        error => refused(path, &error),
    })
}

/// Adds what the file seems to be to the error about a rejected file whose kind the user named.
fn with_second_opinion(failure: Failure, wanted: Option<Kind>, spool: &Spool) -> Failure {
    let Some(wanted) = wanted else { return failure };
    let seems = spool.open().ok().and_then(|file| Source::open(file).ok()).map(import::detect);
    match seems {
        Some(Ok(kind)) if kind != wanted && !(kind == Kind::Xccdf && wanted == Kind::Arf) => Failure {
            hint: format!("it looks like {}: name that kind, or 'auto'; {}", kind.as_str(), failure.hint),
            ..failure
        },
        Some(Err(error @ ImportError::Foreign { .. })) => {
            Failure { hint: format!("it {error}; {}", failure.hint), ..failure }
        }
        _ => failure,
    }
}

/// A run that is locked, so that nothing else changes its report.
struct LockedRun {
    folder: RunDir,
    report: Report,
    _lock: RunLock,
}

/// Opens the given run or the newest one, or creates one, and locks it.
fn open_run(global: &Global, args: &args::Import, inputs: Option<&Inputs>) -> Result<LockedRun, Failure> {
    // If there is no run yet, concurrent imports must find the one that the first of them creates.
    let first = match place(global, args, inputs)?.folder {
        Some(_) => None,
        None => Some(lock_all(&global.dir)?),
    };
    let Place { folder, report } = place(global, args, inputs)?;
    let is_new = folder.is_none();
    let folder = match folder {
        Some(folder) => folder,
        None => RunDir::create(&global.dir, args.run.as_deref())?,
    };
    let lock = folder.lock("import")?;
    if is_new {
        // So that the next import finds a report to add to.
        rundir::write_new(&folder.report(), json(&report)?.as_bytes())?;
    }
    drop(first);
    let report = if is_new { report } else { rundir::read_report(&global.dir, Some(folder.id.as_str()))?.0 };
    Ok(LockedRun { folder, report, _lock: lock })
}

fn lock_all(dir: &Utf8Path) -> Result<RunLock, Failure> {
    dir::make(dir).map_err(|error| rundir::cannot("create", dir, &error))?;
    RunLock::take(dir, "import", rundir::IMPORTS)
}

fn json(report: &Report) -> Result<String, Failure> {
    let options = amiproof_reports::Options::default();
    amiproof_reports::render(Format::Json, report, &options).map_err(|error| Failure::error(error.to_string(), ""))
}

fn keep_copy(spool: &Spool, folder: &RunDir, copy: Option<&str>, output: &Output) -> Result<(), Failure> {
    let Some(copy) = copy else { return Ok(()) };
    if !spool.keep(folder.path(), copy)? {
        let most = MAX_KEPT / (1024 * 1024);
        output.note(format_args!("warning: {copy} holds only the first {most} MiB of the file"));
    }
    Ok(())
}

fn words() -> String {
    Kind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ")
}

fn refused(path: &Utf8Path, error: &ImportError) -> Failure {
    Failure::usage(format!("{path}: {error}"), "nothing was imported; the report is unchanged")
}

/// The run and report to add to.
struct Place {
    /// The run's folder; absent if a run is still to be created.
    folder: Option<RunDir>,
    report: Report,
}

/// The report of the given run or of the newest one, or a new one with the columns of a matrix.
fn place(global: &Global, args: &args::Import, inputs: Option<&Inputs>) -> Result<Place, Failure> {
    let dir = &global.dir;
    // A run that is being created has no report yet.
    let exists = RunDir::open(dir, args.run.as_deref()).is_ok_and(|folder| folder.report().is_file());
    match inputs {
        Some(inputs) if !exists => {
            let id: RunId = args
                .run
                .as_deref()
                .unwrap_or("r-import")
                .parse()
                .map_err(|error: NameError| Failure::usage(error.to_string(), "give another name with --run"))?;
            let recorder = Recorder::new(id, &inputs.matrix, false, [], amiproof_time::now());
            Ok(Place { folder: None, report: recorder.finish(&inputs.waivers, amiproof_time::now()) })
        }
        _ => {
            let folder = RunDir::open(dir, args.run.as_deref()).map_err(|failure| Failure {
                hint: format!("{}; or give a matrix with --file to start a report without a run", failure.hint),
                ..failure
            })?;
            let (report, _) = rundir::read_report(dir, Some(folder.id.as_str()))?;
            Ok(Place { folder: Some(folder), report })
        }
    }
}

/// The waivers of the given matrix, if it is that of the run; otherwise those that the run itself used.
fn waivers(report: &Report, inputs: Option<Inputs>, output: &Output) -> Vec<Waiver> {
    match inputs {
        Some(inputs) if inputs.matrix.name == report.run.matrix => inputs.waivers,
        other => {
            if let Some(other) = other {
                let (given, run) = (other.matrix.name, &report.run.matrix);
                output.note(format_args!(
                    "warning: the matrix '{given}' is not the one of the run ('{run}'): its waivers do not count"
                ));
            }
            report.waivers.iter().map(|record| record.waiver.clone()).collect()
        }
    }
}

fn target(kind: Kind, report: &Report, args: &args::Import, spool: &Spool) -> Result<Target, Failure> {
    let legal = |error: NameError| Failure::usage(error.to_string(), "nothing was imported; the report is unchanged");
    let benchmark = args.benchmark.as_deref().map(str::parse::<Benchmark>).transpose().map_err(legal)?;
    let level = args.level.map(Level::try_from).transpose().map_err(legal)?;
    let known: Vec<&str> = report.variants.iter().map(|variant| variant.name.as_str()).collect();
    let base = Target {
        subject: Subject::Cluster,
        benchmark,
        hardened_to: None,
        level,
        name: args.name.clone(),
        nodes: Vec::new(),
        copy: Some(evidence_name(&Subject::Cluster, kind, args, report, spool)?),
        file: Some(spool.file()?),
    };
    let Some(name) = &args.variant else {
        if kind.is_about_a_machine() {
            let message = format!("{} contains results of one machine: name its variant", kind.as_str());
            return Err(Failure::usage(message, format!("give --variant, one of {}", known.join(", "))));
        }
        return Ok(base);
    };
    let variant = report.variants.iter().find(|variant| variant.name.as_str() == name).ok_or_else(|| {
        let hint = suggest::instead(name, &known, "it has");
        Failure::usage(format!("--variant: the run has no variant '{name}'"), hint)
    })?;
    let subject = Subject::Variant(variant.name.clone());
    Ok(Target {
        copy: Some(evidence_name(&subject, kind, args, report, spool)?),
        subject,
        hardened_to: variant.benchmark.clone(),
        nodes: variant.nodes.clone(),
        ..base
    })
}

/// Where a copy of the file goes, relative to the run's folder: importing the same thing again writes over it, importing another thing
/// does not.
fn evidence_name(
    subject: &Subject,
    kind: Kind,
    args: &args::Import,
    report: &Report,
    spool: &Spool,
) -> Result<String, Failure> {
    let slug = |text: &str| text.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let extension = match kind {
        Kind::Xccdf | Kind::Arf | Kind::Junit => "xml",
        Kind::InspectorCsv => "csv",
        Kind::KubeBench
        | Kind::Sarif
        | Kind::Inspec
        | Kind::Hdf
        | Kind::Ocsf
        | Kind::Asff
        | Kind::Ctrf
        | Kind::Goss
        | Kind::Bottlerocket
        | Kind::InspectorJson => "json",
    };
    let path = |tail: &str| format!("evidence/{}/import-{}{tail}.{extension}", subject.as_str(), kind.as_str());
    if let Some(name) = &args.name {
        return Ok(path(&format!("-{}", slug(name))));
    }
    let file = spool.file()?;
    let plain = path("");
    let is_other = |scan: &ScanRecord| scan.source.as_ref().is_some_and(|source| !source.is_of(&file.digest()));
    let holds =
        |result: &CheckResult| result.evidence.iter().any(|piece| piece.file.as_deref() == Some(plain.as_str()));
    let others: Vec<&ScanRecord> =
        report.scans.iter().filter(|scan| scan.subject == *subject && is_other(scan)).collect();
    let is_taken = report.results.iter().any(|result| holds(result) && others.iter().any(|scan| scan.owns(result)));
    Ok(if is_taken { path(&format!("-{}-{}", slug(&file.name), file.digest())) } else { plain })
}

/// The imported rows, by outcome.
struct Summary {
    kind: Kind,
    scanner: String,
    counts: std::collections::BTreeMap<&'static str, usize>,
    notes: Vec<String>,
}

impl Summary {
    fn of(kind: Kind, import: &Import) -> Self {
        let mut counts = std::collections::BTreeMap::new();
        for (_, row) in &import.rows {
            let outcome = amiproof_model::verdict::Outcome::from(row.decision.verdict.clone());
            *counts.entry(outcome.as_str()).or_insert(0) += 1;
        }
        let scan = import.scans.first();
        let version = scan.and_then(|scan| scan.scanner_version.clone()).unwrap_or_default();
        let scanner = scan.map(|scan| scan.scanner.clone()).unwrap_or_default();
        let mut notes: Vec<String> = import.scans.iter().map(|scan| scan.note.clone()).collect();
        notes.dedup();
        Self { kind, scanner: format!("{scanner} {version}").trim_end().to_owned(), counts, notes }
    }

    fn text(&self, args: &args::Import, folder: &RunDir, change: Change) -> String {
        let word = |outcome: &&'static str| match *outcome {
            "pass" => "passed",
            "fail" => "failed",
            other => other,
        };
        let counts: Vec<String> =
            self.counts.iter().map(|(outcome, count)| format!("{count} {}", word(outcome))).collect();
        let subject = args.variant.as_deref().unwrap_or("cluster");
        let mut text = format!(
            "imported {} ({}) into run {}, {subject}: {}\n{} added, {} replaced, {} removed",
            self.kind.as_str(),
            self.scanner,
            folder.id,
            counts.join(", "),
            count(change.added, "row"),
            change.replaced,
            change.removed
        );
        if change.no_longer_failed > 0 {
            text.push_str(&format!(
                "\n  warning: {} that failed in the earlier import of this name no longer {}; use another --name to keep both",
                count(change.no_longer_failed, "check"),
                if change.no_longer_failed == 1 { "fails" } else { "fail" }
            ));
        }
        for note in &self.notes {
            text.push_str("\n  ");
            text.push_str(note);
        }
        text
    }

    /// The imported rows, and the conclusion of the report with them.
    fn json(&self, folder: &RunDir, change: Change, report: &Report, exit: ExitCode) -> serde_json::Value {
        let verdict = conclusion::Summary::of(report, conclusion::Scope::Run, 0);
        json!({
            "run": folder.id.as_str(), "kind": self.kind.as_str(), "scanner": self.scanner, "outcomes": self.counts,
            "added": change.added, "replaced": change.replaced, "removed": change.removed,
            "noLongerFailed": change.no_longer_failed, "notes": self.notes,
            "conclusion": verdict.conclusion, "reason": verdict.reason, "exitCode": exit.code(),
        })
    }
}
