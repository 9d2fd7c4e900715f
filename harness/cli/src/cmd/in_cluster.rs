//! `run --in-cluster`: the shards of a run as the pods of an Indexed Job, and one report in the end. Kubernetes starts, restarts and spreads
//! the pods; this only creates the Job, shows what becomes of it, merges, and deletes it.

mod job;
mod shown;

use std::collections::BTreeMap;

use amiproof_core::cluster::explain::chain;
use amiproof_core::cluster::shard_job::{self, Progress, Shard as Seen};
use amiproof_core::cluster::{Access, RUN_LABEL, explain, identity, objects};
use amiproof_core::cost::Planned;
use amiproof_core::ledger::{Header, Ledger};
use amiproof_core::resource::object;
use amiproof_model::exit::ExitCode;
use amiproof_model::history::Location;
use amiproof_model::name::RunId;
use amiproof_model::shard::Shard;
use camino::{Utf8Path, Utf8PathBuf};

use self::job::{Wanted, applied};
use super::begin::{Place, expires};
use super::divided::{check_shard, divide};
use super::request::Request;
use super::{cost, destroy, merge, resume};
use crate::args::{ByPrices, Destroy, Given, Global, Merge, Run};
use crate::files;
use crate::output::{Failure, Output};
use crate::rundir::{self, RunDir};
use crate::runtime::block_on;
use crate::session::{self, Goal};
use crate::signals::{SignalEvent, Signals};

/// How following a Job ended.
enum Followed {
    /// The Job is over.
    Over,
    /// A signal stopped it, and its pods are gone.
    Stopped,
    /// A second signal came while the pods cleaned up.
    Left,
}

/// Runs the shards, merges their reports, and deletes the Job.
pub(crate) fn run(global: &Global, args: &Run, shards: u32, output: &Output) -> Result<ExitCode, Failure> {
    let inputs = files::read(&args.selection.file, output)?;
    let request = Request::new(global, inputs.clone(), &args.selection, &args.options, output)?;
    let first = Request::new(global, inputs, &args.selection, &args.options, output)?;
    let store = check(args, shards, &request, first)?;
    let folder = match &global.resumption {
        Some(resumption) => {
            resume::check(resumption, &request)?;
            RunDir::open(&global.dir, Some(&resumption.run))?
        }
        None => RunDir::new(&global.dir, args.run.as_deref())?,
    };
    let last = format!("{}-s{shards}", folder.id);
    last.parse::<RunId>().map_err(|error: amiproof_model::name::NameError| {
        Failure::usage(error.to_string(), "give a shorter name with --run")
    })?;
    let given = Given { kubeconfig: Some(kubeconfig(args)?), context: args.given.context.clone() };
    let read = files::beside(&args.selection.file)?;
    let store = store.to_string();
    let (image, arguments) = (args.in_cluster.image.clone().unwrap_or_default(), arguments(args));
    let wanted = Wanted {
        run: &folder.id,
        shards,
        image: &image,
        namespace: &args.in_cluster.namespace,
        service_account: &args.in_cluster.service_account,
        files: &read,
        matrix: Utf8Path::new(args.selection.file.file_name().unwrap_or_default()),
        arguments: &arguments,
        store: &store,
        env_from: args.in_cluster.env_from.as_deref(),
        tests_its_cluster: args.given.kubeconfig.is_some(),
    };
    let objects = [applied(&wanted.config_map()?)?, applied(&wanted.job()?)?];
    folder.make()?;
    let lock = folder.lock("run")?;
    output.keep_log_in(folder.path());
    if global.resumption.is_none() {
        resume::record(global, &folder, &request, output);
    }
    let followed = block_on(begin_and_follow(args, &given, &folder, &objects, &request, output))??;
    drop(lock);
    // A run whose pods were told to stop has no report to merge.
    let merged = match followed {
        Followed::Over => {
            Some(merge::run(global, &merging(args, &folder.id, request.matrix.cluster.region.clone()), output))
        }
        Followed::Stopped => None,
        Followed::Left => {
            output.note(format_args!(
                "its pods clean up in the cluster; `amiproof destroy --run {}` deletes the rest of the Job",
                folder.id
            ));
            return Ok(ExitCode::Interrupted);
        }
    };
    let left = clean_up(global, args, &folder, output)?;
    match merged {
        _ if left => Ok(ExitCode::LeftBehind),
        None => Ok(ExitCode::Interrupted),
        Some(exit) => exit,
    }
}

/// Checks what can be known before anything is created; gives the store. `first` is the same request, to be narrowed to the first shard.
fn check<'a>(args: &'a Run, shards: u32, request: &Request, mut first: Request) -> Result<&'a Location, Failure> {
    let Some(store @ Location::S3 { .. }) = &args.store else {
        return Err(Failure::usage(
            "the pods and this machine have no folder in common",
            "name a store in S3 with --store s3://BUCKET/PREFIX",
        ));
    };
    for (is_given, option, instead) in [
        (args.options.baseline.is_some(), "--baseline", "compare the merged run with `amiproof compare`"),
        (
            args.options.image_pull_secret.is_some(),
            "--image-pull-secret",
            "let the nodes pull images with their IAM role, or write the Job by hand from harness/deploy/shards",
        ),
        (args.money.prices.prices_file.is_some(), "--prices", "leave it out"),
    ] {
        if is_given {
            return Err(Failure::usage(
                format!("{option} names a file on this machine, which the pods do not have"),
                instead,
            ));
        }
    }
    check_shard(args, Goal::All, &request.matrix)?;
    Place { target: &args.target, given: &args.given }.check(&request.matrix)?;
    // What cannot be divided is refused as it is for one shard.
    divide(&mut first, Shard { index: 1, count: shards })?;
    let used = first.shards.as_ref().map_or(0, |all| all.columns.iter().map(|column| column.shard).max().unwrap_or(0));
    if used < shards {
        return Err(Failure::usage(
            format!(
                "the variants make {used} shards at most, because a variant stays with a reference that the run creates"
            ),
            format!("use --in-cluster {used}"),
        ));
    }
    if args.given.kubeconfig.is_none() {
        let planned = cost::planned(&request.matrix, &request.checks, false);
        let (retries, deadline) = (args.options.retries, args.options.deadline);
        cost::check(&Planned { retries, deadline, ..planned }, &args.money)?;
    }
    Ok(store)
}

/// The kubeconfig of the cluster that the Job is in, as kubectl finds it.
fn kubeconfig(args: &Run) -> Result<Utf8PathBuf, Failure> {
    if let Some(path) = &args.given.kubeconfig {
        return Ok(path.clone());
    }
    let listed = std::env::var("KUBECONFIG").unwrap_or_default();
    let listed = listed.split(':').filter(|path| !path.is_empty()).map(Utf8PathBuf::from);
    let home = std::env::var("HOME").ok().map(|home| Utf8PathBuf::from(home).join(".kube/config"));
    let found = listed.chain(home).find(|path| path.is_file());
    found.ok_or_else(|| {
        Failure::usage(
            "there is no kubeconfig of the cluster that the shards are to run in",
            "set KUBECONFIG, as for kubectl",
        )
    })
}

/// What each shard is told of the options of this command.
fn arguments(args: &Run) -> Vec<String> {
    let (selection, options) = (&args.selection, &args.options);
    let mut words = Vec::new();
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            words.push(format!("--{name}={value}"));
        }
    };
    let list = |values: &[String]| (!values.is_empty()).then(|| values.join(","));
    add("variants", list(&selection.variants));
    add("checks", list(&selection.checks));
    add("retries", (options.retries > 0).then(|| options.retries.to_string()));
    add("max-pods", options.max_pods.map(|most| most.to_string()));
    add("image-registry", options.image_registry.clone());
    add("deadline", options.deadline.map(|deadline| format!("{}s", deadline.as_secs())));
    add("expires", Some(format!("{}s", options.expires.as_secs())));
    add("endpoint-url", args.target.endpoint_url.clone().filter(|_| args.target.endpoint_is_named));
    if options.all_nodes {
        words.push("--all-nodes".to_owned());
    }
    words
}

/// The merging of the shards in the store.
fn merging(args: &Run, run: &RunId, region: Option<String>) -> Merge {
    Merge {
        runs: vec![run.to_string()],
        store: args.store.clone(),
        add: false,
        region,
        target: args.target.clone(),
        run: Some(format!("{run}-all")),
        no_fail: args.options.no_fail,
        output: args.options.output,
    }
}

/// Creates the ConfigMap and the Job, unless this run has, and follows the Job to its end.
async fn begin_and_follow(
    args: &Run,
    given: &Given,
    folder: &RunDir,
    objects: &[serde_json::Value; 2],
    request: &Request,
    output: &Output,
) -> Result<Followed, Failure> {
    let shown = *output;
    let signals = Signals::listen(move |heard| match heard {
        SignalEvent::Stop => shown.alert("stopping: the pods clean up, which lasts until node groups are deleted"),
        SignalEvent::StillStopping => shown.alert("already stopping; a second Ctrl-C does not wait for the pods"),
        SignalEvent::Leave => shown.alert("interrupted again: not waiting for the pods"),
    })
    .map_err(|error| Failure::error(format!("cannot install the signal handlers: {error}"), ""))?;
    let access = session::access(given, output).await?;
    let (namespace, name) = (args.in_cluster.namespace.as_str(), job::name(&folder.id));
    let at = (namespace, name.as_str());
    let failed = |error: amiproof_core::cluster::ApiError| {
        Failure::error(
            format!("the Job {name} in namespace {namespace}: {}", explain(&error)),
            format!(
                "the pods go on; `amiproof resume {0}` follows them again, `amiproof destroy --run {0}` stops them",
                folder.id
            ),
        )
    };
    check_place(args, &access).await?;
    let there = objects::get(&access, "batch/v1", "Job", Some(namespace), &name).await.map_err(failed)?;
    // One of this name that this folder knows nothing of was made elsewhere, for another run or another user.
    let is_ours = there.as_ref().is_some_and(|job| {
        let labels = job.metadata.labels.iter().flatten();
        folder.ledger().exists() && labels.into_iter().any(|(key, run)| key == RUN_LABEL && run == folder.id.as_str())
    });
    if there.is_some() && !is_ours {
        return Err(Failure::usage(
            format!("there is a Job {name} in namespace {namespace} that was not created from {}", folder.path()),
            "give the run another name with --run; nothing was created",
        ));
    }
    let ledger = ledger(args, given, folder, request)?;
    let cluster = identity::read(&access, access.name().to_owned()).await;
    let unwritten = |error: amiproof_core::ledger::Error| Failure::error(chain(&error), "nothing was created");
    ledger.met(cluster).await.map_err(unwritten)?;
    if !is_ours {
        for wanted in objects {
            object::create(&access, &ledger, wanted).await.map_err(|error| {
                Failure::error(
                    format!("cannot create the objects of the run in namespace {namespace}: {}", chain(&error)),
                    format!("`amiproof destroy --run {}` deletes what was created", folder.id),
                )
            })?;
        }
        output.note(format_args!(
            "run {}  ({})\nJob {namespace}/{name} in {}",
            folder.id,
            folder.path(),
            access.name()
        ));
    }
    let mut before = Progress::default();
    let following = shard_job::follow(&access, at, |after| {
        shown::changes(&before, after).iter().for_each(|line| output.note(line));
        before = after.clone();
    });
    let followed = signals.cancel.run_until_cancelled(following).await;
    match followed {
        Some(Ok(Some(end))) => {
            if let Some(Some(why)) = &end.end {
                output.note(format_args!("the Job ended: {why}"));
            }
            keep_logs(&access, at, &end, folder, output).await;
            Ok(Followed::Over)
        }
        Some(Ok(None)) => Err(Failure::error(
            format!("the Job {name} in namespace {namespace} was deleted: its pods stop and clean up"),
            format!("`amiproof resume {}` creates it again: what its shards finished is not repeated", folder.id),
        )),
        Some(Err(error)) => Err(failed(error)),
        None => {
            let stopping = shard_job::stop(&access, at, folder.id.as_str());
            match signals.abort.run_until_cancelled(stopping).await {
                Some(Ok(())) => Ok(Followed::Stopped),
                Some(Err(error)) => Err(failed(error)),
                None => Ok(Followed::Left),
            }
        }
    }
}

/// Checks that the pods can be created: the service account must exist, and so must its namespace.
async fn check_place(args: &Run, access: &Access) -> Result<(), Failure> {
    let (namespace, account) = (&args.in_cluster.namespace, &args.in_cluster.service_account);
    let found = objects::get(access, "v1", "ServiceAccount", Some(namespace), account).await;
    match found {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(Failure::usage(
            format!("there is no service account {account} in namespace {namespace} of {}", access.name()),
            "create both once, as harness/deploy/shards/namespace.yaml does; nothing was created",
        )),
        Err(error) => Err(Failure::error(
            format!("cannot read the service account {account} in namespace {namespace}: {}", explain(&error)),
            "nothing was created",
        )),
    }
}

fn ledger(args: &Run, given: &Given, folder: &RunDir, request: &Request) -> Result<Ledger, Failure> {
    let failure = |error: amiproof_core::ledger::Error| Failure::error(chain(&error), "");
    if folder.ledger().exists() {
        return Ledger::open(folder.path()).map_err(failure);
    }
    let header = Header {
        version: amiproof_core::ledger::VERSION,
        run: folder.id.clone(),
        matrix: request.matrix.name.clone(),
        account: String::new(),
        region: String::new(),
        endpoint: None,
        kubeconfig: Place { target: &args.target, given }.by_kubeconfig()?,
        started: amiproof_time::now(),
        expires: expires(&args.options)?,
        keep: false,
    };
    Ledger::create(folder.path(), header).map_err(failure)
}

/// Writes the logs of the shards that did not pass into the folder of the run, because they go with the Job.
async fn keep_logs(access: &Access, at: (&str, &str), end: &Progress, folder: &RunDir, output: &Output) {
    let passed = |shard: &u32| end.shards.get(shard) == Some(&Seen::Succeeded);
    let logs: BTreeMap<u32, String> = match shard_job::logs(access, at.0, at.1).await {
        Ok(logs) => logs.into_iter().filter(|(shard, _)| !passed(shard)).collect(),
        Err(error) => {
            output.note(format_args!("warning: the logs of the pods cannot be read: {}", explain(&error)));
            return;
        }
    };
    for (shard, text) in logs {
        let path = folder.path().join(format!("shard-{shard}.log"));
        match rundir::write_new(&path, text.as_bytes()) {
            Ok(()) => output.note(format_args!("log of shard {shard}: {path}")),
            Err(failure) => output.note(format_args!("warning: {}", failure.message)),
        }
    }
}

/// Deletes the Job and the ConfigMap; whether something is left.
fn clean_up(global: &Global, args: &Run, folder: &RunDir, output: &Output) -> Result<bool, Failure> {
    let _lock = folder.lock("destroy")?;
    let ledger = Ledger::open(folder.path()).map_err(|error| Failure::error(chain(&error), ""))?;
    let deleting = Destroy {
        run: Some(folder.id.to_string()),
        only: None,
        file: args.selection.file.clone(),
        given: args.given.clone(),
        target: args.target.clone(),
        prices: ByPrices::default(),
        dry_run: false,
        output: args.options.output,
    };
    // The Job has nothing in AWS.
    let global = Global { aws_is_named: false, ..global.clone() };
    let cleanup = block_on(destroy::teardown(&global, &deleting, &ledger, output))??;
    for leftover in &cleanup.leftovers {
        output.alert(format_args!(
            "left behind: {} {}: {}\n  {}",
            leftover.kind, leftover.id, leftover.reason, leftover.help
        ));
    }
    Ok(!cleanup.leftovers.is_empty())
}
