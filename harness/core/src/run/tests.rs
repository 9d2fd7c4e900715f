//! Runs without an account: what becomes of the others when one pipeline panics.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use amiproof_model::matrix::{Family, Variant};
use amiproof_model::verdict::{Outcome, Verdict};
use camino::Utf8PathBuf;
use futures::FutureExt as _;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::check::{Applies, Body, Check, Scope};
use crate::fixture;
use crate::ledger::{Header, VERSION};

/// How often the variant `broken` was asked whether the check applies: the run itself asks first, its pipeline after that.
static ASKED: AtomicUsize = AtomicUsize::new(0);

/// Brings down the pipeline of one variant.
fn applies(variant: &Variant) -> Applies {
    let is_injected = variant.name.as_str() == "broken" && ASKED.fetch_add(1, Ordering::SeqCst) > 0;
    assert!(!is_injected, "injected");
    Applies::Yes
}

fn check(id: &str, scope: Scope) -> Check {
    Check {
        id: id.parse().unwrap(),
        title: id.to_owned(),
        scope,
        phase: Phase::Test,
        opt_in: false,
        disturbs: false,
        timeout: None,
        retries: 0,
        applies,
        body: Body::Code(|_| async { Ok(Verdict::Pass.into()) }.boxed()),
    }
}

fn plan(folder: &Utf8PathBuf) -> Plan {
    let mut fine = fixture::variant("fine", Family::Al2023);
    fine.reference = Some("broken".parse().unwrap());
    Plan {
        run: "r-panic".parse().unwrap(),
        matrix: Arc::new(fixture::matrix(vec![fixture::variant("broken", Family::Al2023), fine])),
        steps: Steps { provision: true, network_only: false, test: true, scan: true, teardown: false },
        checks: vec![check("node/ready", Scope::Variant), check("eks-cis/policies", Scope::Cluster)],
        waivers: Vec::new(),
        settings: &[],
        controls: &[],
        experiment: None,
        retries: 0,
        max_pods: 10,
        image_registry: None,
        pull_secret: None,
        base: folder.clone(),
        folder: folder.clone(),
        expires: Timestamp::UNIX_EPOCH,
        lab: false,
        shards: None,
        earlier: None,
        answers: Answers::default(),
    }
}

#[test]
fn a_panic_in_one_pipeline_is_an_error_of_its_variant_and_keeps_nobody_waiting() {
    // As the command does: what a run is made of needs a deep stack.
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.enable_all().worker_threads(2).thread_stack_size(8 << 20).build().unwrap();
    let guard = tempfile::tempdir().unwrap();
    let folder = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
    let header = Header {
        version: VERSION,
        run: "r-panic".parse().unwrap(),
        matrix: "test".to_owned(),
        account: String::new(),
        region: String::new(),
        endpoint: None,
        kubeconfig: None,
        started: Timestamp::UNIX_EPOCH,
        expires: Timestamp::UNIX_EPOCH,
        keep: false,
    };
    let ledger = Ledger::create(&folder, header).unwrap();
    let tools = Tools { clients: None, access: None, ledger };
    let running = run(plan(&folder), tools, Stop::default(), |_| {});
    // A run that hangs would hang forever; this one has nothing to wait for.
    let running = runtime.spawn(async { tokio::time::timeout(Duration::from_secs(300), running).await });
    let report = runtime.block_on(running).unwrap().unwrap();
    assert!(ASKED.load(Ordering::SeqCst) > 1, "nothing was injected");
    let broken = report.variants.iter().find(|variant| variant.name.as_str() == "broken").unwrap();
    let is_panic = |phase: &amiproof_model::report::PhaseRecord| matches!(&phase.ended, PhaseEnd::Error { message, .. } if message.contains("panicked"));
    assert!(broken.phases.iter().any(is_panic), "{:?}", broken.phases);
    let actual: Vec<(&str, &str)> =
        report.results.iter().map(|row| (row.subject.as_str(), row.check.as_str())).collect();
    for expected in [("broken", "node/ready"), ("fine", "node/ready"), ("cluster", "eks-cis/policies")] {
        assert!(actual.contains(&expected), "{expected:?} vanished: {actual:?}");
    }
    assert!(
        report.results.iter().all(|row| matches!(row.outcome, Outcome::NotEvaluated { .. })),
        "{:?}",
        report.results
    );
}

/// Follows work that has ended before anyone looks: the words of what came, in order.
async fn followed(is_cancelled: bool, work: impl Future<Output = ()> + Send + 'static) -> Vec<&'static str> {
    let clock = Clock::start();
    let (events, mut incoming) = Events::channel(clock);
    let cancel = CancellationToken::new();
    let work = tokio::spawn(async move {
        let end = PhaseEnd::Error { message: "no answer".to_owned(), evidence: Vec::new() };
        events.send(&Subject::Cluster, EventKind::PhaseEnded(Phase::Network, end));
        work.await;
    });
    while !work.is_finished() {
        tokio::task::yield_now().await;
    }
    if is_cancelled {
        cancel.cancel();
    }
    let mut words = Vec::new();
    let stop = Stop { cancel, ..Stop::default() };
    follow(&mut incoming, &stop, work, clock, |event| {
        words.push(match &event.kind {
            EventKind::Interrupted => "interrupted",
            EventKind::PhaseEnded(Phase::Network, _) => "network",
            EventKind::PhaseEnded(Phase::Cluster, PhaseEnd::Error { .. }) => "broken",
            _ => "another",
        });
    })
    .await;
    words
}

#[tokio::test]
async fn an_interruption_is_told_first_also_where_all_work_has_ended_by_then() {
    assert_eq!(followed(true, async {}).await, ["interrupted", "network"]);
    assert_eq!(followed(false, async {}).await, ["network"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_takes_too_long_stops_by_itself_and_is_not_interrupted() {
    let clock = Clock::start();
    let (events, mut incoming) = Events::channel(clock);
    let stop = Stop { deadline: Some(Duration::from_secs(60)), ..Stop::default() };
    let cancel = stop.cancel.clone();
    let work = tokio::spawn(async move {
        cancel.cancelled().await;
        events.send(&Subject::Cluster, EventKind::PhaseEnded(Phase::Teardown, PhaseEnd::Done));
    });
    let mut kinds = Vec::new();
    follow(&mut incoming, &stop, work, clock, |event| kinds.push(format!("{:?}", event.kind))).await;
    assert_eq!(kinds, ["DeadlineExceeded(60s)", "PhaseEnded(Teardown, Done)"]);
}

#[tokio::test]
async fn work_that_panics_is_told_although_its_events_end_with_it() {
    assert_eq!(followed(false, async { panic!("injected") }).await, ["network", "broken"]);
}

#[test]
fn what_is_asked_of_the_whole_cluster_runs_on_stock_nodes_first_and_on_windows_never() {
    let of = |name: &str, family, is_hardened: bool| {
        let level = is_hardened.then(|| fixture::hardening("cis-al2023-1.0.0"));
        Variant { hardening: level, ..fixture::variant(name, family) }
    };
    let matrix = fixture::matrix(vec![
        of("l1", Family::Al2023, true),
        of("windows", Family::Windows, false),
        of("stock", Family::Al2023, false),
        of("l2", Family::Al2023, true),
        of("bottlerocket", Family::Bottlerocket, false),
    ]);
    let names: Vec<&str> =
        plan::cluster_check_candidates(&matrix).iter().map(|variant| variant.name.as_str()).collect();
    assert_eq!(names, ["stock", "bottlerocket", "l1", "l2"]);
}
