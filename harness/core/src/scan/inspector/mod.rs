//! The CIS scan of Amazon Inspector: one configuration per variant and level, its results per control over all nodes.
//!
//! The sequence is that of the Inspector user guide ("CIS scans for Amazon EC2 instances") with lessons from practice: prerequisites
//! first, one configuration at a time per instance, a tag that no other variant has, and no result without evidence. The evaluation is
//! pure (`assess`); `sequence` only makes the calls.

mod api;
mod assess;
mod benchmark;
mod prerequisites;
mod report;
mod request;
mod sequence;
mod vulnerabilities;

use amiproof_model::matrix::{Family, Variant};
use amiproof_model::name::{Level, NameError};
use amiproof_model::report::{ScanRecord, Subject};
use amiproof_model::verdict::{Evidence, Verdict};

pub(crate) use self::api::{configuration_named, configurations, delete_configuration};
pub use self::assess::{Detail, NodeScan, Summary, TargetState, assess_nodes, assess_rows, assess_summary};
pub use self::benchmark::judged_by;
pub use self::prerequisites::{Coverage, coverage, why_not_enabled};
pub use self::request::{CHECK, Request, SCANNER};
use self::request::{Ended, Error, Scanned};
pub use self::vulnerabilities::{Vulnerabilities, vulnerabilities};
use crate::aws::Clients;
use crate::check::{CheckError, Decision, ScanAnswer, ScanRow};
use crate::context::Context;

/// Scans the nodes of a check's variant; returns a result per control. A scan is not repeated: Inspector evaluates an instance only once at
/// a time, and charges for each assessment.
///
/// # Errors
/// As [`scan_nodes`].
pub async fn scan(context: &Context) -> Result<ScanAnswer, CheckError> {
    let clients = match context.account() {
        Ok(clients) => clients,
        Err(verdict) => return nothing(&context.variant, verdict, Vec::new()),
    };
    if context.variant.made().is_none() {
        let reason = "Inspector finds instances by a tag of the run, and nodes that amiproof did not make have none: leave os-cis out \
                      (suites.exclude), or import what another scanner says with `amiproof import`";
        return nothing(&context.variant, Verdict::NotEvaluated(reason.to_owned()), Vec::new());
    }
    let request = Request {
        run: &context.run,
        variant: &context.variant,
        nodes: &context.nodes,
        ledger: &context.ledger,
        tags: &context.matrix.cluster.governance.tags,
        evidence: Some(&context.evidence),
        cancel: &context.cancel,
    };
    scan_nodes(clients, &request).await
}

/// Scans nodes; returns a result per control. Reads are retried; the scan itself is started once
/// ([CreateCisScanConfiguration](https://docs.aws.amazon.com/inspector/v2/APIReference/API_CreateCisScanConfiguration.html)).
///
/// # Errors
/// When an API does not answer. What Inspector does not evaluate, or not within the variant's `timeouts.os_scan`, is one row with
/// [`Verdict::NotEvaluated`].
pub async fn scan_nodes(clients: &Clients, request: &Request<'_>) -> Result<ScanAnswer, CheckError> {
    let variant = request.variant;
    if let Some(verdict) = unsupported(variant.family) {
        return nothing(variant, verdict, Vec::new());
    }
    match sequence::run(request, clients).await {
        Ok(Ended::Rows(scanned)) => Ok(answered(variant, request.level(), scanned)),
        Ok(Ended::NotEvaluated(reason, evidence)) => nothing(variant, Verdict::NotEvaluated(reason), evidence),
        Err(Error::Cancelled) => Err(CheckError::Cancelled),
        Err(Error::Aws(error)) if error.code.as_deref() == Some(api::ENDLESS) => {
            nothing(variant, Verdict::NotEvaluated(error.to_string()), Vec::new())
        }
        Err(error) => Err(CheckError::api(format!("the Inspector CIS scan of variant {}", variant.name), error)),
    }
}

/// Whether Inspector has a CIS benchmark for a family.
pub(crate) fn supports(family: Family) -> bool {
    unsupported(family).is_none()
}

/// Families that Inspector has no CIS benchmark for (Inspector user guide, "Supported operating systems: CIS scanning").
fn unsupported(family: Family) -> Option<Verdict> {
    match family {
        Family::Al2 => Some(Verdict::NotApplicable(
            "not scanned by Inspector: it does not scan Amazon Linux 2 any more, whose support ended on 2026-06-30; \
             os-cis/openscap judges it where oscap is installed"
                .to_owned(),
        )),
        Family::Bottlerocket => Some(Verdict::NotApplicable(
            "not scanned by Inspector, which has no benchmark for Bottlerocket: os-cis/bottlerocket reads Bottlerocket's own report"
                .to_owned(),
        )),
        Family::Al2023 | Family::Windows => None,
    }
}

/// One row for the scan as a whole, because there are no others.
fn nothing(variant: &Variant, verdict: Verdict, evidence: Vec<Evidence>) -> Result<ScanAnswer, CheckError> {
    let note = match &verdict {
        Verdict::NotEvaluated(reason) | Verdict::NotApplicable(reason) => reason.clone(),
        Verdict::Pass | Verdict::Fail(_) | Verdict::Manual(_) => String::new(),
    };
    let check = CHECK.parse().map_err(|error: NameError| CheckError::Undecided(error.to_string()))?;
    let row = ScanRow {
        check,
        title: "Amazon Inspector scans the operating system by its CIS benchmark".to_owned(),
        control: None,
        level: None,
        severity: None,
        scanner: SCANNER.to_owned(),
        decision: Decision { evidence, ..verdict.into() },
    };
    let record =
        ScanRecord { level: variant.hardening.as_ref().map(|hardening| hardening.level), note, ..record(variant) };
    Ok(ScanAnswer { scans: vec![record], rows: vec![row] })
}

fn answered(variant: &Variant, level: Level, scanned: Scanned) -> ScanAnswer {
    let record = ScanRecord {
        benchmark: Some(scanned.benchmark),
        level: Some(level),
        expected: scanned.expected,
        source: None,
        note: scanned.note,
        ..record(variant)
    };
    ScanAnswer { scans: vec![record], rows: scanned.rows }
}

fn record(variant: &Variant) -> ScanRecord {
    ScanRecord::new(Subject::Variant(variant.name.clone()), "os-cis".to_owned(), SCANNER.to_owned())
}
