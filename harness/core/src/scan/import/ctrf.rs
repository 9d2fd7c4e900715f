//! CTRF, the Common Test Report Format (ctrf.io), which reporters of most test runners write.
//!
//! A test is `passed`, `failed`, `skipped`, `pending` or `other` (specification, "Test Status"); only the first two are
//! results. The file must contain as many tests as its summary declares.

use std::io::BufRead;

use amiproof_model::verdict::Verdict;
use serde::Deserialize;
use serde_json::Value;

use super::ImportError;
use super::document::{Answer, Document, Index, fail, line, severity, title, word};
use super::json::{self, List, Scalar, Text};
use super::own::{self, Own};
use super::xml::clip;

#[derive(Deserialize)]
struct Report {
    results: Option<Results>,
}

#[derive(Deserialize)]
struct Results {
    #[serde(default)]
    tool: Tool,
    #[serde(default)]
    summary: Summary,
    tests: Option<List<Test>>,
}

#[derive(Default, Deserialize)]
struct Tool {
    #[serde(default)]
    name: Text,
    version: Option<Text>,
}

#[derive(Default, Deserialize)]
struct Summary {
    #[serde(default)]
    tests: Value,
    #[serde(default)]
    passed: Value,
    #[serde(default)]
    failed: Value,
    #[serde(default)]
    skipped: Value,
    #[serde(default)]
    pending: Value,
    #[serde(default)]
    other: Value,
    /// Milliseconds since 1970; older reporters write seconds.
    #[serde(default)]
    stop: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Test {
    #[serde(default)]
    name: Text,
    #[serde(default)]
    status: Text,
    raw_status: Option<Text>,
    /// The suites around it, outermost first; a text with all of them in older versions.
    #[serde(default)]
    suite: Value,
    message: Option<Text>,
    trace: Option<Text>,
    flaky: Option<bool>,
    extra: Option<Extra>,
}

/// What amiproof keeps there of its own rows.
#[derive(Default, Deserialize)]
struct Extra {
    #[serde(default)]
    subject: Scalar,
    #[serde(default)]
    check: Scalar,
    #[serde(default)]
    control: Scalar,
    #[serde(default)]
    severity: Scalar,
}

/// Reads a report.
///
/// # Errors
/// As [`super::read`].
pub(super) fn read(reader: impl BufRead) -> Result<Document, ImportError> {
    let report: Report = json::read("CTRF", reader)?;
    let missing = |what: &str| ImportError::NotThis { wanted: "CTRF", found: format!("JSON without {what}") };
    let results = report.results.ok_or_else(|| missing("results"))?;
    let tests = results.tests.ok_or_else(|| missing("results.tests"))?.0;
    if tests.is_empty() {
        return Err(ImportError::NoResults { what: "test" });
    }
    let mut document = Document {
        scanner: word(&results.tool.name.0),
        version: results.tool.version.map(|text| clip(text.0, 40)),
        content: title(&results.tool.name.0),
        when: results
            .summary
            .stop
            .as_i64()
            .filter(|stop| *stop > 100_000_000_000)
            .and_then(|stop| jiff::Timestamp::from_millisecond(stop).ok()),
        ..Document::default()
    };
    let mut index = Index::new();
    let is_own = document.scanner == own::NAME;
    let mut flaky = 0;
    for test in &tests {
        flaky += usize::from(test.flaky == Some(true) && test.status.0 == "passed");
        document.add(&mut index, answer(test, is_own))?;
    }
    if flaky > 0 {
        document.notes.push(format!("{flaky} of its tests passed only on a retry"));
    }
    for reason in lacks(&results.summary, &tests) {
        document.notes.push(reason.clone());
        let heading = "the file contains every test that it declares";
        document.add(&mut index, Answer::new("summary", heading, Verdict::NotEvaluated(reason)))?;
    }
    Ok(document)
}

/// What the summary declares and the file does not contain.
fn lacks(summary: &Summary, tests: &[Test]) -> Vec<String> {
    let of = |status: &str| tests.iter().filter(|test| test.status.0 == status).count();
    let table = [
        ("tests", &summary.tests, tests.len()),
        ("passed tests", &summary.passed, of("passed")),
        ("failed tests", &summary.failed, of("failed")),
        ("skipped tests", &summary.skipped, of("skipped")),
        ("pending tests", &summary.pending, of("pending")),
        ("other tests", &summary.other, of("other")),
    ];
    let more = |(what, declared, found): (&str, &Value, usize)| {
        let declared = declared.as_u64()?;
        (declared > found as u64).then(|| format!("its summary declares {declared} {what}, but it contains {found}"))
    };
    table.into_iter().filter_map(more).collect()
}

fn answer(test: &Test, is_own: bool) -> Answer {
    let name = title(&test.name.0);
    let suites = match &test.suite {
        Value::Array(all) => all.iter().filter_map(Value::as_str).map(title).collect::<Vec<_>>().join("."),
        Value::String(suite) => title(suite),
        _ => String::new(),
    };
    let name = if name.is_empty() { "unnamed".to_owned() } else { name };
    let id = if suites.is_empty() { name.clone() } else { format!("{suites}.{name}") };
    let extra = test.extra.as_ref().filter(|_| is_own);
    let own = extra.and_then(|extra| {
        let word = Scalar(test.raw_status.as_ref().map(|word| word.0.clone()));
        Own::of(&extra.subject, &extra.check, &word, &extra.control)
    });
    let grade = extra.and_then(|extra| extra.severity.0.as_deref()).and_then(severity);
    let answer = Answer {
        severity: grade,
        verdict: verdict(test, own.is_some()),
        ..Answer::new(clip(id, 500), name, Verdict::Pass)
    };
    match own {
        Some(own) => own.answer(answer),
        None => answer,
    }
}

/// Words of test runners for what did not pass. One beside `passed` contradicts it.
const BAD: [&str; 10] =
    ["failed", "failure", "fail", "error", "errored", "broken", "timedout", "timed out", "interrupted", "unexpected"];

fn verdict(test: &Test, is_own: bool) -> Verdict {
    let text = |text: &Option<Text>| text.as_ref().map(|text| text.0.clone()).unwrap_or_default();
    let (message, trace) = (text(&test.message), text(&test.trace));
    let why = [line(&message), line(&trace)].into_iter().find(|why| !why.is_empty());
    let because = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let raw = test.raw_status.as_ref().map(|word| word.0.trim().to_ascii_lowercase()).unwrap_or_default();
    let undecided = |what: &str| match is_own {
        // For a row of amiproof the reason is enough.
        true => Verdict::NotEvaluated(why.clone().unwrap_or_else(|| what.to_owned())),
        false => Verdict::NotEvaluated(format!("{what}{because}")),
    };
    match test.status.0.as_str() {
        "passed" if !is_own && BAD.contains(&raw.as_str()) => Verdict::NotEvaluated(format!(
            "the file contradicts itself: the status is 'passed', but rawStatus is '{}'",
            line(&raw)
        )),
        "passed" => Verdict::Pass,
        "failed" => {
            let summary = why.unwrap_or_else(|| "the file gives no message".to_owned());
            fail("", summary, if trace.is_empty() { message } else { trace }, "")
        }
        "skipped" if is_own && raw == "informational" => {
            Verdict::NotApplicable(format!("for information only{because}"))
        }
        "skipped" => undecided("the test was skipped"),
        "pending" => undecided("the test is pending"),
        "other" => undecided("the test ended in another way than passed or failed"),
        "" => Verdict::NotEvaluated("the file gives no result".to_owned()),
        other => Verdict::NotEvaluated(format!("the file gives the unknown status '{}'{because}", line(other))),
    }
}

#[cfg(test)]
mod tests;
