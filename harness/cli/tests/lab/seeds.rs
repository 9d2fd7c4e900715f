//! The same matrix, seed and version give the same report, whatever else the machine does.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::process::{matrix, run, stderr};

/// The report of a run, and the folder that it is in.
fn reported(dir: &Path, file: &Path, seed: &str) -> (Vec<u8>, PathBuf) {
    let output = run(dir, &["run", "--lab", "--seed", seed, "--no-fail", "--file", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let runs: Vec<PathBuf> = std::fs::read_dir(dir.join("runs")).unwrap().map(|run| run.unwrap().path()).collect();
    let [run] = runs.as_slice() else { panic!("{runs:?}") };
    (std::fs::read(run.join("report.json")).unwrap(), run.clone())
}

#[test]
fn the_demo_gives_the_same_report_byte_for_byte_on_a_busy_machine() {
    let dir = tempfile::tempdir().unwrap();
    let (quiet, folder) = reported(dir.path(), &matrix("demo.yaml"), "1");
    let is_over = AtomicBool::new(false);
    let (busy, again) = std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().unwrap().get() {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    std::hint::spin_loop()
                }
            });
        }
        let reported = reported(dir.path(), &matrix("demo.yaml"), "1");
        is_over.store(true, Ordering::Relaxed);
        reported
    });
    assert_eq!(folder, again, "the run is named after what goes into it");
    assert!(quiet == busy, "the reports of the same run differ");
}

#[test]
fn another_seed_is_another_run_with_the_same_verdicts() {
    let reports = ["1", "2"].map(|seed| {
        let dir = tempfile::tempdir().unwrap();
        reported(dir.path(), &matrix("pair.yaml"), seed).0
    });
    assert!(reports[0] != reports[1], "addresses and names follow from the seed");
    let verdicts = reports.map(|report| {
        let report = amiproof_model::report::Report::parse(&String::from_utf8(report).unwrap()).unwrap();
        report.results.iter().map(|row| (row.check.to_string(), row.disposition.clone())).collect::<Vec<_>>()
    });
    assert_eq!(verdicts[0], verdicts[1]);
}
