//! Chaos tests: the same run with injected faults and events. Whatever goes wrong, no verdict changes between pass and fail, every leftover is
//! reported, nothing is left after `destroy`, no foreign resource is touched, and every run ends.
//!
//! *Enumerated*: each call of the run fails once in each way. *Sampled*: seeds draw several faults, and each runs twice, which must
//! give the same bytes. The faults of a failing seed are reduced to the fewest that fail, and printed as a line that
//! replays them. Those that found a bug are kept in `fixtures/seeds/`.
//!
//! `cargo test` tries a part, `make chaos` everything: `AMIPROOF_CHAOS=all`. `AMIPROOF_CHAOS=100..300` tries those seeds,
//! `AMIPROOF_CHAOS='LostAfter@eks CreateCluster#1, Interrupt@200'` one list of faults, and prints the result with the ledger and all calls
//! from the first fault on. `AMIPROOF_CHAOS=7` does that with the faults that seed 7 draws, `AMIPROOF_CHAOS=Stale` tries that fault at
//! every call, and `AMIPROOF_CHAOS=NodeDies/20` that event at every twentieth.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot continue ends there, and says what it found"
)]

mod coverage;
mod disturb;
mod draw;
mod judge;
#[path = "../../../harness/core/tests/support/memory_lab.rs"]
mod memory_lab;
mod plan;
mod run;
mod strangers;

use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use amiproof_lab::inject::shrink::fewest;
use serde::Deserialize;

use self::coverage::Coverage;
use self::judge::{Problem, Undisturbed, judge};
use self::plan::{Point, What};
use self::run::{End, once};

/// `cargo test` tries every STRIDE-th point of the enumeration. Odd, so that different faults hit different calls.
const STRIDE: usize = 107;
/// The seeds that `cargo test` tries, and those of `make chaos`.
const SEEDS: Range<u64> = 0..200;
const ALL_SEEDS: Range<u64> = 0..10_000;
/// `cargo test` runs every TWICE-th seed twice, and `make chaos` all of them.
const TWICE: u64 = 8;
/// Jobs between two progress lines.
const PROGRESS: usize = 200;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A run, or two that must be the same.
struct Job {
    /// `seed 7`, or the file name of a kept seed.
    name: String,
    points: Vec<Point>,
    /// Whether nothing may differ from the undisturbed run.
    is_single: bool,
    is_twice: bool,
    /// Whether it is a kept seed, whose faults must hit the calls that they name.
    is_kept: bool,
}

/// A seed that once found a bug.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    faults: Vec<String>,
}

fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == "--list") {
        println!("chaos: test");
        return ExitCode::SUCCESS;
    }
    run::collect_panics();
    match run_all() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("the chaos tests could not start: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run_all() -> Result<bool, Failure> {
    let wish = std::env::var("AMIPROOF_CHAOS").unwrap_or_default();
    let first = once(&[])?;
    let second = once(&[])?;
    if let Some(difference) = difference(&first.bytes, &second.bytes) {
        return Err(format!("two undisturbed runs differ: {difference}").into());
    }
    let undisturbed = Undisturbed::of(first)?;
    let calls = undisturbed.calls.len();
    let is_part = wish.is_empty();
    let seed = |number: u64| Job {
        name: format!("seed {number}"),
        points: draw::draw(number, calls),
        is_single: false,
        is_kept: false,
        is_twice: !is_part || number.is_multiple_of(TWICE),
    };
    let jobs: Vec<Job> = if wish.contains('@') {
        return show(&plan::parse(&wish)?, &undisturbed);
    } else if let Ok(number) = wish.parse() {
        return show(&draw::draw(number, calls), &undisturbed);
    } else if let Some((from, to)) = wish.split_once("..") {
        (from.parse()?..to.parse()?).map(seed).collect()
    } else if let Some((what, stride)) = everywhere(&wish) {
        enumerated(calls, &[what]).step_by(stride).collect()
    } else if !is_part && wish != "all" {
        return Err(format!(
            "AMIPROOF_CHAOS={wish}: write all, a seed, a range of seeds (0..100), the name of a fault, or faults at calls"
        )
        .into());
    } else {
        let (stride, seeds) = if is_part { (STRIDE, SEEDS) } else { (1, ALL_SEEDS) };
        let whats: Vec<What> = What::all().filter(|what| what.changes_nothing()).collect();
        let points = enumerated(calls, &whats).step_by(stride);
        kept()?.into_iter().chain(points).chain(seeds.map(seed)).collect()
    };
    println!("{calls} calls, {} rows, {} runs to disturb", undisturbed.rows(), jobs.len());
    let coverage = all(&jobs, &undisturbed)?;
    coverage.print(&undisturbed.calls);
    Ok(coverage.is_clean())
}

/// Each call with each of some faults or events.
fn enumerated(calls: usize, all: &[What]) -> impl Iterator<Item = Job> {
    let points = (0..calls).flat_map(|number| all.iter().map(move |what| Point::new(number, *what)));
    points.map(|point| Job {
        name: point.to_string(),
        is_single: point.what.changes_nothing(),
        is_twice: false,
        is_kept: false,
        points: vec![point],
    })
}

/// A fault or an event, and at which calls: `Stale` at each, `NodeDies/20` at every twentieth.
fn everywhere(wish: &str) -> Option<(What, usize)> {
    let (name, stride) = match wish.split_once('/') {
        Some((name, stride)) => (name, stride.parse().ok().filter(|stride| *stride > 0)?),
        None => (wish, 1),
    };
    What::all().find(|what| what.to_string() == name).map(|what| (what, stride))
}

/// The seeds of `fixtures/seeds/`, by name.
fn kept() -> Result<Vec<Job>, Failure> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/seeds");
    let mut jobs = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let kept: Kept =
            serde_saphyr::from_str(&std::fs::read_to_string(&path)?).map_err(|error| format!("{name}: {error}"))?;
        let points = kept.faults.iter().map(|fault| fault.parse()).collect::<Result<Vec<Point>, String>>()?;
        let is_single = matches!(points.as_slice(), [point] if point.what.changes_nothing());
        jobs.push(Job { name, points, is_single, is_twice: true, is_kept: true });
    }
    jobs.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(jobs)
}

/// Does all jobs, as many at a time as there are processors.
fn all(jobs: &[Job], undisturbed: &Undisturbed) -> Result<Coverage, Failure> {
    let (next, coverage) = (AtomicUsize::new(0), Mutex::new(Coverage::begin()));
    let threads = std::thread::available_parallelism()?.get();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    let Some(job) = jobs.get(number) else { break };
                    let (end, problem) = try_faults(&job.points, undisturbed, job.is_single, job.is_twice);
                    let problem = problem.or_else(|| missed(job, end.as_ref().ok()?));
                    coverage.lock().unwrap().add(job.is_single, job.is_twice, end.as_ref().ok(), problem.as_ref());
                    if let Some(problem) = problem {
                        report(job, end.ok().as_ref(), &problem, undisturbed);
                    }
                    if number > 0 && number % PROGRESS == 0 {
                        println!("{number} of {}", jobs.len());
                    }
                }
            });
        }
    });
    Ok(coverage.into_inner()?)
}

/// A kept seed tests nothing if the calls that it names are no longer made.
fn missed(job: &Job, end: &End) -> Option<Problem> {
    let met = |point: &&Point| end.happened.iter().any(|(what, _)| *what == point.what);
    let missed = job.points.iter().filter(|_| job.is_kept).find(|point| !met(point))?;
    Some(Problem::new(
        "missed",
        format!("there is no call {missed} any more: rename it in the file to the call that replaced it"),
    ))
}

/// Runs a list of faults and judges the result.
fn try_faults(
    points: &[Point],
    undisturbed: &Undisturbed,
    is_single: bool,
    is_twice: bool,
) -> (Result<End, Failure>, Option<Problem>) {
    let end = once(points);
    let problem = judge(&end, undisturbed, is_single);
    if problem.is_some() || !is_twice {
        return (end, problem);
    }
    let difference = match (&end, once(points)) {
        (Ok(first), Ok(second)) => difference(&first.bytes, &second.bytes),
        (_, Err(second)) => Some(format!("only the second fails: {second}")),
        (Err(_), Ok(_)) => Some("only the first fails".to_owned()),
    };
    let problem = difference.map(|difference| Problem::new("chance", format!("two runs differ: {difference}")));
    (end, problem)
}

/// Where two texts differ first, with what is around it.
fn difference(one: &str, other: &str) -> Option<String> {
    const AROUND: usize = 120;
    let start = one.bytes().zip(other.bytes()).position(|(one, other)| one != other);
    let start = start.or((one.len() != other.len()).then_some(one.len().min(other.len())))?;
    let around = |text: &str| {
        let (from, to) = (start.saturating_sub(AROUND), start + AROUND);
        text[text.floor_char_boundary(from)..text.floor_char_boundary(to)].to_owned()
    };
    Some(format!("{:?} and {:?}", around(one), around(other)))
}

/// Prints a problem, and for several faults the fewest that cause it.
fn report(job: &Job, end: Option<&End>, problem: &Problem, undisturbed: &Undisturbed) {
    let Problem { kind, text } = problem;
    if job.is_single {
        let call = end.and_then(|end| end.happened.first()).map_or("", |(_, call)| call);
        println!("{} {call}: {kind}: {text}", job.name);
        return;
    }
    let again =
        |points: &[Point]| try_faults(points, undisturbed, false, true).1.is_some_and(|found| found.kind == *kind);
    let calls = end.map(|end| end.calls.clone()).unwrap_or_default();
    let named: Vec<Point> = job.points.iter().map(|point| point.named(&calls)).collect();
    let points = if again(&named) { &named } else { &job.points };
    let least = fewest(points, again);
    let text = try_faults(&least, undisturbed, false, true).1.map_or(text.clone(), |found| found.text);
    println!("{}: {kind}: {text}\n  AMIPROOF_CHAOS='{}'", job.name, plan::line(&least));
}

/// Runs a list of faults and prints everything about it.
fn show(points: &[Point], undisturbed: &Undisturbed) -> Result<bool, Failure> {
    println!("{}", plan::line(points));
    let (end, problem) = try_faults(points, undisturbed, false, true);
    let end = end?;
    for (what, call) in &end.happened {
        println!("{what} at {call}");
    }
    match &end.report {
        None => println!("the client died"),
        Some(Err(error)) => println!("the client did not begin: {error}"),
        Some(Ok(report)) => {
            print!("{}", amiproof_reports::terminal::render(report, None, &amiproof_reports::Style::default()));
        }
    }
    println!("its ledger:\n{}", end.ledger);
    let from = points.iter().filter_map(|point| point.position(&end.calls)).min().unwrap_or_default();
    for (number, call) in end.calls.iter().enumerate().skip(from) {
        println!("{number} {call}");
    }
    println!("left: {:?}; after destroy: {:?}; harmed: {:?}", end.left, end.destroyed, end.harmed);
    match &problem {
        Some(Problem { kind, text }) => println!("{kind}: {text}"),
        None => println!("no problem found"),
    }
    Ok(problem.is_none())
}
