//! One disturbed run in a lab of its own, from nothing to nothing.

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use amiproof_core::aws::Clients;
use amiproof_core::check::Check;
use amiproof_core::destroy::{self, Deadlines, ProgressSink, What as Wanted};
use amiproof_core::ledger::{FILE_NAME, Ledger};
use amiproof_core::run::{self, Answers, Keep, Plan, Steps, Stop, Tools, journal};
use amiproof_lab::listen::MemoryNetwork;
use amiproof_lab::{Lab, LabOptions};
use amiproof_model::matrix::{Files, Matrix, resolve};
use amiproof_model::problem::Problem;
use amiproof_model::report::Report;
use amiproof_suites::SUITES;
use camino::{Utf8Path, Utf8PathBuf};
use tokio_util::sync::CancellationToken;

use crate::Failure;
use crate::disturb::Disturbance;
use crate::plan::{Event, Point, What};
use crate::{memory_lab, strangers};

/// What a run of the campaign asks: something of each kind of work.
const CHECKS: [&str; 4] = ["node/disk-space", "kubelet-path/logs", "workload/web-service", "os-cis"];
/// No run takes as long, whatever fails.
const HANG: Duration = Duration::from_secs(12 * 3600);

thread_local! {
    /// What panicked in this thread, where a whole simulation takes place.
    static PANICS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Collects panics of simulations, wherever they are caught, instead of printing them.
pub(crate) fn collect_panics() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| match std::thread::current().name() {
        Some("simulation") => PANICS.with_borrow_mut(|panics| panics.push(panic.to_string())),
        _ => print(panic),
    }));
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct End {
    /// What the client made of it; an error where it could not begin, `None` where it died.
    pub(crate) report: Option<Result<Report, String>>,
    /// What it left in the account and its clusters.
    pub(crate) left: Vec<String>,
    /// What an undisturbed `destroy` afterwards left, and what it says is left; `None` where none was needed.
    pub(crate) destroyed: Option<Destroyed>,
    /// What of others is gone or changed.
    pub(crate) harmed: Vec<String>,
    pub(crate) panics: Vec<String>,
    /// What went wrong, and at which call.
    pub(crate) happened: Vec<(What, String)>,
    pub(crate) calls: Vec<String>,
    /// The ledger as the process left it.
    pub(crate) ledger: String,
    pub(crate) simulated: Duration,
    /// Everything that it wrote.
    pub(crate) bytes: String,
}

#[derive(Debug)]
pub(crate) struct Destroyed {
    pub(crate) left: Vec<String>,
    /// What it says is left or not verified.
    pub(crate) open: Vec<String>,
}

/// A run with a plan.
///
/// # Errors
/// Where it does not end, or a panic ended it.
pub(crate) fn once(points: &[Point]) -> Result<End, Failure> {
    let keeps_past = points.iter().any(|point| point.what == What::Fault(amiproof_lab::inject::Fault::Stale));
    let simulated = std::panic::catch_unwind(AssertUnwindSafe(|| {
        amiproof_time::simulate(1, || async move {
            let ended = tokio::time::timeout(HANG, in_lab(points, keeps_past)).await;
            ended.unwrap_or_else(|_| Err(format!("hang: it did not end within {} hours", HANG.as_secs() / 3600).into()))
        })
    }));
    match simulated {
        Ok(ended) => ended?,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("without a text");
            Err(format!("panic: {text}").into())
        }
    }
}

async fn in_lab(points: &[Point], keeps_past: bool) -> Result<End, Failure> {
    let stop = Stop::default();
    let (disturbance, injector) = Disturbance::new(points, stop.clone());
    let options = LabOptions { keeps_past, ..LabOptions::default() };
    let (lab, network) = memory_lab::start(Arc::clone(&injector), options).await?;
    let lab = Arc::new(lab);
    disturbance.in_lab(&lab);
    let before = strangers::plant(&lab).await?;
    let folder = tempfile::tempdir()?;
    let path = Utf8PathBuf::try_from(folder.path().join("run"))?;
    std::fs::create_dir(&path)?;
    let killed = injector.killed().clone();
    let report = killed.run_until_cancelled(whole(&lab, &network, &killed, &path, stop)).await;
    disturbance.end();
    let is_resumed = points.iter().any(|point| point.what == What::Event(Event::KilledAndResumed));
    let (path, report) = match report {
        None if is_resumed && path.join(FILE_NAME).exists() => {
            // What the process had written by its end is all that there is.
            let later = Utf8PathBuf::try_from(folder.path().join("later"))?;
            std::fs::create_dir(&later)?;
            for file in [FILE_NAME, journal::FILE_NAME] {
                if path.join(file).exists() {
                    std::fs::copy(path.join(file), later.join(file))?;
                }
            }
            let alive = CancellationToken::new();
            let report = whole(&lab, &network, &alive, &later, Stop::default()).await;
            (later, Some(report))
        }
        report => (path, report),
    };
    let report = report.map(|report| report.map_err(|error| error.to_string()));
    let left = strangers::left(&before, &lab.resources());
    let is_clean = |report: &Report| report.cleanup.leftovers.is_empty() && report.cleanup.is_verified();
    let ended_clean = report.as_ref().is_some_and(|report| report.as_ref().map_or(left.is_empty(), is_clean));
    let has_ledger = path.join(FILE_NAME).exists();
    let destroyed = if (ended_clean && left.is_empty()) || !has_ledger {
        None
    } else {
        // What the process had written by its end is all that there is.
        let copy = Utf8PathBuf::try_from(folder.path().join("copy"))?;
        std::fs::create_dir(&copy)?;
        std::fs::copy(path.join(FILE_NAME), copy.join(FILE_NAME))?;
        let open = taken_down(&lab, &network, &copy).await.unwrap_or_else(|error| vec![error.to_string()]);
        Some(Destroyed { left: strangers::left(&before, &lab.resources()), open })
    };
    let (harmed, calls) = (strangers::harmed(&before, &lab.resources()), injector.calls());
    let ledger = if has_ledger { std::fs::read_to_string(path.join(FILE_NAME))? } else { String::new() };
    let written = match &report {
        Some(Ok(report)) => serde_json::to_string(report)?,
        Some(Err(error)) => error.clone(),
        None => String::new(),
    };
    let bytes = format!("{written}\n{ledger}\n{left:?}\n{destroyed:?}\n{calls:?}").replace(path.as_str(), "RUN");
    Ok(End {
        report,
        left,
        destroyed,
        harmed,
        panics: PANICS.take(),
        happened: disturbance.happened(),
        calls,
        ledger,
        simulated: amiproof_time::simulated(),
        bytes,
    })
}

/// The clients of a process: nothing of it is heard once it is dead.
async fn clients(lab: &Lab, network: &MemoryNetwork, dead: &CancellationToken) -> Result<Clients, Failure> {
    let (network, dead) = (network.clone(), dead.clone());
    let dial = move |authority: &str| match dead.is_cancelled() {
        true => Err(std::io::ErrorKind::ConnectionRefused.into()),
        false => network.dial(authority),
    };
    Ok(memory_lab::clients(lab, dial).await?)
}

async fn whole(
    lab: &Lab,
    network: &MemoryNetwork,
    dead: &CancellationToken,
    folder: &Utf8Path,
    stop: Stop,
) -> Result<Report, Failure> {
    let clients = clients(lab, network, dead).await?;
    let matrix = matrix()?;
    let is_resumed = folder.join(FILE_NAME).exists();
    let header = memory_lab::header(&clients, "chaos".parse()?, &matrix.name).await?;
    let plan = Plan {
        controls: amiproof_suites::controls::all(),
        experiment: None,
        run: header.run.clone(),
        max_pods: matrix.max_pods(),
        matrix: Arc::new(matrix),
        steps: Steps { provision: true, network_only: false, test: true, scan: true, teardown: true },
        checks: checks()?,
        waivers: Vec::new(),
        settings: amiproof_suites::settings::all(),
        retries: 0,
        image_registry: None,
        pull_secret: None,
        base: ".".into(),
        folder: folder.to_owned(),
        expires: header.expires,
        lab: true,
        shards: None,
        earlier: None,
        answers: if is_resumed { journal::answers(folder, Keep::Decided)? } else { Answers::default() },
    };
    let ledger = if is_resumed { Ledger::open(folder)? } else { Ledger::create(folder, header)? };
    let tools = Tools { clients: Some(clients), access: None, ledger };
    Ok(run::run(plan, tools, stop, |_| ()).await)
}

/// What another process does after the first has ended: `destroy`, as the command does it. Gives what it says is left or not verified.
async fn taken_down(lab: &Lab, network: &MemoryNetwork, folder: &Utf8Path) -> Result<Vec<String>, Failure> {
    let clients = clients(lab, network, &CancellationToken::new()).await?;
    let ledger = Ledger::open(folder)?;
    let access = run::reach(&clients, &matrix()?.cluster.name).await;
    let plan = destroy::Plan {
        ledger: &ledger,
        clients: Some(&clients),
        access: access.as_ref(),
        what: Wanted::Everything,
        deadlines: Deadlines::default(),
        progress: &ProgressSink::silent(),
    };
    let cleanup = destroy::destroy(&plan).await?;
    let left = cleanup.leftovers.iter().map(|left| format!("{} {}: {}", left.kind, left.id, left.reason));
    Ok(left.chain(cleanup.not_verified()).collect())
}

fn checks() -> Result<Vec<Check>, Failure> {
    static SELECTED: OnceLock<Vec<Check>> = OnceLock::new();
    if let Some(selected) = SELECTED.get() {
        return Ok(selected.clone());
    }
    let mut checks = amiproof_suites::all(amiproof_workloads::catalogue()?)?;
    checks.retain(|check| CHECKS.iter().any(|id| check.id.as_str().starts_with(id)));
    Ok(SELECTED.get_or_init(|| checks).clone())
}

fn matrix() -> Result<Matrix, Failure> {
    static PAIR: OnceLock<Matrix> = OnceLock::new();
    if let Some(pair) = PAIR.get() {
        return Ok(pair.clone());
    }
    let text = include_bytes!("../../../fixtures/matrices/pair.yaml");
    let lines = |problems: Vec<Problem>| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let pair = resolve("pair.yaml", text, &Files::new(), SUITES).map_err(lines)?.matrix;
    Ok(PAIR.get_or_init(|| pair).clone())
}
