//! What Inspector's words for a CIS check mean, in its CSV and in its JSON.

use amiproof_model::name::Level;
use amiproof_model::verdict::Verdict;

use super::document::{fail, line};

/// The scanner's name, as in a run's own scan.
pub(super) const SCANNER: &str = "inspector";

/// What a file says of one check on one instance.
pub(super) struct Said<'a> {
    pub(super) status: &'a str,
    pub(super) reason: &'a str,
    pub(super) remediation: &'a str,
    pub(super) resource: &'a str,
}

/// The verdict of the words of `CisFindingStatus`, as the API gives them or as a person would write them. What was skipped was not looked
/// at, unless the reason says that it is for a human.
pub(super) fn verdict(said: &Said<'_>) -> Verdict {
    let why = if said.reason.is_empty() { String::new() } else { format!(": {}", line(said.reason)) };
    let is_manual = said.reason.to_ascii_lowercase().contains("manual");
    match plain(said.status).as_str() {
        "passed" | "pass" => Verdict::Pass,
        "failed" | "fail" => {
            let summary = if said.reason.is_empty() { "the control is not met".to_owned() } else { line(said.reason) };
            fail(said.resource, summary, said.reason, said.remediation)
        }
        "manual" => Verdict::Manual(format!("Inspector leaves it to a human{why}")),
        "skipped" | "skip" if is_manual => Verdict::Manual(format!("Inspector leaves it to a human{why}")),
        "skipped" | "skip" => Verdict::NotEvaluated(format!("Inspector skipped it{why}")),
        "notapplicable" if !said.reason.is_empty() => {
            Verdict::NotApplicable(format!("Inspector says that it does not apply{why}"))
        }
        "notapplicable" => Verdict::NotEvaluated("the file says that it does not apply, and not why".to_owned()),
        "" => Verdict::NotEvaluated("the file gives no result".to_owned()),
        _ => Verdict::NotEvaluated(format!("the file gives the unknown result '{}'", line(said.status))),
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
