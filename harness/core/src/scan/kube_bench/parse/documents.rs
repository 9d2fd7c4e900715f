//! The runs in what kube-bench wrote: one or many JSON documents, whole or section by section, between lines of a log.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use super::{Control, Output, ParseError, RawControl, Status, control};

#[derive(Deserialize)]
struct Section {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    version: String,
    #[serde(default)]
    node_type: String,
    tests: Option<Vec<Group>>,
    #[serde(flatten)]
    totals: Totals,
}

#[derive(Deserialize)]
struct Group {
    results: Option<Vec<RawControl>>,
    #[serde(flatten)]
    totals: Totals,
}

/// What a document, a section (`total_fail`) or a group (`fail`) says that it holds.
#[derive(Default, Deserialize)]
struct Totals {
    #[serde(alias = "pass")]
    total_pass: Option<u64>,
    #[serde(alias = "fail")]
    total_fail: Option<u64>,
    #[serde(alias = "warn")]
    total_warn: Option<u64>,
    #[serde(alias = "info")]
    total_info: Option<u64>,
}

impl Totals {
    /// Compares them with the controls: a declared result that is missing was lost.
    fn verify(&self, controls: &[&Control]) -> Result<(), ParseError> {
        let all = [self.total_pass, self.total_fail, self.total_warn, self.total_info];
        let total = all.iter().fold(0, |sum: u64, count| sum.saturating_add(count.unwrap_or(0)));
        let found = controls.len() as u64;
        if total > found {
            return Err(ParseError::Incomplete { total, found });
        }
        let words = [(Status::Pass, "PASS"), (Status::Fail, "FAIL"), (Status::Warn, "WARN"), (Status::Info, "INFO")];
        for (promised, (status, word)) in all.into_iter().zip(words) {
            // A status that this build does not know may be any.
            let fits = |control: &&&Control| {
                control.status == status || matches!(control.status, Status::Missing | Status::Unknown(_))
            };
            let found = controls.iter().filter(fits).count() as u64;
            if let Some(total) = promised.filter(|promised| *promised > found) {
                return Err(ParseError::Disagrees { word, total, found });
            }
        }
        Ok(())
    }
}

/// The part of a benchmark that a section answers: its version, its target and its id.
type Part = (String, String, String);

/// What one document says.
#[derive(Default)]
struct Answers {
    parts: BTreeSet<Part>,
    controls: Vec<(String, Control)>,
}

/// Reads what `kube-bench run --json` wrote: objects with `Controls` and `Totals`, with `--nototals` bare arrays of sections, single
/// sections as versions before 0.3 wrote them, or lists of any of these (`jq -s`). Lines before, between and after them do not matter, nor
/// do the prefixes and timestamps of `kubectl logs`. One output per run and benchmark: a second answer to a control is another run's.
///
/// # Errors
/// [`ParseError`]; a document that is cut off is never taken for a whole one, and none that is cut off is passed over.
pub fn runs(text: &str) -> Result<Vec<Output>, ParseError> {
    if text.trim().is_empty() {
        return Err(ParseError::Empty);
    }
    let mut found: Vec<Output> = Vec::new();
    let mut seen = Found::default();
    for source in sources(text) {
        let mut runs: Vec<Answers> = Vec::new();
        for document in documents(&source, &mut seen)? {
            add(&mut runs, document);
        }
        found.extend(runs.into_iter().flat_map(|run| outputs(run.controls)));
    }
    if !found.is_empty() {
        return match seen {
            Found { unread: Some(begins), .. } => Err(ParseError::Unread { begins }),
            Found { empty: true, .. } => Err(ParseError::EmptyRun),
            _ => {
                complete(&mut found);
                Ok(found)
            }
        };
    }
    let begins = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let begins: String = begins.chars().take(200).collect();
    let is_for_people = text
        .lines()
        .any(|line| ["[PASS] ", "[FAIL] ", "[WARN] "].iter().any(|word| line.trim_start().starts_with(word)));
    Err(match seen {
        Found { own: true, .. } => ParseError::NoControls,
        Found { problem: Some(problem), .. } => problem,
        Found { json: true, .. } => ParseError::OtherJson { begins },
        _ if is_for_people => ParseError::Text,
        _ => ParseError::NoJson { begins },
    })
}

/// What was there beside controls.
#[derive(Default)]
struct Found {
    /// A document of kube-bench.
    own: bool,
    /// Another document.
    json: bool,
    /// The first thing that begins like a document and is none.
    problem: Option<ParseError>,
    /// A document of kube-bench without any control.
    empty: bool,
    /// What looks like results and was not read.
    unread: Option<String>,
}

impl Found {
    /// Looks for results in what lies outside of every document that was read.
    fn outside(&mut self, text: &str) {
        let has_result = |line: &&str| {
            ["\"Controls\"", "\"test_number\"", "[FAIL]", "[PASS]"].iter().any(|word| line.contains(word))
        };
        if let (None, Some(line)) = (&self.unread, text.lines().find(has_result)) {
            self.unread = Some(line.trim().chars().take(200).collect());
        }
    }
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
        let (rest, goes_on) = match framed(rest) {
            Some((rest, goes_on)) => (rest, goes_on),
            None => (rest, false),
        };
        let whole = &mut sources[at].1;
        whole.push_str(rest);
        if !goes_on {
            whole.push('\n');
        }
    }
    sources.into_iter().map(|(_, text)| Cow::Owned(text)).collect()
}

/// A line as container runtimes keep it on the node, after its timestamp: `stdout F …`, or with `P` if the next line continues it.
fn framed(line: &str) -> Option<(&str, bool)> {
    let line = line.strip_prefix("stdout ").or_else(|| line.strip_prefix("stderr "))?;
    match line.strip_prefix("F ") {
        Some(rest) => Some((rest, false)),
        None => line.strip_prefix("P ").map(|rest| (rest, true)),
    }
}

/// Every document of kube-bench in a text, as its controls with the version that judged them.
fn documents(text: &str, seen: &mut Found) -> Result<Vec<Answers>, ParseError> {
    let mut found = Vec::new();
    let (mut broken, mut end, mut read) = (None, 0, 0);
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
                seen.outside(&text[read..start]);
                read = end;
                seen.json = true;
                collect(value, &mut found, seen)?;
            }
            Some(Err(error)) => {
                // A log line may begin with a brace; only JSON continues with a key in quotes.
                let inner = rest.trim_start_matches(|c: char| c.is_whitespace() || ['{', '['].contains(&c));
                let is_json = inner.starts_with('"');
                // One that ends in the middle of a text ends at the line end after it.
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
    seen.outside(&text[read..]);
    match broken {
        // The results of an incomplete document are unknown.
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

/// Appends what a value contains of kube-bench to what was found before.
fn collect(value: Value, found: &mut Vec<Answers>, seen: &mut Found) -> Result<(), ParseError> {
    match value {
        Value::Object(mut object) if object.contains_key("Controls") => {
            seen.own = true;
            let totals = object.remove("Totals").unwrap_or_default();
            let totals: Option<Totals> = serde_json::from_value(totals).map_err(form)?;
            let sections: Option<Vec<Section>> =
                serde_json::from_value(object.remove("Controls").unwrap_or_default()).map_err(form)?;
            found.extend(answers(sections.unwrap_or_default(), &totals.unwrap_or_default(), seen)?);
        }
        Value::Object(object) if is_section(&object) => {
            seen.own = true;
            let section: Section = serde_json::from_value(Value::Object(object)).map_err(form)?;
            found.extend(answers(vec![section], &Totals::default(), seen)?);
        }
        // Sections of one run, as `--nototals` writes them.
        Value::Array(list)
            if !list.is_empty() && list.iter().all(|entry| entry.as_object().is_some_and(is_section)) =>
        {
            seen.own = true;
            let sections: Vec<Section> = serde_json::from_value(Value::Array(list)).map_err(form)?;
            found.extend(answers(sections, &Totals::default(), seen)?);
        }
        Value::Array(list) => {
            seen.own |= list.is_empty();
            seen.empty |= list.is_empty();
            for entry in list {
                collect(entry, found, seen)?;
            }
        }
        other => seen.outside(&other.to_string()),
    }
    Ok(())
}

fn is_section(object: &serde_json::Map<String, Value>) -> bool {
    object.contains_key("tests") && (object.contains_key("node_type") || object.contains_key("version"))
}

fn form(error: serde_json::Error) -> ParseError {
    ParseError::Form { reason: error.to_string() }
}

/// The answers of a document; nothing where it has none.
fn answers(sections: Vec<Section>, totals: &Totals, seen: &mut Found) -> Result<Option<Answers>, ParseError> {
    let mut answers = Answers::default();
    for section in sections {
        let begin = answers.controls.len();
        for group in section.tests.unwrap_or_default() {
            let first = answers.controls.len();
            let results = group.results.unwrap_or_default().into_iter();
            answers.controls.extend(results.map(|raw| (section.version.clone(), control(raw, &section.node_type))));
            group.totals.verify(&behind(&answers.controls, first))?;
        }
        section.totals.verify(&behind(&answers.controls, begin))?;
        answers.parts.insert((section.version, section.node_type, section.id.to_string()));
    }
    totals.verify(&behind(&answers.controls, 0))?;
    seen.empty |= answers.controls.is_empty();
    Ok((!answers.controls.is_empty()).then_some(answers))
}

fn behind(controls: &[(String, Control)], first: usize) -> Vec<&Control> {
    controls.iter().skip(first).map(|(_, control)| control).collect()
}

/// Adds a document to the first run that has none of its parts and none of its controls, or as a run of its own.
fn add(runs: &mut Vec<Answers>, document: Answers) {
    let numbers: BTreeSet<&str> = document.controls.iter().map(|(_, control)| control.number.as_str()).collect();
    let is_apart = |run: &&mut Answers| {
        run.parts.is_disjoint(&document.parts)
            && !run.controls.iter().any(|(_, known)| numbers.contains(known.number.as_str()))
    };
    match runs.iter_mut().find(is_apart) {
        Some(run) => {
            run.parts.extend(document.parts);
            run.controls.extend(document.controls);
        }
        None => runs.push(document),
    }
}

/// Gives each run the controls that another run of the same target has, without a result: whatever a run did not
/// report is unknown.
fn complete(found: &mut [Output]) {
    let all: Vec<(String, Control)> = found
        .iter()
        .flat_map(|output| output.controls.iter().map(|control| (output.benchmark.clone(), control.clone())))
        .collect();
    for (at, output) in found.iter_mut().enumerate() {
        let targets: BTreeSet<String> = output.controls.iter().map(|control| control.target.clone()).collect();
        let mut known: BTreeSet<String> = output.controls.iter().map(|control| control.number.clone()).collect();
        for (benchmark, control) in &all {
            let is_wanted = *benchmark == output.benchmark && targets.contains(&control.target);
            if is_wanted && known.insert(control.number.clone()) {
                output.controls.push(Control {
                    number: control.number.clone(),
                    title: control.title.clone(),
                    target: control.target.clone(),
                    reason: format!("run {} of the file has no answer", at + 1),
                    ..Control::default()
                });
            }
        }
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
