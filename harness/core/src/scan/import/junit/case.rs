//! One `testcase`.

use std::io::BufRead;

use amiproof_model::verdict::Verdict;

use crate::scan::import::ImportError;
use crate::scan::import::document::{Answer, fail, line, title};
use crate::scan::import::xml::{Tag, Token, Xml};
use crate::scan::kube_bench::{parse, rows};

/// A test with everything about its outcome.
#[derive(Debug, Default)]
pub(super) struct Case {
    name: String,
    class: String,
    /// The attributes `status`, `result` and `success`, lower case.
    words: Vec<String>,
    ends: Vec<End>,
    /// The kube-bench check, if it is one.
    pub(super) kube_bench: Option<parse::Control>,
}

/// A child of a `testcase` with its outcome.
#[derive(Debug)]
enum End {
    Failure(String, String),
    Error(String, String),
    Skipped(String),
    /// Manual, in amiproof's own words.
    Manual(String),
    /// Without a result, in amiproof's own words.
    Open(String),
    /// Failed once, and passed on a retry (Maven's `flakyFailure`).
    Flaky,
}

/// The outcome of a test.
#[derive(Debug)]
pub(super) enum Outcome {
    /// A result.
    Answer(Answer),
    /// Ginkgo left it out, as a filter asked or because the suite ended before it.
    LeftOut,
}

/// The status of a test, by its attributes alone.
enum TestStatus {
    Passed,
    Failed,
    Errored,
    Skipped,
    Unknown,
}

fn meaning(word: &str) -> TestStatus {
    match word {
        "" | "pass" | "passed" | "run" | "ok" | "success" | "successful" | "succeeded" | "completed" | "complete"
        | "executed" | "expected" | "done" | "finished" | "good" | "true" | "1" | "flaky" => TestStatus::Passed,
        "fail" | "failed" | "failure" | "unexpected" | "false" => TestStatus::Failed,
        "error" | "errored" | "broken" | "panicked" | "interrupted" | "aborted" | "timedout" | "timeout"
        | "timed out" | "cancelled" | "canceled" | "crashed" | "incomplete" | "inconclusive" | "unknown" => {
            TestStatus::Errored
        }
        "skipped" | "skip" | "disabled" | "notrun" | "not run" | "not_run" | "ignored" | "pending" | "suppressed"
        | "inactive" | "notexecuted" | "not executed" | "filtered" | "todo" | "excluded" | "blocked" | "deselected" => {
            TestStatus::Skipped
        }
        _ => TestStatus::Unknown,
    }
}

/// Whether `skipped` was written by amiproof, whose `type` gives the disposition: accepted, blocked or informational rows do not mean that a
/// test does not apply.
fn is_own(kind: &str) -> bool {
    matches!(kind, "allowed" | "blocked" | "informational" | "manual" | "tolerated" | "waived")
}

impl Case {
    /// A test by its own tag.
    pub(super) fn of(tag: &Tag<'_>) -> Self {
        let word = |name: &str| tag.attribute(name).map(|text| text.trim().to_ascii_lowercase());
        Self {
            name: tag.attribute("name").unwrap_or_default(),
            class: tag.attribute("classname").unwrap_or_default(),
            words: [word("status"), word("result"), word("success")].into_iter().flatten().collect(),
            ends: Vec::new(),
            kube_bench: None,
        }
    }

    /// Reads the elements inside it.
    pub(super) fn read<R: BufRead>(xml: &mut Xml<R>, mut case: Self) -> Result<Self, ImportError> {
        let depth = xml.depth();
        loop {
            match xml.next()? {
                Token::Open(tag) => {
                    let message = tag.attribute("message").unwrap_or_default();
                    let kind = tag.attribute("type").unwrap_or_default();
                    let end: fn(String, String) -> End = match tag.name() {
                        // Surefire keeps each further try that failed beside the failure itself; without it, none passed either.
                        b"failure" | b"rerunFailure" => End::Failure,
                        b"error" | b"rerunError" => End::Error,
                        b"skipped" if is_own(&kind) => match kind.as_str() {
                            "manual" => |message, _| End::Manual(message),
                            _ => |message, _| End::Open(message),
                        },
                        b"skipped" | b"disabled" => {
                            |message, text| End::Skipped(if message.is_empty() { text } else { message })
                        }
                        b"flakyFailure" | b"flakyError" => |_, _| End::Flaky,
                        b"system-out" => {
                            let text = xml.text()?;
                            case.kube_bench = case.kube_bench.or_else(|| parse::check(&text));
                            continue;
                        }
                        _ => {
                            xml.skip()?;
                            continue;
                        }
                    };
                    let text = xml.text()?;
                    if case.ends.len() < 20 {
                        case.ends.push(end(message, text));
                    }
                }
                Token::Close(left) if left < depth => return Ok(case),
                Token::Text(_) | Token::Close(_) | Token::Other | Token::End => {}
            }
        }
    }

    pub(super) fn is_flaky(&self) -> bool {
        self.ends.iter().any(|end| matches!(end, End::Flaky))
    }

    /// Whether a header counts it among its failures.
    pub(super) fn is_failure(&self) -> bool {
        self.ends.iter().any(|end| matches!(end, End::Failure(..)))
            || self.has(|word| matches!(word, TestStatus::Failed))
    }

    /// Whether a header counts it among its errors.
    pub(super) fn is_error(&self) -> bool {
        self.ends.iter().any(|end| matches!(end, End::Error(..)))
            || self.has(|word| matches!(word, TestStatus::Errored))
    }

    /// Whether a header counts it among those that were skipped.
    pub(super) fn is_skipped(&self) -> bool {
        self.ends.iter().any(|end| matches!(end, End::Skipped(_) | End::Manual(_) | End::Open(_)))
            || self.has(|word| matches!(word, TestStatus::Skipped))
    }

    fn has(&self, wanted: fn(&TestStatus) -> bool) -> bool {
        self.words.iter().any(|word| wanted(&meaning(word)))
    }

    /// Its outcome. An `error` is a test that could not be carried out, which says nothing about the machine; nor does one that was
    /// skipped, unless it gives the reason why it does not apply.
    pub(super) fn outcome(&self, ginkgo: bool) -> Outcome {
        if let Some(control) = &self.kube_bench {
            let heading = if control.title.is_empty() { &self.name } else { &control.title };
            let verdict = match (rows::verdict(control, "node 1"), self.verdict(ginkgo)) {
                // A failure beside a pass is worse: the two contradict each other.
                (Verdict::Pass, Some(other)) if self.is_failure() || self.is_error() => other,
                (verdict, _) => verdict,
            };
            let numbers = vec![control.number.clone()];
            return Outcome::Answer(Answer { numbers, ..Answer::new(control.number.clone(), title(heading), verdict) });
        }
        let verdict = match self.verdict(ginkgo) {
            Some(verdict) => verdict,
            None => return Outcome::LeftOut,
        };
        let name = if self.name.is_empty() { "unnamed" } else { &self.name };
        // Ginkgo repeats the suite in every classname; where it adds nothing, the name alone is the id.
        let id = if self.class.is_empty() || name.starts_with(&self.class) {
            name.to_owned()
        } else {
            format!("{}.{name}", self.class)
        };
        Outcome::Answer(Answer::new(id, title(name), verdict))
    }

    fn verdict(&self, ginkgo: bool) -> Option<Verdict> {
        let find = |pick: fn(&End) -> Option<(&str, &str)>| self.ends.iter().find_map(pick);
        let failure = find(|end| match end {
            End::Failure(message, text) => Some((message, text)),
            _ => None,
        });
        let error = find(|end| match end {
            End::Error(message, text) => Some((message, text)),
            _ => None,
        });
        let skipped = find(|end| match end {
            End::Skipped(message) => Some((message, "")),
            _ => None,
        });
        let open = find(|end| match end {
            End::Open(message) => Some((message, "")),
            _ => None,
        });
        let manual = find(|end| match end {
            End::Manual(message) => Some((message, "")),
            _ => None,
        });
        let reason_of = |(message, text): (&str, &str)| match (line(message), line(text)) {
            (message, _) if !message.is_empty() => message,
            (_, text) if !text.is_empty() => text,
            _ => "the file gives no reason".to_owned(),
        };
        let word = |wanted: fn(&TestStatus) -> bool| self.words.iter().find(|word| wanted(&meaning(word)));
        let by_word = |what: &str, word: &String| format!("{what}: its status is '{}'", line(word));
        Some(match (failure, error, skipped) {
            (Some(failure), ..) => fail("test", reason_of(failure), failure.1, ""),
            (None, Some(error), _) => Verdict::NotEvaluated(format!("the test errored: {}", reason_of(error))),
            (None, None, skipped) => {
                if let Some(word) = word(|word| matches!(word, TestStatus::Failed)) {
                    fail("test", by_word("the file gives no reason", word), "", "")
                } else if let Some(word) = word(|word| matches!(word, TestStatus::Errored)) {
                    Verdict::NotEvaluated(by_word("the test errored", word))
                } else if let Some(open) = open {
                    Verdict::NotEvaluated(format!("amiproof had no result for it: {}", reason_of(open)))
                } else if let Some(manual) = manual {
                    Verdict::Manual(reason_of(manual))
                } else if let Some((reason, _)) = skipped {
                    return self.skipped(reason, ginkgo);
                } else if let Some(word) = word(|word| matches!(word, TestStatus::Skipped)) {
                    Verdict::NotEvaluated(by_word("the test was not run", word))
                } else if let Some(word) = word(|word| matches!(word, TestStatus::Unknown)) {
                    Verdict::NotEvaluated(by_word("the outcome of the test is unknown", word))
                } else {
                    Verdict::Pass
                }
            }
        })
    }

    /// A test that was skipped; `None` if Ginkgo only left it out. Ginkgo writes `skipped - reason` for the former and
    /// `skipped` for the latter, of which there are thousands.
    fn skipped(&self, message: &str, ginkgo: bool) -> Option<Verdict> {
        let reason = message.trim();
        let reason = reason.strip_prefix("skipped - ").unwrap_or(reason).trim();
        let is_bare = reason.is_empty() || reason == "skipped";
        let lower = reason.to_ascii_lowercase();
        // A word for its outcome is not a reason why it does not apply.
        let is_status = lower == "unconditional skip" || !matches!(meaning(&lower), TestStatus::Unknown);
        match is_bare {
            false if is_status => Some(Verdict::NotEvaluated(format!(
                "the test was not run, and the file gives only '{}' as the reason",
                line(reason)
            ))),
            true if ginkgo => None,
            true => Some(Verdict::NotEvaluated("the test was skipped, and the file gives no reason".to_owned())),
            false => Some(Verdict::NotApplicable(line(reason))),
        }
    }
}
