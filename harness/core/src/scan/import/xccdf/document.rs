//! The results of a file: every `TestResult` counts.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use amiproof_model::name::{Benchmark, Level};
use amiproof_model::verdict::Verdict;
use amiproof_model::vocabulary::{number_in, of_cis_id};

use jiff::Timestamp;

use super::{Content, Rule, RuleResult, Test};
use crate::scan::import::ImportError;
use crate::scan::import::document::{Answer, Document, Index, fail, line, severity, time, title, word};
use crate::scan::import::xml::clip;

/// Joins all results of the machine with the rules of their benchmarks. If several results have a rule, the worst counts: a smaller scan
/// after a remediation must not hide the findings of the one before it. Only `fixed` retracts an earlier failure.
pub(super) fn of(content: Content) -> Result<Document, ImportError> {
    let Content { root, title: heading, rules, mut tests, .. } = content;
    if tests.is_empty() {
        return Err(match root.as_str() {
            "Benchmark" | "asset-report-collection" | "data-stream-collection" => {
                ImportError::NoResults { what: "XCCDF TestResult" }
            }
            _ => ImportError::NotThis { wanted: "XCCDF results", found: format!("<{}>", clip(root, 80)) },
        });
    }
    let targets: BTreeSet<&str> = tests.iter().map(|test| test.target.trim()).filter(|name| !name.is_empty()).collect();
    if targets.len() > 1 {
        let targets = targets.into_iter().collect::<Vec<_>>().join(", ");
        return Err(ImportError::SeveralTargets { targets: clip(targets, 300) });
    }
    let target = targets.first().map(|name| title(name)).unwrap_or_default();
    drop_fixed(&mut tests);
    let mut document = Document { content: heading.clone(), target, ..Document::default() };
    let several = tests.len();
    if several > 1 {
        document
            .notes
            .push(format!("the file contains {several} results for one machine; the worst result of each rule counts"));
    }
    let mut index = Index::new();
    let mut benchmarks: BTreeSet<Benchmark> = BTreeSet::new();
    let mut profiles: Vec<String> = Vec::new();
    let mut empty: Vec<String> = Vec::new();
    for test in tests {
        if test.results.iter().all(|result| result.result == "notselected") {
            empty.push(if test.profile.is_empty() { "without a profile".to_owned() } else { title(&test.profile) });
        }
        let own = of_cis_id(&test.benchmark);
        benchmarks.extend(own.clone());
        (document.scanner, document.version) = scanner(&test);
        document.level = document.level.max(level(&test.profile));
        document.when = document.when.max(time(&test.ended));
        if document.content.is_empty() {
            document.content = title(&test.benchmark);
        }
        if !test.profile.is_empty() && !profiles.contains(&test.profile) {
            profiles.push(test.profile.clone());
        }
        one(test, own, &rules, &mut document, &mut index)?;
    }
    document.profile = profiles.join(", ");
    if benchmarks.len() == 1 {
        document.benchmark = benchmarks.pop_first();
    }
    if document.answers.is_empty() {
        let arf = root == "asset-report-collection";
        let what = if arf { "selected rule in its ARF report" } else { "selected rule" };
        return Err(ImportError::NoResults { what });
    }
    // A TestResult without results beside others that have some: what it covers counts as not evaluated.
    for (at, profile) in empty.into_iter().enumerate() {
        let reason = format!("a TestResult in the file ({profile}) contains no rule-result");
        let heading = "every TestResult in the file contains results";
        let id = format!("test-result-without-results-{}", at + 1);
        document.add(&mut index, Answer::new(id, heading, Verdict::NotEvaluated(reason)))?;
    }
    Ok(document)
}

/// When each result ended; `None` if one is unknown, or only some have a time zone, because then their order is unknown.
fn ends(tests: &[Test]) -> Option<Vec<Timestamp>> {
    let zoned = tests.iter().filter(|test| test.ended.trim().parse::<Timestamp>().is_ok()).count();
    if zoned != 0 && zoned != tests.len() {
        return None;
    }
    tests.iter().map(|test| time(&test.ended)).collect()
}

/// Retracts the failures of a rule that a later result of the same benchmark and profile has fixed. Nothing is retracted if the order is
/// unknown.
fn drop_fixed(tests: &mut [Test]) {
    let Some(ends) = ends(tests) else { return };
    type Key = (String, String, String);
    let key = |test: &Test, result: &RuleResult| -> Key {
        (test.benchmark.clone(), test.profile.clone(), result.rule.clone())
    };
    let mut last: BTreeMap<Key, Timestamp> = BTreeMap::new();
    for (test, end) in tests.iter().zip(&ends) {
        for result in test.results.iter().filter(|result| result.result == "fixed") {
            let fixed = last.entry(key(test, result)).or_insert(*end);
            *fixed = (*fixed).max(*end);
        }
    }
    for (test, end) in tests.iter_mut().zip(ends) {
        let results = std::mem::take(&mut test.results);
        test.results = results
            .into_iter()
            .filter(|result| last.get(&key(test, result)).is_none_or(|fixed| end >= *fixed))
            .collect();
    }
}

/// Adds the results of one TestResult.
fn one(
    test: Test,
    benchmark: Option<Benchmark>,
    rules: &HashMap<String, Rule>,
    document: &mut Document,
    index: &mut Index,
) -> Result<(), ImportError> {
    let selected = test.results.iter().filter(|result| result.result != "notselected").count();
    document.left_out += test.results.len() - selected;
    // A benchmark for another platform makes every rule `notapplicable`; that is not evidence, and must not look like a clean scan.
    let applies = test.results.iter().any(|result| !matches!(result.result.as_str(), "notselected" | "notapplicable"));
    if selected == 0 && !test.results.is_empty() {
        let reason = format!("the profile '{}' selects no rule, so nothing was evaluated", title(&test.profile));
        document.notes.push(reason);
    }
    if selected > 0 && !applies {
        document.notes.push(format!(
            "all {selected} rules are notapplicable: the content is meant for another platform, so nothing was evaluated"
        ));
    }
    for result in test.results.into_iter().filter(|result| result.result != "notselected") {
        let rule = rules.get(&result.rule).cloned().unwrap_or_default();
        let mut answer = answer(result, rule);
        answer.benchmark.clone_from(&benchmark);
        if !applies {
            let reason = "no rule of this content applies to the machine: is it meant for its platform?";
            answer.verdict = Verdict::NotEvaluated(reason.to_owned());
        }
        document.add(index, answer)?;
    }
    Ok(())
}

fn answer(result: RuleResult, rule: Rule) -> Answer {
    let id = short_id(&result.rule);
    let heading = if rule.title.is_empty() { id.replace('_', " ") } else { rule.title.clone() };
    // CIS-CAT numbers rules in their ids; other content lists every control that a rule belongs to.
    let in_id = result.rule.contains("cisecurity.benchmarks_rule_").then(|| number_in(&result.rule)).flatten();
    let mut numbers: Vec<String> = match in_id {
        Some(number) => vec![number.to_owned()],
        None => result.numbers.iter().chain(&rule.numbers).cloned().collect(),
    };
    let grade =
        if result.severity.is_empty() || result.severity == "unknown" { &rule.severity } else { &result.severity };
    let mut identifiers: Vec<String> = result.identifiers.iter().chain(&rule.identifiers).cloned().collect();
    identifiers.extend(result.numbers.iter().chain(&rule.numbers).map(|number| format!("CIS {number}")));
    identifiers.sort();
    identifiers.dedup();
    let mut seen = BTreeSet::new();
    numbers.retain(|number| seen.insert(number.clone()));
    Answer {
        severity: severity(grade),
        identifiers,
        verdict: verdict(&result, &rule, !numbers.is_empty()),
        numbers,
        ..Answer::new(id, heading, Verdict::Pass)
    }
}

/// The verdict of a result (XCCDF 1.2, table 26). `notchecked` means that there is no automated check. Informational results do not count
/// for controls of a benchmark.
fn verdict(result: &RuleResult, rule: &Rule, is_control: bool) -> Verdict {
    let why = if result.message.is_empty() { String::new() } else { format!(": {}", line(&result.message)) };
    match result.result.as_str() {
        "pass" | "fixed" | "notapplicable" if result.unchecked => {
            Verdict::NotEvaluated(format!("its role is 'unchecked', so that '{}' is not a result{why}", result.result))
        }
        "pass" | "fixed" => Verdict::Pass,
        "fail" if result.unscored => Verdict::Manual(format!("not met, but its profile does not score it{why}")),
        "fail" => fail(&result.instance, format!("the rule is not met{why}"), result.message.clone(), rule.fix.clone()),
        "notapplicable" => Verdict::NotApplicable(format!("the rule does not apply to this machine{why}")),
        "informational" if is_control || result.unchecked => {
            Verdict::NotEvaluated(format!("the result is 'informational', which decides nothing{why}"))
        }
        "informational" => Verdict::NotApplicable(format!("for information only{why}")),
        "notchecked" => Verdict::NotEvaluated(format!("not checked: the content has no automated check for it{why}")),
        "error" => Verdict::NotEvaluated(format!("the scanner's check failed to run{why}")),
        "unknown" => Verdict::NotEvaluated(format!("the scanner could not decide{why}")),
        "" => Verdict::NotEvaluated("the file gives no result".to_owned()),
        other => Verdict::NotEvaluated(format!("the file gives the unknown result '{}'", line(other))),
    }
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
