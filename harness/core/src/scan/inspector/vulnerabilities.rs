//! What Inspector found on instances beside CIS controls: packages with known vulnerabilities.

use std::collections::BTreeMap;

use aws_sdk_inspector2::types::{
    FilterCriteria, FindingStatus, FixAvailable, Severity, StringComparison, StringFilter,
};

use super::api::Pages;
use crate::aws::Clients;
use crate::aws::error::{AwsError, Explain as _};

/// How many active findings an instance has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vulnerabilities {
    /// Critical ones that a newer package fixes.
    pub critical: u32,
    /// High ones that a newer package fixes.
    pub high: u32,
    /// All others: less severe, or without a fix.
    pub others: u32,
}

/// The number of active findings of each instance; one without any is not in the answer
/// ([ListFindings](https://docs.aws.amazon.com/inspector/v2/APIReference/API_ListFindings.html)).
///
/// # Errors
/// [`AwsError`] of that call.
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn vulnerabilities(clients: &Clients, ids: &[String]) -> Result<BTreeMap<String, Vulnerabilities>, AwsError> {
    const OPERATION: &str = "ListFindings";
    let mut all: BTreeMap<String, Vulnerabilities> = BTreeMap::new();
    // A filter takes at most 10 values.
    for some in ids.chunks(10) {
        let equals = |value: &str| {
            let filter = StringFilter::builder().comparison(StringComparison::Equals).value(value);
            filter.build().explain(OPERATION, value)
        };
        let resources = some.iter().map(|id| equals(id)).collect::<Result<Vec<_>, _>>()?;
        let active = equals(FindingStatus::Active.as_str())?;
        let criteria = FilterCriteria::builder().set_resource_id(Some(resources)).finding_status(active).build();
        let mut pages = Pages::default();
        loop {
            let page = clients
                .read(|| async {
                    let request = clients.inspector.list_findings().filter_criteria(criteria.clone());
                    let request = request.set_next_token(pages.token()).max_results(100);
                    request.send().await.explain(OPERATION, some.join(", "))
                })
                .await?;
            for finding in page.findings() {
                let has_fix = finding.fix_available() != Some(&FixAvailable::No);
                for resource in finding.resources() {
                    let counts = all.entry(resource.id().to_owned()).or_default();
                    match finding.severity() {
                        Severity::Critical if has_fix => counts.critical += 1,
                        Severity::High if has_fix => counts.high += 1,
                        _ => counts.others += 1,
                    }
                }
            }
            if !pages.turn(page.next_token, OPERATION)? {
                break;
            }
        }
    }
    Ok(all)
}
