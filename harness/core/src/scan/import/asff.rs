//! ASFF, the findings of AWS Security Hub: what kube-bench, amiproof and other tools send (`--asff`, `BatchImportFindings`), and what
//! `aws securityhub get-findings` answers. A list, `{"Findings": [..]}`, or one finding per line.
//!
//! `Compliance.Status` decides (API reference, `Compliance`). A finding without one reports a problem: kube-bench sends
//! only those. What was suppressed or resolved there is a failure here; an archived finding is no longer kept up to
//! date by its provider, so it is undecided.

use std::io::BufRead;

use amiproof_model::verdict::Verdict;
use amiproof_model::vocabulary::{is_number, of_kube_bench};
use serde::Deserialize;

use super::ImportError;
use super::document::{Answer, Document, Index, fail, line, severity, time, title, word};
use super::inspector::Scope;
use super::json::{self, List, Scalar, Text};
use super::own::{self, Own};
use super::xml::clip;

/// A finding, or a list of findings in an object of its own.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Finding {
    findings: Option<List<Finding>>,
    next_token: Option<Text>,
    schema_version: Option<Text>,
    #[serde(default)]
    product_arn: Text,
    product_name: Option<Text>,
    #[serde(default)]
    generator_id: Text,
    updated_at: Option<Text>,
    #[serde(default)]
    title: Text,
    description: Option<Text>,
    severity: Option<Severity>,
    remediation: Option<Remediation>,
    #[serde(default)]
    resources: List<Resource>,
    compliance: Option<Compliance>,
    workflow: Option<Workflow>,
    record_state: Option<Text>,
    product_fields: Option<Fields>,
    sample: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Severity {
    label: Option<Text>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Remediation {
    recommendation: Option<Recommendation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Recommendation {
    text: Option<Text>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Resource {
    #[serde(default)]
    id: Text,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Compliance {
    status: Option<Text>,
    #[serde(default)]
    status_reasons: List<Reason>,
    security_control_id: Option<Text>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Reason {
    #[serde(default)]
    reason_code: Text,
    description: Option<Text>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Workflow {
    status: Option<Text>,
}

/// The extra fields that amiproof and kube-bench add to a finding.
#[derive(Default, Deserialize)]
struct Fields {
    #[serde(rename = "amiproof/subject", default)]
    subject: Scalar,
    #[serde(rename = "amiproof/check", default)]
    check: Scalar,
    #[serde(rename = "amiproof/disposition", default)]
    disposition: Scalar,
    #[serde(rename = "amiproof/control", default)]
    control: Scalar,
    /// Why a check of kube-bench failed.
    #[serde(rename = "Reason", default)]
    reason: Scalar,
}

/// Reads findings.
///
/// # Errors
/// As [`super::read`].
pub(super) fn read(reader: impl BufRead) -> Result<Document, ImportError> {
    let mut findings = Vec::new();
    let mut is_page = false;
    for mut one in json::all::<Finding>("ASFF", reader)? {
        is_page |= one.next_token.as_ref().is_some_and(|token| !token.0.is_empty());
        match one.findings.take() {
            Some(list) => findings.extend(list.0),
            None => findings.push(one),
        }
    }
    if findings.is_empty() {
        return Err(ImportError::NoResults { what: "finding" });
    }
    if let Some(other) = findings.iter().find(|finding| finding.schema_version.is_none()) {
        let what = line(&other.title.0);
        let found = if what.is_empty() { "JSON without SchemaVersion".to_owned() } else { format!("'{what}'") };
        return Err(ImportError::NotThis { wanted: "a list of ASFF findings", found });
    }
    let mut document =
        Document { scanner: scanner(&findings), content: "Security Hub findings".to_owned(), ..Document::default() };
    let (mut index, mut scope) = (Index::new(), Scope::default());
    for finding in &findings {
        let when = finding.updated_at.as_ref().and_then(|text| time(&text.0));
        document.when = document.when.max(when);
        let answer = answer(finding);
        if answer.subject.is_empty() {
            for instance in finding.resources.0.iter().filter_map(|resource| instance(&resource.id.0)) {
                scope.add(instance, "", &answer.id);
            }
        }
        document.add(&mut index, answer)?;
    }
    scope.complete(&mut document)?;
    if is_page {
        let reason =
            "the file is one page of several (it has a NextToken); import the output of the aws CLI, which fetches all";
        document.notes.push(reason.to_owned());
        let whole =
            Answer::new("pages", "the file contains all pages of findings", Verdict::NotEvaluated(reason.to_owned()));
        document.add(&mut index, whole)?;
    }
    Ok(document)
}

/// The product that sent the findings, if all are from the same one: by its name, or by the end of its ARN.
fn scanner(findings: &[Finding]) -> String {
    let name = |finding: &Finding| {
        let named = finding.product_name.as_ref().map(|name| word(&name.0)).filter(|name| !name.is_empty());
        let of_arn = || finding.product_arn.0.rsplit('/').next().map(word).filter(|name| name != "default");
        named.or_else(of_arn).unwrap_or_default()
    };
    let first = findings.first().map(name).unwrap_or_default();
    if findings.iter().all(|finding| name(finding) == first) { first } else { String::new() }
}

/// The instance that a resource is, if it is one: `i-0aa` of `arn:aws:ec2:us-west-2:111122223333:instance/i-0aa`.
fn instance(resource: &str) -> Option<&str> {
    let id = resource.rsplit_once("instance/").map_or(resource, |(_, id)| id);
    id.starts_with("i-").then_some(id)
}

fn answer(finding: &Finding) -> Answer {
    let heading = title(&finding.title.0);
    let control = finding.compliance.as_ref().and_then(|compliance| compliance.security_control_id.clone());
    let ids = [control.unwrap_or_default().0, finding.generator_id.0.clone(), heading.clone(), "unnamed".to_owned()];
    let id = ids.into_iter().map(|id| clip(id, 500)).find(|id| !id.is_empty()).unwrap_or_default();
    let (id, benchmark, numbers) = match kube_bench(&finding.generator_id.0) {
        Some((version, number)) => (number.to_owned(), of_kube_bench(version), vec![number.to_owned()]),
        None => (id, None, Vec::new()),
    };
    let label = finding.severity.as_ref().and_then(|severity| severity.label.as_ref());
    let answer = Answer {
        benchmark,
        numbers,
        severity: label.and_then(|label| severity(&label.0)),
        verdict: verdict(finding),
        ..Answer::new(id.clone(), if heading.is_empty() { id } else { heading }, Verdict::Pass)
    };
    let fields = finding.product_fields.as_ref().filter(|_| finding.product_name.as_ref().is_some_and(is_own));
    let own = fields.and_then(|own| Own::of(&own.subject, &own.check, &own.disposition, &own.control));
    match own {
        Some(own) => own.answer(answer),
        None => answer,
    }
}

fn is_own(name: &Text) -> bool {
    name.0 == own::NAME
}

/// Version and number of a check of kube-bench, by the generator that it writes (`check/controls.go`, `ASFF`):
/// `arn:..:product/aqua-security/kube-bench/cis-kubernetes-benchmark/eks-1.8.0/3.2.1`.
fn kube_bench(generator: &str) -> Option<(&str, &str)> {
    let (_, rest) = generator.split_once("/cis-kubernetes-benchmark/")?;
    rest.split_once('/').filter(|(_, number)| is_number(number))
}

fn verdict(finding: &Finding) -> Verdict {
    let compliance = finding.compliance.as_ref();
    let why = compliance.and_then(|compliance| compliance.status_reasons.0.first()).map(|reason| {
        let text = reason.description.as_ref().map(|text| line(&text.0)).unwrap_or_default();
        if text.is_empty() { line(&reason.reason_code.0) } else { text }
    });
    let why = why.filter(|why| !why.is_empty());
    let because = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    if finding.record_state.as_ref().is_some_and(|state| state.0 == "ARCHIVED") {
        return Verdict::NotEvaluated("it is archived in Security Hub, so its state is no longer updated".to_owned());
    }
    if finding.sample == Some(true) {
        return Verdict::NotEvaluated("it is a sample finding".to_owned());
    }
    match compliance.map(|compliance| compliance.status.as_ref().map_or("", |status| status.0.as_str())) {
        Some("PASSED") => Verdict::Pass,
        None | Some("FAILED") => failure(finding, why),
        Some("NOT_AVAILABLE") => Verdict::NotEvaluated(format!("Security Hub has no result{because}")),
        Some("WARNING") => Verdict::NotEvaluated(format!(
            "Security Hub gives a warning: information is missing, or the check is not supported{because}"
        )),
        Some("") => Verdict::NotEvaluated("the file gives no compliance status".to_owned()),
        Some(other) => Verdict::NotEvaluated(format!("the file gives the unknown status '{}'", line(other))),
    }
}

fn failure(finding: &Finding, why: Option<String>) -> Verdict {
    let description = finding.description.clone().unwrap_or_default().0;
    let reason = finding.product_fields.as_ref().and_then(|fields| fields.reason.0.as_deref()).map(line);
    let summary = [why, reason, Some(line(&description)), Some(line(&finding.title.0))];
    let summary = summary.into_iter().flatten().find(|text| !text.is_empty());
    let summary = summary.unwrap_or_else(|| "the file gives no message".to_owned());
    let state = finding.workflow.as_ref().and_then(|workflow| workflow.status.as_ref()).map(|status| status.0.as_str());
    let state = match state {
        Some(state @ ("SUPPRESSED" | "RESOLVED")) => format!(" ({} in Security Hub)", state.to_ascii_lowercase()),
        _ => String::new(),
    };
    let resource = finding.resources.0.iter().map(|resource| resource.id.0.as_str()).find(|id| !id.is_empty());
    let named = finding.resources.0.iter().find_map(|resource| instance(&resource.id.0)).or(resource);
    let fix =
        finding.remediation.as_ref().and_then(|one| one.recommendation.as_ref()?.text.clone()).unwrap_or_default();
    fail(&line(named.unwrap_or_default()), format!("{summary}{state}"), description, fix.0)
}

#[cfg(test)]
mod tests;
