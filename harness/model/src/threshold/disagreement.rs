//! Controls with different results from several scanners.

use std::collections::BTreeMap;

use crate::report::result::CheckResult;
use crate::report::subject::Subject;
use crate::verdict::Outcome;

/// What results of two scanners have in common: the control, in whatever suite, or the check if there is no control.
fn question(result: &CheckResult) -> (String, Subject) {
    let what = result.control.as_ref().map_or_else(|| result.check.to_string(), ToString::to_string);
    (what, result.subject.clone())
}

/// Adds the other scanner's outcome to every result whose control has another outcome there: `openscap says pass`.
pub fn mark_disagreements(results: &mut [CheckResult]) {
    type Answers = BTreeMap<String, &'static str>;
    let mut answers: BTreeMap<(String, Subject), Answers> = BTreeMap::new();
    for result in results.iter() {
        if let (Some(scanner), Outcome::Pass | Outcome::Fail { .. }) = (&result.scanner, &result.outcome) {
            answers.entry(question(result)).or_default().insert(scanner.clone(), result.outcome.as_str());
        }
    }
    for result in results.iter_mut() {
        let of_check = answers.get(&question(result));
        let own = result.outcome.as_str();
        let others = of_check.into_iter().flatten().filter(|(scanner, word)| {
            Some(scanner.as_str()) != result.scanner.as_deref() && **word != own && matches!(own, "pass" | "fail")
        });
        let others: Vec<String> = others.map(|(scanner, word)| format!("{scanner} says {word}")).collect();
        result.disagreement = if others.is_empty() { None } else { Some(others.join(", ")) };
    }
}
