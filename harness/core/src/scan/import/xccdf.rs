//! XCCDF 1.1 and 1.2 results (NIST IR 7275 r4), alone or inside an Asset Reporting Format file (ARF 1.1, NIST IR 7694).
//!
//! The file is streamed. Only the names of a benchmark's rules are kept, and everything in an ARF but rules and
//! results is skipped: definitions make up nearly all of its length.

mod document;
mod form;

use std::io::BufRead;

use amiproof_model::vocabulary::is_number;

use self::form::{Content, Rule, RuleResult, Test};
use super::ImportError;
use super::document::{Document, MAX_ANSWERS, line, title};
use super::xml::{Tag, Token, Xml, clip};

/// Reads a file of XCCDF results, or an ARF file.
///
/// # Errors
/// As [`super::read`].
pub(super) fn read(reader: impl BufRead) -> Result<Document, ImportError> {
    let mut xml = Xml::new(reader);
    let mut content = Content::default();
    let mut benchmark_depth = 0;
    loop {
        let depth = xml.depth();
        match xml.next()? {
            Token::Open(tag) => {
                if content.root.is_empty() {
                    content.root = String::from_utf8_lossy(tag.name()).into_owned();
                }
                match tag.name() {
                    b"Benchmark" => {
                        content.benchmark = tag.attribute("id").unwrap_or_default();
                        benchmark_depth = depth + 1;
                    }
                    b"title" if depth == benchmark_depth && content.title.is_empty() => {
                        content.title = title(&xml.text()?);
                    }
                    b"Rule" => {
                        let id = tag.attribute("id").unwrap_or_default();
                        let rule = Rule { severity: tag.attribute("severity").unwrap_or_default(), ..Rule::default() };
                        let rule = read_rule(&mut xml, rule)?;
                        if content.rules.len() < MAX_ANSWERS {
                            content.rules.insert(id, rule);
                        }
                    }
                    b"TestResult" => {
                        let test = Test {
                            ended: tag.attribute("end-time").unwrap_or_default(),
                            system: tag.attribute("test-system").unwrap_or_default(),
                            ..Test::default()
                        };
                        let mut test = read_test(&mut xml, test)?;
                        if !test.benchmark.contains("benchmark") && !content.benchmark.is_empty() {
                            test.benchmark.clone_from(&content.benchmark);
                        }
                        content.tests.push(test);
                    }
                    _ => {}
                }
            }
            Token::End => break,
            Token::Text(_) | Token::Close(_) | Token::Other => {}
        }
    }
    document::of(content)
}

fn read_rule<R: BufRead>(xml: &mut Xml<R>, mut rule: Rule) -> Result<Rule, ImportError> {
    let depth = xml.depth();
    loop {
        match xml.next()? {
            Token::Open(tag) => match tag.name() {
                b"title" if rule.title.is_empty() => rule.title = title(&xml.text()?),
                b"reference" => {
                    let of_cis = tag.attribute("href").is_some_and(|href| is_cis_benchmark(&href));
                    let text = xml.text()?;
                    if of_cis && is_number(&text) && rule.numbers.len() < 20 {
                        rule.numbers.push(text);
                    }
                }
                b"ident" => {
                    let system = tag.attribute("system").unwrap_or_default();
                    identify(&system, xml.text()?, &mut rule.identifiers, &mut rule.numbers);
                }
                b"fixtext" if rule.fix.is_empty() => rule.fix = clip(xml.text()?, 2_000),
                _ => xml.skip()?,
            },
            Token::Close(left) if left < depth => return Ok(rule),
            Token::Text(_) | Token::Close(_) | Token::Other | Token::End => {}
        }
    }
}

fn read_test<R: BufRead>(xml: &mut Xml<R>, mut test: Test) -> Result<Test, ImportError> {
    let depth = xml.depth();
    loop {
        match xml.next()? {
            Token::Open(tag) => match tag.name() {
                b"benchmark" => {
                    test.benchmark = tag.attribute("id").or_else(|| tag.attribute("href")).unwrap_or_default();
                    xml.skip()?;
                }
                b"profile" => {
                    test.profile = tag.attribute("idref").unwrap_or_default();
                    xml.skip()?;
                }
                b"target" => test.target = xml.text()?,
                // The facts are inside this element; its own name means nothing.
                b"target-facts" => {}
                b"fact" => {
                    let name = tag.attribute("name").unwrap_or_default();
                    let text = xml.text()?;
                    match name.as_str() {
                        "urn:xccdf:fact:scanner:name" => test.scanner = text,
                        "urn:xccdf:fact:scanner:version" => test.version = text,
                        _ => {}
                    }
                }
                b"rule-result" => {
                    let result = begin_result(&tag);
                    let result = read_result(xml, result)?;
                    if test.results.len() == MAX_ANSWERS {
                        let most = MAX_ANSWERS.to_string();
                        return Err(ImportError::TooLarge { what: "the number of its rule-results".to_owned(), most });
                    }
                    test.results.push(result);
                }
                _ => xml.skip()?,
            },
            Token::Close(left) if left < depth => return Ok(test),
            Token::Text(_) | Token::Close(_) | Token::Other | Token::End => {}
        }
    }
}

fn begin_result(tag: &Tag<'_>) -> RuleResult {
    RuleResult {
        rule: tag.attribute("idref").unwrap_or_default(),
        severity: tag.attribute("severity").unwrap_or_default(),
        unscored: tag.attribute("role").is_some_and(|role| role == "unscored" || role == "unchecked"),
        unchecked: tag.attribute("role").is_some_and(|role| role == "unchecked"),
        ..RuleResult::default()
    }
}

fn read_result<R: BufRead>(xml: &mut Xml<R>, mut result: RuleResult) -> Result<RuleResult, ImportError> {
    let depth = xml.depth();
    loop {
        match xml.next()? {
            Token::Open(tag) => match tag.name() {
                b"result" => result.result = xml.text()?,
                b"ident" => {
                    let system = tag.attribute("system").unwrap_or_default();
                    identify(&system, xml.text()?, &mut result.identifiers, &mut result.numbers);
                }
                b"message" if result.message.is_empty() => result.message = clip(xml.text()?, 2_000),
                b"instance" if result.instance.is_empty() => result.instance = line(&xml.text()?),
                _ => xml.skip()?,
            },
            Token::Close(left) if left < depth => return Ok(result),
            Token::Text(_) | Token::Close(_) | Token::Other | Token::End => {}
        }
    }
}

/// Keeps an `ident`: CCE ids as they are, CIS numbers apart. The CIS *Controls* have numbers too, but are not a benchmark.
fn identify(system: &str, text: String, identifiers: &mut Vec<String>, numbers: &mut Vec<String>) {
    if text.is_empty() || identifiers.len() + numbers.len() >= 40 {
        return;
    }
    if is_cis_benchmark(system) && is_number(&text) {
        numbers.push(text);
    } else {
        identifiers.push(clip(text, 100));
    }
}

fn is_cis_benchmark(href: &str) -> bool {
    href.contains("cisecurity.org") && !href.contains("cisecurity.org/controls")
}

#[cfg(test)]
mod tests;
