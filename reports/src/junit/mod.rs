//! JUnit XML in the dialect that Jenkins, GitLab, Azure, CircleCI, GitHub actions and Buildkite all read.
//!
//! One flat `testsuite` per subject and suite, named `subject/suite`; one `testcase` per result, with the subject in its name
//! *and* its classname: GitLab keeps only the first of two cases with the same classname and name, and actions that merge
//! retries keep the pass of two, so a failure on one variant would hide behind the pass of another.
//!
//! | disposition | JUnit |
//! |---|---|
//! | passed | passed |
//! | flaky | passed, with a note in `system-out` |
//! | failed | `failure`: the variant does not conform |
//! | error, and not evaluated where nothing allows it | `error`: amiproof could not decide |
//! | waived, known, tolerated, informational, not applicable, manual, allowed, blocked by a failure | `skipped` with that word as type and the reason as message |
//!
//! Other events appear as `error` cases of their own, so that they are visible to consumers that know only JUnit: a failed
//! phase (suite `subject/run`), an interrupted run (`run/interrupted`), a resource that was left behind (`run/cleanup`), and
//! a run that decided nothing (`run/verdict`). [`expected_counts`] returns the totals.
//!
//! Times: the duration of a scan is given once, on the first control that it evaluated; its other controls have 0, so
//! that the times of all cases add up; the time of a suite is the wall clock that its cases cover together, and that
//! of the document is the run's.
//!
//! Consumers' limits: GitLab reads files below 30 MB, Jenkins cuts the text of a case at 100,000 characters, Azure cuts names at
//! 512 characters. See GitLab's "unit test reports" page and the source of Jenkins' junit-plugin.

pub(crate) mod case;
mod counted;
mod document;
pub(crate) mod suite;
pub(crate) mod write;

use std::collections::{HashMap, HashSet};

use amiproof_model::conclusion::{Conclusion, Scope, Summary};
use amiproof_model::name::CheckId;
use amiproof_model::report::{CheckResult, Report, Subject};
use indexmap::IndexMap;
use jiff::Timestamp;

use self::case::kind;
pub(crate) use self::case::{Draft, Kind};
pub use self::suite::JunitCounts;
pub(crate) use self::suite::{Case, Root, SuiteDraft};
pub(crate) use self::write::render_suites;
use crate::context::Context;
use crate::error::RenderError;
use crate::target::{self, Target};
use crate::times::Times;
use crate::{text, waivers};

/// The totals of the JUnit file of this report: its results as the table above maps them, and one error for each of the things that
/// are not a result.
pub fn expected_counts(report: &Report) -> JunitCounts {
    let mut counts = JunitCounts::default();
    let cases = report.results.iter().map(|result| kind(&result.disposition));
    let verdict = Summary::of(report, Scope::Run, 0);
    for kind in cases.chain(extra(report, &verdict).iter().map(|(_, _, case)| case.kind)) {
        counts.add(kind);
    }
    counts
}

/// The report as JUnit XML. With a baseline, suites say in `runVerdict` and `verdict` whether it is a regression; what is red is the same.
///
/// # Errors
/// When the XML cannot be written, which would be a bug in amiproof.
pub fn render(report: &Report, baseline: Option<&Report>) -> Result<String, RenderError> {
    target::text(|out| write_to(&Context::of(report, baseline), out))
}

/// As [`render`], case by case.
pub(crate) fn write_to(context: &Context<'_>, out: &mut dyn Target) -> Result<(), RenderError> {
    let report = &*context.report;
    let root = Root { name: format!("amiproof {}", report.run.matrix), seconds: report.run.seconds };
    let drafts = Drafts::of(report);
    render_suites(&root, &suites(context, &drafts), out)
}

/// What drafts of results need.
struct Drafts<'a> {
    report: &'a Report,
    times: Times<'a>,
    /// Results with more than one scanner.
    several: HashSet<(&'a CheckId, &'a Subject)>,
}

impl<'a> Drafts<'a> {
    fn of(report: &'a Report) -> Self {
        Self { report, times: Times::of(&report.results), several: answered_twice(report) }
    }
}

/// A case of a report.
enum ReportCase<'a> {
    /// A result of a check.
    Result(&'a Drafts<'a>, &'a CheckResult),
    /// Something else that went wrong.
    Event(Box<Draft>),
}

impl Case for ReportCase<'_> {
    fn kind(&self) -> Kind {
        match self {
            Self::Result(_, result) => kind(&result.disposition),
            Self::Event(draft) => draft.kind,
        }
    }

    fn span(&self) -> (Timestamp, f64) {
        match self {
            Self::Result(_, result) => (result.started, result.seconds),
            Self::Event(draft) => draft.span(),
        }
    }

    fn draft(&self) -> Draft {
        match self {
            Self::Result(drafts, result) => {
                let mut draft = Draft::of_result(&drafts.times, drafts.report, result);
                if let Some(scanner) = &result.scanner
                    && drafts.several.contains(&(&result.check, &result.subject))
                {
                    // GitLab drops the second of two cases with one name.
                    draft.name = format!("{} ({scanner})", draft.name);
                }
                draft
            }
            Self::Event(draft) => draft.draft(),
        }
    }
}

fn suites<'a>(context: &'a Context<'_>, drafts: &'a Drafts<'a>) -> Vec<SuiteDraft<ReportCase<'a>>> {
    let report = &*context.report;
    let verdict = context.verdict();
    let mut verdicts: HashMap<Subject, &'static str> = HashMap::new();
    let mut suites: IndexMap<String, SuiteDraft<ReportCase<'a>>> = IndexMap::new();
    let mut add = |name: String, subject: Option<&Subject>, case: ReportCase<'a>| {
        let (started, _) = case.span();
        let suite = suites.entry(name).or_insert_with_key(|name| {
            let mut properties = properties(report, subject);
            properties.push(("runVerdict", verdict.conclusion.as_str().to_owned()));
            if let Some(subject) = subject {
                let word = || context.verdict_of(subject).conclusion.as_str();
                properties.push(("verdict", (*verdicts.entry(subject.clone()).or_insert_with(word)).to_owned()));
            }
            SuiteDraft { name: text::line(name), started, properties, cases: Vec::new() }
        });
        suite.started = suite.started.min(started);
        suite.cases.push(case);
    };
    for result in &report.results {
        let name = format!("{}/{}", result.subject.as_str(), result.check.suite());
        add(name, Some(&result.subject), ReportCase::Result(drafts, result));
    }
    for (name, subject, draft) in extra(report, &verdict) {
        add(name, subject.as_ref(), ReportCase::Event(Box::new(draft)));
    }
    suites.into_values().collect()
}

/// The cases that are not results of checks, by suite.
pub(crate) fn extra(report: &Report, verdict: &Summary) -> Vec<(String, Option<Subject>, Draft)> {
    let mut extra: Vec<(String, Option<Subject>, Draft)> = Vec::new();
    for phase in &report.run.phases {
        let case = Draft::of_phase("cluster", phase);
        extra.extend(case.map(|case| ("cluster/run".to_owned(), Some(Subject::Cluster), case)));
    }
    for variant in &report.variants {
        for phase in &variant.phases {
            let subject = Subject::Variant(variant.name.clone());
            let case = Draft::of_phase(variant.name.as_str(), phase);
            extra.extend(case.map(|case| (format!("{}/run", variant.name), Some(subject), case)));
        }
    }
    if report.run.interrupted {
        extra.push(("run/interrupted".to_owned(), None, Draft::of_interruption(report)));
    }
    for leftover in &report.cleanup.leftovers {
        extra.push(("run/cleanup".to_owned(), None, Draft::of_leftover(report.run.started, leftover)));
    }
    for sentence in report.cleanup.not_verified() {
        extra.push(("run/cleanup".to_owned(), None, Draft::of_not_verified(report.run.started, &sentence)));
    }
    let is_told = || !extra.is_empty() || report.results.iter().any(|result| kind(&result.disposition) == Kind::Error);
    if !is_told() && is_silent(verdict.conclusion) {
        extra.push(("run/verdict".to_owned(), None, Draft::of_verdict(report, verdict)));
    }
    extra
}

/// Whether the run evaluated nothing, so that no case of a check is red.
fn is_silent(conclusion: Conclusion) -> bool {
    use Conclusion::{Inconclusive, NothingEvaluated, NothingSelected};
    matches!(conclusion, Inconclusive | NothingEvaluated | NothingSelected)
}

/// Results with more than one scanner.
fn answered_twice(report: &Report) -> HashSet<(&CheckId, &Subject)> {
    let mut seen = HashSet::new();
    report.results.iter().map(|result| (&result.check, &result.subject)).filter(|one| !seen.insert(*one)).collect()
}

fn properties(report: &Report, subject: Option<&Subject>) -> Vec<(&'static str, String)> {
    let mut properties = vec![
        ("run", report.run.id.to_string()),
        ("matrix", report.run.matrix.clone()),
        ("cluster", report.cluster.name.clone()),
        ("kubernetesVersion", report.cluster.kubernetes().to_owned()),
        ("tool", format!("{} {}", report.tool.name, report.tool.version)),
    ];
    if report.cluster.lab {
        properties.push(("lab", "true".to_owned()));
    }
    for (name, state) in [("waiversExpired", "expired"), ("waiversUnused", "unused")] {
        let scopes: Vec<String> =
            waivers::lines(report).into_iter().filter(|line| line.state == state).map(|line| line.scope).collect();
        if !scopes.is_empty() {
            properties.push((name, text::short_line(&scopes.join("; "), 1_000)));
        }
    }
    let variant = match subject {
        Some(Subject::Variant(name)) => report.variants.iter().find(|variant| &variant.name == name),
        _ => None,
    };
    if let Some(variant) = variant {
        properties.push(("variant", variant.name.to_string()));
        properties.push(("family", variant.family.as_str().to_owned()));
        properties.extend(variant.benchmark.iter().map(|benchmark| ("benchmark", benchmark.to_string())));
        properties.extend(variant.level.iter().map(|level| ("level", u8::from(*level).to_string())));
        properties
            .extend(variant.ami.iter().flat_map(|ami| [("amiId", ami.id.to_string()), ("amiName", ami.name.clone())]));
        properties.extend(variant.node_group.iter().map(|name| ("nodeGroup", name.clone())));
    }
    properties
}
