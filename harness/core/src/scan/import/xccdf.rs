//! XCCDF 1.1 and 1.2 results (NIST IR 7275 r4), alone or inside an Asset Reporting Format file (ARF 1.1, NIST IR 7694).
//!
//! The file is streamed. Of a benchmark only what names its rules is kept, of an ARF everything but rules and results is passed
//! over: its definitions make up nearly all of its length.

use std::collections::HashMap;
use std::io::BufRead;

use amiproof_model::name::{Benchmark, Level};
use amiproof_model::verdict::Verdict;

use super::ImportError;
use super::document::{Answer, Document, Index, MOST_ANSWERS, fail, is_number, line, severity, word};
use super::xml::{Tag, Token, Xml, clip};

/// What the benchmark says of a rule.
#[derive(Clone, Debug, Default)]
struct Rule {
    title: String,
    severity: String,
    /// Numbers in a CIS benchmark.
    numbers: Vec<String>,
    /// CCE and the like.
    identifiers: Vec<String>,
    fix: String,
}

/// One `TestResult`.
#[derive(Clone, Debug, Default)]
struct Test {
    profile: String,
    target: String,
    /// A CPE name: `cpe:/a:redhat:openscap:1.3.7`.
    system: String,
    /// The scanner's name and version as facts.
    scanner: String,
    version: String,
    benchmark: String,
    ended: String,
    results: Vec<RuleResult>,
}

/// One `rule-result`.
#[derive(Clone, Debug, Default)]
struct RuleResult {
    rule: String,
    result: String,
    severity: String,
    unscored: bool,
    identifiers: Vec<String>,
    numbers: Vec<String>,
    message: String,
    instance: String,
}

/// Everything of the file that matters.
#[derive(Debug, Default)]
struct Content {
    root: String,
    benchmark: String,
    title: String,
    rules: HashMap<String, Rule>,
    tests: Vec<Test>,
}

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
                    b"title" if depth == benchmark_depth && content.title.is_empty() => content.title = xml.text()?,
                    b"Rule" => {
                        let id = tag.attribute("id").unwrap_or_default();
                        let rule = Rule { severity: tag.attribute("severity").unwrap_or_default(), ..Rule::default() };
                        let rule = read_rule(&mut xml, rule)?;
                        if content.rules.len() < MOST_ANSWERS {
                            content.rules.insert(id, rule);
                        }
                    }
                    b"TestResult" => {
                        let test = Test {
                            ended: tag.attribute("end-time").unwrap_or_default(),
                            system: tag.attribute("test-system").unwrap_or_default(),
                            ..Test::default()
                        };
                        let test = read_test(&mut xml, test)?;
                        content.tests.push(test);
                    }
                    _ => {}
                }
            }
            Token::End => break,
            Token::Text(_) | Token::Close(_) | Token::Other => {}
        }
    }
    document(content)
}

fn read_rule<R: BufRead>(xml: &mut Xml<R>, mut rule: Rule) -> Result<Rule, ImportError> {
    let depth = xml.depth();
    loop {
        match xml.next()? {
            Token::Open(tag) => match tag.name() {
                b"title" if rule.title.is_empty() => rule.title = line(&xml.text()?),
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
                // Facts are inside of it; its own name says nothing.
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
                    if test.results.len() == MOST_ANSWERS {
                        let most = MOST_ANSWERS.to_string();
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

/// Keeps an `ident`: CCE ids as they are, CIS numbers apart. The CIS *Controls* have numbers too, but are no benchmark.
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

/// Joins the results of the test that counts with what the benchmark says of its rules.
fn document(content: Content) -> Result<Document, ImportError> {
    let Content { root, benchmark, title, rules, mut tests } = content;
    let arf = root == "asset-report-collection";
    if tests.is_empty() {
        return Err(match root.as_str() {
            "Benchmark" | "asset-report-collection" | "data-stream-collection" => {
                ImportError::NoResults { what: "XCCDF TestResult" }
            }
            _ => ImportError::NotThis { wanted: "XCCDF results", found: format!("<{}>", clip(root, 80)) },
        });
    }
    let mut targets: Vec<String> = tests.iter().map(|test| test.target.clone()).collect();
    targets.sort();
    targets.dedup();
    if targets.len() > 1 {
        return Err(ImportError::SeveralTargets { targets: clip(targets.join(", "), 300) });
    }
    let several = tests.len();
    // The newest counts; of two that ended together, the one that stands later.
    tests.sort_by(|one, other| one.ended.cmp(&other.ended));
    let Some(test) = tests.pop() else { return Err(ImportError::NoResults { what: "XCCDF TestResult" }) };
    let mut notes = Vec::new();
    if several > 1 {
        notes
            .push(format!("the file holds {several} results of one machine; the one that ended {} counts", test.ended));
    }
    let content_id =
        if test.benchmark.contains("benchmark") || benchmark.is_empty() { &test.benchmark } else { &benchmark };
    let (scanner, version) = scanner(&test);
    let mut document = Document {
        scanner,
        version,
        content: if title.is_empty() { content_id.clone() } else { title },
        benchmark: cis_benchmark(content_id),
        level: level(&test.profile),
        profile: test.profile.clone(),
        target: test.target.clone(),
        when: when(&test.ended),
        notes,
        ..Document::default()
    };
    let mut index = Index::new();
    for result in test.results {
        if result.result == "notselected" {
            document.left_out += 1;
            continue;
        }
        let rule = rules.get(&result.rule).cloned().unwrap_or_default();
        document.add(&mut index, answer(result, rule))?;
    }
    doubt_platform(&mut document);
    if document.answers.is_empty() {
        let what = if arf { "selected rule in its ARF report" } else { "selected rule" };
        return Err(ImportError::NoResults { what });
    }
    Ok(document)
}

fn answer(result: RuleResult, rule: Rule) -> Answer {
    let id = short_id(&result.rule);
    let title = if rule.title.is_empty() { id.replace('_', " ") } else { rule.title.clone() };
    let number = number_in_id(&result.rule)
        .or_else(|| result.numbers.first().cloned())
        .or_else(|| rule.numbers.first().cloned());
    let grade =
        if result.severity.is_empty() || result.severity == "unknown" { &rule.severity } else { &result.severity };
    let mut identifiers: Vec<String> = result.identifiers.iter().chain(&rule.identifiers).cloned().collect();
    identifiers.extend(result.numbers.iter().chain(&rule.numbers).map(|number| format!("CIS {number}")));
    identifiers.sort();
    identifiers.dedup();
    Answer {
        number,
        severity: severity(grade),
        identifiers,
        verdict: verdict(&result, &rule),
        ..Answer::new(id, title, Verdict::Pass)
    }
}

/// What a result means (XCCDF 1.2, table 26). `notchecked` is how content says that no program can look.
fn verdict(result: &RuleResult, rule: &Rule) -> Verdict {
    let why = if result.message.is_empty() { String::new() } else { format!(": {}", line(&result.message)) };
    match result.result.as_str() {
        "pass" => Verdict::Pass,
        "fixed" => Verdict::Pass,
        "fail" if result.unscored => Verdict::Manual(format!("not met, but its profile does not score it{why}")),
        "fail" => fail(&result.instance, format!("the rule is not met{why}"), result.message.clone(), rule.fix.clone()),
        "notapplicable" => Verdict::NotApplicable(format!("the rule does not apply to this machine{why}")),
        "informational" => Verdict::NotApplicable(format!("for information only{why}")),
        "notchecked" => Verdict::Manual(format!("no program looked: the content has no automated check for it{why}")),
        "error" => Verdict::NotEvaluated(format!("the scanner's check broke{why}")),
        "unknown" => Verdict::NotEvaluated(format!("the scanner could not tell{why}")),
        "" => Verdict::NotEvaluated("the file gives no result".to_owned()),
        other => Verdict::NotEvaluated(format!("the file gives the unknown result '{}'", line(other))),
    }
}

/// A benchmark for another platform makes every rule `notapplicable`; that is no evidence, and must not look like a clean scan.
fn doubt_platform(document: &mut Document) {
    let all = document.answers.iter().all(|answer| matches!(answer.verdict, Verdict::NotApplicable(_)));
    if !all || document.answers.is_empty() {
        return;
    }
    for answer in &mut document.answers {
        answer.verdict = Verdict::NotEvaluated(
            "no rule of this content applies to the machine: is it meant for its platform?".to_owned(),
        );
    }
    let count = document.answers.len();
    document.notes.push(format!(
        "all {count} rules are notapplicable: the content is meant for another platform, so nothing was evaluated"
    ));
}

/// The scanner by its facts, else by the CPE name of the test system.
fn scanner(test: &Test) -> (String, Option<String>) {
    let parts: Vec<&str> = test.system.split(':').collect();
    let (name, version) = match parts.as_slice() {
        ["cpe", "/a", _, name, version, ..] | ["cpe", "2.3", "a", _, name, version, ..] => (*name, *version),
        _ => (test.system.as_str(), ""),
    };
    let name = if test.scanner.is_empty() { name } else { &test.scanner };
    let version = if test.version.is_empty() { version } else { &test.version };
    let name = if name.is_empty() { "xccdf".to_owned() } else { word(name) };
    (name, (!version.is_empty()).then(|| clip(version.to_owned(), 40)))
}

/// `package_aide_installed` of `xccdf_org.ssgproject.content_rule_package_aide_installed`.
fn short_id(rule: &str) -> String {
    let short = rule.strip_prefix("xccdf_").and_then(|rest| rest.split_once("_rule_")).map_or(rule, |(_, name)| name);
    if short.is_empty() { "unnamed".to_owned() } else { clip(short.to_owned(), 500) }
}

/// CIS-CAT numbers rules in their ids: `xccdf_org.cisecurity.benchmarks_rule_3.3.1_Ensure_…`.
fn number_in_id(rule: &str) -> Option<String> {
    let name = rule.split_once("cisecurity.benchmarks_rule_")?.1;
    let number = name.split('_').next()?;
    is_number(number).then(|| number.to_owned())
}

/// CIS-CAT names benchmarks in their ids: `xccdf_org.cisecurity.benchmarks_benchmark_1.0.0_CIS_Amazon_Linux_2023_Benchmark`.
fn cis_benchmark(id: &str) -> Option<Benchmark> {
    let rest = id.split_once("cisecurity.benchmarks_benchmark_")?.1;
    let (version, name) = rest.split_once('_')?;
    let name = name.trim_start_matches("CIS_").trim_end_matches("_Benchmark");
    let product = match name {
        "Amazon_Linux_2023" => "al2023".to_owned(),
        "Amazon_Linux_2" => "al2".to_owned(),
        "Bottlerocket" | "AWS_Bottlerocket" => "bottlerocket".to_owned(),
        other => word(other),
    };
    format!("cis-{product}-{version}").parse().ok()
}

/// The level that a profile's name tells: `…_profile_cis_level1_server`, `…_Level_2_-_Server`, `…_profile_cis_server_l1`.
fn level(profile: &str) -> Option<Level> {
    let name = profile.to_ascii_lowercase().replace(['-', '.'], "_");
    let has = |words: [&str; 3]| words.iter().any(|word| name.contains(word));
    match (has(["level1", "level_1", "_l1"]), has(["level2", "level_2", "_l2"])) {
        (true, false) => Some(Level::One),
        (false, true) => Some(Level::Two),
        _ => None,
    }
}

/// `2026-11-21T11:16:10+00:00`, or without a zone in older files (UTC is as good a guess as any).
fn when(text: &str) -> Option<jiff::Timestamp> {
    text.parse().ok().or_else(|| format!("{text}Z").parse().ok())
}

#[cfg(test)]
mod tests;
