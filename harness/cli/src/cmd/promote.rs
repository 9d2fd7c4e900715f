//! `amiproof promote`: marks the image that a run tested as fit for use, or takes that back.

use amiproof_core::bounded;
use amiproof_core::check::{Check, Scope};
use amiproof_core::release::{self, Changes, Envelope, Mode, Signer};
use amiproof_model::exit::ExitCode;
use amiproof_model::name::{AmiId, CheckId};
use amiproof_model::release::gate::{self, Gates, Refusal};
use amiproof_model::release::statement::{self, Facts, Predicate};
use amiproof_model::report::Report;
use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::forms::json;
use crate::args::{Global, OutputForm, Promote};
use crate::output::{Failure, Output};
use crate::rundir::{self, RunDir};
use crate::runtime::block_on;
use crate::session::Connection;
use crate::suggest;

/// The suites whose checks a promotion requires. What does not apply to a variant has a row that says so.
const REQUIRED: [&str; 3] = ["node", "kubelet-path", "workload"];

/// The JSON output.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    image: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    arn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<&'a str>,
    /// Whether nothing was changed.
    dry_run: bool,
    /// Why it is not promoted.
    refusals: Vec<Reason>,
    /// What was changed, or would be.
    changes: Changes,
    /// Parameters that may still name a revoked image, each with the reason.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    open: &'a [String],
    /// The folder of the report and its statements.
    #[serde(skip_serializing_if = "Option::is_none")]
    statements: Option<&'a Utf8Path>,
    /// The key that signed them: SHA-256 of its public half.
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_by: Option<&'a str>,
}

/// A reason against a promotion.
#[derive(Debug, Serialize)]
struct Reason {
    message: String,
    help: String,
}

/// Promotes, or revokes.
pub(crate) fn run(global: &Global, args: &Promote, output: &Output) -> Result<ExitCode, Failure> {
    match (&args.revoke, &args.region, &args.reason) {
        (Some(image), Some(region), Some(reason)) => block_on(revoke(args, image, region, reason, output))?,
        _ => block_on(promote(global, args, output))?,
    }
}

async fn revoke(
    args: &Promote,
    image: &AmiId,
    region: &str,
    reason: &str,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let connection = Connection::open(&args.target, region, output).await?;
    let revoked = release::revoke(connection.aws()?, image, reason, amiproof_time::now(), mode(args)).await;
    connection.close().await;
    let release::Revoked { changes, open } = revoked.map_err(|error| failure(&error))?;
    let answer = Answer {
        image: image.as_str(),
        open: &open,
        arn: None,
        variant: None,
        run: None,
        dry_run: args.dry_run,
        refusals: Vec::new(),
        changes,
        statements: None,
        signed_by: None,
    };
    shown(&answer, if args.dry_run { "would revoke" } else { "revoked" }, args.output, output)?;
    for one in &open {
        output.note(format_args!("warning: {one}\n  it may still name {image}: set or delete it by hand"));
    }
    Ok(if open.is_empty() { ExitCode::Passed } else { ExitCode::Error })
}

async fn promote(global: &Global, args: &Promote, output: &Output) -> Result<ExitCode, Failure> {
    let (_, path) = rundir::read_report(&global.dir, args.run.as_deref())?;
    // The same bytes are evaluated, signed and copied, because other commands rewrite the file.
    let text = bounded::text(&path, bounded::REPORT)
        .map_err(|error| Failure::usage(format!("cannot read the report {path}: {error}"), ""))?;
    let report = Report::parse(&text).map_err(|error| Failure::usage(format!("{path}: {error}"), ""))?;
    if report.cluster.region.is_empty() {
        return Err(Failure::usage(
            format!("run {} has no AWS region, so its images are not known", report.run.id),
            "test images as variants with `ami`, in an account",
        ));
    }
    let connection = Connection::open(&args.target, &report.cluster.region, output).await?;
    let ended = in_account(global, args, &report, (&path, text), &connection, output).await;
    connection.close().await;
    ended
}

async fn in_account(
    global: &Global,
    args: &Promote,
    report: &Report,
    (path, text): (&Utf8Path, String),
    connection: &Connection,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let clients = connection.aws()?;
    let account = connection.identity.as_ref().map(|identity| identity.account.as_str()).unwrap_or_default();
    if report.cluster.account != account {
        return Err(Failure::usage(
            format!(
                "run {} tested in account {}, and the caller is in {account}",
                report.run.id, report.cluster.account
            ),
            "use credentials of that account, for example with --profile",
        ));
    }
    let variant = args.variant.as_deref().unwrap_or_default();
    let known: Vec<&str> = report.variants.iter().map(|variant| variant.name.as_str()).collect();
    if !known.contains(&variant) {
        let message = format!("run {} has no variant {variant}", report.run.id);
        return Err(Failure::usage(message, suggest::instead(variant, &known, "its variants are")));
    }
    let now = amiproof_time::now();
    let required = required(&args.except, report)?;
    let later = later(&global.dir, report, path)?;
    let gates = Gates {
        variant,
        image: args.ami.as_ref(),
        max_age: args.max_age,
        required: &required,
        may_be_incomplete: args.allow_incomplete,
        in_lab: connection.is_lab,
    };
    let run = report.run.id.as_str();
    let promotion = match gate::decide(report, &later, &gates, now) {
        Ok(promotion) => promotion,
        Err(refusals) => return refused(report, variant, &refusals, args, output),
    };
    let image = release::image(clients, promotion.image).await.map_err(|error| failure(&error))?;
    let signer = match &args.key {
        Some(key) => Some(signer(key, clients).await?),
        None => None,
    };
    let wanted = release::Promotion {
        image: promotion.image.clone(),
        line: format!("{}/{variant}", report.run.matrix),
        run: report.run.id.clone(),
        report: hex(text.as_bytes()),
        at: now,
        parameter: (!args.no_parameter).then(|| {
            let default = || format!("/amiproof/{}/{variant}/image-id", report.run.matrix);
            args.parameter.clone().unwrap_or_else(default)
        }),
        adopt: args.adopt,
        reinstate: args.reinstate,
    };
    // Every obstacle is found before anything is written, on disk or in the account.
    let folder = args.out.clone().unwrap_or_else(|| beside(path).join("promotions").join(variant));
    replaceable(&folder, signer.is_some())?;
    let planned = release::promote(clients, &wanted, Mode::DryRun).await.map_err(|error| failure(&error))?;
    let changes = if args.dry_run {
        planned
    } else {
        let policy = serde_json::json!({
            "maxAgeSeconds": args.max_age.as_secs(),
            "allowIncomplete": args.allow_incomplete,
            "except": args.except,
            "required": required,
        });
        let facts = Facts {
            arn: &image.arn,
            digest: &wanted.report,
            at: now,
            version: env!("CARGO_PKG_VERSION"),
            policy: &policy,
            policy_digest: &hex(policy.to_string().as_bytes()),
        };
        let mut files = vec![("report.json".to_owned(), text)];
        for predicate in Predicate::ALL {
            let statement = statement::of(*predicate, report, &promotion, &facts);
            let envelope = match &signer {
                Some(signer) => {
                    Envelope::sign(&statement, signer, Some(clients)).await.map_err(|error| failure(&error))?
                }
                None => Envelope::unsigned(&statement),
            };
            if let Some(bundle) = envelope.bundle() {
                files.push((format!("{}.sigstore.json", predicate.as_str()), json(&bundle)?));
            }
            files.push((format!("{}.intoto.json", predicate.as_str()), json(&envelope)?));
        }
        let part = Part::write(&folder, &files)?;
        let changes = release::promote(clients, &wanted, Mode::Apply).await.map_err(|error| failure(&error))?;
        part.keep()?;
        changes
    };
    let answer = Answer {
        image: promotion.image.as_str(),
        arn: Some(&image.arn),
        variant: Some(variant),
        run: Some(run),
        dry_run: args.dry_run,
        refusals: Vec::new(),
        open: &[],
        changes,
        statements: (!args.dry_run).then_some(folder.as_path()),
        signed_by: signer.as_ref().map(Signer::id),
    };
    shown(&answer, if args.dry_run { "would promote" } else { "promoted" }, args.output, output)?;
    Ok(ExitCode::Passed)
}

/// Says why an image is not promoted.
fn refused(
    report: &Report,
    variant: &str,
    refusals: &[Refusal],
    args: &Promote,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let is_unknown = matches!(refusals, [Refusal::Unknown { .. }]);
    let reasons: Vec<Reason> =
        refusals.iter().map(|refusal| Reason { message: refusal.to_string(), help: refusal.help() }).collect();
    if args.output == OutputForm::Json {
        let image = report.variants.iter().find(|own| own.name.as_str() == variant).and_then(|own| own.ami.as_ref());
        output.json(json(&Answer {
            image: image.map_or("", |ami| ami.id.as_str()),
            arn: None,
            variant: Some(variant),
            run: Some(report.run.id.as_str()),
            dry_run: args.dry_run,
            refusals: reasons,
            open: &[],
            changes: Changes::new(),
            statements: None,
            signed_by: None,
        })?);
    } else {
        output.alert(format_args!("{variant} of run {} is not promoted:", report.run.id));
        for Reason { message, help } in &reasons {
            output.alert(format_args!("  {message}\n    hint: {help}"));
        }
    }
    Ok(if is_unknown { ExitCode::Usage } else { ExitCode::Failed })
}

fn shown(answer: &Answer<'_>, verb: &str, form: OutputForm, output: &Output) -> Result<(), Failure> {
    if form == OutputForm::Json {
        output.json(json(answer)?);
        return Ok(());
    }
    let what = match (answer.variant, answer.run) {
        (Some(variant), Some(run)) => format!(" ({variant} of run {run})"),
        _ => String::new(),
    };
    output.data(format_args!("{verb} {}{what}", answer.image));
    for change in &answer.changes {
        output.data(format_args!("  {change}"));
    }
    if answer.changes.is_empty() {
        output.data("  nothing to change");
    }
    if let Some(folder) = answer.statements {
        let signed = answer
            .signed_by
            .map_or("not signed".to_owned(), |key| format!("signed by key {}", &key[..16.min(key.len())]));
        output.data(format_args!("  statements in {folder} ({signed})"));
    }
    Ok(())
}

/// The checks that the report must have a row for.
///
/// # Errors
/// When a prefix of `--except` begins the id of no check, neither of amiproof's nor of the report's: it would exempt nothing.
fn required(except: &[String], report: &Report) -> Result<Vec<CheckId>, Failure> {
    let broken = |error: &dyn std::fmt::Display| Failure::error(format!("the catalogue is broken: {error}"), "");
    let workloads = amiproof_workloads::catalogue().map_err(|error| broken(&error))?;
    let checks = amiproof_suites::all(workloads).map_err(|error| broken(&error))?;
    let own = report.results.iter().map(|result| result.check.as_str());
    let ids: Vec<&str> = checks.iter().map(|check| check.id.as_str()).chain(own).collect();
    if let Some(unknown) = except.iter().find(|prefix| !ids.iter().any(|id| id.starts_with(prefix.as_str()))) {
        let message = format!("--except: no check begins with '{unknown}'");
        return Err(Failure::usage(message, suggest::check(unknown, &ids)));
    }
    let is_required = |check: &&Check| {
        REQUIRED.contains(&check.id.suite())
            && !check.opt_in
            && check.scope == Scope::Variant
            && !except.iter().any(|prefix| check.id.as_str().starts_with(prefix.as_str()))
    };
    Ok(checks.iter().filter(is_required).map(|check| check.id.clone()).collect())
}

/// The reports of other runs, in the folder of runs and beside the report. Which of them came later is decided with the gates.
///
/// # Errors
/// If one cannot be read: it may be the one that speaks against the image.
fn later(dir: &Utf8Path, report: &Report, path: &Utf8Path) -> Result<Vec<Report>, Failure> {
    let beside = path.parent().and_then(Utf8Path::parent).filter(|runs| runs.file_name() == Some("runs"));
    let mut runs = RunDir::all(dir);
    runs.extend(beside.and_then(Utf8Path::parent).filter(|beside| *beside != dir).map(RunDir::all).unwrap_or_default());
    let mut reports = Vec::new();
    for run in runs.into_iter().filter(|run| run.id != report.run.id) {
        let unread = |error: &dyn std::fmt::Display| {
            let help = "repair or delete the report: it may contain a reason not to promote the image";
            Failure::error(format!("{}: {error}", run.report()), help)
        };
        let text = rundir::report_text(&run.report()).map_err(|error| unread(&error))?;
        if let Some(text) = text {
            reports.push(Report::parse(&text).map_err(|error| unread(&error))?);
        }
    }
    Ok(reports)
}

async fn signer(key: &str, clients: &amiproof_core::aws::Clients) -> Result<Signer, Failure> {
    let made = if release::is_in_kms(key) { Signer::in_kms(key, clients).await } else { Signer::from_pem(&pem(key)?) };
    made.map_err(|error| failure(&error))
}

/// A key file.
pub(super) fn pem(path: &str) -> Result<String, Failure> {
    /// The longest key file, bytes.
    const LONGEST: u64 = 64 * 1024;
    bounded::text(Utf8Path::new(path), LONGEST).map_err(|error| {
        Failure::usage(format!("cannot read the key {path}: {error}"), "name a PEM file, or awskms:///alias/NAME")
    })
}

/// A failure of AWS, of a key, or of a requirement.
pub(super) fn failure(error: &release::Error) -> Failure {
    match error {
        release::Error::Aws(error) if error.is_infrastructure() => {
            Failure::error(error.to_string(), "run the same command again: it completes what is missing")
        }
        release::Error::Aws(error) => Failure::error(error.to_string(), ""),
        release::Error::Refused { message, help } => {
            Failure { exit: ExitCode::Failed, ..Failure::usage(message.clone(), help.clone()) }
        }
        release::Error::Key(message) => Failure::usage(message.clone(), "name another key with --key"),
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn beside(path: &Utf8Path) -> Utf8PathBuf {
    path.parent().map(Utf8Path::to_owned).unwrap_or_default()
}

fn mode(args: &Promote) -> Mode {
    if args.dry_run { Mode::DryRun } else { Mode::Apply }
}

/// The end of the names of statements.
const ENDS: [&str; 2] = [".intoto.json", ".sigstore.json"];

/// Refuses a folder that holds anything but an earlier promotion, and statements that would lose their signature.
fn replaceable(folder: &Utf8Path, is_signed: bool) -> Result<(), Failure> {
    let entries = match folder.read_dir_utf8() {
        Ok(entries) => entries.collect::<Result<Vec<_>, _>>(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => Err(error),
    };
    let entries = entries.map_err(|error| rundir::cannot("read", folder, &error))?;
    let names: Vec<&str> = entries.iter().map(|entry| entry.file_name()).collect();
    let is_own = |name: &&str| *name == "report.json" || ENDS.iter().any(|end| name.ends_with(end));
    if let Some(other) = names.iter().find(|name| !is_own(name)) {
        return Err(Failure::usage(
            format!("{folder} holds {other}, which no promotion wrote"),
            "name another folder with --folder",
        ));
    }
    if !names.is_empty() && !names.iter().any(|name| name.ends_with(ENDS[0])) {
        return Err(Failure::usage(
            format!("{folder} holds a report.json and no statements"),
            "name another folder with --folder",
        ));
    }
    if !is_signed && names.iter().any(|name| name.ends_with(ENDS[1])) {
        let help = "give --key, or name another folder with --folder";
        return Err(Failure::usage(
            format!("{folder} holds signed statements, and --unsigned would replace them"),
            help,
        ));
    }
    Ok(())
}

/// A folder under construction, which is renamed to its final name once its statements are true.
struct Part {
    part: tempfile::TempDir,
    folder: Utf8PathBuf,
}

impl Part {
    fn write(folder: &Utf8Path, files: &[(String, String)]) -> Result<Self, Failure> {
        let above = folder.parent().filter(|above| !above.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
        std::fs::create_dir_all(above).map_err(|error| rundir::cannot("create", above, &error))?;
        let part = tempfile::Builder::new().prefix(".part-").tempdir_in(above);
        let part = part.map_err(|error| rundir::cannot("create a folder in", above, &error))?;
        for (name, text) in files {
            let path = Utf8PathBuf::from_path_buf(part.path().join(name)).map_err(|path| {
                Failure::usage(format!("{} is not UTF-8", path.display()), "name another folder with --folder")
            })?;
            rundir::write_new(&path, text.as_bytes())?;
        }
        Ok(Self { part, folder: folder.to_owned() })
    }

    /// Replaces the folder.
    fn keep(self) -> Result<(), Failure> {
        let failed = |error: std::io::Error| {
            let Failure { message, .. } = rundir::cannot("write", &self.folder, &error);
            Failure::error(message, "the image is promoted; run the same command again to write its statements")
        };
        match std::fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        std::fs::rename(self.part.path(), &self.folder).map_err(failed)
    }
}
