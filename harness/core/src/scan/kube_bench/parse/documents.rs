//! The runs in what kube-bench wrote: one or many JSON documents, whole or section by section, between lines of a log.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use super::{Control, Output, ParseError, RawControl, control};

#[derive(Deserialize)]
struct Section {
    #[serde(default)]
    version: String,
    #[serde(default)]
    node_type: String,
    tests: Option<Vec<Group>>,
}

#[derive(Deserialize)]
struct Group {
    results: Option<Vec<RawControl>>,
}

#[derive(Default, Deserialize)]
struct Totals {
    #[serde(default)]
    total_pass: u64,
    #[serde(default)]
    total_fail: u64,
    #[serde(default)]
    total_warn: u64,
    #[serde(default)]
    total_info: u64,
}

impl Totals {
    fn sum(&self) -> u64 {
        [self.total_pass, self.total_fail, self.total_warn, self.total_info]
            .into_iter()
            .fold(0, |sum, count| sum.saturating_add(count))
    }
}

/// Reads what `kube-bench run --json` wrote: objects with `Controls` and `Totals`, with `--nototals` bare arrays of sections, single
/// sections as versions before 0.3 wrote them, or lists of any of these (`jq -s`). Lines before, between and behind them do not matter, nor
/// do the prefixes and timestamps of `kubectl logs`. One output per run and benchmark: a second answer to a control is another run's.
///
/// # Errors
/// [`ParseError`]; a document that is cut off is never taken for a whole one, and none that is cut off is passed over.
pub fn runs(text: &str) -> Result<Vec<Output>, ParseError> {
    if text.trim().is_empty() {
        return Err(ParseError::Empty);
    }
    let mut found: Vec<Output> = Vec::new();
    let mut seen = Seen::default();
    for source in sources(text) {
        let mut runs: Vec<Vec<(String, Control)>> = Vec::new();
        for document in documents(&source, &mut seen)? {
            add(&mut runs, document);
        }
        found.extend(runs.into_iter().flat_map(outputs));
    }
    if !found.is_empty() {
        return Ok(found);
    }
    let begins = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let begins: String = begins.chars().take(200).collect();
    let is_for_people = text
        .lines()
        .any(|line| ["[PASS] ", "[FAIL] ", "[WARN] "].iter().any(|word| line.trim_start().starts_with(word)));
    Err(match seen {
        Seen { own: true, .. } => ParseError::NoControls,
        Seen { problem: Some(problem), .. } => problem,
        Seen { json: true, .. } => ParseError::OtherJson { begins },
        _ if is_for_people => ParseError::Text,
        _ => ParseError::NoJson { begins },
    })
}

/// What was there beside controls.
#[derive(Default)]
struct Seen {
    /// A document of kube-bench.
    own: bool,
    /// Another document.
    json: bool,
    /// The first thing that begins like a document and is none.
    problem: Option<ParseError>,
}

/// The text of each pod that `kubectl logs --prefix` names, its lines put together again; the whole where it names none.
fn sources(text: &str) -> Vec<Cow<'_, str>> {
    let prefix = |line: &str| line.starts_with("[pod/").then(|| line.find(']')).flatten();
    let stamped = |line: &str| {
        let stamp = line.split(' ').next().unwrap_or_default();
        stamp.len() >= 20 && stamp.parse::<jiff::Timestamp>().is_ok()
    };
    if !text.lines().any(|line| prefix(line).is_some() || stamped(line)) {
        return vec![Cow::Borrowed(text)];
    }
    let mut sources: Vec<(&str, String)> = Vec::new();
    for line in text.lines() {
        let (name, rest) = match prefix(line) {
            Some(end) => (&line[..=end], line[end + 1..].trim_start_matches(' ')),
            None => ("", line),
        };
        let rest = if stamped(rest) { rest.split_once(' ').map_or("", |(_, rest)| rest) } else { rest };
        let at = sources.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            sources.push((name, String::new()));
            sources.len() - 1
        });
        let whole = &mut sources[at].1;
        whole.push_str(rest);
        whole.push('\n');
    }
    sources.into_iter().map(|(_, text)| Cow::Owned(text)).collect()
}

/// Every document of kube-bench in a text, as its controls with the version that judged them.
fn documents(text: &str, seen: &mut Seen) -> Result<Vec<Vec<(String, Control)>>, ParseError> {
    let mut found = Vec::new();
    let (mut broken, mut end) = (None, 0);
    let mut lines = json_starts(text);
    loop {
        // Behind a document the next one may begin on the same line.
        let behind = text[end..].chars().find(|c| !c.is_whitespace()).filter(|c| end > 0 && ['{', '['].contains(c));
        let start = match behind.and_then(|c| text[end..].find(c)) {
            Some(at) => end + at,
            None => match lines.find(|start| *start >= end) {
                Some(start) => start,
                None => break,
            },
        };
        let rest = &text[start..];
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => {
                end = start + values.byte_offset();
                seen.json = true;
                collect(value, &mut found, seen)?;
            }
            Some(Err(error)) => {
                // A log line may begin with a brace; only JSON goes on with a key in quotes.
                let inner = rest.trim_start_matches(|c: char| c.is_whitespace() || ['{', '['].contains(&c));
                let is_json = inner.starts_with('"');
                // One that ends in the middle of a text ends at the line end behind it.
                let is_cut = error.is_eof() || error.line() > rest.trim_end().lines().count();
                let problem = match is_cut {
                    true => ParseError::Truncated { bytes: rest.len() },
                    false => ParseError::Form { reason: error.to_string() },
                };
                if is_json || error.is_eof() {
                    broken.get_or_insert(problem);
                } else {
                    seen.problem.get_or_insert(problem);
                }
                end = start + 1;
            }
            None => break,
        }
    }
    match broken {
        // Of what did not end, nobody knows what it would have said.
        Some(problem) => Err(problem),
        None => Ok(found),
    }
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

/// Puts what a value holds of kube-bench behind what was found before.
fn collect(value: Value, found: &mut Vec<Vec<(String, Control)>>, seen: &mut Seen) -> Result<(), ParseError> {
    match value {
        Value::Object(mut object) if object.contains_key("Controls") => {
            seen.own = true;
            let totals = object.remove("Totals").unwrap_or_default();
            let totals: Option<Totals> = serde_json::from_value(totals).map_err(form)?;
            let sections: Option<Vec<Section>> =
                serde_json::from_value(object.remove("Controls").unwrap_or_default()).map_err(form)?;
            found.push(controls(sections.unwrap_or_default(), totals.unwrap_or_default().sum())?);
        }
        Value::Object(object) if is_section(&object) => {
            seen.own = true;
            let section: Section = serde_json::from_value(Value::Object(object)).map_err(form)?;
            found.push(controls(vec![section], 0)?);
        }
        // Sections of one run, as `--nototals` writes them.
        Value::Array(list)
            if !list.is_empty() && list.iter().all(|entry| entry.as_object().is_some_and(is_section)) =>
        {
            seen.own = true;
            let sections: Vec<Section> = serde_json::from_value(Value::Array(list)).map_err(form)?;
            found.push(controls(sections, 0)?);
        }
        Value::Array(list) => {
            seen.own |= list.is_empty();
            for entry in list {
                collect(entry, found, seen)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn is_section(object: &serde_json::Map<String, Value>) -> bool {
    object.contains_key("tests") && (object.contains_key("node_type") || object.contains_key("version"))
}

fn form(error: serde_json::Error) -> ParseError {
    ParseError::Form { reason: error.to_string() }
}

fn controls(sections: Vec<Section>, total: u64) -> Result<Vec<(String, Control)>, ParseError> {
    let mut controls = Vec::new();
    for section in sections {
        let groups = section.tests.unwrap_or_default().into_iter();
        for raw in groups.flat_map(|group| group.results.unwrap_or_default()) {
            controls.push((section.version.clone(), control(raw, &section.node_type)));
        }
    }
    let found = controls.len() as u64;
    if total > found { Err(ParseError::Incomplete { total, found }) } else { Ok(controls) }
}

/// Adds a document to the first run that has no answer to any of its controls, or as a run of its own.
fn add(runs: &mut Vec<Vec<(String, Control)>>, document: Vec<(String, Control)>) {
    let numbers: BTreeSet<&str> = document.iter().map(|(_, control)| control.number.as_str()).collect();
    let is_apart =
        |run: &&mut Vec<(String, Control)>| !run.iter().any(|(_, known)| numbers.contains(known.number.as_str()));
    match runs.iter_mut().find(is_apart) {
        Some(run) => run.extend(document),
        None => runs.push(document),
    }
}

/// One output per benchmark that a run judged by; what names none belongs to the first.
fn outputs(run: Vec<(String, Control)>) -> Vec<Output> {
    let first = run.iter().map(|(version, _)| version.clone()).find(|version| !version.is_empty()).unwrap_or_default();
    let mut outputs: Vec<Output> = Vec::new();
    for (version, control) in run {
        let version = if version.is_empty() { first.clone() } else { version };
        match outputs.iter_mut().find(|output| output.benchmark == version) {
            Some(output) => output.controls.push(control),
            None => outputs.push(Output { benchmark: version, controls: vec![control], cut: false }),
        }
    }
    outputs
}
