//! The campaign: the same run once for each of its calls and each fault. Whatever fails, the verdicts are those of the undisturbed run,
//! and nothing is left; where the client dies, `destroy` by another one leaves nothing.
//!
//! `cargo test` tries a sample. `make chaos` tries every call: `AMIPROOF_CHAOS=all`. `AMIPROOF_CHAOS=117:LostAfter` tries one, and says
//! what came of it.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on ends there, and says what it found"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use amiproof_core::aws::{Clients, Settings};
use amiproof_core::check::Check;
use amiproof_core::destroy::{self, Deadlines, ProgressSink, What};
use amiproof_core::ledger::{self, FILE_NAME, Header, Ledger};
use amiproof_core::pace::Pace;
use amiproof_core::run::{self, Plan, Steps, Stop, Tools};
use amiproof_core::transport::Transport;
use amiproof_lab::inject::{Fault, Injector};
use amiproof_lab::listen::{MemoryNetwork, Network};
use amiproof_lab::{Lab, LabOptions};
use amiproof_model::matrix::{Files, Matrix, resolve};
use amiproof_model::problem::Problem;
use amiproof_model::report::Report;
use amiproof_suites::SUITES;
use camino::{Utf8Path, Utf8PathBuf};
use tokio_util::sync::CancellationToken;

/// What a run of the campaign asks: something of each kind of work.
const CHECKS: [&str; 4] = ["node/disk-space", "kubelet-path/logs", "workload/web-service", "os-cis"];
/// Calls between two that a sample tries. Odd, so that different faults meet different calls.
const STRIDE: usize = 41;
/// No run takes as long, whatever fails.
const HANG: Duration = Duration::from_secs(12 * 3600);

type Failure = Box<dyn std::error::Error + Send + Sync>;
/// The disposition of each row, by subject and check.
type Verdicts = BTreeMap<(String, String), String>;

/// What a run came to.
#[derive(Debug)]
struct End {
    /// `None` where the client died.
    verdicts: Option<Verdicts>,
    /// What the account and its clusters still had.
    left: Vec<String>,
    /// What the client itself says is left.
    said: Vec<String>,
    calls: Vec<String>,
}

fn main() -> ExitCode {
    match campaign() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("the campaign could not begin: {error}");
            ExitCode::FAILURE
        }
    }
}

fn campaign() -> Result<bool, Failure> {
    if std::env::args().any(|argument| argument == "--list") {
        println!("chaos: test");
        return Ok(true);
    }
    let wish = std::env::var("AMIPROOF_CHAOS").unwrap_or_default();
    let undisturbed = once(None)?;
    let wanted = undisturbed.verdicts.clone().ok_or("the undisturbed run did not end")?;
    if !undisturbed.left.is_empty() {
        return Err(format!("the undisturbed run left {:?}", undisturbed.left).into());
    }
    let again = once(None)?;
    if again.verdicts != undisturbed.verdicts || again.calls != undisturbed.calls {
        return Err("two undisturbed runs differ".into());
    }
    let calls = &undisturbed.calls;
    let points: Vec<(usize, Fault)> = match wish.split_once(':') {
        Some((number, fault)) => {
            let fault = Fault::ALL.into_iter().find(|known| format!("{known:?}") == fault).ok_or("no such fault")?;
            vec![(number.parse()?, fault)]
        }
        None => {
            let all = (0..calls.len()).flat_map(|number| Fault::ALL.map(|fault| (number, fault)));
            let stride = if wish == "all" { 1 } else { STRIDE };
            all.step_by(stride).collect()
        }
    };
    println!("{} calls, {} rows, {} points", calls.len(), wanted.len(), points.len());
    let (next, problems) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism()?.get();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(&(number, fault)) = points.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let problem = judge(once(Some((number, fault))), fault, &wanted);
                    if let Some(problem) = problem {
                        let name = calls.get(number).map_or("", String::as_str);
                        println!("{number}:{fault:?} {name}: {problem}");
                        problems.lock().unwrap().push(fault);
                    }
                }
            });
        }
    });
    let problems = problems.into_inner()?;
    for fault in Fault::ALL {
        let tried = points.iter().filter(|(_, other)| *other == fault).count();
        let failed = problems.iter().filter(|other| **other == fault).count();
        println!("{:<14} {tried:>6} tried {failed:>6} failed", format!("{fault:?}"));
    }
    let operations: BTreeSet<&str> = calls.iter().map(String::as_str).collect();
    println!("{} different calls; test result: {} failed", operations.len(), problems.len());
    Ok(problems.is_empty())
}

/// What is wrong with the end of a run; `None` when nothing is.
fn judge(end: Result<End, Failure>, fault: Fault, wanted: &Verdicts) -> Option<String> {
    let end = match end {
        Ok(end) => end,
        Err(error) => return Some(error.to_string()),
    };
    if !end.left.is_empty() {
        return Some(format!("left: {:?}; said: {:?}", end.left, end.said));
    }
    if !end.said.is_empty() {
        return Some(format!("said to be left: {:?}", end.said));
    }
    if fault.kills() {
        return None;
    }
    let verdicts = end.verdicts?;
    let changed: Vec<String> = wanted
        .iter()
        .filter(|(row, disposition)| verdicts.get(row) != Some(disposition))
        .map(|((subject, check), before)| {
            let now = verdicts.get(&(subject.clone(), check.clone()));
            format!("{subject} {check}: {before}, now {}", now.map_or("no row", String::as_str))
        })
        .collect();
    (!changed.is_empty())
        .then(|| format!("{} rows changed: {}", changed.len(), changed[..changed.len().min(3)].join("; ")))
}

/// One run in a lab of its own.
fn once(fault: Option<(usize, Fault)>) -> Result<End, Failure> {
    amiproof_time::simulate(1, || async move {
        let ended = tokio::time::timeout(HANG, in_lab(fault)).await;
        ended.unwrap_or_else(|_| Err(format!("it did not end within {} hours", HANG.as_secs() / 3600).into()))
    })?
}

async fn in_lab(fault: Option<(usize, Fault)>) -> Result<End, Failure> {
    let injector = Arc::new(fault.map_or_else(Injector::default, |(number, fault)| Injector::at(number, fault)));
    let network = MemoryNetwork::with(Arc::clone(&injector));
    let lab = Lab::start(LabOptions { network: Network::Memory(network.clone()), ..LabOptions::default() }).await?;
    let folder = tempfile::tempdir()?;
    let path = Utf8PathBuf::try_from(folder.path().join("run"))?;
    std::fs::create_dir(&path)?;
    let killed = injector.killed().clone();
    let report = killed.run_until_cancelled(whole(&lab, &network, &killed, &path)).await;
    let (verdicts, said) = match report {
        Some(report) => {
            let report = report?;
            (Some(verdicts(&report)), report.cleanup.leftovers.iter().map(|left| format!("{left:?}")).collect())
        }
        None => {
            // What the process had written by then is all that there is.
            let left_over = Utf8PathBuf::try_from(folder.path().join("copy"))?;
            std::fs::create_dir(&left_over)?;
            let ledger = path.join(FILE_NAME);
            if ledger.exists() {
                std::fs::copy(&ledger, left_over.join(FILE_NAME))?;
                (None, taken_down(&lab, &network, &left_over).await?)
            } else {
                (None, Vec::new())
            }
        }
    };
    let left = lab.resources().into_iter().map(|left| format!("{} {}", left.kind, left.name)).collect();
    let calls = injector.calls();
    Ok(End { verdicts, left, said, calls })
}

/// The clients of a process: nothing of it is heard once it is dead.
async fn clients(lab: &Lab, network: &MemoryNetwork, dead: &CancellationToken) -> Result<Clients, Failure> {
    let (key, secret) = Lab::credentials();
    let (network, dead) = (network.clone(), dead.clone());
    let dial = move |authority: &str| match dead.is_cancelled() {
        true => Err(std::io::ErrorKind::ConnectionRefused.into()),
        false => network.dial(authority),
    };
    let settings = Settings {
        region: Some(lab.region().to_owned()),
        endpoint: Some(lab.endpoint()),
        credentials: Some((key.to_owned(), secret.to_owned())),
        transport: Transport::memory(dial),
        ..Settings::default()
    };
    Ok(Clients::connect(settings).await?)
}

/// A run from nothing to nothing.
async fn whole(
    lab: &Lab,
    network: &MemoryNetwork,
    dead: &CancellationToken,
    folder: &Utf8Path,
) -> Result<Report, Failure> {
    let clients = clients(lab, network, dead).await?;
    let matrix = matrix()?;
    let now = amiproof_time::now();
    let header = Header {
        version: ledger::VERSION,
        run: "chaos".parse()?,
        matrix: matrix.name.clone(),
        account: clients.whoami().await?.account,
        region: lab.region().to_owned(),
        endpoint: Some(lab.endpoint()),
        kubeconfig: None,
        started: now,
        expires: now + Duration::from_secs(24 * 3600),
        keep: false,
    };
    let plan = Plan {
        run: header.run.clone(),
        max_pods: matrix.max_pods(),
        matrix: Arc::new(matrix),
        steps: Steps { provision: true, network_only: false, test: true, scan: true, teardown: true },
        checks: checks()?,
        waivers: Vec::new(),
        retries: 0,
        image_registry: None,
        pull_secret: None,
        base: ".".into(),
        folder: folder.to_owned(),
        expires: header.expires,
        lab: true,
        earlier: None,
    };
    let ledger = Ledger::create(folder, header)?;
    let tools = Tools { clients: Some(clients), access: None, ledger, pace: Pace::REAL };
    Ok(run::run(plan, tools, Stop::default(), |_| ()).await)
}

/// What another process does after the first has died: `destroy`, as the command does it. Gives what it says is left.
async fn taken_down(lab: &Lab, network: &MemoryNetwork, folder: &Utf8Path) -> Result<Vec<String>, Failure> {
    let clients = clients(lab, network, &CancellationToken::new()).await?;
    let ledger = Ledger::open(folder)?;
    let access = run::reach(&clients, &matrix()?.cluster.name).await;
    let plan = destroy::Plan {
        ledger: &ledger,
        clients: Some(&clients),
        access: access.as_ref(),
        what: What::Everything,
        deadlines: Deadlines::default(),
        progress: &ProgressSink::silent(),
    };
    let cleanup = destroy::destroy(&plan).await.map_err(|error| error.to_string())?;
    Ok(cleanup.leftovers.iter().map(|left| format!("{left:?}")).collect())
}

fn verdicts(report: &Report) -> Verdicts {
    let row = |result: &amiproof_model::report::CheckResult| {
        ((result.subject.as_str().to_owned(), result.check.to_string()), format!("{:?}", result.disposition))
    };
    report.results.iter().map(row).collect()
}

fn checks() -> Result<Vec<Check>, Failure> {
    let all = amiproof_suites::all(amiproof_workloads::catalogue()?)?;
    Ok(all.into_iter().filter(|check| CHECKS.iter().any(|id| check.id.as_str().starts_with(id))).collect())
}

fn matrix() -> Result<Matrix, Failure> {
    let text = include_bytes!("../../fixtures/matrices/pair.yaml");
    let resolved = resolve("pair.yaml", text, &Files::new(), SUITES);
    let lines = |problems: Vec<Problem>| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    Ok(resolved.map_err(lines)?.matrix)
}
