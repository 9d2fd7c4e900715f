//! What a run costs: before it, after it, and when it may not.

use std::process::Output;

use amiproof_model::cost::{Billed, Usd};
use amiproof_model::report::Cost;

use crate::process::{matrix, report, run, stderr};

/// The price that amiproof does not know.
const PRICES: &str = r#"{"date": "2026-11-30", "regions": {"us-west-2": {"inspectorAssessment": 0.03}}}"#;

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_run_that_costs_too_much_or_an_unknown_amount_creates_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let runs = dir.path().join("runs");
    let (pair, prices) = (matrix("pair.yaml"), dir.path().join("prices.json"));
    std::fs::write(&prices, PRICES).unwrap();
    let (pair, prices) = (pair.to_str().unwrap(), prices.to_str().unwrap());
    for (command, arguments, wanted) in [
        ("run", &["--lab", "--max-cost", "0.05"][..], "this is expected to cost $0."),
        ("nightly", &["--lab", "--max-cost", "0.05"], "and --max-cost is $0.05: nothing was created"),
        ("run", &["--lab", "--max-cost", "50"], "in us-west-2 there is no price for Amazon Inspector CIS assessment"),
        ("apply", &["--max-cost", "1", "--checks", "node/joined"], "in the 12h that it is kept for (--expires)"),
        ("apply", &["--max-cost", "30", "--only", "network"], "this is expected to cost $36.50 a month"),
        ("plan", &["--max-cost", "30", "--only", "network"], "this is expected to cost $36.50 a month"),
        ("run", &["--lab", "--max-cost", "much"], "US dollars, like 5 or 2.50"),
        ("run", &["--lab", "--prices", "/dev/null"], "cannot use the prices /dev/null"),
    ] {
        let refused = run(dir.path(), &[&[command, "--file", pair], arguments].concat());
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {}", stderr(&refused));
        assert!(stderr(&refused).replace('\n', " ").contains(wanted), "{arguments:?}: {}", stderr(&refused));
        assert!(!runs.exists(), "{arguments:?} made {runs:?}");
    }
    let planned = run(dir.path(), &["plan", "--file", pair, "--max-cost", "50", "--prices", prices]);
    assert_eq!(planned.status.code(), Some(0), "{}", stderr(&planned));
    assert!(!stdout(&planned).contains("unknown"), "{}", stdout(&planned));
}

fn hours(cost: &Cost, what: Billed) -> f64 {
    cost.lines.iter().filter(|line| line.what == what).map(|line| line.hours).sum()
}

#[test]
fn a_run_says_what_it_would_have_cost_and_keeps_to_what_the_plan_said() {
    let dir = tempfile::tempdir().unwrap();
    let (pair, prices) = (matrix("pair.yaml"), dir.path().join("prices.json"));
    std::fs::write(&prices, PRICES).unwrap();
    let common = ["--file", pair.to_str().unwrap(), "--prices", prices.to_str().unwrap()];
    let done = run(dir.path(), &[&["run", "--lab", "--no-fail", "--max-cost", "2"][..], &common].concat());
    let (report, said) = (report(dir.path()), stdout(&done));
    assert!(
        said.contains("would have cost about $") && said.contains("the lab bills nothing"),
        "{said}{}",
        stderr(&done)
    );
    let cost = report.cost.clone().unwrap();
    assert_eq!((cost.prices.as_str(), cost.unknown().len()), ("2026-09-29 and 2026-11-30", 0));
    // Everything is deleted, so nothing goes on costing.
    assert_eq!((report.cleanup.leftovers.len(), cost.usd_per_hour), (0, Usd::ZERO));
    let assessed: u32 = cost.lines.iter().filter(|line| line.what == Billed::Assessments).map(|line| line.count).sum();
    assert_eq!(assessed, 4, "{cost:#?}");
    let of_variants: Usd = report.variants.iter().map(|variant| cost.of_variant(&variant.name)).sum();
    let shared = cost.lines.iter().filter(|line| line.variant.is_none()).filter_map(|line| line.usd);
    assert_eq!(of_variants + shared.sum(), cost.usd);
    // Nodes exist for less time than the control plane, and that for less than the run.
    let (nodes, plane) = (hours(&cost, Billed::Instances) / 4.0, hours(&cost, Billed::ControlPlane));
    assert!(0.1 < nodes && nodes < plane && plane < report.run.seconds / 3600.0, "{nodes} {plane} {cost:#?}");

    let planned = run(dir.path(), &[&["plan", "--output", "json"][..], &common].concat());
    let planned: serde_json::Value = serde_json::from_slice(&planned.stdout).unwrap();
    let usd = |of: &str| planned["cost"][of]["usd"].as_f64().unwrap();
    let (expected, actual) = (usd("expected"), cost.usd.dollars());
    assert!((expected / actual - 1.0).abs() < 0.35, "planned {expected}, was {actual}: {cost:#?}");
    assert!(actual < usd("atMost"), "{actual} {planned:#}");
    assert!(planned["untouched"].as_array().unwrap().len() == 1, "{planned:#}");
}
