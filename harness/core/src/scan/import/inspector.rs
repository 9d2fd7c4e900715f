//! The meaning of Inspector's words for a CIS check, in its CSV and in its JSON.

use std::collections::{BTreeMap, BTreeSet};

use amiproof_model::name::Level;
use amiproof_model::verdict::Verdict;
use amiproof_model::vocabulary::of_inspector;

use super::ImportError;
use super::document::{Document, badness, fail, line, title};
use super::xml::clip;

/// The scanner's name, as in a run's own scan.
pub(super) const SCANNER: &str = "inspector";

/// The result of one check on one instance, as in the file.
pub(super) struct Statement<'a> {
    pub(super) status: &'a str,
    pub(super) reason: &'a str,
    pub(super) remediation: &'a str,
    pub(super) resource: &'a str,
}

/// The verdict of the words of `CisFindingStatus`, as the API gives them or as a person would write them. A skipped check is not evaluated,
/// unless the reason says that it is manual.
pub(super) fn verdict(statement: &Statement<'_>) -> Verdict {
    let why = if statement.reason.is_empty() { String::new() } else { format!(": {}", line(statement.reason)) };
    let is_manual = is_manual(statement.reason);
    match plain(statement.status).as_str() {
        "passed" | "pass" => Verdict::Pass,
        "failed" | "fail" => {
            let summary =
                if statement.reason.is_empty() { "the control is not met".to_owned() } else { line(statement.reason) };
            fail(statement.resource, summary, statement.reason, statement.remediation)
        }
        "manual" => Verdict::Manual(format!("manual, according to Inspector{why}")),
        "skipped" | "skip" if is_manual => Verdict::Manual(format!("manual, according to Inspector{why}")),
        "skipped" | "skip" => Verdict::NotEvaluated(format!("Inspector skipped it{why}")),
        "notapplicable" if !statement.reason.is_empty() => {
            Verdict::NotApplicable(format!("Inspector says that it does not apply{why}"))
        }
        "notapplicable" => Verdict::NotEvaluated("the file says that it does not apply, but not why".to_owned()),
        "" => Verdict::NotEvaluated("the file gives no result".to_owned()),
        _ => Verdict::NotEvaluated(format!("the file gives the unknown result '{}'", line(statement.status))),
    }
}

/// Whether a reason says that a check is manual. `run it manually, it timed out` means that there is no result.
fn is_manual(reason: &str) -> bool {
    let reason = reason.trim().trim_end_matches('.').to_ascii_lowercase();
    reason == "manual" || reason.starts_with("manual check") || reason.starts_with("manual review")
}

/// Which instances and platforms a file is about, and which results each instance has.
#[derive(Default)]
pub(super) struct Scope {
    instances: BTreeMap<String, BTreeSet<String>>,
    platforms: BTreeMap<String, String>,
}

impl Scope {
    /// Notes one row: where it was evaluated, and the id of its result.
    pub(super) fn add(&mut self, instance: &str, platform: &str, answer: &str) {
        self.instances.entry(instance.trim().to_owned()).or_default().insert(answer.to_owned());
        if !platform.trim().is_empty() {
            // Two spellings of one platform are the same.
            let key = of_inspector(platform).map_or_else(|| plain(platform), String::from);
            self.platforms.entry(key).or_insert_with(|| title(platform));
        }
    }

    /// Sets the platform of a document. A check that has a result on one instance and none on another counts as not
    /// evaluated: a scan that broke off there must not look as good as the others.
    ///
    /// # Errors
    /// When the file is about several platforms: the same number is another control on each of them.
    pub(super) fn complete(self, document: &mut Document) -> Result<(), ImportError> {
        if self.platforms.len() > 1 {
            let platforms = self.platforms.into_values().collect::<Vec<_>>().join(", ");
            return Err(ImportError::SeveralPlatforms { platforms: clip(platforms, 300) });
        }
        document.platform = self.platforms.into_values().next().unwrap_or_default();
        for answer in &mut document.answers {
            // Results that name no instance are not expected of every instance.
            if !self.instances.values().any(|answers| answers.contains(&answer.id)) {
                continue;
            }
            let lacks = self.instances.iter().find(|(_, answers)| !answers.contains(&answer.id));
            let Some((instance, _)) = lacks else { continue };
            let who = if instance.is_empty() { "an instance without a name".to_owned() } else { line(instance) };
            let verdict =
                Verdict::NotEvaluated(format!("{who} has no result, but another instance in the file has one"));
            if badness(&verdict) > badness(&answer.verdict) {
                answer.verdict = verdict;
            }
        }
        Ok(())
    }
}

/// The level of a check: `LEVEL_1`, `Level 1`, `L1`, `1`.
pub(super) fn level(word: &str) -> Option<Level> {
    match word.to_ascii_uppercase().trim_start_matches("LEVEL").trim_matches(['_', ' ', '-', 'L']) {
        "1" => Some(Level::One),
        "2" => Some(Level::Two),
        _ => None,
    }
}

/// `Check ID` and `check_id` are `checkid`.
pub(super) fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests;
