//! `amiproof run`, `apply`, `test`, `scan` and `nightly`: the same code with different steps.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use amiproof_core::cost::{self as bill, Planned};
use amiproof_core::run::{Answers, Experiment, Plan, Steps, Stop, Tools, journal};
use amiproof_model::exit::ExitCode;
use amiproof_model::matrix::Matrix;
use amiproof_model::name::{RunId, VariantName};
use amiproof_model::report::Report;
use amiproof_reports::Format;
use amiproof_suites::{controls, settings};

use super::begin::{Folder, Place, Setup, begin};
use super::divided::{check_shard, divide};
use super::in_cluster;
use super::in_store::{self, ShardOptions, Start};
use super::measured::measured;
use super::proved::proved;
use super::provisioned::{Latest, provisioned};
use super::published::{Printed, of_releases, publish};
use super::request::Request;
use super::{cost, forms, owner, resume};
use crate::args::{ByPrices, Global, Junit, OutputForm, Resumed, Run, Target};
use crate::files::{self, Inputs};
use crate::output::{Failure, Output};
use crate::progress::{Detail, Progress};
use crate::rundir::{self, RunDir};
use crate::runtime;
use crate::session::{self, Goal};
use crate::signals::{SignalEvent, Signals};

/// What a night is compared with, unless the command line says something else.
pub(super) enum Past<'a> {
    /// The newest report in the folder of runs.
    Folder,
    /// Asks a history store for the report, once the run has its name: the store may already contain this run, which is not to be compared
    /// with itself.
    Store(&'a dyn Fn(&RunId) -> Option<Arc<Report>>),
}

/// What is done with the report of a complete run.
pub(super) enum Ending<'a> {
    /// It is judged.
    Report,
    /// It is judged, and compared with an earlier night.
    Night { past: Past<'a>, junit: Junit },
    /// The first bad one of these columns is looked for, which are releases of one image, the oldest first.
    Releases(Vec<VariantName>),
}

/// A complete run.
pub(crate) fn fresh(global: &Global, args: &Run, goal: Goal, output: &Output) -> Result<ExitCode, Failure> {
    if let Some(shards) = args.in_cluster.shards.filter(|_| goal == Goal::All) {
        return in_cluster::run(global, args, shards, output);
    }
    let inputs = files::read(&args.selection.file, output)?;
    complete(global, args, inputs, goal, Ending::Report, output).map(|(exit, _)| exit)
}

/// A complete run and its folder, where there is something to run.
pub(super) fn complete(
    global: &Global,
    args: &Run,
    inputs: Inputs,
    goal: Goal,
    ending: Ending<'_>,
    output: &Output,
) -> Result<(ExitCode, Option<RunDir>), Failure> {
    if args.in_cluster.shards.is_some() {
        return Err(Failure::usage(
            "'apply' and 'nightly' keep one state for all variants, which --in-cluster cannot divide",
            "use 'amiproof run --in-cluster'",
        ));
    }
    if args.given.kubeconfig.is_some() && goal != Goal::All {
        return Err(Failure::usage(
            "a cluster given by kubeconfig is used as is: only checks create objects in it, and delete them afterwards",
            "use 'amiproof test', 'scan' or 'run' with --kubeconfig",
        ));
    }
    let mut request = Request::new(global, inputs, &args.selection, &args.options, output)?;
    if request.checks.is_empty() && goal != Goal::Apply {
        return nothing_selected(output).map(|exit| (exit, None));
    }
    if let Some(shard) = args.shard {
        check_shard(args, goal, &request.matrix)?;
        if let Some(nothing) = divide(&mut request, shard)? {
            output.note(nothing);
            return Ok((ExitCode::Passed, None));
        }
    }
    let mut continued = None;
    match (args.shard, &args.store) {
        (Some(shard), Some(location)) => {
            let region = request.matrix.cluster.region.clone();
            let options = ShardOptions { digest: request.digest(), region, baseline: request.baseline.clone() };
            match in_store::open(global, args, location, shard, options, output)? {
                Start::Finished(exit) => return Ok((exit, None)),
                Start::New(own) => request.in_store = Some(own),
                Start::Continued(own, resumption) => {
                    request.in_store = Some(own);
                    continued = Some(Global { resumption: Some(resumption), ..global.clone() });
                }
            }
        }
        (None, Some(_)) if goal != Goal::Nightly => {
            return Err(Failure::usage(
                "--store keeps the shards of a run, and this run is not divided",
                "name the shard with --shard, or add the report to a history with 'amiproof history --add' or 'amiproof nightly'",
            ));
        }
        _ => {}
    }
    let global = continued.as_ref().unwrap_or(global);
    let mut in_store = None;
    match ending {
        Ending::Report => {}
        Ending::Night { past: Past::Folder, junit } => request.junit = junit,
        Ending::Night { past: Past::Store(find), junit } => {
            request.junit = junit;
            request.has_store = true;
            in_store = Some(find);
        }
        Ending::Releases(columns) => request.releases = columns,
    }
    let steps = match goal {
        Goal::Apply if args.network_only() => Steps { network_only: true, ..STEPS_NONE },
        Goal::Apply => Steps { provision: true, test: true, ..STEPS_NONE },
        _ => {
            let provision = args.given.kubeconfig.is_none();
            Steps { provision, test: true, scan: true, teardown: true, ..STEPS_NONE }
        }
    };
    let place = Place { target: &args.target, given: &args.given };
    place.check(&request.matrix)?;
    request.prices = cost::prices(&args.money.prices)?;
    if steps.provision || steps.network_only {
        let planned = cost::planned(&request.matrix, &request.checks, steps.network_only);
        let kept = planned.kept.or((goal == Goal::Apply).then_some(args.options.expires));
        let (retries, deadline) = (args.options.retries, args.options.deadline);
        cost::check(&Planned { kept, retries, deadline, ..planned }, &args.money)?;
    }
    let folder = match goal {
        _ if global.resumption.is_some() => resumed_folder(global, &request)?,
        Goal::Apply => applied(global, args, &request.matrix)?,
        _ => {
            let name = args.run_name(&request.matrix.cluster.name);
            Folder::New(new_run(global, name.as_deref(), &args.target, &request, steps)?)
        }
    };
    let run = folder.run().clone();
    if let Some(find) = in_store {
        let found = find(&run.id);
        request.baseline = request.baseline.or(found);
    }
    let kept = request.in_store.clone();
    let exit = runtime::run(place.target, || execute(global, place, request, folder, steps, goal, output))??;
    let exit = kept.map_or(exit, |kept| kept.finish(&run, exit, output));
    Ok((exit, Some(run)))
}

/// The folder of the run that the command continues.
fn resumed_folder(global: &Global, request: &Request) -> Result<Folder, Failure> {
    match &global.resumption {
        Some(resumption) => {
            resume::check(resumption, request)?;
            RunDir::open(&global.dir, Some(&resumption.run)).map(Folder::Old)
        }
        None => Err(Failure::error("no run is continued".to_owned(), "")),
    }
}

/// A new run. With an in-process lab its name is derived from its inputs, because its results are, too.
fn new_run(
    global: &Global,
    name: Option<&str>,
    target: &Target,
    request: &Request,
    steps: Steps,
) -> Result<RunDir, Failure> {
    if name.is_some() || !target.lab {
        return match request.shards.as_ref().and_then(|shards| shards.shard) {
            Some(shard) => RunDir::of_shard(&global.dir, name, shard),
            None => RunDir::new(&global.dir, name),
        };
    }
    let checks: Vec<String> = request.checks.iter().map(|check| check.id.to_string()).collect();
    let (inputs, options) = (&request.inputs, &request.options);
    let input = format!(
        "{} {} {:?} {checks:?} {:?} {:?} {:?} {steps:?} {options:?} {:?} {:?}",
        env!("CARGO_PKG_VERSION"),
        target.seed,
        request.matrix,
        inputs.waivers,
        inputs.workloads,
        inputs.experiment,
        session::scenario(target.scenario.as_deref())?,
        session::profiles(target.host_profiles.as_deref())?,
    );
    // Other prices give another report.
    let brought = cost::prices(&ByPrices::default())?;
    let input = if request.prices == brought { input } else { format!("{input} {:?}", request.prices) };
    let input = request.shards.as_ref().map_or_else(|| input.clone(), |shards| format!("{input} {shards:?}"));
    RunDir::of_lab(&global.dir, &input)
}

/// The run that 'apply' continues: the one that the user names or that created the cluster, so that applying twice converges; otherwise a
/// new one.
fn applied(global: &Global, args: &Run, matrix: &Matrix) -> Result<Folder, Failure> {
    let name = args.run_name(&matrix.cluster.name);
    if let Some(name) = &name {
        let there = RunDir::open(&global.dir, Some(name)).ok().filter(|run| run.ledger().exists());
        return there.map_or_else(|| RunDir::new(&global.dir, Some(name)).map(Folder::New), |run| Ok(Folder::Old(run)));
    }
    match owner::of_cluster(&global.dir, matrix, args.target.endpoint_url.as_deref()) {
        Some(run) => Ok(Folder::Old(run)),
        None => RunDir::new(&global.dir, None).map(Folder::New),
    }
}

/// Scans of an existing run, or of existing nodes.
pub(crate) fn scan(global: &Global, args: &Resumed, output: &Output) -> Result<ExitCode, Failure> {
    if args.target.lab {
        return Err(Failure::usage(
            "an in-process lab is empty: there is nothing to continue",
            "use 'amiproof run --lab', or start 'amiproof lab' and use its endpoint for apply, test and scan",
        ));
    }
    let inputs = files::read(&args.selection.file, output)?;
    resumed(global, args, inputs, Goal::Scan, output)
}

/// Continues an existing run, or is a complete run on existing nodes. In an in-process lab nothing exists: its nodes are created, and
/// disappear with it.
pub(crate) fn resumed(
    global: &Global,
    args: &Resumed,
    inputs: Inputs,
    goal: Goal,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let mut request = Request::new(global, inputs, &args.selection, &args.options, output)?;
    if request.checks.is_empty() {
        return nothing_selected(output);
    }
    request.prices = cost::prices(&args.prices)?;
    let place = Place { target: &args.target, given: &args.given };
    place.check(&request.matrix)?;
    let nothing_was_made = request.matrix.variants.iter().all(|variant| variant.made().is_none());
    if let Some(shard) = args.shard {
        if !nothing_was_made && !args.target.lab {
            return Err(Failure::usage(
                "the nodes that a run created are tested and scanned by that run, which cannot be divided any more",
                "use 'amiproof run --shard', or nodes that exist (`nodes: {selector: ..}`)",
            ));
        }
        if let Some(nothing) = divide(&mut request, shard)? {
            output.note(nothing);
            return Ok(ExitCode::Passed);
        }
    }
    let steps = Steps { test: matches!(goal, Goal::Test | Goal::Experiment), scan: goal == Goal::Scan, ..STEPS_NONE };
    if args.target.lab {
        let steps = Steps { provision: true, teardown: true, ..steps };
        let folder = Folder::New(new_run(global, args.run.as_deref(), &args.target, &request, steps)?);
        return runtime::run(place.target, || execute(global, place, request, folder, steps, goal, output))?;
    }
    let is_there = args.run.as_deref().is_some_and(|run| RunDir::open(&global.dir, Some(run)).is_ok());
    let folder = match args.run.as_deref() {
        _ if global.resumption.is_some() => resumed_folder(global, &request)?,
        run if nothing_was_made && !is_there => Folder::New(new_run(global, run, &args.target, &request, steps)?),
        None if !nothing_was_made => Folder::Old(continued(global, &request.matrix, &args.target)?),
        run => Folder::Old(RunDir::open(&global.dir, run)?),
    };
    // A run on existing nodes only keeps its report.
    let steps = Steps { teardown: nothing_was_made, ..steps };
    runtime::run(place.target, || execute(global, place, request, folder, steps, goal, output))?
}

/// The run whose nodes are tested or scanned by default: the one that created the cluster, or node groups in it.
fn continued(global: &Global, matrix: &Matrix, target: &Target) -> Result<RunDir, Failure> {
    owner::of_cluster(&global.dir, matrix, target.endpoint_url.as_deref()).ok_or_else(|| {
        Failure::usage(
            format!("no run in {} has created the nodes of cluster {}, or they no longer exist", global.dir, matrix.cluster.name),
            "create them with 'amiproof apply' first, name the folder of their run with --dir, or do it all with 'amiproof run'",
        )
    })
}

const STEPS_NONE: Steps = Steps { provision: false, network_only: false, test: false, scan: false, teardown: false };

fn nothing_selected(output: &Output) -> Result<ExitCode, Failure> {
    output.alert("nothing selected: no check matches --checks and the suites of the matrix");
    output.alert("\nhint: `amiproof list` shows every check and why it is not selected");
    Ok(ExitCode::NothingSelected)
}

/// Connects, runs, reports.
async fn execute(
    global: &Global,
    place: Place<'_>,
    request: Request,
    folder: Folder,
    steps: Steps,
    goal: Goal,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let shown = *output;
    let signals = Signals::listen(move |heard| match heard {
        SignalEvent::Stop => {}
        SignalEvent::StillStopping => {
            shown.alert("already cleaning up; a second Ctrl-C leaves the rest to `amiproof destroy`")
        }
        SignalEvent::Leave => {
            shown.alert("interrupted again: exiting without cleanup; `amiproof destroy` deletes what is left")
        }
    })
    .map_err(|error| Failure::error(format!("cannot install the signal handlers: {error}"), ""))?;
    let begun = signals.cancel.run_until_cancelled(begin(global, place, &request, &folder, steps, output)).await;
    let Some(begun) = begun else {
        output.alert("interrupted before anything was created");
        return Ok(ExitCode::Interrupted);
    };
    let Setup { connection, ledger, lock: _lock } = begun?;
    let folder = folder.run();
    output.keep_log_in(folder.path());
    if global.resumption.is_none() {
        resume::record(global, folder, &request, output);
    }
    // A lab inside this process ends with it, so there is nothing that another one could continue.
    let copying = match &request.in_store {
        Some(kept) if !place.target.lab => Some(kept.begin(folder, &ledger, &signals, output).await?),
        _ => None,
    };
    let is_kept = copying.is_some();
    let (options, baseline, has_store) = (request.options.clone(), request.baseline.clone(), request.has_store);
    let (junit, releases, prices) = (request.junit, request.releases.clone(), request.prices.clone());
    let judges_nothing = steps.network_only || (goal == Goal::Apply && request.checks.is_empty());
    let (clients, access) = (connection.clients.clone(), connection.access.clone());
    let before = owner::standing(&ledger);
    let mut latest = Latest { dir: &global.dir, folder, ledger: ledger.clone(), is_set: steps.network_only };
    let tools = Tools { clients, access, ledger: ledger.clone() };
    let experiment = request.inputs.experiment.clone();
    let plan = plan(global, request, folder, steps, connection.is_lab, &tools)?;
    let stop = Stop { cancel: signals.cancel.clone(), abort: signals.abort.clone(), deadline: options.deadline };
    let progress = RefCell::new(Progress::new(*output, Detail::of(global)));
    let run = amiproof_core::run::run(plan, tools, stop, |event| {
        progress.borrow_mut().show(event);
        latest.follow(event, output);
    });
    let mut report = with_beats(run, &progress).await;
    report.run.releases = releases;
    report.cost = bill::of_run(&ledger, &report, &prices);
    progress.borrow_mut().finish();
    if let Some(clients) = &connection.clients {
        let calls = clients.calls();
        tracing::info!("{calls}");
        tracing::info!("by operation: {}", calls.by_operation().join(", "));
    }
    if let Some(copying) = copying {
        copying.end().await;
    }
    connection.close().await;
    let made = owner::standing(&ledger).difference(&before).count();
    if judges_nothing {
        return provisioned(&report, folder, made, &options, output);
    }
    if goal == Goal::Apply && made == 0 && !before.is_empty() {
        output.note(format_args!("cluster {} is up to date: nothing was created", report.cluster.name));
    }
    let baseline = match goal {
        Goal::Nightly if !has_store => {
            baseline.or_else(|| rundir::previous(&global.dir, &report.run.matrix, &folder.id).map(Arc::new))
        }
        _ => baseline,
    };
    let exit = match experiment {
        Some(experiment) => {
            let written = forms::write_all(&report, None, folder.path(), output);
            let form = options.output;
            let exit = written.exit(match &experiment {
                Experiment::Bisect(wanted) => proved(&report, wanted, form, output)?,
                Experiment::Impact(wanted) => measured(&report, wanted, form, output)?,
            });
            if matches!(form, OutputForm::Text) {
                if let Experiment::Impact(_) = &experiment {
                    written.show_impacts(output);
                }
                written.show(&[Format::Html, Format::Json], output);
            }
            exit
        }
        None if !report.run.releases.is_empty() => of_releases(&report, folder, options.output, output)?,
        None => {
            let nightly = (goal == Goal::Nightly).then_some(junit);
            let printed = Printed { form: options.output, no_fail: options.no_fail };
            publish(&report, folder, baseline.as_deref(), nightly, &printed, output)?
        }
    };
    // A lab inside this process is gone with it.
    if report.run.interrupted && !place.target.lab && !is_kept {
        output.note(format_args!("`amiproof resume {}` continues the run", folder.id));
    }
    Ok(exit)
}

fn plan(
    global: &Global,
    request: Request,
    folder: &RunDir,
    steps: Steps,
    is_lab: bool,
    tools: &Tools,
) -> Result<Plan, Failure> {
    let expires = tools.ledger.header().expires;
    const MOVE: &str = "move it away to start a new report";
    let there = rundir::report_text(&folder.report())
        .map_err(|error| Failure::usage(format!("cannot read the run's report {}: {error}", folder.report()), MOVE))?;
    let earlier = there.map(|text| {
        Report::parse(&text).map_err(|error| Failure::usage(format!("{}: {error}", folder.report()), MOVE))
    });
    let earlier = earlier.transpose()?;
    let answers = match &global.resumption {
        Some(resumption) => journal::answers(folder.path(), resumption.keep)
            .map_err(|error| Failure::usage(format!("cannot read the run's journal: {error}"), MOVE))?,
        None => Answers::default(),
    };
    let max_pods = request.options.max_pods.unwrap_or(request.matrix.max_pods());
    Ok(Plan {
        run: folder.id.clone(),
        matrix: Arc::new(request.matrix),
        steps,
        checks: request.checks,
        shards: request.shards,
        waivers: request.inputs.waivers,
        settings: settings::all(),
        controls: controls::all(),
        experiment: request.inputs.experiment,
        retries: request.options.retries,
        max_pods,
        image_registry: request.options.image_registry,
        pull_secret: request.pull_secret,
        base: request.base,
        folder: folder.path().to_owned(),
        expires,
        lab: is_lab,
        earlier,
        answers,
    })
}

/// Prints what is in progress while nothing else happens.
async fn with_beats<T>(run: impl Future<Output = T>, progress: &RefCell<Progress>) -> T {
    let mut run = std::pin::pin!(run);
    loop {
        match tokio::time::timeout(BEAT, &mut run).await {
            Ok(ended) => return ended,
            Err(_) => progress.borrow_mut().beat(),
        }
    }
}

/// How often to check whether there was no output for a while.
const BEAT: Duration = Duration::from_secs(15);
