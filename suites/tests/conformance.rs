//! The checks as tests of cargo: `cargo test -p amiproof-suites --test conformance -- node::ready`.
//!
//! Listing reads nothing but what is compiled in. What runs is one run for all selected tests, and each test is what that run
//! says about its check. The run is the one whose `report.json` AMIPROOF_REPORT names.

use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use amiproof_core::check::Check;
use amiproof_model::report::Report;
use amiproof_suites::front_door::{Answer, answer, test_name};
use libtest_mimic::{Arguments, Completion, Failed, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let checks = match checks() {
        Ok(checks) => checks,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let run = Arc::new(Run::default());
    let trials = checks.into_iter().map(|check| trial(check, Arc::clone(&run))).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn checks() -> Result<Vec<Check>, Box<dyn std::error::Error>> {
    Ok(amiproof_suites::all(amiproof_workloads::catalogue()?)?)
}

fn trial(check: Check, run: Arc<Run>) -> Trial {
    Trial::ignorable_test(test_name(&check), move || match run.report()? {
        None => Ok(Completion::ignored_with("no run to judge: name a report.json in AMIPROOF_REPORT")),
        Some(report) => match answer(&check, &report.results) {
            Answer::Passed => Ok(Completion::Completed),
            Answer::Skipped(reason) => Ok(Completion::ignored_with(reason)),
            Answer::Failed(lines) => Err(Failed::from(lines)),
        },
    })
}

/// The run that all tests share: found by the first test that asks.
#[derive(Default)]
struct Run {
    report: OnceLock<Result<Option<Report>, String>>,
}

impl Run {
    fn report(&self) -> Result<Option<&Report>, Failed> {
        match self.report.get_or_init(find) {
            Ok(report) => Ok(report.as_ref()),
            Err(error) => Err(Failed::from(error)),
        }
    }
}

fn find() -> Result<Option<Report>, String> {
    let Some(path) = std::env::var_os("AMIPROOF_REPORT") else { return Ok(None) };
    let path = std::path::Path::new(&path);
    let text = std::fs::read_to_string(path).map_err(|error| format!("AMIPROOF_REPORT {}: {error}", path.display()))?;
    Report::parse(&text).map(Some).map_err(|error| format!("AMIPROOF_REPORT {}: {error}", path.display()))
}
