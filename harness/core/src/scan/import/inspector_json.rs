//! The JSON of `aws inspector2 get-cis-scan-result-details`, which has the result of each check on one instance, and of
//! `list-cis-scan-results-aggregated-by-checks`, which counts the results of all instances (service model of
//! inspector2, `CisCheckAggregation`).

use std::collections::HashMap;
use std::io::BufRead;

use amiproof_model::verdict::Verdict;
use amiproof_model::vocabulary::number_in;
use serde::Deserialize;

use super::ImportError;
use super::document::{Answer, Document, Index, fail, title};
use super::inspector::{self, Scope, Statement};
use super::json::{self, List, Text};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    scan_result_details: Option<List<Detail>>,
    check_aggregations: Option<List<Aggregation>>,
    next_token: Option<Text>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    #[serde(default)]
    check_id: Text,
    title: Option<Text>,
    #[serde(default)]
    status: Text,
    status_reason: Option<Text>,
    remediation: Option<Text>,
    #[serde(default)]
    level: Text,
    #[serde(default)]
    platform: Text,
    #[serde(default)]
    target_resource_id: Text,
}

/// The results of one check of one scan on all instances.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Aggregation {
    #[serde(default)]
    scan_arn: Text,
    #[serde(default)]
    check_id: Text,
    title: Option<Text>,
    #[serde(default)]
    level: Text,
    #[serde(default)]
    platform: Text,
    status_counts: Option<Counts>,
}

/// The numbers of instances by result.
#[derive(Deserialize)]
struct Counts {
    #[serde(default)]
    passed: u64,
    #[serde(default)]
    failed: u64,
    #[serde(default)]
    skipped: u64,
}

impl Counts {
    fn all(&self) -> u64 {
        self.passed.saturating_add(self.failed).saturating_add(self.skipped)
    }
}

/// Reads the details of a CIS scan, or its results aggregated by check. If the file is one page of several, the missing
/// pages count as not evaluated.
///
/// # Errors
/// As [`super::read`].
pub(super) fn read(reader: impl BufRead) -> Result<Document, ImportError> {
    let page: Page = json::read("Inspector", reader)?;
    let (details, aggregations) = match (page.scan_result_details, page.check_aggregations) {
        (None, None) => {
            return Err(ImportError::NotThis {
                wanted: "the details of an Inspector CIS scan",
                found: "JSON without scanResultDetails and checkAggregations".to_owned(),
            });
        }
        (details, aggregations) => (details.unwrap_or_default(), aggregations.unwrap_or_default()),
    };
    let mut document = Document {
        scanner: inspector::SCANNER.to_owned(),
        content: "Inspector CIS scan".to_owned(),
        ..Document::default()
    };
    let (mut index, mut scope) = (Index::new(), Scope::default());
    for detail in details.0 {
        let answer = answer(&detail);
        scope.add(&detail.target_resource_id.0, &detail.platform.0, &answer.id);
        document.add(&mut index, answer)?;
    }
    let most = most(&aggregations.0);
    for aggregation in aggregations.0 {
        let of_scan = most.get(&aggregation.scan_arn.0).copied().unwrap_or_default();
        let answer = counted(&aggregation, of_scan);
        scope.add("", &aggregation.platform.0, &answer.id);
        document.add(&mut index, answer)?;
    }
    if document.answers.is_empty() {
        return Err(ImportError::NoResults { what: "check" });
    }
    scope.complete(&mut document)?;
    if page.next_token.is_some_and(|token| !token.0.is_empty()) {
        let reason =
            "the file is one page of several (it has a nextToken); import the output of the aws CLI, which fetches all";
        document.notes.push(reason.to_owned());
        let whole = Answer::new(
            "pages",
            "the file contains all pages of the scan's details",
            Verdict::NotEvaluated(reason.to_owned()),
        );
        document.add(&mut index, whole)?;
    }
    Ok(document)
}

fn answer(detail: &Detail) -> Answer {
    let text = |text: &Option<Text>| text.clone().unwrap_or_default().0;
    let (reason, remediation) = (text(&detail.status_reason), text(&detail.remediation));
    let statement = Statement {
        status: &detail.status.0,
        reason: &reason,
        remediation: &remediation,
        resource: &detail.target_resource_id.0,
    };
    named(&detail.check_id, &text(&detail.title), &detail.level, inspector::verdict(&statement))
}

fn named(check: &Text, heading: &str, level: &Text, verdict: Verdict) -> Answer {
    let number = number_in(&check.0);
    let heading = title(heading);
    let id = number.map_or_else(|| title(&check.0), str::to_owned);
    let id = [id, heading.clone(), "unnamed".to_owned()].into_iter().find(|id| !id.is_empty()).unwrap_or_default();
    let heading = if heading.is_empty() { id.clone() } else { heading };
    Answer {
        numbers: number.map(str::to_owned).into_iter().collect(),
        level: inspector::level(&level.0),
        ..Answer::new(id, heading, verdict)
    }
}

/// The largest number of results of any check of a scan, by scan: that is the number of instances.
fn most(aggregations: &[Aggregation]) -> HashMap<String, u64> {
    let mut most: HashMap<String, u64> = HashMap::new();
    for one in aggregations {
        let all = one.status_counts.as_ref().map_or(0, Counts::all);
        let known = most.entry(one.scan_arn.0.clone()).or_default();
        *known = all.max(*known);
    }
    most
}

/// The result of a check on all instances: one failing instance makes the check fail. The file does not name the
/// instance.
fn counted(one: &Aggregation, of_scan: u64) -> Answer {
    let heading = one.title.clone().unwrap_or_default().0;
    let verdict = match &one.status_counts {
        None => Verdict::NotEvaluated("the file gives no result".to_owned()),
        Some(Counts { failed: 1.., .. }) => {
            let counts = one.status_counts.as_ref().map_or((0, 0), |counts| (counts.failed, counts.all()));
            fail("", format!("failed on {} of {} instances", counts.0, counts.1), "", "")
        }
        Some(Counts { skipped: skipped @ 1.., .. }) => {
            Verdict::NotEvaluated(format!("Inspector skipped it on {skipped} of {of_scan} instances"))
        }
        Some(counts) if counts.passed == 0 => Verdict::NotEvaluated("no instance has a result".to_owned()),
        Some(counts) if counts.all() < of_scan => {
            Verdict::NotEvaluated(format!("only {} of {of_scan} instances have a result for this check", counts.all()))
        }
        Some(_) => Verdict::Pass,
    };
    named(&one.check_id, &heading, &one.level, verdict)
}
