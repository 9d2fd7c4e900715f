//! Keys in KMS that sign.

use serde_json::Value;

use super::Clients;
use super::error::AwsError;
use super::json_api::{Api, ask};

const KMS: Api = Api { name: "kms", target: "TrentService" };

/// Calls an operation that changes nothing: [Sign](https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html) or
/// [GetPublicKey](https://docs.aws.amazon.com/kms/latest/APIReference/API_GetPublicKey.html).
///
/// # Errors
/// [`AwsError`]; transient errors are retried, a denied request is not.
pub(crate) async fn call(
    clients: &Clients,
    operation: &'static str,
    key: &str,
    body: Value,
) -> Result<Value, AwsError> {
    clients.read(|| ask(clients, &KMS, operation, format!("key {key}"), body.clone())).await
}
