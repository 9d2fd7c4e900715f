//! A comparison as JUnit: only regressions are red, so that a CI job fails for new failures and not for old ones.
//!
//! | change | JUnit |
//! |---|---|
//! | new failure, appeared failing | `failure` |
//! | coverage lost (had a verdict, now not evaluated, error or gone), newly broken variant | `error` |
//! | fixed, newly decided | passed |
//! | everything else | `skipped`, with the change as type |

use indexmap::IndexMap;

use super::comparison::{Comparison, ResultChange};
use super::state::Change;
use crate::error::RenderError;
use crate::junit::case::{Draft, Kind};
use crate::junit::suite::{Root, SuiteDraft};
use crate::junit::write::render_suites;
use crate::target;

/// The comparison as JUnit XML.
pub(super) fn render(comparison: &Comparison) -> Result<String, RenderError> {
    let mut suites: IndexMap<String, SuiteDraft<Draft>> = IndexMap::new();
    for change in &comparison.changes {
        let name = format!("{}/{}", change.subject.as_str(), change.check.suite());
        suite(&mut suites, comparison, name).cases.push(result_case(comparison, change));
    }
    for variant in comparison.newly_broken() {
        let subject = variant.variant.as_str();
        let message = variant.newly_broken.clone().unwrap_or_default();
        suite(&mut suites, comparison, format!("{subject}/run")).cases.push(Draft {
            classname: format!("{subject}.run"),
            name: format!("[{subject}] run: every phase completes"),
            kind: Kind::Error,
            type_: "newly-broken".to_owned(),
            body: message.clone(),
            message,
            output: String::new(),
            started: comparison.candidate.started,
            seconds: 0.0,
            span: 0.0,
        });
    }
    if suites.is_empty() {
        // A file without a suite is an error to Jenkins; "nothing changed" is good news.
        suite(&mut suites, comparison, "compare".to_owned()).cases.push(Draft {
            classname: "compare".to_owned(),
            name: "nothing changed".to_owned(),
            kind: Kind::Pass,
            type_: String::new(),
            message: String::new(),
            body: String::new(),
            output: String::new(),
            started: comparison.candidate.started,
            seconds: 0.0,
            span: 0.0,
        });
    }
    let name = format!("amiproof compare {}", comparison.candidate.matrix);
    let suites: Vec<SuiteDraft<Draft>> = suites.into_values().collect();
    target::text(|out| render_suites(&Root { name, seconds: 0.0 }, &suites, out))
}

fn suite<'a>(
    suites: &'a mut IndexMap<String, SuiteDraft<Draft>>,
    comparison: &Comparison,
    name: String,
) -> &'a mut SuiteDraft<Draft> {
    let caveats = [("notComparable", false), ("comparedAlthoughDifferent", true)];
    let caveats = caveats.into_iter().filter_map(|(name, compared)| {
        let lines = comparison.caveat_lines(compared);
        (!lines.is_empty()).then(|| (name, lines.join("; ")))
    });
    let runs = [("base", comparison.base.run.to_string()), ("candidate", comparison.candidate.run.to_string())];
    suites.entry(name).or_insert_with_key(|name| SuiteDraft {
        name: name.clone(),
        started: comparison.candidate.started,
        properties: runs.into_iter().chain(caveats).collect(),
        cases: Vec::new(),
    })
}

fn result_case(comparison: &Comparison, change: &ResultChange) -> Draft {
    let subject = change.subject.as_str();
    let kind = match change.change {
        Change::NewFailure | Change::AppearedFailing => Kind::Failure,
        _ if change.coverage_lost => Kind::Error,
        Change::Fixed | Change::NewlyDecided => Kind::Pass,
        _ => Kind::Skipped,
    };
    let (from, to) = (change.base.as_str(), change.candidate.as_str());
    let message = match change.reason.as_str() {
        "" => format!("{}: {from} -> {to}", change.change.as_str()),
        reason => format!("{}: {from} -> {to}: {reason}", change.change.as_str()),
    };
    let mut body = format!(
        "{message}\n\n{}\nbaseline: {}\ncandidate: {}\n",
        change.change.meaning(),
        comparison.base.run,
        comparison.candidate.run,
    );
    if change.change.is_worse() {
        for fact in comparison.facts_of(&change.subject) {
            body.push_str(&format!("changed on {subject}: {}\n", fact.sentence()));
        }
    }
    Draft {
        classname: format!("{subject}.{}", change.check.suite()),
        name: format!("[{subject}] {}: {}", change.check, change.title),
        kind,
        type_: change.change.as_str().replace(' ', "-"),
        output: String::new(),
        started: comparison.candidate.started,
        seconds: 0.0,
        span: 0.0,
        message,
        body,
    }
}
