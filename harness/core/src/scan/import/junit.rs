//! JUnit XML of other tools: Sonobuoy and Hydrophone (Ginkgo), kube-bench, pytest, Maven, GoogleTest, anything that writes `testcase`.
//!
//! The self-description of a file counts as much as its tests: the number of tests that a suite's header declares, an error of a suite
//! outside of all tests, Ginkgo's properties, the status of a test without a child for its outcome.

mod case;
mod suite;

use std::io::BufRead;

use self::case::Case;
use self::suite::Suite;
use super::ImportError;
use super::document::{Document, Index, time, title, word};
use super::xml::{Token, Xml, clip};

/// The sums over the parts of a file.
#[derive(Debug, Default)]
struct Sums {
    cases: usize,
    flaky: usize,
    /// How many of the tests are checks of kube-bench.
    of_kube_bench: usize,
}

/// Reads a JUnit file.
///
/// # Errors
/// As [`super::read`].
pub(super) fn read(reader: impl BufRead) -> Result<Document, ImportError> {
    let mut xml = Xml::new(reader);
    let mut document = Document::default();
    let mut index = Index::new();
    let mut sums = Sums::default();
    let mut root = String::new();
    // The suites that are open, outermost first, each with the depth of its element.
    let mut open: Vec<(usize, Suite)> = Vec::new();
    loop {
        match xml.next()? {
            Token::Open(tag) => {
                if root.is_empty() {
                    root = String::from_utf8_lossy(tag.name()).into_owned();
                }
                match tag.name() {
                    b"testsuites" | b"testsuite" => {
                        let suite = Suite::of(&tag);
                        let when = tag.attribute("timestamp").and_then(|text| time(&text));
                        if document.content.is_empty() {
                            document.content = title(&suite.name);
                        }
                        document.when = document.when.or(when);
                        open.push((xml.depth(), suite));
                    }
                    b"testcase" => {
                        let case = Case::of(&tag);
                        let case = Case::read(&mut xml, case)?;
                        sums.cases += 1;
                        sums.flaky += usize::from(case.is_flaky());
                        sums.of_kube_bench += usize::from(case.kube_bench.is_some());
                        match open.last_mut() {
                            Some((_, suite)) => suite.cases.push(case),
                            None => {
                                return Err(ImportError::NotThis {
                                    wanted: "JUnit XML",
                                    found: format!("<{}>", clip(root, 80)),
                                });
                            }
                        }
                    }
                    b"property" => {
                        let pair =
                            (tag.attribute("name").unwrap_or_default(), tag.attribute("value").unwrap_or_default());
                        if let Some((_, suite)) = open.last_mut() {
                            suite.learn(&pair.0, &pair.1);
                        }
                    }
                    b"failure" | b"error" | b"skipped" => {
                        let kind = tag.name().to_vec();
                        let message = tag.attribute("message").unwrap_or_default();
                        let text = xml.text()?;
                        if let Some((_, suite)) = open.last_mut() {
                            suite.end(&kind, message, text);
                        }
                    }
                    _ => {}
                }
            }
            Token::Close(left) => {
                if open.last().is_some_and(|(depth, _)| left < *depth)
                    && let Some((_, suite)) = open.pop()
                {
                    let totals = suite.close(&mut document, &mut index)?;
                    if let Some((_, outer)) = open.last_mut() {
                        outer.add(&totals);
                    }
                }
            }
            Token::End => break,
            Token::Text(_) | Token::Other => {}
        }
    }
    if !matches!(root.as_str(), "testsuites" | "testsuite") {
        return Err(ImportError::NotThis { wanted: "JUnit XML", found: format!("<{}>", clip(root, 80)) });
    }
    if document.answers.is_empty() {
        let what = if sums.cases == 0 { "testcase" } else { "testcase that was not skipped" };
        return Err(ImportError::NoResults { what });
    }
    if sums.flaky > 0 {
        document.notes.push(format!("{} of its tests passed only on a retry", sums.flaky));
    }
    document.scanner = if sums.of_kube_bench > 0 { "kube-bench".to_owned() } else { scanner(&document.content) };
    Ok(document)
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
