//! What must hold at the end of a run, whatever went wrong in it.

use std::collections::{BTreeMap, BTreeSet};

use amiproof_model::exit::ExitCode;
use amiproof_model::judge::Disposition;
use amiproof_model::report::{CheckResult, Report};
use amiproof_model::verdict::Outcome;
use amiproof_reports::{Format, Options, render};

use crate::Failure;
use crate::plan::{Event, What};
use crate::run::End;

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Which one: what cutting down a plan must preserve.
    pub(crate) kind: &'static str,
    pub(crate) text: String,
}

impl Problem {
    pub(crate) fn new(kind: &'static str, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }
}

/// What the undisturbed run came to.
pub(crate) struct Undisturbed {
    rows: BTreeMap<(String, String), Row>,
    exit: ExitCode,
    pub(crate) calls: Vec<String>,
}

impl Undisturbed {
    pub(crate) fn of(end: End) -> Result<Self, Failure> {
        let Some(Ok(report)) = &end.report else { return Err("the undisturbed run did not end".into()) };
        if !end.left.is_empty() || end.destroyed.is_some() {
            return Err(format!("the undisturbed run left {:?}, {:?}", end.left, report.cleanup.leftovers).into());
        }
        if let Some(harmed) = end.harmed.first() {
            return Err(format!("the undisturbed run harmed {harmed} of others").into());
        }
        Ok(Self { rows: rows(report), exit: ExitCode::of(report), calls: end.calls })
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows.len()
    }
}

struct Row {
    disposition: Disposition,
    /// Whether it has no verdict. On an image that is not hardened such a row of a benchmark is information.
    is_open: bool,
}

impl Row {
    fn of(result: &CheckResult) -> Self {
        let is_open = matches!(result.outcome, Outcome::NotEvaluated { .. } | Outcome::Error { .. });
        Self { disposition: result.disposition.clone(), is_open }
    }

    /// Whether it says nothing of the image, or only what another row says.
    fn is_undecided(&self) -> bool {
        self.is_open || matches!(self.disposition, Disposition::Blocked { .. })
    }
}

fn rows(report: &Report) -> BTreeMap<(String, String), Row> {
    let row = |result: &CheckResult| ((result.subject.as_str().to_owned(), result.check.to_string()), Row::of(result));
    report.results.iter().map(row).collect()
}

/// The first promise that a run broke. After a single fault of a call nothing may differ from the undisturbed run.
pub(crate) fn judge(end: &Result<End, Failure>, undisturbed: &Undisturbed, is_single: bool) -> Option<Problem> {
    let end = match end {
        Ok(end) => end,
        Err(error) => {
            let text = error.to_string();
            let kind = if text.starts_with("panic") { "panic" } else { "hang" };
            return Some(Problem::new(kind, text));
        }
    };
    if let Some(panic) = end.panics.first() {
        return Some(Problem::new("panic", panic));
    }
    if !end.harmed.is_empty() {
        return Some(Problem::new("stranger", format!("of others: {:?}", end.harmed)));
    }
    match &end.report {
        None => {}
        Some(Err(error)) if is_single => return Some(Problem::new("refused", format!("did not begin: {error}"))),
        Some(Err(_)) => {}
        Some(Ok(report)) => {
            let problem = kept(end, report, is_single).or_else(|| judged(report, undisturbed, is_single));
            if problem.is_some() {
                return problem;
            }
        }
    }
    match &end.destroyed {
        Some(destroyed) if !destroyed.left.is_empty() => {
            Some(Problem::new("left", format!("after destroy: {:?}; it says {:?}", destroyed.left, destroyed.open)))
        }
        Some(destroyed) if !destroyed.open.is_empty() => {
            Some(Problem::new("doubt", format!("nothing is left, but destroy says: {:?}", destroyed.open)))
        }
        None if !end.left.is_empty() => Some(Problem::new("left", format!("without a ledger: {:?}", end.left))),
        _ => None,
    }
}

/// What is wrong with what the run left, and with what it says of it.
fn kept(end: &End, report: &Report, is_single: bool) -> Option<Problem> {
    let open: Vec<String> = report.cleanup.not_verified().collect();
    let leftovers: Vec<String> =
        report.cleanup.leftovers.iter().map(|left| format!("{} {}: {}", left.kind, left.id, left.reason)).collect();
    if !end.left.is_empty() && leftovers.is_empty() && open.is_empty() {
        return Some(Problem::new("lie", format!("left without a word: {:?}", end.left)));
    }
    let may_leave = end.happened.iter().any(|(what, _)| {
        matches!(
            what,
            What::Event(Event::CredentialsGone | Event::CredentialsExpire | Event::InterruptTwice | Event::DiskFull)
        )
    });
    let is_much = end.happened.len() > 3;
    if may_leave || is_much {
        return None;
    }
    if !end.left.is_empty() {
        return Some(Problem::new("kept", format!("left: {:?}; it says {leftovers:?} {open:?}", end.left)));
    }
    if is_single && !(leftovers.is_empty() && open.is_empty()) {
        return Some(Problem::new("doubt", format!("nothing is left, but it says {leftovers:?} {open:?}")));
    }
    (!leftovers.is_empty()).then(|| Problem::new("doubt", format!("nothing is left, but it says {leftovers:?}")))
}

/// What is wrong with the verdicts, and with the exit code and the JUnit that follow from them.
fn judged(report: &Report, undisturbed: &Undisturbed, is_single: bool) -> Option<Problem> {
    let now = rows(report);
    // What stands for the rows of a scan that did not come about.
    let open: BTreeSet<&str> =
        now.iter().filter(|(_, row)| row.is_undecided()).map(|((subject, _), _)| subject.as_str()).collect();
    let mut changed = Vec::new();
    for ((subject, check), before) in &undisturbed.rows {
        let after = now.get(&(subject.clone(), check.clone()));
        let is_fine = match after {
            Some(after) => {
                let (before, now) = (&before.disposition, &after.disposition);
                before.as_str() == now.as_str()
                    || !is_single
                        && (after.is_undecided()
                            || (is_green(before) && is_green(now))
                            || (is_neutral(before) && is_neutral(now)))
            }
            None => !is_single && open.contains(subject.as_str()),
        };
        if !is_fine {
            let after = after.map_or("no row", |after| after.disposition.as_str());
            changed.push(format!("{subject} {check}: {}, now {after}", before.disposition.as_str()));
        }
    }
    if let Some(first) = changed.first() {
        return Some(Problem::new("verdict", format!("{} rows changed: {first}", changed.len())));
    }
    let exit = ExitCode::of(report);
    let is_clean = report.cleanup.leftovers.is_empty() && report.cleanup.is_verified();
    let counts_as_open = |row: &Row| matches!(row.disposition, Disposition::NotEvaluated | Disposition::Error);
    let is_undecided = now.values().any(counts_as_open);
    let is_as_undisturbed = is_clean && !report.run.interrupted && !is_undecided;
    if is_as_undisturbed && exit != undisturbed.exit && !report.has_broken_pipeline() {
        let text = format!("exit code {} instead of {}", exit.code(), undisturbed.exit.code());
        return Some(Problem::new("exit", text));
    }
    if (is_undecided || !is_clean) && matches!(exit, ExitCode::Passed | ExitCode::Failed) {
        return Some(Problem::new("exit", format!("exit code {} though something is undecided or left", exit.code())));
    }
    junit(report, exit)
}

fn is_green(disposition: &Disposition) -> bool {
    matches!(disposition, Disposition::Passed | Disposition::Flaky)
}

/// Neither good nor bad of an image.
fn is_neutral(disposition: &Disposition) -> bool {
    use Disposition::{Allowed, Informational, Manual, NotApplicable};
    matches!(disposition, Informational | NotApplicable | Manual | Allowed)
}

fn junit(report: &Report, exit: ExitCode) -> Option<Problem> {
    let text = match render(Format::Junit, report, &Options::default()) {
        Ok(text) => text,
        Err(error) => return Some(Problem::new("junit", error.to_string())),
    };
    let (failures, errors) = (text.matches("<failure").count(), text.matches("<error").count());
    let is_wrong = match exit {
        ExitCode::Passed => failures + errors > 0,
        ExitCode::Failed => failures == 0,
        ExitCode::Error | ExitCode::LeftBehind | ExitCode::Interrupted => failures + errors == 0,
        ExitCode::Usage | ExitCode::NothingSelected | ExitCode::Regression => true,
    };
    let counted = || format!("exit code {} with {failures} failures and {errors} errors in JUnit", exit.code());
    is_wrong.then(|| Problem::new("junit", counted()))
}
