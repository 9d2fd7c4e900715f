//! Speed and size targets, printed as ratios in one run: `make bench`.
//!
//! * a lab run of 30 variants with 2 nodes each takes at most 1.05 times its critical path;
//! * a lab run of the whole catalogue on 3 variants takes at most 1.15 times what it would if no check waited for another's pods;
//! * peak memory of the command for that run (the lab not counted): at most 150 MB, and calls to AWS for each variant: at most 60;
//! * 250 controls on 30 variants with 10 nodes each are judged, from the scanner's answers to the finished report, within a second;
//! * 15,000 cells with 300 changed settings are explained within 200 ms;
//! * all formats of 15,000 and of 102,000 cells, their page in Chromium, and a comparison: `forms`;
//! * a year of nights in a history store: `nights`;
//! * `amiproof --help` answers within 20 ms, `amiproof check` on that matrix within 50 ms.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what it measures is its output")]

mod forms;
mod nights;
mod process;
mod row;
mod sized;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use amiproof_core::run::critical;
use amiproof_core::run::event::{Event, EventKind};
use amiproof_core::run::recorder::Recorder;
use amiproof_core::scan::inspector::{Detail, NodeScan, assess_rows};
use amiproof_model::capability::Capability;
use amiproof_model::judge::Origin;
use amiproof_model::matrix::{self, Family};
use amiproof_model::name::VariantName;
use amiproof_model::report::{CheckResult, ClusterRecord, NodeRecord, Report, RunRecord, Subject, VariantRecord};
use amiproof_model::setting::{self, Setting};
use amiproof_model::verdict::{Finding, Outcome, Placement};
use amiproof_model::waiver::Waiver;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::process::{KilledOnDrop, command, median, peak_memory};
use crate::row::{Failure, Row};

fn main() -> ExitCode {
    // `cargo test --all-targets` starts benches, too; numbers of a busy machine would say nothing.
    if !std::env::args().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    // `cargo bench .. -- forms` measures a part.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    match measure(|part| wanted.is_empty() || wanted.iter().any(|name| name == part)) {
        Ok(rows) => {
            rows.iter().for_each(|row| println!("{row}"));
            let met = rows.iter().all(Row::is_met);
            if met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("the benchmark broke: {error}");
            ExitCode::from(3)
        }
    }
}

/// Measures something, given the folder of matrices.
type Part = fn(&Path) -> Result<Vec<Row>, Failure>;

fn measure(is_wanted: impl Fn(&str) -> bool) -> Result<Vec<Row>, Failure> {
    let matrices = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/matrices");
    let parts: [(&str, Part); 5] = [
        ("commands", commands),
        ("judging", judging),
        ("forms", |_| forms::rows()),
        ("nights", |_| nights::rows()),
        ("runs", runs),
    ];
    let mut rows = Vec::new();
    for (_, part) in parts.into_iter().filter(|(name, _)| is_wanted(name)) {
        rows.extend(part(&matrices)?);
    }
    Ok(rows)
}

fn commands(matrices: &Path) -> Result<Vec<Row>, Failure> {
    let matrix = matrices.join("thirty.yaml");
    let help = median(20, || command(&["--help"]))?;
    let check = median(20, || {
        let mut check = command(&["check", "--file"]);
        check.arg(&matrix);
        check
    })?;
    Ok(vec![
        Row::new("amiproof --help, median of 20", help * 1000.0, 20.0, "ms"),
        Row::new("amiproof check on 30 variants, median of 20", check * 1000.0, 50.0, "ms"),
    ])
}

fn judging(matrices: &Path) -> Result<Vec<Row>, Failure> {
    let judged = judge(&matrices.join("thirty.yaml"))?;
    let explained = explain()?;
    Ok(vec![
        Row::new("judging 250 controls x 30 variants x 10 nodes", judged * 1000.0, 1000.0, "ms"),
        Row::new("explaining 15,000 cells by 300 changed settings", explained * 1000.0, 200.0, "ms"),
    ])
}

fn runs(matrices: &Path) -> Result<Vec<Row>, Failure> {
    let (thirty, memory, calls) = run(&matrices.join("thirty.yaml"), &[])?;
    let (three, _, _) = run(&matrices.join("three.yaml"), &["--checks", "workload,kubelet-path"])?;
    let path = thirty.run.seconds / critical::path(&thirty);
    let unhindered = three.run.seconds / critical::unhindered(&three);
    Ok(vec![
        Row::new("run of 30 variants x 2 nodes / its critical path", path, 1.05, ""),
        Row::new("peak memory of that run", memory, 150.0, "MB"),
        Row::new("calls to AWS for each of its variants", calls / 30.0, 60.0, ""),
        Row::new("whole catalogue on 3 variants / without any waiting", unhindered, 1.15, ""),
    ])
}

/// Seconds from what Inspector says of 250 controls on 10 nodes of each of 30 variants to the finished report: rows, waivers, origins,
/// disagreements and gates.
fn judge(matrix: &Path) -> Result<f64, Failure> {
    let bytes = std::fs::read(matrix)?;
    let resolved = matrix::resolve("thirty.yaml", &bytes, &matrix::Files::new(), &[]).map_err(|_| "a wrong matrix")?;
    let nodes: Vec<NodeScan> = (1..=10).map(node).collect();
    let details: BTreeMap<u32, Vec<Detail>> =
        (1..=10).map(|node| (node, (0..250).map(|control| detail(node, control)).collect())).collect();
    let waivers: Vec<Waiver> = (0..50).map(waiver).collect::<Result<_, _>>()?;
    let run = "r-bench".parse()?;
    let started = Instant::now();
    let mut recorder = Recorder::new(run, &resolved.matrix, true, std::iter::empty(), Timestamp::now());
    for variant in &resolved.matrix.variants {
        for row in assess_rows(&"cis-al2023-1.0.0".parse()?, &nodes, &details)? {
            let subject = Subject::Variant(variant.name.clone());
            let kind = EventKind::Result(Box::new(row.into_result(subject.clone(), Timestamp::UNIX_EPOCH)));
            recorder.record(&Event { at: Timestamp::now(), subject, kind });
        }
    }
    let report = recorder.finish(&waivers, Timestamp::now());
    let seconds = started.elapsed().as_secs_f64();
    match report.results.iter().filter(|result| result.scanner.is_some()).count() {
        7500 => Ok(seconds),
        other => Err(format!("{other} controls were judged instead of 7500").into()),
    }
}

/// Seconds to explain the failures of a variant with 15,000 cells, half of them failed, whose nodes differ from the reference in 300 settings.
fn explain() -> Result<f64, Failure> {
    const CELLS: usize = 15_000;
    const SETTINGS: usize = 300;
    let capabilities: Vec<&str> = Capability::ALL.iter().map(|one| one.as_str()).collect();
    let capability = |number: usize| capabilities[number % capabilities.len()];
    let extents = ["all", "all-or-nothing", "some"];
    let text = |number: usize| {
        format!(
            "apiVersion: amiproof/v1\nkind: Setting\nmetadata: {{name: s{number}}}\nspec:\n  title: t\n  harmful:\n    - {{fact: f{number}, label: l, \
             value: {{is: [\"1\"]}}, change: sysctl}}\n  takes:\n    - {{capabilities: [{}, {}], extent: {}}}\n  sources: [s]\n",
            capability(number),
            capability(number + 1),
            extents[number % extents.len()]
        )
    };
    let settings: Vec<Setting> = (0..SETTINGS).map(|number| setting::parse(&text(number))).collect::<Result<_, _>>()?;
    let node = |value: &str| -> Result<NodeRecord, serde_json::Error> {
        let facts: serde_json::Map<String, Value> =
            (0..SETTINGS).map(|number| (format!("f{number}"), json!(value))).collect();
        serde_json::from_value(json!({"index": 1, "name": "n1", "facts": facts}))
    };
    let started = "2026-11-21T00:00:00Z".parse()?;
    let mut report = Report::new("0", RunRecord::new("r-bench".parse()?, "m", started), ClusterRecord::new("c"));
    let (stock, hardened) = ("stock".parse::<VariantName>()?, "hardened".parse::<VariantName>()?);
    let variant = |name: &VariantName, node| VariantRecord {
        nodes: vec![node],
        ..VariantRecord::new(name.clone(), Family::Al2023)
    };
    report.variants = vec![
        variant(&stock, node("0")?),
        VariantRecord { reference: Some(stock.clone()), ..variant(&hardened, node("1")?) },
    ];
    for number in 0..CELLS {
        let is_failed = number % 2 == 0;
        let outcome =
            if is_failed { Outcome::Fail { findings: vec![Finding::new("node 1", "no")] } } else { Outcome::Pass };
        // What passes exercises the last third of the capabilities, so that two thirds of the settings are refuted by nothing.
        let first = if is_failed { number / 2 } else { capabilities.len() * 2 / 3 + number % (capabilities.len() / 3) };
        report.results.push(CheckResult {
            exercises: vec![capability(first).to_owned(), capability(first * 7 + 1).to_owned()],
            origin: is_failed.then_some(Origin::Hardening),
            ..CheckResult::new(format!("workload/w{number}").parse()?, Subject::Variant(hardened.clone()), outcome)
        });
    }
    let begun = Instant::now();
    amiproof_model::explain::explain(&mut report, &settings, amiproof_suites::controls::all());
    let seconds = begun.elapsed().as_secs_f64();
    let explanation = report.explanations.first().ok_or("nothing was explained")?;
    let cells: usize = explanation.causes.iter().map(|cause| cause.cells.len()).sum();
    if cells + explanation.unexplained.len() < CELLS / 2 {
        return Err(format!("{cells} cells explained and {} not", explanation.unexplained.len()).into());
    }
    Ok(seconds)
}

fn node(index: u32) -> NodeScan {
    let instance_id = format!("i-{index:017x}");
    let name = format!("ip-10-0-0-{index}.us-west-2.compute.internal");
    let placement = Placement { pod: None, node: name, instance_id: Some(instance_id.clone()), ami_id: None };
    NodeScan { index, instance_id, placement, not_scanned: None }
}

/// Every fourth control fails, on every third node.
fn detail(node: u32, control: u32) -> Detail {
    let fails = control.is_multiple_of(4) && node.is_multiple_of(3);
    Detail {
        number: format!("{}.{}.{}", control / 50 + 1, control / 10 % 5 + 1, control % 10 + 1),
        title: format!("control {control} is met"),
        status: if fails { "FAILED" } else { "PASSED" }.to_owned(),
        reason: if fails { "the file has mode 0644 and is to have 0600" } else { "" }.to_owned(),
        remediation: "chmod 0600".to_owned(),
        level: "LEVEL_1".to_owned(),
    }
}

fn waiver(control: u32) -> Result<Waiver, Failure> {
    Ok(Waiver {
        control: Some(format!("cis-al2023-1.0.0/9.9.{control}").parse()?),
        reason: "accepted".to_owned(),
        owner: "platform".to_owned(),
        expires: "2099-12-31".parse()?,
        ..Waiver::default()
    })
}

/// A whole run against a lab in another process: its report, peak memory in MB, and the calls to AWS.
fn run(matrix: &Path, more: &[&str]) -> Result<(Report, f64, f64), Failure> {
    let mut lab = KilledOnDrop(command(&["lab", "--port", "0", "--time-scale", "20"]).stdout(Stdio::piped()).spawn()?);
    let lines = BufReader::new(lab.0.stdout.take().ok_or("the lab has no output")?).lines();
    let exports: Vec<(String, String)> = lines
        .map_while(Result::ok)
        .filter_map(|line| line.strip_prefix("export ")?.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned())))
        .take(5)
        .collect();
    let dir = tempfile::tempdir()?;
    let mut run = command(&["run", "--no-fail"]);
    let mut child = run.args(more).arg("--file").arg(matrix).arg("--dir").arg(dir.path()).envs(exports).spawn()?;
    let peak = peak_memory(&mut child, Duration::from_millis(50))?;
    let folder: Option<PathBuf> = std::fs::read_dir(dir.path().join("runs"))?.next().transpose()?.map(|it| it.path());
    let folder = folder.ok_or("the run wrote nothing")?;
    let report = Report::parse(&std::fs::read_to_string(folder.join("report.json"))?)?;
    let log = std::fs::read_to_string(folder.join("log.txt"))?;
    let calls = log.lines().find_map(|line| line.split_once(" calls to AWS")?.0.rsplit(' ').next());
    let calls: f64 = calls.ok_or("the log does not count the calls to AWS")?.parse()?;
    println!(
        "{} variants: {:.1} s, critical path {:.1} s, {:.1} s without any waiting, {} results, {} left behind",
        report.variants.len(),
        report.run.seconds,
        report.run.critical_path_seconds,
        critical::unhindered(&report),
        report.results.len(),
        report.cleanup.leftovers.len()
    );
    Ok((report, peak, calls))
}
