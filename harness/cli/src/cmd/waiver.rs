//! `amiproof waiver`: audits waivers, and imports them from other tools' lists.

use amiproof_core::bounded;
use amiproof_core::scan::kube_bench::benchmark::{cluster_controls, node_controls};
use amiproof_model::exit::ExitCode;
use amiproof_model::name::{Benchmark, VariantName};
use amiproof_model::problem::Problem;
use amiproof_model::waiver::Waiver;
use amiproof_model::waiver_audit::{Remark, audit};
use amiproof_model::waiver_import::{self, Defaults};
use amiproof_model::{waiver_file, waiver_write};
use camino::Utf8Path;
use serde_json::json;

use crate::args::{Global, OutputForm, WaiverAudit, WaiverCommand, WaiverForm, WaiverImport};
use crate::files;
use crate::output::{Failure, Output, count};
use crate::rundir;

/// Runs the given command.
pub(crate) fn run(global: &Global, command: &WaiverCommand, output: &Output) -> Result<ExitCode, Failure> {
    match command {
        WaiverCommand::Audit(args) => run_audit(global, args, output),
        WaiverCommand::Import(args) => run_import(args, output),
    }
}

fn run_audit(global: &Global, args: &WaiverAudit, output: &Output) -> Result<ExitCode, Failure> {
    let waivers = read(&args.file, output)?;
    let report = match args.run.as_deref() {
        None => None,
        Some("latest") => Some(rundir::read_report(&global.dir, None)?.0),
        Some(run) => Some(rundir::read_report(&global.dir, Some(run))?.0),
    };
    let within = args.within.strip_suffix('d').unwrap_or(&args.within).parse().map_err(|_| {
        Failure::usage(format!("--within: '{}' is not a number of days", args.within), "write it like 30d")
    })?;
    let remarks = audit(&waivers, report.as_ref(), within, amiproof_time::now());
    let run = report.as_ref().map(|report| report.run.id.as_str());
    match args.output {
        OutputForm::Json => {
            output.json(format_args!("{:#}", json!({"waivers": waivers.len(), "run": run, "remarks": remarks})));
        }
        OutputForm::Text => {
            for remark in &remarks {
                output.data(text(remark));
            }
            let against = run.map(|run| format!(" against run {run}")).unwrap_or_default();
            let bad = remarks.iter().filter(|remark| remark.kind.is_failure()).count();
            output.data(format_args!(
                "{}{against}: {}, {}",
                count(waivers.len(), "waiver"),
                count(bad, "error"),
                count(remarks.len() - bad, "warning")
            ));
        }
    }
    Ok(if remarks.iter().any(|remark| remark.kind.is_failure()) { ExitCode::Failed } else { ExitCode::Passed })
}

fn text(remark: &Remark) -> String {
    let Remark { index, scope, owner, expires, kind, message } = remark;
    format!("{:<9} waivers[{index}] {scope} ({owner}, until {expires}): {message}", kind.as_str())
}

/// The waivers of a waiver file, or of the one that a matrix names.
fn read(file: &Utf8Path, output: &Output) -> Result<Vec<Waiver>, Failure> {
    let bytes = files::read_limited(file).map_err(|why| {
        Failure::usage(format!("{file}: cannot be read: {why}"), "give the matrix or the waiver file with --file")
    })?;
    let is_list = String::from_utf8_lossy(&bytes).lines().any(|line| line.split_whitespace().eq(["kind:", "Waivers"]));
    if is_list {
        return waiver_file::parse(file.as_str(), &bytes).map_err(|problems| failure(file, &problems));
    }
    Ok(files::read(file, output)?.waivers)
}

fn failure(file: &Utf8Path, problems: &[Problem]) -> Failure {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let problems = count(lines.len(), "problem");
    Failure::usage(format!("{problems} in {file}\n\n{}", lines.join("\n")), "nothing was written")
}

fn run_import(args: &WaiverImport, output: &Output) -> Result<ExitCode, Failure> {
    let defaults = defaults(args)?;
    let bytes = files::read_limited(&args.path)
        .map_err(|why| Failure::usage(format!("{}: cannot be read: {why}", args.path), "name the file to import"))?;
    let name = args.path.as_str();
    let as_text = || {
        std::str::from_utf8(&bytes).map_err(|error| {
            Failure::usage(
                format!("{name}: not UTF-8 at byte {}", error.valid_up_to()),
                "convert it with `iconv -t UTF-8`",
            )
        })
    };
    let read = match args.from {
        WaiverForm::Table => waiver_import::table(name, as_text()?, &defaults),
        WaiverForm::Inspec => waiver_import::inspec(name, &bytes, &defaults),
        WaiverForm::KubeBenchSkip => {
            let cluster = cluster_controls(&defaults.benchmark);
            let nodes = node_controls(&defaults.benchmark).into_iter().map(|(number, _)| number);
            let known: Vec<String> = nodes.chain(cluster).map(str::to_owned).collect();
            waiver_import::kube_bench_skip(name, as_text()?, &defaults, &known)
        }
    };
    let waivers = read.map_err(|problems| failure(&args.path, &problems))?;
    match &args.into {
        None => output.data(waiver_write::file(&waivers)),
        Some(into) => add(into, &waivers, output)?,
    }
    Ok(ExitCode::Passed)
}

fn defaults(args: &WaiverImport) -> Result<Defaults, Failure> {
    let benchmark: Benchmark = args
        .benchmark
        .parse()
        .map_err(|error: amiproof_model::name::NameError| Failure::usage(error.to_string(), ""))?;
    let expires = args.expires.as_deref().map(str::parse).transpose().map_err(|_| {
        let text = args.expires.as_deref().unwrap_or_default();
        Failure::usage(format!("--expires: '{text}' is not a date"), "write year, month and day, like 2027-06-30")
    })?;
    if args.owner.trim().is_empty() {
        return Err(Failure::usage("--owner: must not be empty", "name the person or team responsible for them"));
    }
    for variant in &args.variants {
        variant.parse::<VariantName>().map_err(|error| Failure::usage(error.to_string(), ""))?;
    }
    Ok(Defaults {
        benchmark,
        owner: args.owner.trim().to_owned(),
        expires,
        reason: args.reason.clone().filter(|reason| !reason.trim().is_empty()),
        ticket: args.ticket.clone(),
        variants: args.variants.clone(),
    })
}

/// Adds waivers to a file, which is created if it does not exist.
pub(super) fn add(into: &Utf8Path, waivers: &[Waiver], output: &Output) -> Result<(), Failure> {
    let text = match bounded::text(into, bounded::MANIFEST) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => waiver_write::file(waivers),
        Err(error) => return Err(rundir::cannot("read", into, &error)),
        Ok(existing) => {
            waiver_file::parse(into.as_str(), existing.as_bytes()).map_err(|problems| failure(into, &problems))?;
            waiver_write::with(&existing, waivers).ok_or_else(|| {
                Failure::usage(
                    format!(
                        "{into}: cannot append to it: its list of waivers is in brackets, or not at the end of the file"
                    ),
                    "omit --into, and add the printed waivers yourself",
                )
            })?
        }
    };
    rundir::write_new(into, text.as_bytes())?;
    output.note(format_args!("{into}: {} added", count(waivers.len(), "waiver")));
    Ok(())
}
