//! The JSON of `aws inspector2 get-cis-scan-result-details`.

use std::io::BufRead;

use amiproof_model::verdict::Verdict;
use amiproof_model::vocabulary::number_in;
use serde::Deserialize;

use super::ImportError;
use super::document::{Answer, Document, Index, title};
use super::inspector::{self, Scope, Statement};
use super::json::{self, List, Text};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    scan_result_details: Option<List<Detail>>,
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

/// Reads the details of a CIS scan. A single page of several is rejected.
///
/// # Errors
/// As [`super::read`].
pub(super) fn read(reader: impl BufRead) -> Result<Document, ImportError> {
    let page: Page = json::read("Inspector", reader)?;
    let Some(details) = page.scan_result_details else {
        return Err(ImportError::NotThis {
            wanted: "the details of an Inspector CIS scan",
            found: "JSON without scanResultDetails".to_owned(),
        });
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
    if document.answers.is_empty() {
        return Err(ImportError::NoResults { what: "check" });
    }
    scope.complete(&mut document)?;
    if page.next_token.is_some_and(|token| !token.0.is_empty()) {
        let reason =
            "the file is one page of several (it has a nextToken); import the output of the aws CLI, which fetches all";
        document.notes.push(reason.to_owned());
        let whole =
            Answer::new("pages", "all pages of the scan's details are there", Verdict::NotEvaluated(reason.to_owned()));
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
    let number = number_in(&detail.check_id.0);
    let heading = title(&text(&detail.title));
    let id = number.map_or_else(|| title(&detail.check_id.0), str::to_owned);
    let id = [id, heading.clone(), "unnamed".to_owned()].into_iter().find(|id| !id.is_empty()).unwrap_or_default();
    let heading = if heading.is_empty() { id.clone() } else { heading };
    Answer {
        numbers: number.map(str::to_owned).into_iter().collect(),
        level: inspector::level(&detail.level.0),
        ..Answer::new(id, heading, inspector::verdict(&statement))
    }
}
