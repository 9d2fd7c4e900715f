//! OSCAL 1.1.3, assessment results: one observation per row, and a finding for each row that is decided.
//!
//! | row | finding |
//! |---|---|
//! | passed, flaky | `satisfied` |
//! | failed | `not-satisfied` |
//! | waived, known, tolerated | `not-satisfied`, with a risk whose status is `deviation-approved` |
//! | everything else | none: the observation says why in its property `reason` |
//!
//! A finding has no state for "nobody knows", so what is undecided has no finding. OSCAL results must refer to an
//! assessment plan. amiproof has none, so they refer to a resource that describes the matrix.

use amiproof_model::report::Report;
use serde::Serialize;

use super::row::{Answer, Row, Rows};
use crate::markdown::page::escape;
use crate::text;

/// The version of the model.
const VERSION: &str = "1.1.3";

/// The namespace of amiproof's properties. Nothing is at that address; some readers accept only an address with a host.
const NAMESPACE: &str = "https://amiproof.invalid/ns/oscal";

/// The root object.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Document {
    assessment_results: AssessmentResults,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct AssessmentResults {
    uuid: String,
    metadata: Metadata,
    import_ap: Reference,
    results: [Outcome; 1],
    back_matter: BackMatter,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Metadata {
    title: String,
    last_modified: String,
    version: String,
    oscal_version: &'static str,
}

#[derive(Serialize)]
struct Reference {
    href: String,
}

#[derive(Serialize)]
struct BackMatter {
    resources: [Resource; 1],
}

#[derive(Serialize)]
struct Resource {
    uuid: String,
    title: String,
    description: String,
}

/// `result`.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Outcome {
    uuid: String,
    title: String,
    description: String,
    start: String,
    end: String,
    props: Vec<Property>,
    local_definitions: LocalDefinitions,
    reviewed_controls: ReviewedControls,
    /// Every list of OSCAL has at least one entry or is absent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    observations: Vec<Observation>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    risks: Vec<Risk>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<Finding>,
}

#[derive(Serialize)]
struct Property {
    name: &'static str,
    ns: &'static str,
    value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct LocalDefinitions {
    inventory_items: Vec<InventoryItem>,
}

#[derive(Serialize)]
struct InventoryItem {
    uuid: String,
    description: String,
    props: Vec<Property>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ReviewedControls {
    control_selections: [Selection; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Selection {
    include_all: IncludeAll,
}

/// Has no fields.
#[derive(Serialize)]
struct IncludeAll {}

#[derive(Serialize)]
struct Observation {
    uuid: String,
    title: String,
    description: String,
    props: Vec<Property>,
    methods: [&'static str; 1],
    types: [&'static str; 1],
    subjects: [SubjectReference; 1],
    collected: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remarks: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct SubjectReference {
    subject_uuid: String,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Risk {
    uuid: String,
    title: String,
    description: String,
    statement: String,
    props: Vec<Property>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<String>,
    related_observations: [ObservationReference; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Finding {
    uuid: String,
    title: String,
    description: String,
    target: Target,
    related_observations: [ObservationReference; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_risks: Vec<RiskReference>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Target {
    #[serde(rename = "type")]
    kind: &'static str,
    target_id: String,
    status: State,
}

#[derive(Serialize)]
struct State {
    state: &'static str,
    reason: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ObservationReference {
    observation_uuid: String,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct RiskReference {
    risk_uuid: String,
}

/// The report as assessment results.
pub(super) fn document(rows: &Rows<'_>) -> Document {
    let report = rows.report;
    let matrix = escape(&report.run.matrix);
    let plan = rows.lasting_uuid("plan", "");
    let title = format!("run {} of {matrix}", report.run.id);
    let mut props = vec![property("verdict", rows.verdict.conclusion.as_str())];
    props.extend(report.cluster.lab.then(|| property("lab", "true")));
    props.extend(rows.counts().into_iter().map(|(word, number)| property("count", &format!("{number} {word}"))));
    let outcome = Outcome {
        uuid: rows.uuid("results", ""),
        title: title.clone(),
        description: format!("{}: {}", rows.verdict.conclusion.as_str(), escape(&rows.verdict.reason)),
        start: report.run.started.to_string(),
        end: rows.ended().to_string(),
        props,
        local_definitions: LocalDefinitions { inventory_items: inventory(rows) },
        reviewed_controls: ReviewedControls { control_selections: [Selection { include_all: IncludeAll {} }] },
        observations: rows.all.iter().map(|row| observation(rows, row)).collect(),
        risks: rows.all.iter().filter_map(|row| risk(rows, row)).collect(),
        findings: rows.all.iter().filter_map(|row| finding(rows, row)).collect(),
    };
    Document {
        assessment_results: AssessmentResults {
            uuid: rows.uuid("document", ""),
            metadata: Metadata {
                title,
                last_modified: rows.ended().to_string(),
                version: report.run.id.to_string(),
                oscal_version: VERSION,
            },
            import_ap: Reference { href: format!("#{plan}") },
            results: [outcome],
            back_matter: BackMatter {
                resources: [Resource {
                    uuid: plan,
                    title: format!("the matrix {matrix}"),
                    description: "amiproof's matrix file defines what is assessed".to_owned(),
                }],
            },
        },
    }
}

/// The images and the cluster. A run without rows still assesses the cluster, because the list may not be empty.
fn inventory(rows: &Rows<'_>) -> Vec<InventoryItem> {
    let mut subjects = rows.subjects();
    if subjects.is_empty() {
        subjects.push("cluster");
    }
    subjects.into_iter().map(|subject| item(rows, subject)).collect()
}

fn item(rows: &Rows<'_>, subject: &str) -> InventoryItem {
    let report: &Report = rows.report;
    let variant = report.variants.iter().find(|variant| variant.name.as_str() == subject);
    let (description, mut props) = match variant {
        Some(variant) => {
            let mut props = vec![property("family", variant.family.as_str())];
            props.extend(variant.ami.iter().map(|ami| property("ami-id", ami.id.as_str())));
            props.extend(variant.benchmark.iter().map(|benchmark| property("benchmark", benchmark.as_str())));
            (format!("nodes of the image variant {}", escape(subject)), props)
        }
        None => {
            let name = property("cluster", &report.cluster.name);
            (format!("the cluster {}", escape(&report.cluster.name)), vec![name])
        }
    };
    props.insert(0, property("subject", subject));
    props.retain(|property| !property.value.is_empty());
    InventoryItem { uuid: rows.uuid("subject", subject), description, props }
}

fn observation(rows: &Rows<'_>, row: &Row<'_>) -> Observation {
    let result = row.result;
    let mut props = vec![
        property("check", &row.check),
        property("subject", &row.subject),
        property("disposition", row.disposition()),
        property("reason", &row.reason),
        property("control", &row.control().map(ToString::to_string).unwrap_or_default()),
        property("scanner", result.and_then(|result| result.scanner.as_deref()).unwrap_or_default()),
        property("severity", result.and_then(|result| result.severity).map_or("", |severity| severity.as_str())),
        property("origin", result.and_then(|result| result.origin).map_or("", crate::origin::origin_word)),
        property("answers", &row.answers),
    ];
    props.retain(|property| !property.value.is_empty());
    let lines: Vec<String> = row.detail.lines().map(escape).collect();
    let description = if row.detail.is_empty() { escape(&row.sentence()) } else { lines.join("\n") };
    let remedy: Vec<String> = row.remedy.lines().map(escape).collect();
    Observation {
        uuid: rows.uuid("observation", &row.key()),
        title: escape(&row.title),
        description,
        props,
        methods: ["TEST"],
        types: [if row.control().is_some() { "control-objective" } else { "discovery" }],
        subjects: [SubjectReference { subject_uuid: rows.uuid("subject", &row.subject), kind: "inventory-item" }],
        collected: row.ended.to_string(),
        remarks: Some(remedy.join("\n")).filter(|remedy| !remedy.is_empty()),
    }
}

fn finding(rows: &Rows<'_>, row: &Row<'_>) -> Option<Finding> {
    let (state, reason) = match row.answer {
        Answer::Pass => ("satisfied", "pass"),
        Answer::Fail | Answer::Accepted => ("not-satisfied", "fail"),
        Answer::Informational | Answer::NotApplicable | Answer::Review | Answer::Undecided => return None,
    };
    let key = row.key();
    let risk = row.accepted().map(|_| RiskReference { risk_uuid: rows.uuid("risk", &key) });
    Some(Finding {
        uuid: rows.uuid("finding", &key),
        title: escape(&format!("{} on {}", row.check, row.subject)),
        description: escape(&row.sentence()),
        target: Target {
            kind: "objective-id",
            target_id: token(row.control().map_or(row.check.as_str(), |control| control.as_str())),
            status: State { state, reason },
        },
        related_observations: [ObservationReference { observation_uuid: rows.uuid("observation", &key) }],
        related_risks: risk.into_iter().collect(),
    })
}

/// A failure that something accepts.
fn risk(rows: &Rows<'_>, row: &Row<'_>) -> Option<Risk> {
    let accepted = row.accepted()?;
    let key = row.key();
    Some(Risk {
        uuid: rows.uuid("risk", &key),
        title: escape(&format!("{} on {}: {}", row.check, row.subject, row.disposition())),
        description: escape(&row.title),
        statement: escape(&accepted.why),
        props: vec![property("owner", &accepted.owner)],
        status: "deviation-approved",
        // The waiver counts through its last day.
        deadline: accepted.until.map(|until| format!("{until}T23:59:59Z")),
        related_observations: [ObservationReference { observation_uuid: rows.uuid("observation", &key) }],
    })
}

fn property(name: &'static str, value: &str) -> Property {
    Property { name, ns: NAMESPACE, value: text::line(value) }
}

/// The text as a token of OSCAL: a letter or underscore, then letters, digits, dots, hyphens and underscores.
fn token(text: &str) -> String {
    let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let mut token: String = text.chars().map(|c| if is_legal(c) { c } else { '_' }).collect();
    if !token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        token.insert(0, '_');
    }
    token
}
