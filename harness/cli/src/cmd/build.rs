//! `amiproof build`: builds the images of variants with the user's Packer, and hands them to the matrix.

use std::collections::BTreeSet;

use amiproof_core::aws::{Clients, ami};
use amiproof_core::bounded;
use amiproof_core::doctor::{Status, quotas};
use amiproof_core::release::{self, Built, Changes};
use amiproof_core::run::preflight;
use amiproof_model::exit::ExitCode;
use amiproof_model::matrix::{AmiSource, Build, Matrix, Variant};
use amiproof_model::name::AmiId;
use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::forms::json;
use super::promote::failure;
use crate::args::{Build as Arguments, Global, OutputForm};
use crate::dir;
use crate::files;
use crate::output::{Failure, Output};
use crate::packer::{Ended, Job, Packer};
use crate::rundir;
use crate::runtime::block_on;
use crate::session::Connection;
use crate::signals::Signals;
use crate::suggest;

/// The JSON output.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    packer: String,
    /// Whether nothing was built.
    dry_run: bool,
    images: Vec<Image>,
}

/// The outcome for one variant.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Image {
    variant: String,
    /// `built`, `valid` (dry run), `failed`, `interrupted` or `not built`.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ami: Option<AmiId>,
    /// The image that it was built on.
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    changes: Changes,
    log: Utf8PathBuf,
}

/// A variant with its build.
struct Wanted<'a> {
    variant: &'a Variant,
    build: &'a Build,
    manifest: Utf8PathBuf,
    select: Option<&'a str>,
    /// `MATRIX/VARIANT`.
    line: String,
    /// SHA-256 of what it is built from.
    from: String,
    log: Utf8PathBuf,
}

/// Builds, or only validates.
pub(crate) fn run(global: &Global, args: &Arguments, output: &Output) -> Result<ExitCode, Failure> {
    let inputs = files::read_offline(&args.file, output)?;
    block_on(all(global, args, &inputs.matrix, output))?
}

async fn all(global: &Global, args: &Arguments, matrix: &Matrix, output: &Output) -> Result<ExitCode, Failure> {
    let folder = args.file.parent().unwrap_or(Utf8Path::new("")).to_owned();
    if args.target.lab && !args.dry_run {
        let help = "with --dry-run it validates the templates; `amiproof lab` and --endpoint-url give Packer an account to build in";
        return Err(Failure::usage("build has no --lab: Packer would build in the account of the environment", help));
    }
    let wanted = wanted(global, args, matrix, &folder)?;
    let packer = Packer::find(&args.packer, &folder, environment(args, matrix)).await?;
    let Some(region) = matrix.cluster.region.as_deref() else {
        return Err(Failure::usage("the matrix names no region", "add cluster.region: images belong to one"));
    };
    let connection = Connection::open(&args.target, region, output).await?;
    let shown = *output;
    let signals = Signals::listen(move |_| {
        shown.note("stopping: telling Packer to clean up; a second interrupt stops waiting for it")
    })
    .map_err(|error| Failure::error(format!("cannot install the signal handlers: {error}"), ""))?;
    let images = check_and_build(&packer, &wanted, args.dry_run, connection.aws()?, &signals, output).await;
    connection.close().await;
    let answer = Answer { packer: packer.version.clone(), dry_run: args.dry_run, images: images? };
    if args.output == OutputForm::Json {
        output.json(json(&answer)?);
    } else {
        answer.images.iter().for_each(|image| print_image(image, output));
    }
    let is = |state: &str| answer.images.iter().any(|image| image.state == state);
    Ok(match () {
        () if is("interrupted") => ExitCode::Interrupted,
        () if is("failed") => ExitCode::Failed,
        () => ExitCode::Passed,
    })
}

/// The environment variables that point Packer at the AWS account, endpoint and region that amiproof uses.
fn environment(args: &Arguments, matrix: &Matrix) -> Vec<(String, String)> {
    let (profile, endpoint) = (args.target.profile.clone(), args.target.endpoint_url.clone());
    let named =
        [("AWS_PROFILE", profile), ("AWS_ENDPOINT_URL", endpoint), ("AWS_REGION", matrix.cluster.region.clone())];
    named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// The variants to build. Checks that the files which the matrix names exist, and creates the folders for manifest and
/// log.
fn wanted<'a>(
    global: &Global,
    args: &Arguments,
    matrix: &'a Matrix,
    folder: &Utf8Path,
) -> Result<Vec<Wanted<'a>>, Failure> {
    let buildable =
        |variant: &'a Variant| variant.made().and_then(|made| Some((variant, made, made.build.as_deref()?)));
    let all: Vec<_> = matrix.variants.iter().filter_map(buildable).collect();
    let names: Vec<&str> = all.iter().map(|(variant, ..)| variant.name.as_str()).collect();
    if let Some(unknown) = args.variants.iter().find(|name| !names.contains(&name.as_str())) {
        let is_variant = matrix.variants.iter().any(|variant| variant.name.as_str() == unknown.as_str());
        let message = if is_variant { "has no build" } else { "is not in the matrix" };
        let help = if names.is_empty() {
            "no variant has `build`".to_owned()
        } else {
            suggest::instead(unknown, &names, "variants with `build`:")
        };
        return Err(Failure::usage(format!("{unknown} {message}"), help));
    }
    if all.is_empty() {
        return Err(Failure::usage(
            "no variant of the matrix has `build`",
            "add `build: {template: FILE}` to a variant",
        ));
    }
    let stamp = amiproof_time::now().strftime("%Y%m%d-%H%M%S").to_string();
    let chosen = all.into_iter().filter(|(variant, ..)| {
        args.variants.is_empty() || args.variants.iter().any(|name| name == variant.name.as_str())
    });
    let mut wanted = Vec::new();
    for (variant, made, build) in chosen {
        let AmiSource::PackerManifest { path, select } = &made.ami else { continue };
        for file in std::iter::once(&build.template).chain(&build.variable_files) {
            if !folder.join(file).exists() {
                let message = format!("{}: {} does not exist", variant.name, folder.join(file));
                return Err(Failure::usage(message, "paths of `build` are relative to the matrix file"));
            }
        }
        // Packer's post-processor makes no folder.
        if let Some(above) = folder.join(path).parent().filter(|above| !above.as_str().is_empty()) {
            std::fs::create_dir_all(above).map_err(|error| rundir::cannot("create", above, &error))?;
        }
        let logs = global.dir.join("builds").join(format!("{stamp}-{}", variant.name));
        dir::make(&global.dir)
            .and_then(|()| std::fs::create_dir_all(&logs))
            .map_err(|error| rundir::cannot("create", &logs, &error))?;
        wanted.push(Wanted {
            variant,
            build,
            manifest: folder.join(path),
            select: select.as_deref(),
            line: format!("{}/{}", matrix.name, variant.name),
            from: digest(folder, build)?,
            log: logs.join("packer.log"),
        });
    }
    Ok(wanted)
}

/// Checks everything, and then builds one after another: an image that fails does not keep the next from being built.
async fn check_and_build(
    packer: &Packer,
    wanted: &[Wanted<'_>],
    dry_run: bool,
    clients: &Clients,
    signals: &Signals,
    output: &Output,
) -> Result<Vec<Image>, Failure> {
    account(clients, wanted, output).await?;
    for one in wanted {
        if let Some(name) = &one.build.parameter {
            release::parameter_is_free(clients, name, &one.line).await.map_err(|error| failure(&error))?;
        }
        let job = one.job(signals, output);
        for (step, ended) in
            [("init", packer.init(one.build, &job).await?), ("validate", packer.validate(one.build, &job).await?)]
        {
            match ended {
                Ended::Succeeded => {}
                Ended::Interrupted => return Ok(wanted.iter().map(|one| one.ended("interrupted", None)).collect()),
                Ended::Failed => {
                    return Err(Failure::usage(
                        format!("`packer {step}` refuses the template of {}", one.variant.name),
                        format!("nothing was built; see the lines above, or {}", one.log),
                    ));
                }
            }
        }
    }
    let mut images = Vec::new();
    for one in wanted {
        images.push(match dry_run {
            true => one.ended("valid", None),
            false if signals.cancel.is_cancelled() => one.ended("not built", None),
            false => one.built(packer, clients, signals, output).await?,
        });
    }
    Ok(images)
}

/// Whether the account has what the builds need, as far as their variables tell. Names everything that is missing at
/// once, before anything starts.
async fn account(clients: &Clients, wanted: &[Wanted<'_>], output: &Output) -> Result<(), Failure> {
    let mut missing = Vec::new();
    let mut kinds = BTreeSet::new();
    for one in wanted {
        let variables: Vec<(String, String)> =
            one.build.variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let found = preflight::of_build(clients, one.variant.name.as_str(), &variables).await;
        missing.extend(found.missing);
        found.unknown.iter().for_each(|what| output.note(format_args!("warning: {what}")));
        kinds.extend(
            one.build.variables.iter().filter(|(name, _)| name.contains("instance_type")).map(|(_, kind)| kind),
        );
    }
    // One build runs at a time.
    for kind in kinds {
        for finding in quotas::of_instance(clients, kind).await {
            match finding.status {
                Status::Ok => {}
                Status::Problem => missing.push(format!("{}: {}", finding.message, finding.help)),
                _ => output.note(format_args!("warning: {}", finding.message)),
            }
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let help = "nothing was built; subscribe to the image in the AWS Marketplace, name another one in `build.variables`, or have the quota raised";
    Err(Failure::usage(missing.join("\n"), help))
}

impl Wanted<'_> {
    fn job<'a>(&'a self, signals: &'a Signals, output: &'a Output) -> Job<'a> {
        Job { variant: self.variant.name.as_str(), log: &self.log, signals, output }
    }

    fn ended(&self, state: &'static str, problem: Option<String>) -> Image {
        Image {
            variant: self.variant.name.to_string(),
            state,
            ami: None,
            base: None,
            problem,
            changes: Changes::new(),
            log: self.log.clone(),
        }
    }

    async fn built(
        &self,
        packer: &Packer,
        clients: &Clients,
        signals: &Signals,
        output: &Output,
    ) -> Result<Image, Failure> {
        let read = || bounded::text(&self.manifest, bounded::MANIFEST).ok();
        let before = read().and_then(|text| ami::last_run(&text));
        match packer.build(self.build, &self.job(signals, output)).await? {
            Ended::Succeeded => {}
            Ended::Interrupted => return Ok(self.ended("interrupted", None)),
            Ended::Failed => return Ok(self.ended("failed", Some("Packer failed".to_owned()))),
        }
        let text = read().unwrap_or_default();
        if text.is_empty() || ami::last_run(&text) == before {
            let problem = format!(
                "Packer succeeded, but wrote no new build into {}: give the template the post-processor \"manifest\" with this file as output",
                self.manifest
            );
            return Ok(self.ended("failed", Some(problem)));
        }
        let image = match ami::of_last_run(&text, self.select, clients.region()) {
            Ok(image) => image,
            Err(reason) => return Ok(self.ended("failed", Some(format!("{}: {reason}", self.manifest)))),
        };
        let built = Built {
            image: image.clone(),
            line: self.line.clone(),
            from: self.from.clone(),
            parameter: self.build.parameter.clone(),
        };
        let ended = release::built(clients, &built).await;
        Ok(match ended {
            Ok((base, changes)) => Image { ami: Some(image), base, changes, ..self.ended("built", None) },
            // The image exists and the matrix finds it, but its tags (what it was built from) could not be written.
            Err(error) => Image { ami: Some(image), ..self.ended("failed", Some(failure(&error).message)) },
        })
    }
}

fn print_image(image: &Image, output: &Output) {
    let ami = image.ami.as_ref().map(|ami| format!(" {ami}")).unwrap_or_default();
    let base = image.base.as_ref().map(|base| format!(" on {base}")).unwrap_or_default();
    output.data(format_args!("{:<24} {}{ami}{base}", image.variant, image.state));
    for change in &image.changes {
        output.data(format_args!("  {change}"));
    }
    if let Some(problem) = &image.problem {
        output.data(format_args!("  {problem}\n  log: {}", image.log));
    }
}

/// SHA-256 of everything that the matrix names for a build: template, variables, and variable files.
fn digest(folder: &Utf8Path, build: &Build) -> Result<String, Failure> {
    let mut sha = Sha256::new();
    let mut add = |name: &str, bytes: &[u8]| {
        sha.update(name.as_bytes());
        sha.update((bytes.len() as u64).to_be_bytes());
        sha.update(bytes);
    };
    let mut paths: Vec<Utf8PathBuf> = build.variable_files.clone();
    let template = folder.join(&build.template);
    if template.is_dir() {
        let entries = template.read_dir_utf8().and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let entries = entries.map_err(|error| rundir::cannot("read", &template, &error))?;
        let names = entries.iter().map(|entry| build.template.join(entry.file_name()));
        paths.extend(names.filter(|path| path.extension().is_some_and(|end| end == "hcl" || end == "json")));
    } else {
        paths.push(build.template.clone());
    }
    paths.sort();
    for path in &paths {
        let file = folder.join(path);
        let bytes = std::fs::read(&file).map_err(|error| rundir::cannot("read", &file, &error))?;
        add(path.as_str(), &bytes);
    }
    for (name, value) in &build.variables {
        add(name, value.as_bytes());
    }
    add("only", build.only.as_deref().unwrap_or_default().as_bytes());
    Ok(sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
