//! `amiproof run`, `apply`, `test`, `scan` and `nightly`: the same code with different steps.

use std::sync::Arc;

use amiproof_core::check::{Body, Check};
use amiproof_core::cluster::pull_secret::PullSecret;
use amiproof_core::ledger::{ByKubeconfig, Header, Ledger};
use amiproof_core::run::{Plan, Steps, Stop, Tools};
use amiproof_model::exit::ExitCode;
use amiproof_model::matrix::{Matrix, ScannedNodes};
use amiproof_model::report::{Cleanup, Report};
use amiproof_model::threshold;
use amiproof_reports::{Format, Options, Style, compare, terminal};
use camino::Utf8PathBuf;
use jiff::{SignedDuration, Timestamp};

use crate::args::{Conduct, Given, Global, OutputForm, Resumed, Run, Selection, Target};
use crate::files::{self, Inputs};
use crate::output::{Failure, Output};
use crate::progress::Progress;
use crate::rundir::{self, RunDir};
use crate::session::{Connection, Goal};
use crate::signals::Signals;

/// A run of its own.
pub(crate) fn fresh(global: &Global, args: &Run, goal: Goal, output: &Output) -> Result<ExitCode, Failure> {
    if args.given.kubeconfig.is_some() && goal != Goal::All {
        return Err(Failure::usage(
            "a cluster by kubeconfig is taken as it is: nothing is made or removed there but what checks need",
            "use 'amiproof test', 'scan' or 'run' with --kubeconfig",
        ));
    }
    let inputs = files::read(&args.selection.file, output)?;
    let asked = Asked::new(global, inputs, &args.selection, &args.conduct)?;
    if asked.checks.is_empty() && !args.network_only() {
        return nothing_selected(output);
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
    place.check(&asked.matrix)?;
    let folder = RunDir::create(&global.dir, args.run_name(&asked.matrix.cluster.name).as_deref())?;
    super::runtime()?.block_on(conduct(global, place, asked, folder, steps, goal, output))
}

/// Scans of a run that is there, or of nodes that are there.
pub(crate) fn scan(global: &Global, args: &Resumed, output: &Output) -> Result<ExitCode, Failure> {
    if args.target.lab {
        return Err(Failure::usage(
            "a lab inside this process is empty: there is nothing to continue",
            "use 'amiproof run --lab', or start 'amiproof lab' and use its endpoint for apply, test and scan",
        ));
    }
    let inputs = files::read(&args.selection.file, output)?;
    resumed(global, args, inputs, Goal::Scan, output)
}

/// More of a run that is there; or a run of its own on nodes that are there. In a lab inside this process nothing is: its nodes are made,
/// and go with it.
pub(crate) fn resumed(
    global: &Global,
    args: &Resumed,
    inputs: Inputs,
    goal: Goal,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let asked = Asked::new(global, inputs, &args.selection, &args.conduct)?;
    if asked.checks.is_empty() {
        return nothing_selected(output);
    }
    let place = Place { target: &args.target, given: &args.given };
    place.check(&asked.matrix)?;
    let steps = Steps { test: goal == Goal::Test, scan: goal == Goal::Scan, ..STEPS_NONE };
    if args.target.lab {
        let folder = RunDir::create(&global.dir, args.run.as_deref())?;
        let steps = Steps { provision: true, teardown: true, ..steps };
        return super::runtime()?.block_on(conduct(global, place, asked, folder, steps, goal, output));
    }
    let nothing_was_made = asked.matrix.variants.iter().all(|variant| variant.made().is_none());
    let is_there = args.run.as_deref().is_some_and(|run| RunDir::open(&global.dir, Some(run)).is_ok());
    let folder = match args.run.as_deref() {
        run if nothing_was_made && !is_there => RunDir::create(&global.dir, run)?,
        run => RunDir::open(&global.dir, run)?,
    };
    // What stays of a run on nodes that are there is only its report.
    let steps = Steps { teardown: nothing_was_made, ..steps };
    super::runtime()?.block_on(conduct(global, place, asked, folder, steps, goal, output))
}

/// Where a run goes.
#[derive(Clone, Copy)]
struct Place<'a> {
    target: &'a Target,
    given: &'a Given,
}

impl Place<'_> {
    /// A kubeconfig makes no node groups, and AWS is not found without a region.
    fn check(self, matrix: &Matrix) -> Result<(), Failure> {
        if self.given.kubeconfig.is_none() {
            return files::region(matrix).map(|_| ());
        }
        match matrix.variants.iter().find(|variant| variant.made().is_some()) {
            None => Ok(()),
            Some(variant) => Err(Failure::usage(
                format!("--kubeconfig provisions nothing, and the nodes of {} would have to be made", variant.name),
                "write `nodes: {selector: ..}` for nodes that are there, or leave the variant out with --variants",
            )),
        }
    }

    async fn connect(self, global: &Global, matrix: &Matrix) -> Result<Connection, Failure> {
        let region = matrix.cluster.region.as_deref();
        match self.given.kubeconfig {
            Some(_) => Connection::given(self.given, self.target, region, global.aws_is_named).await,
            None => Connection::open(self.target, files::region(matrix)?).await,
        }
    }

    /// What the ledger keeps of it.
    fn by_kubeconfig(self) -> Result<Option<ByKubeconfig>, Failure> {
        let Some(path) = &self.given.kubeconfig else { return Ok(None) };
        let absolute = path
            .canonicalize_utf8()
            .map_err(|error| Failure::usage(format!("cannot read the kubeconfig {path}: {error}"), ""))?;
        Ok(Some(ByKubeconfig { path: absolute, context: self.given.context.clone() }))
    }
}

const STEPS_NONE: Steps = Steps { provision: false, network_only: false, test: false, scan: false, teardown: false };

/// What the user asked for, narrowed to what was selected.
struct Asked {
    matrix: Matrix,
    checks: Vec<Check>,
    inputs: Inputs,
    conduct: Conduct,
    pull_secret: Option<PullSecret>,
    /// The folder of the matrix file.
    base: Utf8PathBuf,
    /// The report that `--baseline` names: read before anything is made, for a run must not end without a report because of it.
    baseline: Option<Report>,
}

impl Asked {
    fn new(global: &Global, inputs: Inputs, selection: &Selection, conduct: &Conduct) -> Result<Self, Failure> {
        let mut matrix = files::narrowed(&inputs.matrix, &selection.variants)?;
        if conduct.all_nodes {
            matrix.scans.kube_bench.nodes = ScannedNodes::All;
        }
        let wanted = |check: &Check| {
            if inputs.only_workloads && !matches!(check.body, Body::Workload(_)) {
                return false;
            }
            let prefixes = &selection.checks;
            let named =
                prefixes.is_empty() || prefixes.iter().any(|prefix| check.id.as_str().starts_with(prefix.as_str()));
            named
                && (inputs.only_workloads
                    || matrix.suites.selects(&check.id, check.opt_in && !is_named(check, prefixes)))
        };
        let checks = files::checks(&inputs.workloads)?.into_iter().filter(wanted).collect();
        let base = selection.file.parent().map(ToOwned::to_owned).unwrap_or_default();
        let pull_secret = conduct.image_pull_secret.as_deref().map(files::pull_secret).transpose()?;
        let baseline = match &conduct.baseline {
            Some(which) => Some(rundir::read_report(&global.dir, Some(which))?.0),
            None => None,
        };
        Ok(Self { matrix, checks, inputs, conduct: conduct.clone(), pull_secret, base, baseline })
    }
}

/// Whether `--checks` names a check's suite, and not only by leaving everything in.
pub(crate) fn is_named(check: &Check, prefixes: &[String]) -> bool {
    let suite = check.id.suite();
    prefixes.iter().any(|prefix| prefix.split('/').next() == Some(suite))
}

fn nothing_selected(output: &Output) -> Result<ExitCode, Failure> {
    output.note("nothing selected: no check matches --checks and the matrix' suites");
    output.note("\nhint: `amiproof check` lists what the matrix selects");
    Ok(ExitCode::NothingSelected)
}

/// Connects, runs, reports.
async fn conduct(
    global: &Global,
    place: Place<'_>,
    asked: Asked,
    folder: RunDir,
    steps: Steps,
    goal: Goal,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let shown = *output;
    let signals = Signals::listen(move |count| {
        if count > 1 {
            shown.note("interrupted again: leaving; `amiproof destroy` removes what is left");
        }
    })
    .map_err(|error| Failure::error(format!("cannot listen to signals: {error}"), ""))?;
    let _lock = folder.lock("run")?;
    let connection = place.connect(global, &asked.matrix).await?;
    let ledger = ledger(&asked, &folder, place, steps, &connection).await?;
    output.note(format_args!("run {}  ({})", folder.id, folder.path()));
    let (conduct, baseline) = (asked.conduct.clone(), asked.baseline.clone());
    let (clients, access) = (connection.clients.clone(), connection.access.clone());
    let tools = Tools { clients, access, ledger, pace: connection.pace };
    let plan = plan(asked, &folder, steps, connection.is_lab, &tools)?;
    let stop = Stop { cancel: signals.cancel.clone(), abort: signals.abort.clone() };
    let mut progress = Progress::new(*output);
    let report = amiproof_core::run::run(plan, tools, stop, |event| progress.show(event)).await;
    progress.finish();
    connection.close().await;
    let baseline = match goal {
        Goal::Nightly => baseline.or_else(|| rundir::previous(&global.dir, &report.run.matrix, &folder.id)),
        _ => baseline,
    };
    publish(&report, &folder, baseline.as_ref(), &conduct, output)
}

/// The ledger of a run that goes on, or that of a new one. What takes nodes as they are may be either; what continues the work of
/// 'apply' must find its ledger.
async fn ledger(
    asked: &Asked,
    folder: &RunDir,
    place: Place<'_>,
    steps: Steps,
    connection: &Connection,
) -> Result<Ledger, Failure> {
    let failure = |error: amiproof_core::ledger::Error| Failure::error(amiproof_core::run::event::chain(&error), "");
    let is_new = steps.provision || steps.network_only || (steps.teardown && !folder.ledger().exists());
    if !is_new {
        return Ledger::open(folder.path()).map_err(failure);
    }
    let account = match &connection.clients {
        None => String::new(),
        Some(clients) => {
            let identity = clients.whoami().await.map_err(|error| {
                Failure::error(
                    amiproof_core::run::event::chain(&error),
                    "check the credentials with `aws sts get-caller-identity`; nothing was created",
                )
            })?;
            identity.account
        }
    };
    let clients = connection.clients.as_ref();
    let header = Header {
        version: amiproof_core::ledger::VERSION,
        run: folder.id.clone(),
        matrix: asked.matrix.name.clone(),
        account,
        region: clients.map_or_else(String::new, |clients| clients.region().to_owned()),
        endpoint: clients.and_then(|clients| clients.endpoint()).map(str::to_owned),
        kubeconfig: place.by_kubeconfig()?,
        started: Timestamp::now(),
        expires: expires(&asked.conduct)?,
    };
    Ledger::create(folder.path(), header).map_err(failure)
}

/// When `sweep` may remove what a run that starts now makes.
fn expires(conduct: &Conduct) -> Result<Timestamp, Failure> {
    let hours = i64::from(conduct.expires);
    Timestamp::now()
        .checked_add(SignedDuration::from_hours(hours))
        .map_err(|error| Failure::usage(format!("--expires {hours}: {error}"), "give a smaller number of hours"))
}

fn plan(asked: Asked, folder: &RunDir, steps: Steps, is_lab: bool, tools: &Tools) -> Result<Plan, Failure> {
    let expires = tools.ledger.header().expires;
    let earlier = match std::fs::read_to_string(folder.report()) {
        Ok(text) => Some(Report::parse(&text).map_err(|error| {
            Failure::usage(format!("{}: {error}", folder.report()), "move it away to start the report anew")
        })?),
        Err(_) => None,
    };
    let max_pods = asked.conduct.max_pods.unwrap_or(asked.matrix.most_pods());
    Ok(Plan {
        run: folder.id.clone(),
        matrix: Arc::new(asked.matrix),
        steps,
        checks: asked.checks,
        waivers: asked.inputs.waivers,
        retries: asked.conduct.retries,
        max_pods,
        image_registry: asked.conduct.image_registry,
        pull_secret: asked.pull_secret,
        base: asked.base,
        folder: folder.path().to_owned(),
        expires,
        lab: is_lab,
        earlier,
    })
}

/// Writes every format, prints the summary, says the exit code.
fn publish(
    report: &Report,
    folder: &RunDir,
    baseline: Option<&Report>,
    conduct: &Conduct,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let exit = exit_code(report, baseline, conduct);
    let report = &held_against(report, baseline);
    let written = write_files(report, baseline, folder.path(), output);
    match conduct.output {
        OutputForm::Text => {
            output.data(terminal::render(report, baseline, &style(*output)));
            let shown = [Format::Html, Format::Junit, Format::Json];
            for (format, path) in written.iter().filter(|(format, _)| shown.contains(format)) {
                output.data(format_args!("{:<9} {path}", format.word()));
            }
        }
        OutputForm::Json => match amiproof_reports::render(Format::Json, report, &Options::default()) {
            Ok(text) => output.data(text),
            Err(error) => output.note(format_args!("warning: json: {error}")),
        },
    }
    Ok(exit)
}

/// The report with the gates of scans that evaluated less than in the baseline no longer green.
pub(crate) fn held_against(report: &Report, baseline: Option<&Report>) -> Report {
    let mut held = report.clone();
    if let Some(baseline) = baseline {
        threshold::hold_against(&mut held, baseline);
    }
    held
}

fn exit_code(report: &Report, baseline: Option<&Report>, conduct: &Conduct) -> ExitCode {
    let own = ExitCode::of(report);
    let regressed = || baseline.is_some_and(|baseline| compare::compare(baseline, report).has_regression());
    match own {
        ExitCode::Failed | ExitCode::Passed if regressed() => ExitCode::Regression,
        ExitCode::Failed if conduct.no_fail => ExitCode::Passed,
        other => other,
    }
}

/// Writes into a run's report, where it has one, what `destroy` did later.
pub(crate) fn amend_report(folder: &RunDir, cleanup: &Cleanup, output: &Output) -> Result<(), Failure> {
    let Ok(text) = std::fs::read_to_string(folder.report()) else { return Ok(()) };
    let mut report = Report::parse(&text).map_err(|error| {
        Failure::error(format!("{}: {error}", folder.report()), "everything was destroyed all the same")
    })?;
    report.cleanup = cleanup.clone();
    write_files(&report, None, folder.path(), output);
    Ok(())
}

/// Writes every format into a folder; one that fails is said and does not stop the others.
pub(crate) fn write_files(
    report: &Report,
    baseline: Option<&Report>,
    folder: &camino::Utf8Path,
    output: &Output,
) -> Vec<(Format, String)> {
    let mut written = Vec::new();
    for (format, outcome) in amiproof_reports::write_all(folder.as_std_path(), report, baseline) {
        match outcome {
            Ok(path) => written.push((format, path.display().to_string())),
            Err(error) => output.note(format_args!("warning: {}: {error}", format.word())),
        }
    }
    written
}

/// How the terminal wants its tables.
pub(crate) fn style(output: Output) -> Style {
    Style { width: output.width(), colour: output.color(), ..Style::default() }
}
