//! The JSON of goss (`goss validate --format json`, `outputs/json.go` and `resource/validate.go`), and of audits that
//! are built on it, such as those of ansible-lockdown: they keep the number of the control in a resource's `meta`
//! (`CIS_ID`), and the benchmark in that of one test.
//!
//! `result` is 0 for a success, 1 for a failure, 2 for a skip and 3 for what is unknown; goss marks a skipped test as
//! `successful`, too. A test with an error could not be carried out.

use std::io::BufRead;

use amiproof_model::name::Benchmark;
use amiproof_model::verdict::Verdict;
use amiproof_model::vocabulary::number_in;
use serde::Deserialize;
use serde_json::Value;

use super::ImportError;
use super::document::{Answer, Document, Index, fail, line, time, title};
use super::json::{self, List, Numbers, Scalar, Text};
use super::xml::clip;

/// The scanner's name.
const SCANNER: &str = "goss";

#[derive(Deserialize)]
struct Output {
    results: Option<List<Test>>,
    #[serde(default)]
    summary: Summary,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Summary {
    #[serde(default)]
    test_count: Value,
    #[serde(default)]
    failed_count: Value,
    #[serde(default)]
    skipped_count: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Test {
    #[serde(default)]
    resource_id: Text,
    #[serde(default)]
    resource_type: Text,
    #[serde(default)]
    property: Text,
    title: Option<Text>,
    meta: Option<Meta>,
    successful: Option<bool>,
    skipped: Option<bool>,
    /// A number, or a word in a few versions.
    #[serde(default)]
    result: Scalar,
    /// A text, and an object in versions before 0.4.
    #[serde(default)]
    err: Value,
    summary_line: Option<Text>,
    matcher_result: Option<Matched>,
    end_time: Option<Text>,
}

#[derive(Deserialize)]
struct Matched {
    message: Option<Text>,
}

#[derive(Default, Deserialize)]
struct Meta {
    #[serde(rename = "CIS_ID")]
    cis_id: Option<Numbers>,
    #[serde(default)]
    benchmark_type: Scalar,
    #[serde(default)]
    benchmark_os: Scalar,
    #[serde(default)]
    benchmark_version: Scalar,
    #[serde(default)]
    host_hostname: Scalar,
}

/// Reads the output of goss.
///
/// # Errors
/// As [`super::read`].
pub(super) fn read(reader: impl BufRead) -> Result<Document, ImportError> {
    let output: Output = json::read("goss", reader)?;
    let tests = output.results.unwrap_or_default().0;
    if tests.is_empty() {
        return Err(ImportError::NoResults { what: "test" });
    }
    if tests.iter().all(|test| test.resource_type.0.is_empty() && test.property.0.is_empty()) {
        let found = "results without resource-type".to_owned();
        return Err(ImportError::NotThis { wanted: "the output of goss", found });
    }
    let mut document = Document { scanner: SCANNER.to_owned(), content: "goss".to_owned(), ..Document::default() };
    let mut index = Index::new();
    for test in &tests {
        if let Some(meta) = &test.meta {
            learn(&mut document, meta)?;
        }
        let ended = test.end_time.as_ref().and_then(|text| time(&text.0));
        document.when = document.when.max(ended);
        document.add(&mut index, answer(test))?;
    }
    for reason in lacks(&output.summary, &tests) {
        document.notes.push(reason.clone());
        let heading = "the file contains every test that it declares";
        document.add(&mut index, Answer::new("summary", heading, Verdict::NotEvaluated(reason)))?;
    }
    Ok(document)
}

/// Keeps the benchmark and the host that an audit names.
fn learn(document: &mut Document, meta: &Meta) -> Result<(), ImportError> {
    let text = |scalar: &Scalar| scalar.0.clone().unwrap_or_default();
    let benchmark = benchmark(&text(&meta.benchmark_type), &text(&meta.benchmark_os), &text(&meta.benchmark_version));
    match (&document.benchmark, benchmark) {
        (Some(known), Some(other)) if *known != other => {
            return Err(ImportError::SeveralBenchmarks { benchmarks: format!("{known}, {other}") });
        }
        (None, Some(other)) => {
            document.content = format!("goss audit of {other}");
            document.benchmark = Some(other);
        }
        _ => {}
    }
    let host = title(&text(&meta.host_hostname));
    if !host.is_empty() && !document.target.is_empty() && document.target != host {
        return Err(ImportError::SeveralTargets { targets: clip(format!("{}, {host}", document.target), 300) });
    }
    if !host.is_empty() {
        document.target = host;
    }
    Ok(())
}

/// The benchmark of `CIS`, `AMAZON2023` and `1.0.0`, as ansible-lockdown's `run_audit.sh` calls it.
fn benchmark(kind: &str, os: &str, version: &str) -> Option<Benchmark> {
    let os = os.to_ascii_lowercase();
    let product = match os.strip_prefix("amazon") {
        Some(year) => format!("al{year}"),
        None => os,
    };
    let version = version.trim_start_matches(['v', 'V']);
    (kind == "CIS" && !product.is_empty()).then(|| format!("cis-{product}-{version}").parse().ok()).flatten()
}

fn answer(test: &Test) -> Answer {
    let parts = [&test.resource_type, &test.resource_id, &test.property].map(|part| title(&part.0));
    let id = parts.iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join(": ");
    let id = if id.is_empty() { "unnamed".to_owned() } else { clip(id, 500) };
    let named = test.title.as_ref().map(|text| title(&text.0)).filter(|text| !text.is_empty());
    // YAML parses `1.10` as the number 1.1; the title still has the full text.
    let numbers = match test.meta.as_ref().and_then(|meta| meta.cis_id.as_ref()) {
        Some(numbers) if numbers.0.is_empty() => {
            named.as_deref().and_then(number_in).map(str::to_owned).into_iter().collect()
        }
        Some(numbers) => numbers.0.clone(),
        None => Vec::new(),
    };
    let heading = match named {
        Some(named) => format!("{named} ({id})"),
        None => id.clone(),
    };
    Answer { numbers, verdict: verdict(test), ..Answer::new(id, heading, Verdict::Pass) }
}

/// How a test ended, by `result` alone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Success,
    Failure,
    Skip,
    Unknown,
    /// The file has no `result`.
    Absent,
}

fn ended(test: &Test) -> Ended {
    match test.result.0.as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some("0" | "success" | "pass") => Ended::Success,
        Some("1" | "fail") => Ended::Failure,
        Some("2" | "skip") => Ended::Skip,
        Some(_) => Ended::Unknown,
        None => Ended::Absent,
    }
}

fn verdict(test: &Test) -> Verdict {
    let matched = test.matcher_result.as_ref().and_then(|matched| matched.message.as_ref());
    let texts = [test.summary_line.as_ref(), matched];
    let why = texts.into_iter().flatten().map(|text| line(&text.0)).find(|text| !text.is_empty());
    let why = why.unwrap_or_else(|| "the file gives no reason".to_owned());
    match &test.err {
        Value::Null => {}
        Value::String(error) if error.trim().is_empty() => {}
        Value::String(error) => return Verdict::NotEvaluated(format!("goss could not carry it out: {}", line(error))),
        _ => return Verdict::NotEvaluated(format!("goss could not carry it out: {why}")),
    }
    match (ended(test), test.successful, test.skipped) {
        (Ended::Skip, ..) | (_, _, Some(true)) => Verdict::NotEvaluated("goss skipped it".to_owned()),
        (Ended::Failure, ..) => fail(&resource(test), why.clone(), why, ""),
        (Ended::Success, Some(true), _) => Verdict::Pass,
        // As goss 0.4.0 wrote every test (goss-org/goss#840).
        (Ended::Success, ..) => Verdict::NotEvaluated(
            "the file contradicts itself: `result` is a success, but `successful` is not true".to_owned(),
        ),
        (Ended::Absent, Some(false), _) => fail(&resource(test), why.clone(), why, ""),
        (Ended::Unknown, ..) => Verdict::NotEvaluated("goss does not know how the test ended".to_owned()),
        (Ended::Absent, ..) => Verdict::NotEvaluated("the file does not record how the test ended".to_owned()),
    }
}

fn resource(test: &Test) -> String {
    line(&format!("{} {}", test.resource_type.0, test.resource_id.0)).trim().to_owned()
}

/// What the summary declares and the file does not contain.
fn lacks(summary: &Summary, tests: &[Test]) -> Vec<String> {
    let failed = tests.iter().filter(|test| ended(test) == Ended::Failure || test.successful == Some(false)).count();
    let skipped = tests.iter().filter(|test| ended(test) == Ended::Skip || test.skipped == Some(true)).count();
    let table = [
        ("tests", &summary.test_count, tests.len()),
        ("failed tests", &summary.failed_count, failed),
        ("skipped tests", &summary.skipped_count, skipped),
    ];
    let more = |(what, declared, found): (&str, &Value, usize)| {
        let declared = declared.as_u64()?;
        (declared > found as u64).then(|| format!("its summary declares {declared} {what}, but it contains {found}"))
    };
    table.into_iter().filter_map(more).collect()
}

#[cfg(test)]
mod tests;
