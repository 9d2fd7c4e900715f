//! The content of a result file, independent of its format.

use amiproof_model::name::{Benchmark, Level};
use amiproof_model::report::Severity;
use amiproof_model::verdict::{Finding, Verdict};
use jiff::Timestamp;

use super::ImportError;

/// Maximum number of results; no scanner has more.
pub(super) const MAX_ANSWERS: usize = 50_000;

/// Maximum length of a title, bytes.
const MAX_TITLE: usize = 2_000;

/// How many violations of one rule are kept.
pub(super) const MAX_FINDINGS: usize = 20;

/// A result file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// The scanner, as a word in lower case: `openscap`.
    pub scanner: String,
    /// Its version, if the file has it.
    pub version: Option<String>,
    /// What it evaluated against, in the words of the file: a benchmark's title or id, a suite's name.
    pub content: String,
    /// The CIS benchmark, if the file identifies it.
    pub benchmark: Option<Benchmark>,
    /// The operating system, if the file names it instead of a benchmark.
    pub platform: String,
    /// Which profile of it; empty if there is none.
    pub profile: String,
    /// The level of that profile, if its name contains it.
    pub level: Option<Level>,
    /// The machine, as the file names it; empty if it does not.
    pub target: String,
    /// When it was evaluated.
    pub when: Option<Timestamp>,
    /// The results, at most one per id.
    pub answers: Vec<Answer>,
    /// Number of rules that the file lists without evaluating them (`notselected`, skipped by a filter).
    pub left_out: usize,
    /// Notes about this file for the report.
    pub notes: Vec<String>,
}

/// One result.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The column of the report that it is from, where the file is in one of amiproof's own formats; else empty.
    pub subject: String,
    /// The rule, test or control, as the file names it.
    pub id: String,
    /// Its title.
    pub title: String,
    /// The CIS benchmark, if the file has several.
    pub benchmark: Option<Benchmark>,
    /// Its numbers in the CIS benchmark, if the file has them: one rule can evaluate several controls.
    pub numbers: Vec<String>,
    /// The level of that control, if the file has it.
    pub level: Option<Level>,
    /// The severity of a failure.
    pub severity: Option<Severity>,
    /// `CCE-80001-1`, `CIS 3.3.1`, `CVE-…`.
    pub identifiers: Vec<String>,
    /// The verdict.
    pub verdict: Verdict,
    /// How often the file has it, if more than once: the worst result counts.
    pub times: usize,
}

impl Answer {
    /// A result with nothing but its id, title and verdict.
    pub(super) fn new(id: impl Into<String>, title: impl Into<String>, verdict: Verdict) -> Self {
        Self {
            subject: String::new(),
            id: id.into(),
            title: title.into(),
            benchmark: None,
            numbers: Vec::new(),
            level: None,
            severity: None,
            identifiers: Vec::new(),
            verdict,
            times: 1,
        }
    }
}

impl Document {
    /// Adds a result. One with an id that already exists never disappears: the worse of both counts, and findings add
    /// up.
    ///
    /// # Errors
    /// When there are more than any scanner gives.
    pub(super) fn add(&mut self, index: &mut Index, answer: Answer) -> Result<(), ImportError> {
        let key = match &answer.benchmark {
            Some(benchmark) => format!("{}\n{benchmark} {}", answer.subject, answer.id),
            None => format!("{}\n{}", answer.subject, answer.id),
        };
        let Some(at) = index.get(&key).copied() else {
            if self.answers.len() == MAX_ANSWERS {
                return Err(ImportError::TooLarge {
                    what: "the number of its results".to_owned(),
                    most: MAX_ANSWERS.to_string(),
                });
            }
            index.insert(key, self.answers.len());
            self.answers.push(answer);
            return Ok(());
        };
        if let Some(known) = self.answers.get_mut(at) {
            known.times += 1;
            known.severity = known.severity.max(answer.severity);
            known.numbers.extend(
                answer.numbers.into_iter().filter(|number| !known.numbers.contains(number)).collect::<Vec<_>>(),
            );
            match (&mut known.verdict, answer.verdict) {
                (Verdict::Fail(findings), Verdict::Fail(more)) => {
                    let remaining = MAX_FINDINGS.saturating_sub(findings.len());
                    findings.extend(more.into_iter().take(remaining));
                }
                (known, other) if badness(&other) > badness(known) => *known = other,
                _ => {}
            }
        }
        Ok(())
    }
}

/// The positions of results in a document, by their ids.
pub(super) type Index = std::collections::HashMap<String, usize>;

/// Which of two results of the same rule counts.
pub(super) fn badness(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::NotApplicable(_) => 0,
        Verdict::Pass => 1,
        Verdict::Manual(_) => 2,
        Verdict::NotEvaluated(_) => 3,
        Verdict::Fail(_) => 4,
    }
}

/// A failure with one finding.
pub(super) fn fail(
    resource: &str,
    summary: impl Into<String>,
    detail: impl Into<String>,
    remediation: impl Into<String>,
) -> Verdict {
    let resource = if resource.is_empty() { "machine" } else { resource };
    Verdict::Fail(vec![Finding::new(resource, summary).with_detail(detail).with_remediation(remediation)])
}

/// The first non-empty line of a text, as a clause: at most 300 bytes.
pub(super) fn line(text: &str) -> String {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    super::xml::clip(first.to_owned(), 300)
}

/// A complete title as one line: XML and Markdown wrap text anywhere. It is not shortened, because two titles can
/// begin with the same words.
pub(super) fn title(text: &str) -> String {
    let text = text.trim();
    match text.contains(|c: char| c.is_control()) {
        true => super::xml::clip(text.split_whitespace().collect::<Vec<_>>().join(" "), MAX_TITLE),
        false => super::xml::clip(text.to_owned(), MAX_TITLE),
    }
}

/// The severity for a scanner's word.
pub(super) fn severity(word: &str) -> Option<Severity> {
    match word.to_ascii_lowercase().as_str() {
        "critical" => Some(Severity::Critical),
        "high" | "error" | "important" => Some(Severity::High),
        "medium" | "moderate" | "warning" => Some(Severity::Medium),
        "low" | "note" | "minor" => Some(Severity::Low),
        _ => None,
    }
}

/// A time as scanners write it: with a zone, or without one as older files and Ginkgo write it (UTC is as good a guess
/// as any), with a `T` or a space.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    text.parse().ok().or_else(|| format!("{text}Z").parse().ok())
}

/// A scanner's name as a word: `OpenSCAP` is `openscap`, `CIS-CAT Pro` is `cis-cat-pro`.
pub(super) fn word(name: &str) -> String {
    let mut word = String::new();
    for char in name.chars() {
        if char.is_ascii_alphanumeric() {
            word.push(char.to_ascii_lowercase());
        } else if !word.is_empty() && !word.ends_with('-') {
            word.push('-');
        }
    }
    word.truncate(40);
    word.trim_end_matches('-').to_owned()
}
