//! ASFF, the findings of AWS Security Hub: a list for `aws securityhub batch-import-findings`, at most 100 a call.
//! `report --send` makes these calls.
//!
//! | row | `Compliance.Status` |
//! |---|---|
//! | passed, flaky | `PASSED` |
//! | failed, informational | `FAILED` |
//! | waived, known, tolerated | `FAILED`, with `Workflow.Status` `SUPPRESSED` and a note that says why |
//! | not applicable, manual, error, not evaluated, blocked, allowed, and events of the run | `NOT_AVAILABLE`, with the reason |
//!
//! Security Hub keeps the workflow of a finding that it knows already, so a suppressed one has an id of its own: when the waiver ends, the
//! failure is a new finding and not a suppressed one. A failure without a severity is medium, which is what Security Hub sorts by.

use std::collections::BTreeMap;

use amiproof_model::report::{Report, Severity, Subject};
use jiff::Timestamp;
use serde::Serialize;

use super::row::{Answer, Row, Rows};
use crate::text;

/// The only version of the format.
const SCHEMA_VERSION: &str = "2018-10-08";

/// The limits of Security Hub: characters of ids, titles, descriptions and notes, and resources of a finding.
const ID_LIMIT: usize = 512;
const TITLE_LIMIT: usize = 256;
const DESCRIPTION_LIMIT: usize = 1_024;
const NOTE_LIMIT: usize = 512;
const RESOURCE_LIMIT: usize = 32;

/// `AwsSecurityFinding`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Finding {
    schema_version: &'static str,
    id: String,
    product_arn: String,
    product_name: String,
    company_name: String,
    generator_id: String,
    aws_account_id: String,
    types: [&'static str; 1],
    created_at: String,
    updated_at: String,
    severity: SeverityOf,
    finding_provider_fields: ProviderFields,
    title: String,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remediation: Option<Remediation>,
    product_fields: BTreeMap<&'static str, String>,
    resources: Vec<Resource>,
    compliance: Compliance,
    workflow: Workflow,
    record_state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<Note>,
}

/// The fields of an existing finding that only its provider may update, and only through `FindingProviderFields` (API
/// reference, `BatchImportFindings`): the severity of a check that failed in the last run and passes now.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ProviderFields {
    severity: SeverityOf,
    types: [&'static str; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SeverityOf {
    label: &'static str,
    original: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Remediation {
    recommendation: Recommendation,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Recommendation {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Resource {
    #[serde(rename = "Type")]
    kind: &'static str,
    id: String,
    partition: &'static str,
    region: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Details {
    other: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Compliance {
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_requirements: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    status_reasons: Vec<StatusReason>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct StatusReason {
    reason_code: String,
    description: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Workflow {
    status: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Note {
    text: String,
    updated_by: String,
    updated_at: String,
}

/// Where the findings belong. A cluster without an account has a placeholder, which Security Hub refuses, and so has the lab, whose
/// account is not real.
pub(super) struct Home {
    partition: &'static str,
    region: String,
    account: String,
}

impl Home {
    pub(super) fn of(report: &Report) -> Self {
        let or = |text: &str, placeholder: &str| match text::line(text) {
            empty if empty.is_empty() => placeholder.to_owned(),
            text => text,
        };
        let region = or(&report.cluster.region, "none");
        let partition = match region.as_str() {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        let account = if report.cluster.lab { "" } else { report.cluster.account.as_str() };
        Self { partition, region, account: or(account, "000000000000") }
    }

    pub(super) fn arn(&self, service: &str, account: &str, rest: &str) -> String {
        format!("arn:{}:{service}:{}:{account}:{rest}", self.partition, self.region)
    }
}

/// The report as findings.
pub(super) fn document(rows: &Rows<'_>) -> Vec<Finding> {
    let home = Home::of(rows.report);
    rows.all.iter().map(|row| finding(rows, &home, row)).collect()
}

fn finding(rows: &Rows<'_>, home: &Home, row: &Row<'_>) -> Finding {
    let report = rows.report;
    let accepted = row.accepted();
    let matrix = text::line(&report.run.matrix);
    let mut id = rows.lasting_uuid("result", &row.key());
    if let Some(accepted) = &accepted {
        let until = accepted.until.map(|until| format!("/{until}")).unwrap_or_default();
        id.push_str(&format!("/{}{until}", row.disposition()));
    }
    let arn = home.arn("securityhub", &home.account, &format!("product/{}/default", home.account));
    let note = accepted.map(|accepted| {
        let until = accepted.until.map(|until| format!(" until {until}")).unwrap_or_default();
        Note {
            text: text::short_line(&format!("{}{until}: {}", row.disposition(), accepted.why), NOTE_LIMIT),
            updated_by: accepted.owner,
            updated_at: time(row.ended),
        }
    });
    let description =
        if row.detail.is_empty() { row.sentence() } else { text::short_line(&row.detail, DESCRIPTION_LIMIT) };
    Finding {
        schema_version: SCHEMA_VERSION,
        id: format!("{}/{}/{id}", report.tool.name, text::short_line(&matrix, 200)),
        product_arn: arn,
        product_name: report.tool.name.clone(),
        company_name: report.tool.name.clone(),
        generator_id: text::short_line(&row.check, ID_LIMIT),
        aws_account_id: home.account.clone(),
        types: [kind(row)],
        created_at: time(row.started),
        updated_at: time(row.ended),
        severity: severity(row),
        finding_provider_fields: ProviderFields { severity: severity(row), types: [kind(row)] },
        title: text::short_line(&format!("[{}] {}", row.subject, row.title), TITLE_LIMIT),
        description: text::short_line(&description, DESCRIPTION_LIMIT),
        remediation: Some(&row.remedy).filter(|remedy| !remedy.is_empty()).map(|remedy| Remediation {
            recommendation: Recommendation { text: text::short_line(remedy, NOTE_LIMIT) },
        }),
        product_fields: fields(rows, row),
        resources: resources(report, home, row),
        compliance: compliance(row),
        workflow: Workflow { status: if note.is_some() { "SUPPRESSED" } else { "NEW" } },
        record_state: "ACTIVE",
        note,
    }
}

fn kind(row: &Row<'_>) -> &'static str {
    match row.control() {
        Some(_) => "Software and Configuration Checks/Industry and Regulatory Standards/CIS Host Hardening Benchmarks",
        None => "Software and Configuration Checks",
    }
}

fn fields(rows: &Rows<'_>, row: &Row<'_>) -> BTreeMap<&'static str, String> {
    let result = row.result;
    let values = [
        ("amiproof/answers", row.answers.clone()),
        ("amiproof/check", row.check.clone()),
        ("amiproof/control", row.control().map(ToString::to_string).unwrap_or_default()),
        ("amiproof/disposition", row.disposition().to_owned()),
        ("amiproof/lab", if rows.report.cluster.lab { "true".to_owned() } else { String::new() }),
        ("amiproof/origin", result.and_then(|result| result.origin).map_or("", crate::origin::origin_word).to_owned()),
        ("amiproof/run", rows.report.run.id.to_string()),
        ("amiproof/scanner", result.and_then(|result| result.scanner.clone()).unwrap_or_default()),
        ("amiproof/subject", row.subject.clone()),
    ];
    let values = values.into_iter().filter(|(_, value)| !value.trim().is_empty());
    values.map(|(name, value)| (name, text::short_line(&value, 1_000))).collect()
}

fn compliance(row: &Row<'_>) -> Compliance {
    let status = match row.answer {
        Answer::Pass => "PASSED",
        Answer::Fail | Answer::Accepted | Answer::Informational => "FAILED",
        Answer::NotApplicable | Answer::Review | Answer::Undecided => "NOT_AVAILABLE",
    };
    let reason = (status == "NOT_AVAILABLE").then(|| StatusReason {
        reason_code: row.disposition().replace(' ', "_").to_uppercase(),
        description: text::short_line(&row.sentence(), DESCRIPTION_LIMIT),
    });
    Compliance {
        status,
        related_requirements: row
            .control()
            .map(|control| text::short_line(&format!("{} {}", control.benchmark(), control.number()), 64))
            .into_iter()
            .collect(),
        status_reasons: reason.into_iter().collect(),
    }
}

fn severity(row: &Row<'_>) -> SeverityOf {
    let stated = row.result.and_then(|result| result.severity);
    let label = match (row.answer, stated) {
        (Answer::Fail | Answer::Accepted, Some(Severity::Low)) => "LOW",
        (Answer::Fail | Answer::Accepted, Some(Severity::Medium) | None) => "MEDIUM",
        (Answer::Fail | Answer::Accepted, Some(Severity::High)) => "HIGH",
        (Answer::Fail | Answer::Accepted, Some(Severity::Critical)) => "CRITICAL",
        _ => "INFORMATIONAL",
    };
    SeverityOf { label, original: stated.map_or("unknown", Severity::as_str) }
}

/// What the row is about: the image or the cluster, then the instances that it ran on.
fn resources(report: &Report, home: &Home, row: &Row<'_>) -> Vec<Resource> {
    let subject = row.result.map(|result| &result.subject);
    let variant = subject.and_then(|subject| report.variant_of(subject));
    let of = |kind, id| Resource { kind, id, partition: home.partition, region: home.region.clone(), details: None };
    let first = match (subject, variant.and_then(|variant| variant.ami.as_ref())) {
        (_, Some(ami)) => {
            let other = BTreeMap::from([
                ("AmiId", ami.id.to_string()),
                ("AmiName", text::short_line(&ami.name, 1_000)),
                ("Variant", row.subject.clone()),
            ]);
            let other = other.into_iter().filter(|(_, value)| !value.is_empty()).collect();
            // Security Hub has no type for images.
            Resource {
                details: Some(Details { other }),
                ..of("Other", home.arn("ec2", "", &format!("image/{}", ami.id)))
            }
        }
        (Some(Subject::Variant(_)), None) => of("Other", row.subject.clone()),
        _ => of(
            "AwsEksCluster",
            home.arn("eks", &home.account, &format!("cluster/{}", text::line(&report.cluster.name))),
        ),
    };
    let mut resources = vec![first];
    for placement in row.result.iter().flat_map(|result| &result.placements) {
        let instance = placement.instance_id.as_deref().map(text::line).filter(|id| !id.is_empty());
        let id = instance.map(|id| home.arn("ec2", &home.account, &format!("instance/{id}")));
        if let Some(id) =
            id.filter(|id| resources.len() < RESOURCE_LIMIT && !resources.iter().any(|known| known.id == *id))
        {
            resources.push(of("AwsEc2Instance", id));
        }
    }
    resources
}

/// Security Hub accepts at most milliseconds.
fn time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
