//! JUnit XML of other tools: Sonobuoy and Hydrophone (Ginkgo), pytest, Maven, anything that writes `testcase`.

use std::io::BufRead;

use amiproof_model::verdict::Verdict;

use super::ImportError;
use super::document::{Answer, Document, Index, fail, line, word};
use super::xml::{Token, Xml, clip};

/// One `testcase`.
#[derive(Debug, Default)]
struct Case {
    name: String,
    class: String,
    ends: Vec<End>,
}

/// A child of a `testcase` that says how it ended.
#[derive(Debug)]
enum End {
    Failure(String, String),
    Error(String, String),
    Skipped(String),
    /// Failed once, and passed when it was tried again (Maven's `flakyFailure`).
    Flaky,
}

/// Reads a JUnit file.
///
/// # Errors
/// As [`super::read`].
pub(super) fn read(reader: impl BufRead) -> Result<Document, ImportError> {
    let mut xml = Xml::new(reader);
    let mut document = Document::default();
    let mut index = Index::new();
    let (mut root, mut flaky, mut cases) = (String::new(), 0_usize, 0_usize);
    loop {
        match xml.next()? {
            Token::Open(tag) => {
                if root.is_empty() {
                    root = String::from_utf8_lossy(tag.name()).into_owned();
                }
                match tag.name() {
                    b"testsuites" | b"testsuite" => {
                        let name = tag.attribute("name").unwrap_or_default();
                        if document.content.is_empty() {
                            document.content = name;
                        }
                        document.when =
                            document.when.or_else(|| tag.attribute("timestamp").and_then(|text| text.parse().ok()));
                    }
                    b"testcase" => {
                        let case = Case {
                            name: tag.attribute("name").unwrap_or_default(),
                            class: tag.attribute("classname").unwrap_or_default(),
                            ends: Vec::new(),
                        };
                        let case = read_case(&mut xml, case)?;
                        cases += 1;
                        flaky += usize::from(case.ends.iter().any(|end| matches!(end, End::Flaky)));
                        match answer(&case) {
                            Some(answer) => document.add(&mut index, answer)?,
                            None => document.left_out += 1,
                        }
                    }
                    _ => {}
                }
            }
            Token::End => break,
            Token::Text(_) | Token::Close(_) | Token::Other => {}
        }
    }
    if !matches!(root.as_str(), "testsuites" | "testsuite") {
        return Err(ImportError::NotThis { wanted: "JUnit XML", found: format!("<{}>", clip(root, 80)) });
    }
    if document.answers.is_empty() {
        let what = if cases == 0 { "testcase" } else { "testcase that was not skipped" };
        return Err(ImportError::NoResults { what });
    }
    if flaky > 0 {
        document.notes.push(format!("{flaky} of its tests passed only when they were tried again"));
    }
    document.scanner = scanner(&document.content);
    Ok(document)
}

fn read_case<R: BufRead>(xml: &mut Xml<R>, mut case: Case) -> Result<Case, ImportError> {
    let depth = xml.depth();
    loop {
        match xml.next()? {
            Token::Open(tag) => {
                let message = tag.attribute("message").unwrap_or_default();
                let end: fn(String, String) -> End = match tag.name() {
                    b"failure" => End::Failure,
                    b"error" => End::Error,
                    b"skipped" | b"disabled" => {
                        |message, text| End::Skipped(if message.is_empty() { text } else { message })
                    }
                    b"flakyFailure" | b"flakyError" => |_, _| End::Flaky,
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

/// What a test came to; nothing for one that a filter left out, of which Ginkgo writes thousands.
///
/// An `error` is a test that could not be carried out, which says nothing about the machine.
fn answer(case: &Case) -> Option<Answer> {
    let find = |pick: fn(&End) -> Option<(&str, &str)>| case.ends.iter().find_map(pick);
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
    let said = |(message, text): (&str, &str)| match (line(message), line(text)) {
        (message, _) if !message.is_empty() => message,
        (_, text) if !text.is_empty() => text,
        _ => "the file does not say why".to_owned(),
    };
    let verdict = match (failure, error, skipped) {
        (Some(failure), ..) => fail("test", said(failure), failure.1, ""),
        (None, Some(error), _) => Verdict::NotEvaluated(format!("the test broke: {}", said(error))),
        (None, None, Some((reason, _))) => Verdict::NotApplicable(skip_reason(reason)?),
        (None, None, None) => Verdict::Pass,
    };
    let name = if case.name.is_empty() { "unnamed" } else { &case.name };
    // Ginkgo repeats the suite in every classname; where it says nothing more, the name alone is the id.
    let id = if case.class.is_empty() || name.starts_with(&case.class) {
        name.to_owned()
    } else {
        format!("{}.{name}", case.class)
    };
    Some(Answer::new(id, line(name), verdict))
}

/// Why a test was skipped; nothing where it was only not selected. Ginkgo says `skipped - reason` for the one and `skipped` for
/// the other.
fn skip_reason(message: &str) -> Option<String> {
    let reason = message.strip_prefix("skipped - ").unwrap_or(message).trim();
    (!reason.is_empty() && reason != "skipped").then(|| line(reason))
}

/// The tool, as far as its suite's name tells.
fn scanner(suite: &str) -> String {
    match word(suite) {
        suite if suite.contains("kubernetes-e2e") => "kubernetes-e2e".to_owned(),
        suite if suite.is_empty() => "junit".to_owned(),
        suite => suite,
    }
}

#[cfg(test)]
mod tests;
