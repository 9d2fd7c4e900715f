//! GuardDuty: whether it monitors the account, and its findings on the run's instances.

use aws_sdk_guardduty::types::{Condition, FeatureStatus, FindingCriteria};

use super::Clients;
use super::error::{AwsError, Explain as _};

/// The detector of the region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detector {
    /// Its id.
    pub id: String,
    /// Whether it is enabled.
    pub enabled: bool,
    /// The enabled features: `EKS_AUDIT_LOGS`, `RUNTIME_MONITORING`, `EBS_MALWARE_PROTECTION` …
    pub features: Vec<String>,
}

/// A finding of GuardDuty.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// `UnauthorizedAccess:EC2/RDPBruteForce`.
    pub kind: String,
    /// One line.
    pub title: String,
    /// 1.0 to 10.0.
    pub severity: f64,
    /// The instance.
    pub instance_id: String,
}

/// The detector; `None` if GuardDuty was never enabled in the region. An account has at most one per region.
///
/// # Errors
/// [`AwsError`] of [ListDetectors](https://docs.aws.amazon.com/guardduty/latest/APIReference/API_ListDetectors.html) and [GetDetector](https://docs.aws.amazon.com/guardduty/latest/APIReference/API_GetDetector.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn detector(clients: &Clients) -> Result<Option<Detector>, AwsError> {
    let listed = clients
        .read(|| async { clients.guardduty.list_detectors().send().await.explain("ListDetectors", "the region") })
        .await?;
    let Some(id) = listed.detector_ids().first() else { return Ok(None) };
    let answer = clients
        .read(|| async { clients.guardduty.get_detector().detector_id(id).send().await.explain("GetDetector", id) })
        .await?;
    let on = |feature: &&aws_sdk_guardduty::types::DetectorFeatureConfigurationResult| {
        feature.status() == Some(&FeatureStatus::Enabled)
    };
    let features = answer.features().iter().filter(on).filter_map(|feature| feature.name());
    Ok(Some(Detector {
        id: id.clone(),
        enabled: answer.status().is_some_and(|status| status.as_str() == "ENABLED"),
        features: features.map(|name| name.as_str().to_owned()).collect(),
    }))
}

/// The findings of a detector on instances that are not archived.
///
/// # Errors
/// [`AwsError`] of [ListFindings](https://docs.aws.amazon.com/guardduty/latest/APIReference/API_ListFindings.html) and [GetFindings](https://docs.aws.amazon.com/guardduty/latest/APIReference/API_GetFindings.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn findings(clients: &Clients, detector: &str, instance_ids: &[String]) -> Result<Vec<Found>, AwsError> {
    let among = Condition::builder().set_equals(Some(instance_ids.to_vec())).build();
    let current = Condition::builder().equals("false").build();
    let criteria = FindingCriteria::builder()
        .criterion("resource.instanceDetails.instanceId", among)
        .criterion("service.archived", current)
        .build();
    let ids: Vec<String> = clients
        .read(|| async {
            let request = clients.guardduty.list_findings().detector_id(detector).finding_criteria(criteria.clone());
            let ids: Result<Vec<String>, _> = request.into_paginator().items().send().collect().await;
            ids.explain("ListFindings", detector)
        })
        .await?;
    let mut found = Vec::new();
    // GetFindings takes at most 50 ids.
    for some in ids.chunks(50) {
        let answer = clients
            .read(|| async {
                let request = clients.guardduty.get_findings().detector_id(detector);
                request.set_finding_ids(Some(some.to_vec())).send().await.explain("GetFindings", detector)
            })
            .await?;
        found.extend(answer.findings().iter().map(|finding| {
            let instance = finding.resource().and_then(|resource| resource.instance_details());
            Found {
                kind: finding.r#type().unwrap_or_default().to_owned(),
                title: finding.title().unwrap_or_default().to_owned(),
                severity: finding.severity().unwrap_or_default(),
                instance_id: instance.and_then(|one| one.instance_id()).unwrap_or_default().to_owned(),
            }
        }));
    }
    Ok(found)
}
