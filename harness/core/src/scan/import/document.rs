//! What a file of results says, whatever its form.

use amiproof_model::name::{Benchmark, Level};
use amiproof_model::report::Severity;
use amiproof_model::verdict::{Finding, Verdict};
use jiff::Timestamp;

use super::ImportError;

/// More answers than any scanner gives; behind it, a file is not what it seems.
pub(super) const MAX_ANSWERS: usize = 50_000;

/// Longer than any title, bytes.
const MAX_TITLE: usize = 2_000;

/// Of the violations of one rule, so many are kept.
pub(super) const MAX_FINDINGS: usize = 20;

/// A file of results.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// Who judged, as a word in lower case: `openscap`.
    pub scanner: String,
    /// Its version, where the file says so.
    pub version: Option<String>,
    /// By what it judged, as the file words it: a benchmark's title or id, a suite's name.
    pub content: String,
    /// The CIS benchmark, where the file leaves no doubt.
    pub benchmark: Option<Benchmark>,
    /// The operating system, where the file says it instead of a benchmark.
    pub platform: String,
    /// Which profile of it; empty where there is none.
    pub profile: String,
    /// The level of that profile, where its name says so.
    pub level: Option<Level>,
    /// The machine, as the file names it; empty where it does not.
    pub target: String,
    /// When it was judged.
    pub when: Option<Timestamp>,
    /// The answers, at most one per id.
    pub answers: Vec<Answer>,
    /// How many rules the file lists without having asked them (`notselected`, skipped by a filter).
    pub left_out: usize,
    /// What a reader of the report must know about this file.
    pub notes: Vec<String>,
}

/// One answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The rule, test or control, as the file names it.
    pub id: String,
    /// Its title.
    pub title: String,
    /// The CIS benchmark, where the file has several.
    pub benchmark: Option<Benchmark>,
    /// Its numbers in the CIS benchmark, where the file says so: one rule can answer several controls.
    pub numbers: Vec<String>,
    /// The level of that control, where the file says so.
    pub level: Option<Level>,
    /// How bad a failure is.
    pub severity: Option<Severity>,
    /// `CCE-80001-1`, `CIS 3.3.1`, `CVE-…`.
    pub identifiers: Vec<String>,
    /// What the file says, in words of ours.
    pub verdict: Verdict,
    /// How often the file answers it, where that is more than once: the worst answer counts.
    pub times: usize,
}

impl Answer {
    /// An answer with nothing but its id, title and verdict.
    pub(super) fn new(id: impl Into<String>, title: impl Into<String>, verdict: Verdict) -> Self {
        Self {
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
    /// Adds an answer. One with an id that already exists never disappears: the worse of both counts, and findings add up.
    ///
    /// # Errors
    /// When there are more than any scanner gives.
    pub(super) fn add(&mut self, index: &mut Index, answer: Answer) -> Result<(), ImportError> {
        let key = match &answer.benchmark {
            Some(benchmark) => format!("{benchmark} {}", answer.id),
            None => answer.id.clone(),
        };
        let Some(at) = index.get(&key).copied() else {
            if self.answers.len() == MAX_ANSWERS {
                return Err(ImportError::TooLarge {
                    what: "the number of its answers".to_owned(),
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

/// Where an answer stands in a document, by its id.
pub(super) type Index = std::collections::HashMap<String, usize>;

/// Which of two answers to the same question counts.
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

/// A text's first line that holds something, as a clause: at most 300 bytes.
pub(super) fn line(text: &str) -> String {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    super::xml::clip(first.to_owned(), 300)
}

/// A title as one line, whole: XML and Markdown wrap texts where they like, and two titles can begin with the same words.
pub(super) fn title(text: &str) -> String {
    let text = text.trim();
    match text.contains(|c: char| c.is_control()) {
        true => super::xml::clip(text.split_whitespace().collect::<Vec<_>>().join(" "), MAX_TITLE),
        false => super::xml::clip(text.to_owned(), MAX_TITLE),
    }
}

/// The severity that a word of a scanner stands for.
pub(super) fn severity(word: &str) -> Option<Severity> {
    match word.to_ascii_lowercase().as_str() {
        "critical" => Some(Severity::Critical),
        "high" | "error" | "important" => Some(Severity::High),
        "medium" | "moderate" | "warning" => Some(Severity::Medium),
        "low" | "note" | "minor" => Some(Severity::Low),
        _ => None,
    }
}

/// A time as scanners write it: with a zone, or without one as older files and Ginkgo have it (UTC is as good a guess as any), with a `T`
/// or a space.
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
