//! The waiver file (`waivers.yaml`): a list of dated, owned exceptions. Every problem is found, not only the first.

pub(crate) mod document;

use jiff::civil::Date;

pub(crate) use self::document::WaiverFile;
use self::document::WaiverSection;
use crate::form::List;
use crate::name::{Benchmark, CheckId, ControlId, Level, VariantName, is_label};
use crate::problem::Problem;
use crate::waiver::Waiver;
use crate::yaml::{Limits, Node};
use crate::{form, schema, yaml};

/// Reads a waiver file. `file` is its name in problems. Expired waivers are read like all others, because the report lists them.
///
/// # Errors
/// All problems in the order of lines, each with its place and the correction.
pub fn parse(file: &str, bytes: &[u8]) -> Result<Vec<Waiver>, Vec<Problem>> {
    let tree = yaml::document(file, bytes, Limits::MATRIX).map_err(|problem| vec![problem])?;
    let (raw, problems) = form::read::<WaiverFile>(file, &tree, schema::waivers());
    let mut sections = Sections { file, tree: &tree, problems };
    let raw = raw.and_then(|raw| raw.waivers).unwrap_or_default();
    let waivers: Vec<Waiver> = raw
        .into_iter()
        .enumerate()
        .filter_map(|(index, section)| sections.waiver(&format!("waivers[{index}]"), section?))
        .collect();
    let mut problems = sections.problems;
    problems.sort_by_key(|problem| problem.place);
    if problems.is_empty() { Ok(waivers) } else { Err(problems) }
}

struct Sections<'a> {
    file: &'a str,
    tree: &'a Node,
    problems: Vec<Problem>,
}

impl Sections<'_> {
    fn problem(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        let place = Some(self.tree.place_of(path));
        self.problems.push(Problem { place, path: path.to_owned(), ..Problem::of_file(self.file, message, help) });
    }

    fn waiver(&mut self, path: &str, raw: WaiverSection) -> Option<Waiver> {
        let has_version = raw.benchmark.as_deref().is_some_and(|text| text.parse::<Benchmark>().is_ok());
        if raw.check.is_none() && raw.control.is_none() && !has_version {
            let help = match (&raw.suite, &raw.benchmark) {
                (_, Some(benchmark)) => {
                    format!(
                        "'{benchmark}' matches every version, but control numbers change between versions: name a version, or add control or check"
                    )
                }
                (Some(suite), None) => format!("add control or check; a whole suite is check: {suite}/*"),
                (None, None) => "add check: suite/check, or control: benchmark-version/number".to_owned(),
            };
            self.problem(path, "this waiver has neither check nor control, nor a benchmark with its version", help);
        }
        let suite = raw.suite.map(|text| self.suite(&format!("{path}.suite"), text));
        let benchmark = raw.benchmark.map(|text| self.benchmark(&format!("{path}.benchmark"), text));
        let check = raw.check.map(|text| self.check(&format!("{path}.check"), text));
        let control = raw.control.map(|text| self.control(&format!("{path}.control"), &text));
        let variants = self.variants(&format!("{path}.variants"), raw.variants.unwrap_or_default());
        let reason = self.required(&format!("{path}.reason"), raw.reason, "give the reason, and where it was approved");
        let owner = self.required(&format!("{path}.owner"), raw.owner, "name the person or team responsible for it");
        let expires = raw.expires.and_then(|text| self.date(&format!("{path}.expires"), &text));
        let level = raw.level.and_then(|level| u8::try_from(level).ok()).and_then(|level| Level::try_from(level).ok());
        let ticket = raw.ticket.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        Some(Waiver {
            variants,
            level,
            node: raw.node,
            ticket,
            suite: suite.map_or(Some(None), |suite| suite.map(Some))?,
            benchmark: benchmark.map_or(Some(None), |benchmark| benchmark.map(Some))?,
            check: check.map_or(Some(None), |check| check.map(Some))?,
            control: control.map_or(Some(None), |control| control.map(Some))?,
            reason: reason?,
            owner: owner?,
            expires: expires?,
        })
    }

    fn check(&mut self, path: &str, text: String) -> Option<String> {
        let is_suite = text.strip_suffix("/*").is_some_and(|suite| is_label(suite, 40));
        if is_suite || text.parse::<CheckId>().is_ok() {
            return Some(text);
        }
        let help = "write a suite and a check like node/ready, or a whole suite like os-cis/*";
        self.problem(path, format!("'{text}' is not a valid check"), help);
        None
    }

    fn suite(&mut self, path: &str, text: String) -> Option<String> {
        if is_label(&text, 40) {
            return Some(text);
        }
        self.problem(path, format!("'{text}' is not a valid suite"), "write a suite like os-cis");
        None
    }

    fn benchmark(&mut self, path: &str, text: String) -> Option<String> {
        let is_family = is_label(&text, 100) && text.contains('-');
        if is_family || text.parse::<Benchmark>().is_ok() {
            return Some(text);
        }
        let help = "write a name and a version like cis-al2023-1.0.0, or a name for every version like cis-al2023";
        self.problem(path, format!("'{text}' is not a valid benchmark"), help);
        None
    }

    fn control(&mut self, path: &str, text: &str) -> Option<ControlId> {
        let parsed = text.parse::<ControlId>();
        parsed
            .map_err(|error| {
                self.problem(path, format!("'{text}' is not a valid control id"), format!("write {}", error.rule))
            })
            .ok()
    }

    fn variants(&mut self, path: &str, raw: List<String>) -> Vec<String> {
        let mut variants = Vec::new();
        for (index, text) in raw.into_iter().enumerate() {
            match text.map(|text| text.parse::<VariantName>()) {
                Some(Ok(name)) => variants.push(name.to_string()),
                Some(Err(error)) => {
                    let message = format!("'{}' is not a valid {}", error.text, error.what);
                    self.problem(&format!("{path}[{index}]"), message, format!("write {}", error.rule));
                }
                None => {}
            }
        }
        variants
    }

    fn required(&mut self, path: &str, text: Option<String>, help: &str) -> Option<String> {
        let text = text?;
        if text.trim().is_empty() {
            self.problem(path, "the value is empty", help);
            return None;
        }
        Some(text.trim().to_owned())
    }

    fn date(&mut self, path: &str, text: &str) -> Option<Date> {
        let has_form = text.len() == 10 && text.is_ascii();
        let date = text.parse::<Date>().ok().filter(|_| has_form);
        if date.is_none() {
            self.problem(path, format!("'{text}' is not a date"), "write year, month and day, like 2027-06-30");
        }
        date
    }
}
