//! `amiproof import`: results of other tools become rows of a run's report.

use std::fs::File;
use std::io::{Read, Seek, Write};

use amiproof_core::run::recorder::Recorder;
use amiproof_core::scan::import::merge::{Change, merge};
use amiproof_core::scan::import::{self, Import, Kind, Source, Target};
use amiproof_model::exit::ExitCode;
use amiproof_model::name::{Benchmark, Level, NameError, RunId};
use amiproof_model::report::{Report, Subject};
use amiproof_model::waiver::Waiver;
use amiproof_reports::Format;
use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use serde_json::json;

use super::forms::{self, Written};
use crate::args::{self, Global, OutputForm};
use crate::files::{self, Inputs};
use crate::output::{Failure, Output};
use crate::rundir::{self, RunDir};

/// Of an imported file so much is kept as evidence, bytes as they come.
const MOST_KEPT: u64 = 256 * 1024 * 1024;

/// Reads the file, adds its rows, renders all formats again.
pub(crate) fn run(global: &Global, args: &args::Import, output: &Output) -> Result<ExitCode, Failure> {
    let wanted = kind(&args.kind)?;
    let inputs = args.file.as_ref().map(|file| files::read(file, output)).transpose()?;
    let Place { folder, mut report } = place(global, args, inputs.as_ref())?;
    let waivers = waivers(&report, inputs, output);
    let spool = Spool::of(&args.path)?;
    let source = Source::open(spool.open()?).map_err(|error| refused(&args.path, &error))?;
    let kind = match wanted {
        Some(kind) => kind,
        None => Kind::detect(source.head()).ok_or_else(|| {
            Failure::usage(
                format!("{}: cannot tell what it is from its beginning", args.path),
                format!("name its kind instead of 'auto': {}", words()),
            )
        })?,
    };
    let mut target = target(kind, &report, args)?;
    target.copy = Some(evidence_name(&target.subject, kind, args));
    let import = import::read(kind, source, &target).map_err(|error| refused(&args.path, &error))?;
    // Only now: a file that is refused leaves nothing behind, not even the folder of a new run.
    let folder = match folder {
        Some(folder) => folder,
        None => RunDir::create(&global.dir, args.run.as_deref())?,
    };
    report.run.id = folder.id.clone();
    keep_copy(&spool, &folder, target.copy.as_deref(), output)?;
    let summary = Summary::of(kind, &import);
    let change = merge(&mut report, import, &waivers, Timestamp::now());
    let written = forms::write_all(&report, None, folder.path(), output);
    show(args, &folder, &summary, change, &written, output);
    let exit = ExitCode::of(&report);
    Ok(written.exit(if exit == ExitCode::Failed && args.no_fail { ExitCode::Passed } else { exit }))
}

fn keep_copy(spool: &Spool, folder: &RunDir, copy: Option<&str>, output: &Output) -> Result<(), Failure> {
    let Some(copy) = copy else { return Ok(()) };
    if !spool.keep(&folder.path().join(copy))? {
        let most = MOST_KEPT / (1024 * 1024);
        output.note(format_args!("warning: {copy} holds only the first {most} MiB of the file"));
    }
    Ok(())
}

fn kind(word: &str) -> Result<Option<Kind>, Failure> {
    if word == "auto" {
        return Ok(None);
    }
    let known = Kind::ALL.into_iter().find(|kind| kind.word() == word);
    known
        .map(Some)
        .ok_or_else(|| Failure::usage(format!("there is no kind '{word}'"), format!("use auto, {}", words())))
}

fn words() -> String {
    Kind::ALL.map(Kind::word).join(", ")
}

fn refused(path: &Utf8Path, error: &import::ImportError) -> Failure {
    Failure::usage(format!("{path}: {error}"), "nothing was imported; the report is as it was")
}

/// What to add to.
struct Place {
    /// The run's folder; absent where a run is still to be made.
    folder: Option<RunDir>,
    report: Report,
}

/// The report of the run that was named, of the newest one, or a new one with the columns of a matrix.
fn place(global: &Global, args: &args::Import, inputs: Option<&Inputs>) -> Result<Place, Failure> {
    let dir = &global.dir;
    let exists = match &args.run {
        Some(id) => dir.join("runs").join(id).is_dir(),
        None => dir.join("latest").is_file(),
    };
    match inputs {
        Some(inputs) if !exists => {
            let id: RunId = args
                .run
                .as_deref()
                .unwrap_or("r-import")
                .parse()
                .map_err(|error: NameError| Failure::usage(error.to_string(), "give another name with --run"))?;
            let recorder = Recorder::new(id, &inputs.matrix, false, [], Timestamp::now());
            Ok(Place { folder: None, report: recorder.finish(&inputs.waivers, Timestamp::now()) })
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

/// The waivers of the matrix that was given, where it is the run's; else those that the run itself was judged with.
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

fn target(kind: Kind, report: &Report, args: &args::Import) -> Result<Target, Failure> {
    let legal = |error: NameError| Failure::usage(error.to_string(), "");
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
        copy: None,
    };
    let Some(name) = &args.variant else {
        if matches!(kind, Kind::Xccdf | Kind::Arf | Kind::InspectorCsv | Kind::KubeBench) {
            let message = format!("{} is about a machine: say which variant", kind.word());
            return Err(Failure::usage(message, format!("give --variant, one of {}", known.join(", "))));
        }
        return Ok(base);
    };
    let variant = report.variants.iter().find(|variant| variant.name.as_str() == name).ok_or_else(|| {
        Failure::usage(format!("--variant: the run has no variant '{name}'"), format!("it has {}", known.join(", ")))
    })?;
    Ok(Target {
        subject: Subject::Variant(variant.name.clone()),
        hardened_to: variant.benchmark.clone(),
        nodes: variant.nodes.clone(),
        ..base
    })
}

/// Where a copy of the file goes, relative to the run's folder: importing the same thing again writes over it.
fn evidence_name(subject: &Subject, kind: Kind, args: &args::Import) -> String {
    let tail = match &args.name {
        Some(name) => format!("-{}", name.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-")),
        None => String::new(),
    };
    let extension = match kind {
        Kind::Xccdf | Kind::Arf | Kind::Junit => "xml",
        Kind::InspectorCsv => "csv",
        Kind::KubeBench | Kind::Sarif | Kind::Inspec => "json",
    };
    format!("evidence/{}/import-{}{tail}.{extension}", subject.as_str(), kind.word())
}

/// A file that can be read twice: once by its parser, once to keep it. Standard input is put into a temporary file first.
struct Spool {
    path: Utf8PathBuf,
    temporary: bool,
}

impl Spool {
    fn of(path: &Utf8Path) -> Result<Self, Failure> {
        if path != "-" {
            return Ok(Self { path: path.to_owned(), temporary: false });
        }
        let folder = Utf8PathBuf::from_path_buf(std::env::temp_dir()).map_err(|path| {
            Failure::usage(format!("{} is no UTF-8", path.display()), "set TMPDIR to another folder")
        })?;
        let spool = Self { path: folder.join(format!("amiproof-import-{}", std::process::id())), temporary: true };
        let mut file = File::options()
            .write(true)
            .create_new(true)
            .open(&spool.path)
            .map_err(|error| rundir::cannot("write", &spool.path, &error))?;
        let mut input = std::io::stdin().lock().take(import::guard::MOST_BYTES);
        std::io::copy(&mut input, &mut file)
            .map_err(|error| rundir::cannot("read standard input into", &spool.path, &error))?;
        Ok(spool)
    }

    fn open(&self) -> Result<File, Failure> {
        let file = File::open(&self.path).map_err(|error| rundir::cannot("read", &self.path, &error))?;
        match file.metadata() {
            Ok(metadata) if metadata.is_dir() => {
                Err(Failure::usage(format!("{} is a folder", self.path), "name a file in it"))
            }
            _ => Ok(file),
        }
    }

    /// Copies the file, of one that is very long the beginning; says whether it is the whole.
    fn keep(&self, copy: &Utf8Path) -> Result<bool, Failure> {
        let failure = |error: std::io::Error| rundir::cannot("keep a copy as", copy, &error);
        let mut from = self.open()?;
        // A file that was imported from the evidence itself is there already.
        if copy.canonicalize_utf8().ok() == self.path.canonicalize_utf8().ok() && copy.exists() {
            return Ok(true);
        }
        if let Some(folder) = copy.parent() {
            std::fs::create_dir_all(folder).map_err(failure)?;
        }
        from.rewind().map_err(failure)?;
        let mut to = File::create(copy).map_err(failure)?;
        let kept = std::io::copy(&mut from.take(MOST_KEPT), &mut to).map_err(failure)?;
        to.flush().map_err(failure)?;
        Ok(kept < MOST_KEPT)
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if self.temporary && std::fs::remove_file(&self.path).is_err() {
            tracing::debug!("{} is left behind", self.path);
        }
    }
}

/// What came in, by outcome.
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
            *counts.entry(outcome.word()).or_insert(0) += 1;
        }
        let scan = import.scans.first();
        let version = scan.and_then(|scan| scan.scanner_version.clone()).unwrap_or_default();
        let scanner = scan.map(|scan| scan.scanner.clone()).unwrap_or_default();
        let notes = import.scans.iter().map(|scan| scan.note.clone()).collect();
        Self { kind, scanner: format!("{scanner} {version}").trim_end().to_owned(), counts, notes }
    }
}

fn show(args: &args::Import, folder: &RunDir, summary: &Summary, change: Change, written: &Written, output: &Output) {
    let counts: Vec<String> = summary.counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
    match args.output {
        OutputForm::Json => output.data(format_args!(
            "{:#}",
            json!({
                "run": folder.id.as_str(), "kind": summary.kind.word(), "scanner": summary.scanner, "outcomes": summary.counts,
                "added": change.added, "replaced": change.replaced, "removed": change.removed, "notes": summary.notes,
            })
        )),
        OutputForm::Text => {
            let subject = args.variant.as_deref().unwrap_or("cluster");
            output.data(format_args!(
                "{} by {} into run {}, {subject}: {}\n{} rows added, {} replaced, {} removed",
                summary.kind.word(), summary.scanner, folder.id, counts.join(", "), change.added, change.replaced, change.removed
            ));
            for note in &summary.notes {
                output.data(format_args!("  {note}"));
            }
            written.show(&[Format::Html, Format::Junit], output);
        }
    }
}
