//! The quotas of an account, from Service Quotas. As for CloudWatch Logs, two operations are not worth an SDK.

use serde_json::json;

use super::Clients;
use super::error::{AwsError, found};
use super::json_api::{Api, ask};

const QUOTAS: Api = Api { name: "servicequotas", target: "ServiceQuotasV20190624" };

/// The value of a quota: that of the account, or the default of AWS where the account has none of its own. `None` for a quota that Service
/// Quotas does not know in this region.
///
/// # Errors
/// [`AwsError`] of [GetServiceQuota](https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html) and [GetAWSDefaultServiceQuota](https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetAWSDefaultServiceQuota.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn value(clients: &Clients, service: &str, code: &str) -> Result<Option<f64>, AwsError> {
    match of_account(clients, service, code).await? {
        Some(value) => Ok(Some(value)),
        None => default(clients, service, code).await,
    }
}

async fn of_account(clients: &Clients, service: &str, code: &str) -> Result<Option<f64>, AwsError> {
    read(clients, "GetServiceQuota", service, code).await
}

async fn default(clients: &Clients, service: &str, code: &str) -> Result<Option<f64>, AwsError> {
    read(clients, "GetAWSDefaultServiceQuota", service, code).await
}

async fn read(clients: &Clients, operation: &'static str, service: &str, code: &str) -> Result<Option<f64>, AwsError> {
    let answer = clients
        .read(|| {
            let body = json!({"ServiceCode": service, "QuotaCode": code});
            ask(clients, &QUOTAS, operation, format!("quota {code} of {service}"), body)
        })
        .await;
    Ok(found(answer)?.and_then(|answer| answer["Quota"]["Value"].as_f64()))
}
