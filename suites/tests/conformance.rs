//! The checks as tests of cargo: `cargo test -p amiproof-suites --test conformance -- node::ready`.
//!
//! Listing reads nothing but what is compiled in. All selected tests share one run, and each test reports the result
//! of its check in that run. By default the run uses the embedded lab, with a stock image and its hardened
//! counterpart. With AMIPROOF_MATRIX (a matrix file) and AMIPROOF_RUN (the folder of a run that `amiproof apply`
//! left) the selected checks run on that cluster. With AMIPROOF_REPORT nothing runs, and the report in that file is
//! evaluated.

#![expect(clippy::print_stderr, reason = "an unreadable catalogue is reported before there is a test")]

use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use amiproof_core::aws::{Clients, Settings};
use amiproof_core::check::{Body, Check};
use amiproof_core::ledger::{self, Header, Ledger};
use amiproof_core::run::{self, Answers, Plan, Steps, Stop, Tools};
use amiproof_core::transport::Transport;
use amiproof_lab::listen::{MemoryNetwork, Network};
use amiproof_lab::{Lab, LabOptions};
use amiproof_model::matrix::{Files, Matrix, ReadFile, resolve};
use amiproof_model::report::Report;
use amiproof_suites::SUITES;
use amiproof_suites::test_runner::{Answer, answer, is_evaluated, test_name};
use camino::{Utf8Path, Utf8PathBuf};
use libtest_mimic::{Arguments, Completion, Failed, Trial};

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let checks = match checks() {
        Ok(checks) => checks,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let selected = checks.iter().filter(|check| is_selected(&arguments, &test_name(check))).cloned().collect();
    let run = Arc::new(Run { checks: selected, report: OnceLock::new() });
    let trials = checks.into_iter().map(|check| trial(check, Arc::clone(&run))).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn checks() -> Result<Vec<Check>, Failure> {
    Ok(amiproof_suites::all(amiproof_workloads::catalogue()?)?)
}

/// Whether the command line selects a test; the same rule as libtest's own.
fn is_selected(arguments: &Arguments, name: &str) -> bool {
    let matches = |pattern: &str| if arguments.exact { name == pattern } else { name.contains(pattern) };
    arguments.filter.as_deref().is_none_or(matches) && !arguments.skip.iter().any(|pattern| matches(pattern))
}

fn trial(check: Check, run: Arc<Run>) -> Trial {
    Trial::ignorable_test(test_name(&check), move || {
        let (report, is_lab) = run.report()?;
        // What a scan finds in the lab is the emulated image's business; the test is whether it was evaluated.
        if *is_lab && matches!(check.body, Body::Scan(_)) && is_evaluated(&check, &report.results) {
            return Ok(Completion::Completed);
        }
        match answer(&check, &report.results) {
            Answer::Passed => Ok(Completion::Completed),
            Answer::Skipped(reason) => Ok(Completion::ignored_with(reason)),
            Answer::Failed(lines) => Err(Failed::from(lines)),
        }
    })
}

/// The run that all tests share: started by the first test that asks.
struct Run {
    checks: Vec<Check>,
    report: OnceLock<Result<(Report, bool), String>>,
}

impl Run {
    fn report(&self) -> Result<&(Report, bool), Failed> {
        let found = self.report.get_or_init(|| find(self.checks.clone()).map_err(|error| error.to_string()));
        found.as_ref().map_err(Failed::from)
    }
}

fn find(checks: Vec<Check>) -> Result<(Report, bool), Failure> {
    if let Ok(path) = std::env::var("AMIPROOF_REPORT") {
        let text = std::fs::read_to_string(&path).map_err(|error| format!("AMIPROOF_REPORT {path}: {error}"))?;
        return Ok((Report::parse(&text)?, false));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(8 << 20).build()?;
    match (std::env::var("AMIPROOF_MATRIX"), std::env::var("AMIPROOF_RUN")) {
        (Ok(matrix), Ok(folder)) => {
            let report = runtime.block_on(on_cluster(Utf8Path::new(&matrix), Utf8PathBuf::from(folder), checks))?;
            Ok((report, false))
        }
        (Ok(_), Err(_)) => {
            Err("AMIPROOF_MATRIX needs AMIPROOF_RUN: the folder of a run that `amiproof apply` left".into())
        }
        _ => Ok((amiproof_time::simulate(1, || on_lab(checks))??, true)),
    }
}

/// The checks on what an earlier `amiproof apply` left; nothing is made or removed beyond what each check needs.
async fn on_cluster(file: &Utf8Path, folder: Utf8PathBuf, checks: Vec<Check>) -> Result<Report, Failure> {
    let base = file.parent().map(Utf8Path::to_owned).unwrap_or_default();
    let matrix = read(file, &Disk(base.clone()))?;
    let ledger = Ledger::open(&folder)?;
    let header = ledger.header().clone();
    if let Some(url) = &header.endpoint
        && let Some(scale) = amiproof_core::endpoint::lab_time_scale(url).await
    {
        amiproof_time::set_scale(scale);
    }
    let settings = Settings { region: Some(header.region), endpoint: header.endpoint, ..Settings::default() };
    let tools = Tools { clients: Some(Clients::connect(settings).await?), access: None, ledger };
    let steps = Steps { provision: false, network_only: false, test: true, scan: true, teardown: false };
    Ok(run::run(plan(matrix, checks, steps, folder, base, header.run), tools, Stop::default(), |_| ()).await)
}

/// The checks on a stock image and its hardened counterpart, in a lab of this process.
async fn on_lab(checks: Vec<Check>) -> Result<Report, Failure> {
    let text = include_bytes!("../../fixtures/matrices/pair.yaml");
    let matrix = resolved("pair.yaml", text, &Files::new())?;
    let network = MemoryNetwork::default();
    let lab = Lab::start(LabOptions { network: Network::Memory(network.clone()), ..LabOptions::default() }).await?;
    let (key, secret) = Lab::credentials();
    let settings = Settings {
        region: matrix.cluster.region.clone(),
        endpoint: Some(lab.endpoint()),
        credentials: Some((key.to_owned(), secret.to_owned())),
        transport: Transport::memory(move |authority| network.dial(authority)),
        ..Settings::default()
    };
    let clients = Clients::connect(settings).await?;
    let folder = tempfile::tempdir()?;
    let path = Utf8PathBuf::try_from(folder.path().to_owned())?;
    let now = amiproof_time::now();
    let header = Header {
        version: ledger::VERSION,
        run: "conformance".parse()?,
        matrix: matrix.name.clone(),
        account: clients.whoami().await?.account,
        region: matrix.cluster.region.clone().unwrap_or_default(),
        endpoint: Some(lab.endpoint()),
        kubeconfig: None,
        started: now,
        expires: now + Duration::from_secs(3600),
        keep: false,
    };
    let run_id = header.run.clone();
    let tools = Tools { clients: Some(clients), access: None, ledger: Ledger::create(&path, header)? };
    let steps = Steps { provision: true, network_only: false, test: true, scan: true, teardown: true };
    let plan = plan(matrix, checks, steps, path, Utf8PathBuf::new(), run_id);
    let report = run::run(plan, tools, Stop::default(), |_| ()).await;
    let left = lab.resources();
    lab.stop().await;
    match left.as_slice() {
        [] => Ok(report),
        left => Err(format!("the run left behind: {left:?}").into()),
    }
}

fn plan(
    matrix: Matrix,
    checks: Vec<Check>,
    steps: Steps,
    folder: Utf8PathBuf,
    base: Utf8PathBuf,
    run: amiproof_model::name::RunId,
) -> Plan {
    Plan {
        run,
        max_pods: matrix.max_pods(),
        matrix: Arc::new(matrix),
        steps,
        checks,
        waivers: Vec::new(),
        settings: amiproof_suites::settings::all(),
        controls: amiproof_suites::controls::all(),
        experiment: None,
        retries: 0,
        image_registry: None,
        pull_secret: None,
        base,
        folder,
        expires: amiproof_time::now() + Duration::from_secs(3600),
        lab: steps.teardown,
        shards: None,
        earlier: None,
        answers: Answers::default(),
    }
}

fn read(file: &Utf8Path, files: &dyn ReadFile) -> Result<Matrix, Failure> {
    let bytes = std::fs::read(file).map_err(|error| format!("AMIPROOF_MATRIX {file}: {error}"))?;
    resolved(file.as_str(), &bytes, files)
}

fn resolved(name: &str, bytes: &[u8], files: &dyn ReadFile) -> Result<Matrix, Failure> {
    let lines = |problems: Vec<amiproof_model::problem::Problem>| {
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    Ok(resolve(name, bytes, files, SUITES).map_err(lines)?.matrix)
}

/// The files beside a matrix.
struct Disk(Utf8PathBuf);

impl ReadFile for Disk {
    fn read(&self, path: &Utf8Path) -> Result<Vec<u8>, String> {
        std::fs::read(self.0.join(path)).map_err(|error| error.to_string())
    }

    fn workload_files(&self, folder: &Utf8Path) -> Result<Vec<Utf8PathBuf>, String> {
        let listing = self.0.join(folder).read_dir_utf8().map_err(|error| error.to_string())?;
        let names = listing.filter_map(Result::ok).map(|entry| folder.join(entry.file_name()));
        let mut files: Vec<Utf8PathBuf> =
            names.filter(|path| matches!(path.extension(), Some("yaml" | "yml"))).collect();
        files.sort();
        Ok(files)
    }
}
