//! Services that are asked by a signed request of their JSON protocol: for the one or two operations that amiproof needs of CloudWatch Logs,
//! KMS and Service Quotas, their SDKs would be the largest part of the program.

use serde_json::Value;

use super::Clients;
use super::error::{AwsError, Class};
use super::signed::{self, Request};

/// A service that is asked without its SDK.
pub(super) struct Api {
    /// The signing name, which is also the first part of its host and the prefix of its IAM actions.
    pub(super) name: &'static str,
    /// The prefix of the operation in `X-Amz-Target`.
    pub(super) target: &'static str,
}

/// Sends one signed request of the JSON protocol.
///
/// # Errors
/// The response of the service, or why there is none. Without retries.
pub(super) async fn ask(
    clients: &Clients,
    api: &Api,
    operation: &'static str,
    resource: String,
    body: Value,
) -> Result<Value, AwsError> {
    let target = format!("{}.{operation}", api.target);
    let request = Request {
        service: api.name,
        path: "",
        operation,
        resource: &resource,
        headers: &[("content-type", "application/x-amz-json-1.1"), ("x-amz-target", &target)],
        body: body.to_string(),
    };
    let (status, text) = signed::post(clients, request).await?;
    let answer: Value = serde_json::from_str(&text).unwrap_or_default();
    if status.is_success() {
        return Ok(answer);
    }
    let code = answer["__type"].as_str().map(|code| code.rsplit('#').next().unwrap_or(code).to_owned());
    let message = ["message", "Message"].iter().find_map(|key| answer[*key].as_str()).unwrap_or(&text).to_owned();
    Err(AwsError {
        code: code.clone(),
        service: Some(api.name),
        ..AwsError::new(class(code.as_deref(), status.as_u16()), operation, resource, message)
    })
}

fn class(code: Option<&str>, status: u16) -> Class {
    match code {
        Some("ResourceNotFoundException" | "NoSuchResourceException" | "NotFoundException") => Class::NotFound,
        Some("AccessDeniedException") => Class::AccessDenied,
        Some("UnrecognizedClientException" | "ExpiredTokenException" | "InvalidSignatureException") => {
            Class::Credentials
        }
        Some("OperationAbortedException") => Class::InUse,
        Some(
            "ThrottlingException" | "TooManyRequestsException" | "ServiceUnavailableException" | "ServiceException",
        ) => Class::Infrastructure,
        _ if status >= 500 || status == 429 => Class::Infrastructure,
        _ => Class::Request,
    }
}
