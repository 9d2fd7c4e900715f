//! The calls to Inspector, with pagination that ends.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_inspector2::types::{
    CisScanConfiguration, CisSecurityLevel, CisStringComparison, CisStringFilter,
    ListCisScanConfigurationsFilterCriteria, ListCisScansFilterCriteria,
};

use super::assess::{Detail, Summary, TargetState};
use crate::aws::Clients;
use crate::aws::error::{AwsError, Class, Explain as _, found};
use crate::aws::names::SCAN_TAG;

/// Maximum number of pages: 1,000 controls fit into one.
const MAX_PAGES: usize = 100;

/// The error code for a listing that never ends.
pub(super) const ENDLESS: &str = "EndlessAnswer";

/// Rejects a repeated page token, and too many pages.
#[derive(Default)]
pub(super) struct Pages {
    seen: BTreeSet<String>,
    next: Option<String>,
}

impl Pages {
    /// What to ask for the next page with.
    pub(super) fn token(&self) -> Option<String> {
        self.next.clone()
    }

    /// Takes the token of a page; false when it was the last page.
    pub(super) fn turn(&mut self, token: Option<String>, operation: &'static str) -> Result<bool, AwsError> {
        let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(false) };
        if !self.seen.insert(token.clone()) || self.seen.len() > MAX_PAGES {
            let message = "the service repeats its page tokens, so its answer never ends and is discarded";
            // Not of a class that is retried: the same request would get the same answer.
            return Err(AwsError {
                code: Some(ENDLESS.to_owned()),
                ..AwsError::new(Class::Request, operation, "Inspector", message)
            });
        }
        self.next = Some(token);
        Ok(true)
    }
}

/// Deletes the configurations of this variant that an earlier attempt of the run left behind, of any level; returns their number. They are
/// identified by their name and by the tag that they target, so that no others are touched.
pub(super) async fn delete_stale(clients: &Clients, prefix: &str, tag_value: &str) -> Result<usize, AwsError> {
    let known = configurations(clients, prefix, CisStringComparison::Prefix).await?;
    let mut deleted = 0;
    for configuration in known.iter().filter(|configuration| targets_tag(configuration, SCAN_TAG, tag_value)) {
        delete_configuration(clients, configuration.scan_configuration_arn()).await?;
        deleted += 1;
    }
    Ok(deleted)
}

/// Whether a configuration is about instances with this tag.
fn targets_tag(configuration: &CisScanConfiguration, key: &str, value: &str) -> bool {
    let tags = configuration.targets().and_then(|targets| targets.target_resource_tags());
    tags.and_then(|tags| tags.get(key)).is_some_and(|values| values.iter().any(|wanted| wanted == value))
}

/// The names of other configurations that match instances with these tags: two at once end with zero checks. Those that scan once
/// and are over do not matter, but the list does not show which those are.
pub(super) async fn rivals(
    clients: &Clients,
    own: &str,
    tags: &BTreeMap<String, String>,
) -> Result<Vec<String>, AwsError> {
    let all = list_configurations(clients, None).await?;
    let matches = |configuration: &&CisScanConfiguration| {
        configuration.scan_configuration_arn() != own
            && tags.iter().any(|(key, value)| targets_tag(configuration, key, value))
    };
    Ok(all.iter().filter(matches).map(|rival| rival.scan_name().unwrap_or("one without a name").to_owned()).collect())
}

/// How often Inspector is asked for a configuration whose create call got no answer, and the interval: its lists lag behind, and a second
/// configuration for the same instances ends both scans with zero checks.
const LOOKS: u32 = 3;
const LOOK: Duration = Duration::from_secs(5);

/// The ARN of the configuration of exactly this name, which only its run gives: what a create call made whose answer was lost.
pub(crate) async fn configuration_named(clients: &Clients, name: &str) -> Result<Option<String>, AwsError> {
    for _ in 0..LOOKS {
        clients.pause(LOOK).await;
        let found = configurations(clients, name, CisStringComparison::Equals).await?;
        if let Some(made) = found.into_iter().next() {
            return Ok(Some(made.scan_configuration_arn));
        }
    }
    Ok(None)
}

/// The configurations with a name, or whose names begin with it
/// ([ListCisScanConfigurations](https://docs.aws.amazon.com/inspector/v2/APIReference/API_ListCisScanConfigurations.html)).
///
/// # Errors
/// [`AwsError`]; transient errors are retried, a denied request is not.
pub(crate) async fn configurations(
    clients: &Clients,
    name: &str,
    comparison: CisStringComparison,
) -> Result<Vec<CisScanConfiguration>, AwsError> {
    let filter = CisStringFilter::builder().comparison(comparison).value(name).build();
    let filter = filter.explain("ListCisScanConfigurations", name)?;
    let criteria = ListCisScanConfigurationsFilterCriteria::builder().scan_name_filters(filter).build();
    list_configurations(clients, Some(criteria)).await
}

async fn list_configurations(
    clients: &Clients,
    criteria: Option<ListCisScanConfigurationsFilterCriteria>,
) -> Result<Vec<CisScanConfiguration>, AwsError> {
    const OPERATION: &str = "ListCisScanConfigurations";
    let mut all = Vec::new();
    let mut pages = Pages::default();
    loop {
        let page = clients
            .read(|| async {
                let request = clients.inspector.list_cis_scan_configurations();
                let request = request.set_filter_criteria(criteria.clone()).set_next_token(pages.token());
                request.max_results(100).send().await.explain(OPERATION, "this account")
            })
            .await?;
        all.extend(page.scan_configurations.unwrap_or_default());
        if !pages.turn(page.next_token, OPERATION)? {
            return Ok(all);
        }
    }
}

/// Deletes a configuration by its ARN; one that does not exist is fine.
pub(crate) async fn delete_configuration(clients: &Clients, arn: &str) -> Result<(), AwsError> {
    let deleted = clients
        .until_free(|| async {
            let request = clients.inspector.delete_cis_scan_configuration().scan_configuration_arn(arn);
            request.send().await.explain("DeleteCisScanConfiguration", arn)
        })
        .await;
    found(deleted).map(|_| ())
}

/// The scan that a configuration started; `None` while there is none.
pub(super) async fn find_scan(clients: &Clients, configuration: &str) -> Result<Option<Summary>, AwsError> {
    const OPERATION: &str = "ListCisScans";
    let filter = CisStringFilter::builder().comparison(CisStringComparison::Equals).value(configuration).build();
    let filter = filter.explain(OPERATION, configuration)?;
    let criteria = ListCisScansFilterCriteria::builder().scan_configuration_arn_filters(filter).build();
    let mut pages = Pages::default();
    loop {
        let page = clients
            .read(|| async {
                let request = clients.inspector.list_cis_scans().filter_criteria(criteria.clone()).max_results(50);
                request.set_next_token(pages.token()).send().await.explain(OPERATION, configuration)
            })
            .await?;
        if let Some(scan) = page.scans().iter().find(|scan| scan.scan_configuration_arn() == configuration) {
            return Ok(Some(Summary {
                scan_arn: scan.scan_arn().to_owned(),
                status: scan.status().map_or("unknown", |status| status.as_str()).to_owned(),
                total_checks: scan.total_checks().unwrap_or(0),
                failed_checks: scan.failed_checks().unwrap_or(0),
            }));
        }
        if !pages.turn(page.next_token, OPERATION)? {
            return Ok(None);
        }
    }
}

/// The progress of the scan on each instance, by instance id.
pub(super) async fn targets(clients: &Clients, scan_arn: &str) -> Result<BTreeMap<String, TargetState>, AwsError> {
    const OPERATION: &str = "ListCisScanResultsAggregatedByTargetResource";
    let mut all = BTreeMap::new();
    let mut pages = Pages::default();
    loop {
        let page = clients
            .read(|| async {
                let request = clients.inspector.list_cis_scan_results_aggregated_by_target_resource();
                let request = request.scan_arn(scan_arn).set_next_token(pages.token()).max_results(100);
                request.send().await.explain(OPERATION, scan_arn)
            })
            .await?;
        for target in page.target_resource_aggregations() {
            let state = TargetState {
                account: target.account_id().unwrap_or_default().to_owned(),
                platform: target.platform().unwrap_or_default().to_owned(),
                status: target.target_status().map(|status| status.as_str().to_owned()),
                reason: target.target_status_reason().map(|reason| reason.as_str().to_owned()),
            };
            all.insert(target.target_resource_id().unwrap_or_default().to_owned(), state);
        }
        if !pages.turn(page.next_token, OPERATION)? {
            return Ok(all);
        }
    }
}

/// Every control's result on one instance.
pub(super) async fn details(
    clients: &Clients,
    scan_arn: &str,
    instance_id: &str,
    account: &str,
) -> Result<Vec<Detail>, AwsError> {
    const OPERATION: &str = "GetCisScanResultDetails";
    let mut all = Vec::new();
    let mut pages = Pages::default();
    loop {
        let page = clients
            .read(|| async {
                let _permit = clients.read_permit().await;
                let request = clients.inspector.get_cis_scan_result_details().scan_arn(scan_arn).account_id(account);
                let request = request.target_resource_id(instance_id).set_next_token(pages.token());
                request.max_results(1000).send().await.explain(OPERATION, instance_id)
            })
            .await?;
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        all.extend(page.scan_result_details().iter().map(|detail| Detail {
            number: text(detail.check_id()),
            title: text(detail.title()),
            status: detail.status().map_or("missing", |status| status.as_str()).to_owned(),
            reason: text(detail.status_reason()),
            remediation: text(detail.remediation()),
            level: text(detail.level().map(CisSecurityLevel::as_str)),
        }));
        if !pages.turn(page.next_token, OPERATION)? {
            return Ok(all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_that_repeat_their_token_are_an_error_and_not_a_loop() {
        let mut pages = Pages::default();
        assert!(pages.turn(Some("a".to_owned()), "ListCisScans").unwrap());
        assert!(pages.turn(Some("b".to_owned()), "ListCisScans").unwrap());
        let error = pages.turn(Some("a".to_owned()), "ListCisScans").unwrap_err();
        assert!(error.to_string().contains("repeats its page tokens"), "{error}");
        assert!(!Pages::default().turn(Some(String::new()), "ListCisScans").unwrap());
    }
}
