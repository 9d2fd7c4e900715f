//! The requests of a store in S3: sent by our own client, repeated by `aws::retry`, their errors in the form of all of AWS.

use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response, StatusCode};
use http_body_util::BodyExt as _;
use object_store::client::{HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService};

use crate::aws::error::{AwsError, Class};
use crate::aws::{Clients, partition, retry};
use crate::bounded;
use crate::transport::{self, Transport, Unanswered};

/// How long one request may take. The largest reports have some MiB.
const WITHIN: Duration = Duration::from_secs(120);
/// How long the question for the region of a bucket may take.
const SOON: Duration = Duration::from_secs(10);

/// Sends the requests of a store.
#[derive(Clone, Debug)]
pub(super) struct Service {
    client: reqwest::Client,
    /// `s3://bucket/prefix`, for errors.
    shown: String,
}

impl Service {
    /// # Errors
    /// When no client can be made for the endpoint.
    pub(super) fn new(endpoint: &str, shown: &str) -> Result<Self, AwsError> {
        let unusable = |error: Unanswered| AwsError::new(Class::Request, "connect", shown, error.to_string());
        let client = transport::pooled(endpoint).map_err(unusable)?;
        Ok(Self { client, shown: shown.to_owned() })
    }

    /// Sends a request once. Answers that `object_store` understands are not errors: that an object does not exist,
    /// or exists already.
    async fn once(&self, parts: &Parts, body: Bytes) -> Result<Response<Bytes>, AwsError> {
        let operation = operation(parts);
        let failed = |class, message: String| AwsError {
            service: Some("s3"),
            ..AwsError::new(class, operation, &self.shown, message)
        };
        let broken = |error: reqwest::Error| {
            let class = if error.is_connect() { Class::Unreachable } else { Class::Infrastructure };
            failed(class, Unanswered::from(error).to_string())
        };
        let mut request = http::Request::new(body);
        *request.method_mut() = parts.method.clone();
        *request.uri_mut() = parts.uri.clone();
        *request.headers_mut() = parts.headers.clone();
        let request = reqwest::Request::try_from(request).map_err(|error| failed(Class::Request, error.to_string()))?;
        let asked = async {
            let mut answer = self.client.execute(request).await.map_err(broken)?;
            let (status, headers) = (answer.status(), answer.headers().clone());
            let mut bytes = Vec::new();
            while let Some(piece) = answer.chunk().await.map_err(broken)? {
                bytes.extend_from_slice(&piece);
                if bytes.len() as u64 > bounded::REPORT {
                    return Err(failed(Class::Request, "the response is larger than the limit for reports".to_owned()));
                }
            }
            Ok((status, headers, Bytes::from(bytes)))
        };
        let late = || failed(Class::Infrastructure, format!("no answer within {} s", WITHIN.as_secs()));
        let (status, headers, bytes) = tokio::time::timeout(WITHIN, asked).await.map_err(|_| late())??;
        if let Some((class, code, message)) = refusal(status, &bytes) {
            return Err(AwsError { code, ..failed(class, message) });
        }
        let mut response = Response::new(bytes);
        (*response.status_mut(), *response.headers_mut()) = (status, headers);
        Ok(response)
    }
}

#[async_trait::async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        // Every request may arrive twice: a write names an object that must not exist, and finds its own content the second time.
        let answer = retry::write_idempotent(|| self.once(&parts, body.clone())).await;
        let answer = answer.map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        Ok(answer.map(Into::into))
    }
}

fn operation(parts: &Parts) -> &'static str {
    match parts.method {
        Method::GET if parts.uri.query().is_some_and(|query| query.contains("list-type=")) => "ListObjectsV2",
        Method::GET => "GetObject",
        Method::PUT => "PutObject",
        Method::DELETE => "DeleteObject",
        _ => "HeadObject",
    }
}

/// Class, code and message of an answer that is an error; `None` where it is an answer to the question.
fn refusal(status: StatusCode, body: &[u8]) -> Option<(Class, Option<String>, String)> {
    let text = String::from_utf8_lossy(body);
    let code = element(&text, "Code");
    let class = match (status.as_u16(), code.as_deref()) {
        (200..=299 | 304 | 412, _) => return None,
        (404, Some("NoSuchBucket")) => Class::NotFound,
        (404, _) => return None,
        // Two conditional writes of one name at a time: repeated, the second finds the first (S3 user guide, "Conditional writes").
        (409 | 429 | 500.., _) => Class::Infrastructure,
        (_, Some("RequestTimeTooSkewed")) => Class::Clock,
        (_, Some("SlowDown" | "RequestTimeout")) => Class::Infrastructure,
        (401, _)
        | (
            _,
            Some(
                "ExpiredToken"
                | "InvalidAccessKeyId"
                | "InvalidToken"
                | "SignatureDoesNotMatch"
                | "TokenRefreshRequired",
            ),
        ) => Class::Credentials,
        (403, _) => Class::AccessDenied,
        _ => Class::Request,
    };
    let message = element(&text, "Message").unwrap_or_else(|| format!("S3 answers {status}"));
    Some((class, code, message))
}

/// The text of an element of an error in XML.
fn element(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (content, _) = rest.split_once(&format!("</{name}>"))?;
    Some(content.to_owned())
}

/// The region of a bucket, which S3 says of every bucket to everyone; `None` without an answer.
pub(super) async fn region_of(clients: &Clients, bucket: &str) -> Option<String> {
    let region = clients.region();
    let url = format!("https://s3.{region}.{}/{bucket}", partition::of(region).domain);
    let request = http::Request::head(url).body(Vec::new()).ok()?;
    let asked = Transport::Sockets.send(reqwest::Client::builder(), request);
    let answer = tokio::time::timeout(SOON, asked).await.ok()?;
    let answer = answer.inspect_err(|error| tracing::debug!(%error, "the region of the bucket is not known")).ok()?;
    answer.headers().get("x-amz-bucket-region")?.to_str().ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_from_errors_and_errors_have_their_class() {
        let xml = |code: &str| format!("<Error><Code>{code}</Code><Message>no &amp; no</Message></Error>");
        for (status, code, wanted) in [
            (200, "", None),
            (404, "NoSuchKey", None),
            (412, "PreconditionFailed", None),
            (404, "NoSuchBucket", Some(Class::NotFound)),
            (403, "AccessDenied", Some(Class::AccessDenied)),
            (403, "ExpiredToken", Some(Class::Credentials)),
            (403, "RequestTimeTooSkewed", Some(Class::Clock)),
            (409, "ConditionalRequestConflict", Some(Class::Infrastructure)),
            (503, "SlowDown", Some(Class::Infrastructure)),
            (301, "PermanentRedirect", Some(Class::Request)),
            (400, "InvalidRequest", Some(Class::Request)),
        ] {
            let answer = refusal(StatusCode::from_u16(status).unwrap(), xml(code).as_bytes());
            assert_eq!(answer.map(|(class, _, _)| class), wanted, "{status} {code}");
        }
        let (_, code, message) = refusal(StatusCode::BAD_GATEWAY, b"<html>").unwrap();
        assert_eq!((code, message.as_str()), (None, "S3 answers 502 Bad Gateway"));
    }
}
