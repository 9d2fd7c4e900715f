//! The content of the drawer beside the grid. What many cells have in common (the nodes of a variant, the findings that a control has on each
//! of them) is in the page once.

use std::collections::HashMap;

use amiproof_model::judge::Disposition;
use amiproof_model::report::{CheckResult, Report, Severity};
use indexmap::IndexSet;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::cause::cause_line;
use crate::origin::origin_word;
use crate::sheet::{Folded, Status};
use crate::text;
use crate::times::{self, Times};

/// The most bytes of one detail or evidence text; the same as the model's own limit for evidence.
const TEXT_LIMIT: usize = 16 * 1024;

/// The most bytes of all details and evidence together: a browser should open the page at once. What failed comes first.
const TEXT_BUDGET: usize = 4 * 1024 * 1024;

/// The content of one drawer. Numbers are places in the list of parts, zero for none.
#[derive(Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Detail {
    #[serde(skip_serializing_if = "is_none")]
    findings: usize,
    #[serde(skip_serializing_if = "is_none")]
    evidence: usize,
    #[serde(skip_serializing_if = "is_none")]
    cause: usize,
    #[serde(skip_serializing_if = "is_none")]
    waiver: usize,
    #[serde(skip_serializing_if = "is_none")]
    placements: usize,
    #[serde(skip_serializing_if = "is_none")]
    attempts: usize,
    #[serde(skip_serializing_if = "is_none")]
    exercises: usize,
    /// Duration of the whole scan, milliseconds; none for a result with a duration of its own.
    #[serde(rename = "scanSeconds", serialize_with = "as_seconds", skip_serializing_if = "Option::is_none")]
    scan_milliseconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scanner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disagreement: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<&'static str>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_none(part: &usize) -> bool {
    *part == 0
}

#[expect(clippy::cast_precision_loss, reason = "at most a year")]
#[expect(clippy::ref_option, reason = "serde wants a reference")]
fn as_seconds<S: Serializer>(milliseconds: &Option<i64>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(milliseconds.unwrap_or(0) as f64 / 1000.0)
}

/// The contents of all drawers.
pub(super) struct Details {
    pub(super) all: IndexSet<Detail>,
    pub(super) parts: IndexSet<Value>,
    places: HashMap<*const CheckResult, usize>,
    /// How much text is left for the page, bytes.
    left: usize,
}

impl Details {
    /// Those of every result; the most urgent first, because space is limited.
    pub(super) fn of(report: &Report, times: &Times<'_>) -> Self {
        let mut details = Self {
            all: IndexSet::from([Detail::default()]),
            parts: IndexSet::from([Value::Null]),
            places: HashMap::with_capacity(report.results.len()),
            left: TEXT_BUDGET,
        };
        let mut results: Vec<&CheckResult> = report.results.iter().collect();
        results.sort_by_key(|result| Status::of(&result.disposition));
        for result in results {
            let detail = details.detail(report, result, times);
            let place = details.all.insert_full(detail).0;
            details.places.insert(std::ptr::from_ref(result), place);
        }
        details
    }

    /// The place of a result's detail.
    pub(super) fn place_of(&self, result: &CheckResult) -> usize {
        self.places.get(&std::ptr::from_ref(result)).copied().unwrap_or(0)
    }

    /// The place of a part.
    pub(super) fn part(&mut self, part: Value) -> usize {
        let is_nothing = part.is_null() || part.as_array().is_some_and(Vec::is_empty);
        if is_nothing { 0 } else { self.parts.insert_full(part).0 }
    }

    /// The place of a part with long texts, whose space is taken from what is left if it is a new one.
    fn texts(&mut self, make: impl FnOnce(&mut Budget) -> Vec<Value>) -> usize {
        let mut budget = Budget { left: self.left };
        let part = Value::Array(make(&mut budget));
        let number = self.parts.len();
        let place = self.part(part);
        if self.parts.len() > number {
            self.left = budget.left;
        }
        place
    }

    fn detail(&mut self, report: &Report, result: &CheckResult, times: &Times<'_>) -> Detail {
        let findings = Folded::of(result);
        let findings = self.texts(|budget| {
            let finding = |folded: &Folded<'_>| {
                json!([
                    folded.place(),
                    text::line(&folded.finding.summary),
                    budget.take(folded.detail()),
                    budget.take(&folded.finding.remediation),
                ])
            };
            findings.iter().map(finding).collect()
        });
        let evidence = self.texts(|budget| {
            let pieces = result.evidence.iter().map(|piece| {
                json!([
                    text::line(&piece.name),
                    budget.take(&piece.text),
                    piece.file.as_deref().map(text::line),
                    piece.file.as_deref().and_then(link)
                ])
            });
            pieces.collect()
        });
        let cause = report.explained_by(result).map_or(Value::Null, |cause| {
            json!([text::line(&cause_line(cause)), text::line(&cause.evidence()), cause.help])
        });
        let waiver = match &result.disposition {
            Disposition::Waived { owner, reason, until } => {
                json!([text::line(owner), until.to_string(), text::line(reason)])
            }
            _ => Value::Null,
        };
        let placements = result.placements.iter().map(|placement| {
            json!([
                placement.pod.as_deref().map(text::line),
                text::line(&placement.node),
                placement.instance_id,
                placement.ami_id
            ])
        });
        let attempts =
            result.earlier_attempts.iter().map(|attempt| json!([attempt.as_str(), text::line(attempt.reason())]));
        let exercises: Value = result.exercises.iter().map(|capability| text::line(capability)).collect();
        Detail {
            findings,
            evidence,
            cause: self.part(cause),
            waiver: self.part(waiver),
            placements: self.part(placements.collect()),
            attempts: self.part(attempts.collect()),
            exercises: self.part(exercises),
            scan_milliseconds: times.is_shared(result).then(|| times::milliseconds(result.seconds)),
            scanner: result.scanner.as_deref().map(text::line),
            severity: result.severity.map(Severity::as_str),
            disagreement: result.disagreement.as_deref().map(text::line),
            origin: result.origin.map(origin_word),
        }
    }
}

/// How much text is left for the page.
struct Budget {
    left: usize,
}

impl Budget {
    fn take(&mut self, text: &str) -> String {
        let clean = text::clean(text);
        let clean = clean.trim_end();
        if clean.is_empty() {
            return String::new();
        }
        let limit = TEXT_LIMIT.min(self.left);
        let taken =
            text::head_and_tail(clean, limit, "the full text is in report.json and its evidence files").into_owned();
        self.left = self.left.saturating_sub(taken.len());
        taken
    }
}

/// The relative link to an evidence file; `None` for a path outside of the folder of the page.
fn link(file: &str) -> Option<String> {
    let harmless = |part: &str| {
        !matches!(part, "" | "." | "..") && part.chars().all(|c| c.is_ascii_alphanumeric() || "-._+@,= ".contains(c))
    };
    file.split('/').all(harmless).then(|| file.replace(' ', "%20"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_below_the_page_become_links() {
        for (file, expected) in [
            ("evidence/al2023/kube bench.json", Some("evidence/al2023/kube%20bench.json")),
            ("../secrets", None),
            ("/etc/passwd", None),
            ("https://example.com/x", None),
            ("javascript:alert(1)", None),
            ("a//b", None),
            ("a\\b", None),
            ("", None),
        ] {
            assert_eq!(link(file).as_deref(), expected, "{file}");
        }
    }
}
