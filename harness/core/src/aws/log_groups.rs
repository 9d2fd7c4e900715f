//! The log group that EKS creates for a control plane that logs: it stays in the account when the cluster goes, so whoever creates the cluster
//! deletes it.

use serde_json::json;

use super::Clients;
use super::error::{AwsError, found};
use super::json_api::{Api, ask};

const LOGS: Api = Api { name: "logs", target: "Logs_20140328" };

/// The log group of a cluster's control plane (EKS user guide, "Send control plane logs to CloudWatch Logs").
pub fn of_cluster(cluster: &str) -> String {
    format!("/aws/eks/{cluster}/cluster")
}

/// Whether a log group exists
/// ([DescribeLogGroups](https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogGroups.html)).
///
/// # Errors
/// [`AwsError`]; transient errors are retried, a denied request is not.
pub async fn exists(clients: &Clients, name: &str) -> Result<bool, AwsError> {
    let body = json!({"logGroupNamePrefix": name});
    let asked = || ask(clients, &LOGS, "DescribeLogGroups", format!("log group {name}"), body.clone());
    let answer = clients.read(asked).await?;
    let groups = answer["logGroups"].as_array().into_iter().flatten();
    Ok(groups.into_iter().any(|group| group["logGroupName"] == name))
}

/// Deletes a log group; returns whether it existed ([DeleteLogGroup](https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteLogGroup.html)).
/// Idempotent.
///
/// # Errors
/// [`AwsError`]; transient errors are retried, a denied request is not.
pub async fn delete(clients: &Clients, name: &str) -> Result<bool, AwsError> {
    let asked = || ask(clients, &LOGS, "DeleteLogGroup", format!("log group {name}"), json!({"logGroupName": name}));
    Ok(found(clients.write_idempotent(asked).await)?.is_some())
}
