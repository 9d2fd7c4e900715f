//! kube-bench's JSON (`kube-bench run --json`, v0.15.6, check/controls.go), whole or in the compact form that fits into a
//! termination message.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// Everything that one run of kube-bench said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// `eks-1.8.0`; empty in the compact form.
    pub benchmark: String,
    /// Every control in the order of the output.
    pub controls: Vec<Control>,
    /// Whether the output ended early: the compact form may be cut at the size of a termination message.
    pub cut: bool,
}

/// One control as kube-bench judged it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// `3.2.1`.
    pub number: String,
    /// Its title, as kube-bench words it; empty where the compact form leaves it out.
    pub title: String,
    /// `node`, `policies`, `managedservices`, `controlplane`; empty in the compact form.
    pub target: String,
    /// How it ended.
    pub status: Status,
    /// Why, where kube-bench says: the control is manual, or its audit command broke.
    pub reason: String,
    /// The command that looked.
    pub audit: String,
    /// What it found.
    pub actual: String,
    /// What it should have found.
    pub expected: String,
    /// What to do about it, as kube-bench words it.
    pub remediation: String,
}

/// How a control ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// Met.
    Pass,
    /// Not met, and it counts.
    Fail,
    /// Nobody looked, or not met and it does not count.
    Warn,
    /// Skipped.
    Info,
    /// No status, or one that this build does not know.
    #[default]
    Missing,
    /// A word that this build does not know.
    Unknown(String),
}

impl Status {
    fn of(word: &str) -> Self {
        match word {
            "PASS" => Self::Pass,
            "FAIL" => Self::Fail,
            "WARN" => Self::Warn,
            "INFO" => Self::Info,
            "" => Self::Missing,
            other => Self::Unknown(other.to_owned()),
        }
    }
}

/// Why an output cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// There is nothing.
    #[error("kube-bench wrote nothing")]
    Empty,
    /// There is no JSON in it.
    #[error("kube-bench wrote no JSON; its output begins with '{begins}'")]
    NoJson {
        /// The first line, cut to 200 characters.
        begins: String,
    },
    /// The JSON ends in the middle.
    #[error("kube-bench's JSON is cut off after {bytes} bytes; the log was truncated or the pod ended early")]
    Truncated {
        /// How much there was.
        bytes: usize,
    },
    /// The JSON is not kube-bench's.
    #[error("kube-bench's JSON has another form than this build reads: {reason}")]
    Form {
        /// What is wrong, with its place.
        reason: String,
    },
    /// The JSON holds no control.
    #[error("kube-bench ran no check")]
    NoControls,
}

#[derive(Deserialize)]
struct RawControls {
    #[serde(default)]
    version: String,
    #[serde(default)]
    node_type: String,
    tests: Option<Vec<RawGroup>>,
}

#[derive(Deserialize)]
struct RawGroup {
    results: Option<Vec<RawControl>>,
}

#[derive(Deserialize)]
struct RawControl {
    test_number: String,
    #[serde(default)]
    test_desc: String,
    #[serde(default)]
    audit: Value,
    #[serde(default)]
    remediation: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    actual_value: String,
    #[serde(default)]
    expected_result: String,
    #[serde(default)]
    reason: String,
}

/// Reads what `kube-bench run --json` wrote: an object with `Controls` and `Totals`, or with `--nototals` a bare array; lines
/// before and after the JSON do not matter.
///
/// # Errors
/// [`ParseError`]; a truncated document is never taken for a whole one.
pub fn parse(text: &str) -> Result<Output, ParseError> {
    if text.trim().is_empty() {
        return Err(ParseError::Empty);
    }
    let mut problem = None;
    for start in json_starts(text) {
        let rest = &text[start..];
        match serde_json::Deserializer::from_str(rest).into_iter::<Value>().next() {
            Some(Ok(document)) => match sections(document) {
                Some(sections) => return controls(sections),
                None => continue,
            },
            Some(Err(error)) if error.is_eof() && !matches!(problem, Some(ParseError::Truncated { .. })) => {
                problem = Some(ParseError::Truncated { bytes: rest.len() });
            }
            Some(Err(error)) => {
                problem.get_or_insert(ParseError::Form { reason: error.to_string() });
            }
            None => {}
        }
    }
    Err(problem.unwrap_or_else(|| {
        let begins = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        ParseError::NoJson { begins: begins.chars().take(200).collect() }
    }))
}

/// Where a JSON document may begin: lines that start like one. A log line may do so too (`[INFO] …`), so there can be several.
fn json_starts(text: &str) -> impl Iterator<Item = usize> {
    let mut at = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        let start = at + (line.len() - line.trim_start().len());
        at += line.len();
        let head = line.trim_start();
        let document =
            head.starts_with('{') || head.starts_with("[{") || head.trim_end() == "[" || head.trim_end() == "[]";
        document.then_some(start)
    })
}

/// The list of sections, when the document is one of kube-bench.
fn sections(document: Value) -> Option<Value> {
    match document {
        Value::Object(mut object) => object.remove("Controls"),
        list @ Value::Array(_) => Some(list),
        _ => None,
    }
}

fn controls(sections: Value) -> Result<Output, ParseError> {
    // kube-bench writes `null` for an empty list.
    let sections: Option<Vec<RawControls>> =
        serde_json::from_value(sections).map_err(|error| ParseError::Form { reason: error.to_string() })?;
    let mut output = Output { benchmark: String::new(), controls: Vec::new(), cut: false };
    for section in sections.unwrap_or_default() {
        if output.benchmark.is_empty() {
            output.benchmark = section.version;
        }
        let groups = section.tests.unwrap_or_default().into_iter();
        for raw in groups.flat_map(|group| group.results.unwrap_or_default()) {
            output.controls.push(control(raw, &section.node_type));
        }
    }
    if output.controls.is_empty() { Err(ParseError::NoControls) } else { Ok(output) }
}

fn control(raw: RawControl, target: &str) -> Control {
    Control {
        number: raw.test_number,
        title: raw.test_desc,
        target: target.to_owned(),
        status: Status::of(&raw.status),
        reason: raw.reason,
        audit: raw.audit.as_str().unwrap_or_default().trim().to_owned(),
        actual: raw.actual_value.trim().to_owned(),
        expected: raw.expected_result,
        remediation: raw.remediation.trim().to_owned(),
    }
}

/// Reads the compact form: one `"key":"value"` of the JSON a line, in its order, the last line perhaps cut.
///
/// # Errors
/// [`ParseError::Empty`] and [`ParseError::NoControls`].
pub fn parse_compact(text: &str) -> Result<Output, ParseError> {
    if text.trim().is_empty() {
        return Err(ParseError::Empty);
    }
    let mut output = Output { benchmark: String::new(), controls: Vec::new(), cut: false };
    for line in text.lines() {
        let Some((key, value)) = compact_line(line) else {
            // Only the last line can be torn; anything else is no output of ours.
            output.cut = true;
            continue;
        };
        match (key.as_str(), output.controls.last_mut()) {
            ("test_number", _) => output.controls.push(Control { number: value, ..Control::default() }),
            ("test_desc", Some(control)) => control.title = value,
            ("status", Some(control)) => control.status = Status::of(&value),
            ("reason", Some(control)) => control.reason = value,
            _ => {}
        }
    }
    if output.controls.last().is_some_and(|control| control.status == Status::Missing) {
        output.controls.pop();
        output.cut = true;
    }
    if output.controls.is_empty() { Err(ParseError::NoControls) } else { Ok(output) }
}

/// Key and value of `"key":"value"`, unescaped; `None` for a line that is torn or something else.
fn compact_line(line: &str) -> Option<(String, String)> {
    let object: BTreeMap<String, String> = serde_json::from_str(&format!("{{{}}}", line.trim())).ok()?;
    object.into_iter().next()
}

#[cfg(test)]
mod tests;
