//! The JSON of `apiclient report` (bottlerocket-core-kit, sources/bloodhound: `ReportResults`).

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// One report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// `CIS Bottlerocket Benchmark`; empty if it does not say.
    pub name: String,
    /// `1.0.0`, without the `v` that it is written with.
    pub version: String,
    /// The level that was asked for.
    pub level: u8,
    /// The number of checks that it declares.
    pub total: usize,
    /// The checks, by name.
    pub checks: Vec<Check>,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// `3.4.1.1`.
    pub number: String,
    /// Its title.
    pub title: String,
    /// Its level.
    pub level: u8,
    /// Whether it is manual.
    pub manual: bool,
    /// Its status.
    pub status: Status,
    /// Why, if it says so.
    pub error: String,
}

/// The status of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Met.
    Pass,
    /// Not met.
    Fail,
    /// Skipped.
    Skip,
    /// A status that this build does not know, such as an override by the image's configuration.
    Other(String),
}

/// Why a report cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// There is no JSON in it.
    #[error("apiclient wrote no JSON; its output begins with '{begins}'")]
    NoJson {
        /// The first line, cut to 200 characters.
        begins: String,
    },
    /// The JSON is not a report, or ends in the middle.
    #[error("apiclient's report cannot be read: {0}")]
    Form(String),
    /// It contains no check.
    #[error("apiclient ran no check")]
    NoChecks,
    /// It contains fewer checks than it declares.
    #[error("apiclient's report declares {total} checks but contains {found}")]
    Incomplete {
        /// The declared number.
        total: usize,
        /// The number found.
        found: usize,
    },
}

/// Name and version are beside the counts or in `metadata`, a check's words side by side or in `metadata` and `result`:
/// both forms of the report are about.
#[derive(Deserialize)]
struct Raw {
    level: u8,
    total: usize,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    metadata: About,
    #[serde(default)]
    failed: Option<usize>,
    #[serde(default)]
    skipped: Option<usize>,
    #[serde(default)]
    status: Option<String>,
    results: Checks,
}

/// The checks with every one that is listed twice under one name: a map would keep the last and lose a failure.
struct Checks(Vec<RawCheck>);

impl<'de> Deserialize<'de> for Checks {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Checks;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object of checks")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Checks, M::Error> {
                let mut checks: Vec<(String, RawCheck)> = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    checks.push(entry);
                }
                checks.sort_by(|(one, _), (other, _)| one.cmp(other));
                Ok(Checks(checks.into_iter().map(|(_, check)| check).collect()))
            }
        }
        from.deserialize_map(All)
    }
}

#[derive(Default, Deserialize)]
struct About {
    name: Option<String>,
    version: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawCheck {
    Flat {
        #[serde(flatten)]
        question: Question,
        #[serde(flatten)]
        answer: Answer,
    },
    Nested {
        metadata: Question,
        result: Answer,
    },
}

#[derive(Deserialize)]
struct Question {
    id: String,
    level: u8,
    title: String,
    mode: String,
}

#[derive(Deserialize)]
struct Answer {
    status: Value,
    #[serde(default)]
    error: String,
}

/// Reads what `apiclient report … --format json` wrote once.
///
/// # Errors
/// [`ParseError`]; a truncated report is never accepted as complete, nor the first of several as all of them.
pub fn parse(text: &str) -> Result<Report, ParseError> {
    let mut reports = reports(text)?;
    match (reports.pop(), reports.len()) {
        (Some(report), 0) => Ok(report),
        (_, more) => Err(ParseError::Form(format!("it contains {} reports instead of one", more + 1))),
    }
}

/// Reads every report in a text: one after the other, or in lists. What comes before the first one does not matter.
///
/// # Errors
/// [`ParseError`]; if one of them is truncated, or something else follows, the text is rejected as a whole.
pub fn reports(text: &str) -> Result<Vec<Report>, ParseError> {
    let Some(brace) = text.find('{') else {
        let begins = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        return Err(ParseError::NoJson { begins: begins.chars().take(200).collect() });
    };
    // A list begins before its first report.
    let head = text[..brace].trim_end();
    let mut rest = if head.ends_with('[') { &text[head.len() - 1..] } else { &text[brace..] };
    let mut found = Vec::new();
    while !rest.trim_start().is_empty() {
        let form = |error: serde_json::Error| ParseError::Form(error.to_string());
        let end = if rest.trim_start().starts_with('[') {
            let mut lists = serde_json::Deserializer::from_str(rest).into_iter::<Vec<Raw>>();
            found.extend(lists.next().transpose().map_err(form)?.into_iter().flatten());
            lists.byte_offset()
        } else {
            let mut documents = serde_json::Deserializer::from_str(rest).into_iter::<Raw>();
            found.extend(documents.next().transpose().map_err(form)?);
            documents.byte_offset()
        };
        rest = &rest[end..];
    }
    if found.is_empty() {
        return Err(ParseError::NoChecks);
    }
    found.into_iter().map(report).collect()
}

fn report(raw: Raw) -> Result<Report, ParseError> {
    let found = raw.results.0.len();
    if found == 0 {
        return Err(ParseError::NoChecks);
    }
    if found != raw.total {
        return Err(ParseError::Incomplete { total: raw.total, found });
    }
    let checks: Vec<Check> = raw.results.0.into_iter().map(check).collect();
    let ended = |wanted: &Status| {
        checks.iter().filter(|check| check.status == *wanted || matches!(check.status, Status::Other(_))).count()
    };
    for (what, promised, found) in
        [("failed", raw.failed, ended(&Status::Fail)), ("skipped", raw.skipped, ended(&Status::Skip))]
    {
        if let Some(promised) = promised.filter(|promised| *promised > found) {
            return Err(ParseError::Form(format!("it declares {promised} {what} checks but contains {found}")));
        }
    }
    if raw.status.is_some_and(|status| status.eq_ignore_ascii_case("fail")) && ended(&Status::Fail) == 0 {
        return Err(ParseError::Form("it reports a failure but contains no failed check".to_owned()));
    }
    Ok(Report {
        name: raw.name.or(raw.metadata.name).unwrap_or_default(),
        version: raw
            .version
            .or(raw.metadata.version)
            .unwrap_or_default()
            .trim()
            .trim_start_matches(['v', 'V'])
            .to_owned(),
        level: raw.level,
        total: raw.total,
        checks,
    })
}

fn check(raw: RawCheck) -> Check {
    let (question, answer) = match raw {
        RawCheck::Flat { question, answer } => (question, answer),
        RawCheck::Nested { metadata, result } => (metadata, result),
    };
    let status = match answer.status.as_str() {
        Some("PASS") => Status::Pass,
        Some("FAIL") => Status::Fail,
        Some("SKIP") => Status::Skip,
        Some(other) => Status::Other(other.to_owned()),
        None => Status::Other(answer.status.to_string()),
    };
    Check {
        number: question.id,
        title: question.title,
        level: question.level,
        manual: question.mode == "Manual",
        status,
        error: answer.error.trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = r#"{"level":1,"total":2,"passed":1,"skipped":1,"failed":0,"status":"PASS","timestamp":"2026-11-21T08:00:00Z",
        "name":"CIS Bottlerocket Benchmark","version":"v1.0.0","url":"https://www.cisecurity.org/benchmark/bottlerocket",
        "results":{"br01030100":{"name":"br01030100","id":"1.3.1","level":1,"title":"dm-verity","mode":"Automatic","status":"PASS","error":""},
                   "br01060000":{"name":"br01060000","id":"1.6","level":1,"title":"updates","mode":"Manual","status":"SKIP",
                                 "error":"Manual check, see benchmark for audit details."}}}"#;

    #[test]
    fn a_report_is_read_with_whatever_stands_before_it() {
        let report = parse(REPORT).unwrap();
        assert_eq!(
            (report.name.as_str(), report.version.as_str(), report.level),
            ("CIS Bottlerocket Benchmark", "1.0.0", 1)
        );
        let read: Vec<_> =
            report.checks.iter().map(|check| (check.number.as_str(), &check.status, check.manual)).collect();
        assert_eq!(read, [("1.3.1", &Status::Pass, false), ("1.6", &Status::Skip, true)]);
        assert_eq!(parse(&format!("Warning: something\n{REPORT}\n")).unwrap(), report);
    }

    #[test]
    fn a_report_whose_words_are_nested_tells_the_same() {
        let nested = r#"{"level":1,"total":1,"failed":1,"metadata":{"name":"CIS Bottlerocket Benchmark","version":"v1.0.0"},
            "results":{"br01030100":{"metadata":{"name":"br01030100","id":"1.3.1","level":1,"title":"dm-verity","mode":"Automatic"},
                                     "result":{"status":"FAIL","error":"it is off"}}}}"#;
        let report = parse(nested).unwrap();
        let check = &report.checks[0];
        assert_eq!((report.version.as_str(), check.number.as_str(), &check.status), ("1.0.0", "1.3.1", &Status::Fail));
        assert_eq!((check.error.as_str(), check.manual), ("it is off", false));
    }

    #[test]
    fn a_torn_report_is_an_error_wherever_it_is_torn() {
        let compact = serde_json::from_str::<Value>(REPORT).unwrap().to_string();
        for length in 1..compact.len() {
            assert!(matches!(parse(&compact[..length]), Err(ParseError::Form(_))), "{length}");
        }
    }

    #[test]
    fn what_is_no_report_says_what_it_is() {
        assert!(
            matches!(parse("apiclient: command not found\n"), Err(ParseError::NoJson { begins }) if begins.contains("not found"))
        );
        let fewer = REPORT.replace("\"total\":2", "\"total\":3");
        assert_eq!(parse(&fewer), Err(ParseError::Incomplete { total: 3, found: 2 }));
        assert_eq!(parse(r#"{"level":1,"total":0,"results":{}}"#), Err(ParseError::NoChecks));
        let overridden = REPORT.replace(r#""status":"PASS","error":"""#, r#""status":{"OVERRIDE":"PASS"},"error":"""#);
        assert_eq!(parse(&overridden).unwrap().checks[0].status, Status::Other(r#"{"OVERRIDE":"PASS"}"#.to_owned()));
    }

    #[test]
    fn every_report_in_a_text_counts_and_what_is_cut_or_disagrees_is_refused() {
        let bad = REPORT.replace(r#""status":"PASS","error":"""#, r#""status":"FAIL","error":"off""#);
        let bad = bad.replace(r#""failed":0"#, r#""failed":1"#);
        for text in [format!("{REPORT}\n{bad}"), format!("{REPORT}{bad}\n"), format!("[{REPORT},{bad}]")] {
            let statuses: Vec<Status> =
                reports(&text).unwrap().into_iter().map(|report| report.checks[0].status.clone()).collect();
            assert_eq!(statuses, [Status::Pass, Status::Fail], "{text}");
            assert!(matches!(parse(&text), Err(ParseError::Form(_))), "one is expected");
        }
        let status = REPORT.replacen(r#""status":"PASS""#, r#""status":"FAIL""#, 1);
        let twice = REPORT.replace("\"br01060000\":", "\"br01030100\":").replace("\"total\":2", "\"total\":1");
        for (text, part) in [
            (format!("{REPORT}\n{}", &bad[..bad.len() - 9]), "EOF"),
            (format!("{REPORT}\nError: the host went away"), "expected"),
            (REPORT.replace(r#""failed":0"#, r#""failed":3"#), "declares 3 failed checks but contains 0"),
            (REPORT.replace(r#""skipped":1"#, r#""skipped":2"#), "declares 2 skipped checks but contains 1"),
            (status, "contains no failed check"),
            (twice, "declares 1 checks but contains 2"),
        ] {
            let error = reports(&text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
