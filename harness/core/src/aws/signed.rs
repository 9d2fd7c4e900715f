//! Signed requests without an SDK.

use std::time::Duration;

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::StatusCode;

use super::error::{AwsError, Class};
use super::{Clients, partition};
use crate::transport::Unanswered;

/// How long one request may take.
const WITHIN: Duration = Duration::from_secs(30);

/// A request to a service.
pub(super) struct Request<'a> {
    /// The signing name, which is also the first part of its host.
    pub(super) service: &'static str,
    /// The path below the root of the service, without the first `/`; empty for the root.
    pub(super) path: &'a str,
    /// The operation, for errors.
    pub(super) operation: &'static str,
    /// What it is about, for errors.
    pub(super) resource: &'a str,
    /// The headers of its protocol.
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: String,
}

/// Posts it once: status and body of the answer.
///
/// # Errors
/// Why the service could not be asked. What it answers is not an error here.
pub(super) async fn post(clients: &Clients, wanted: Request<'_>) -> Result<(StatusCode, String), AwsError> {
    let Request { service, path, operation, resource, headers, body } = wanted;
    let request = |reason: String| AwsError::new(Class::Request, operation, resource, reason);
    let region = clients.region();
    let url = match clients.endpoint() {
        Some(endpoint) => format!("{}/{path}", endpoint.trim_end_matches('/')),
        None => format!("https://{service}.{region}.{}/{path}", partition::of(region).domain),
    };
    let parsed: reqwest::Url = url.parse().map_err(|error| request(format!("{url}: {error}")))?;
    let host = match (parsed.host_str(), parsed.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    };
    let identity = clients.credentials().await?.into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(amiproof_time::system_now())
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| request(error.to_string()))?
        .into();
    let signed = std::iter::once(("host", host.as_str())).chain(headers.iter().copied());
    let signable = SignableRequest::new("POST", url.as_str(), signed, SignableBody::Bytes(body.as_bytes()))
        .map_err(|error| request(error.to_string()))?;
    let (instructions, _signature) =
        sign(signable, &parameters).map_err(|error| request(error.to_string()))?.into_parts();
    let unreachable = |error: Unanswered| AwsError::new(Class::Infrastructure, operation, resource, error.to_string());
    let mut post = http::Request::post(url.as_str());
    for (key, value) in headers.iter().copied().chain(instructions.headers()) {
        post = post.header(key, value);
    }
    let post = post.body(body.into_bytes()).map_err(|error| request(error.to_string()))?;
    clients.count(service, operation);
    let asked = async {
        let response = clients.transport().send(reqwest::Client::builder(), post).await?;
        Ok::<_, Unanswered>((response.status(), response.text().await?))
    };
    let late = || AwsError::new(Class::Infrastructure, operation, resource, "no answer in time");
    tokio::time::timeout(WITHIN, asked).await.map_err(|_| late())?.map_err(unreachable)
}
