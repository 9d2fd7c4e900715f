//! Services that are asked by a signed request of their JSON protocol: for the one or two operations that amiproof needs of CloudWatch Logs
//! and of Service Quotas, their SDKs would be the largest part of the program.

use std::time::Duration;

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use serde_json::Value;

use super::error::{AwsError, Class};
use super::{Clients, partition};
use crate::transport::Unanswered;

/// How long one request may take.
const WITHIN: Duration = Duration::from_secs(30);

/// A service that is asked without its SDK.
pub(super) struct Api {
    /// The signing name, which is also the first part of its host and the prefix of its IAM actions.
    pub(super) name: &'static str,
    /// What stands before the operation in `X-Amz-Target`.
    pub(super) target: &'static str,
}

/// Sends one signed request of the JSON protocol.
///
/// # Errors
/// What the service says, or why it could not be asked. Asked once.
pub(super) async fn ask(
    clients: &Clients,
    api: &Api,
    operation: &'static str,
    resource: String,
    body: Value,
) -> Result<Value, AwsError> {
    let resource = || resource.clone();
    let request = |reason: String| AwsError::new(Class::Request, operation, resource(), reason);
    let region = clients.region();
    let url = match clients.endpoint() {
        Some(endpoint) => format!("{}/", endpoint.trim_end_matches('/')),
        None => format!("https://{}.{region}.{}/", api.name, partition::of(region).domain),
    };
    let parsed: reqwest::Url = url.parse().map_err(|error| request(format!("{url}: {error}")))?;
    let body = body.to_string();
    let target = format!("{}.{operation}", api.target);
    let host = match (parsed.host_str(), parsed.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    };
    let headers =
        [("host", host.as_str()), ("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];
    let identity = clients.credentials().await?.into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(api.name)
        .time(amiproof_time::system_now())
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| request(error.to_string()))?
        .into();
    let signable =
        SignableRequest::new("POST", url.as_str(), headers.into_iter(), SignableBody::Bytes(body.as_bytes()))
            .map_err(|error| request(error.to_string()))?;
    let (instructions, _signature) =
        sign(signable, &parameters).map_err(|error| request(error.to_string()))?.into_parts();
    let unreachable =
        |error: Unanswered| AwsError::new(Class::Infrastructure, operation, resource(), error.to_string());
    let mut post = http::Request::post(url.as_str());
    let own = headers.iter().copied().filter(|(key, _)| *key != "host");
    for (key, value) in own.chain(instructions.headers()) {
        post = post.header(key, value);
    }
    let post = post.body(body.into_bytes()).map_err(|error| request(error.to_string()))?;
    let asked = async {
        let response = clients.transport().send(reqwest::Client::builder(), post).await?;
        Ok::<_, Unanswered>((response.status(), response.text().await?))
    };
    let late = || AwsError::new(Class::Infrastructure, operation, resource(), "no answer in time");
    let answer = tokio::time::timeout(WITHIN, asked).await.map_err(|_| late())?;
    let (status, text) = answer.map_err(unreachable)?;
    let answer: Value = serde_json::from_str(&text).unwrap_or_default();
    if status.is_success() {
        return Ok(answer);
    }
    let code = answer["__type"].as_str().map(|code| code.rsplit('#').next().unwrap_or(code).to_owned());
    let message = ["message", "Message"].iter().find_map(|key| answer[*key].as_str()).unwrap_or(&text).to_owned();
    Err(AwsError {
        code: code.clone(),
        service: Some(api.name),
        ..AwsError::new(class(code.as_deref(), status.as_u16()), operation, resource(), message)
    })
}

fn class(code: Option<&str>, status: u16) -> Class {
    match code {
        Some("ResourceNotFoundException" | "NoSuchResourceException") => Class::NotFound,
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
