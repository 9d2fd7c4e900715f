//! Bearer tokens for a cluster's API, signed in-process: what `aws eks get-token` prints, without the aws CLI.
//!
//! A token is a presigned STS GetCallerIdentity request in base64. The cluster sends it to STS and learns who signed it; the
//! signed header `x-k8s-aws-id` keeps a token of one cluster from being used on another (aws-iam-authenticator, "API
//! authorization from outside a cluster").

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Clients;
use super::error::{AwsError, Class};

/// The lifetime that the presigned URL states. EKS itself takes a token for 15 minutes after signing.
const URL_LIFETIME: Duration = Duration::from_secs(60);
/// When to sign again: a minute before EKS would refuse, as aws-iam-authenticator and kubectl do.
const TOKEN_LIFETIME: Duration = Duration::from_secs(14 * 60);

/// A token and when to ask for the next one.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// The value after `Authorization: Bearer`.
    pub bearer: String,
    /// When to sign again.
    pub expires: Timestamp,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Token").field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// Signs a token for a cluster with the present credentials: a pre-signed URL of
/// [GetCallerIdentity](https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html), valid for 15 minutes. Calls no API
/// itself.
///
/// # Errors
/// [`Class::Credentials`](super::error::Class) if there are none, or refreshing them fails. Not retried here.
pub async fn sign_token(clients: &Clients, cluster: &str) -> Result<Token, AwsError> {
    let credentials = clients.credentials().await?;
    let url = sts_url(clients.region(), clients.sts_endpoint().as_deref());
    // STS refuses the time of a clock that is wrong; when to sign again is decided by the clock of this machine.
    let now = SystemTime::from(clients.now());
    let broken =
        |reason: String| AwsError::new(Class::Request, "sign", format!("a token for cluster {cluster}"), reason);
    let bearer =
        presign(&url, clients.region(), cluster, &credentials, now).map_err(|error| broken(error.to_string()))?;
    // Temporary credentials may end before the token would.
    let by_credentials = credentials.expiry().and_then(|expiry| Timestamp::try_from(expiry).ok());
    let expires = amiproof_time::now() + TOKEN_LIFETIME;
    Ok(Token { bearer, expires: by_credentials.map_or(expires, |end| end.min(expires)) })
}

/// The regional endpoint: EKS refuses a token for the global one.
fn sts_url(region: &str, endpoint: Option<&str>) -> String {
    let host = match endpoint {
        Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
        None => format!("https://sts.{region}.{}", super::partition::of(region).domain),
    };
    format!("{host}/?Action=GetCallerIdentity&Version=2011-06-15")
}

fn presign(
    url: &str,
    region: &str,
    cluster: &str,
    credentials: &Credentials,
    now: SystemTime,
) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(URL_LIFETIME);
    let identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("sts")
        .time(now)
        .settings(settings)
        .build()?
        .into();
    let headers = [("x-k8s-aws-id", cluster)];
    let request = SignableRequest::new("GET", url, headers.into_iter(), SignableBody::Bytes(&[]))?;
    let (instructions, _signature) = sign(request, &parameters)?.into_parts();
    let mut signed = url.to_owned();
    for (name, value) in instructions.params() {
        signed.push('&');
        signed.push_str(name);
        signed.push('=');
        signed.extend(utf8_percent_encode(value, RESERVED));
    }
    Ok(format!("k8s-aws-v1.{}", BASE64_URL_SAFE_NO_PAD.encode(signed)))
}

/// Everything but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

#[cfg(test)]
mod tests {
    use super::*;

    fn url_of(session: Option<&str>) -> String {
        let credentials = Credentials::new("AKIDEXAMPLE", "secret", session.map(str::to_owned), None, "test");
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
        let token = presign(&sts_url("us-west-2", None), "us-west-2", "ami-conformance", &credentials, now).unwrap();
        let encoded = token.strip_prefix("k8s-aws-v1.").unwrap();
        assert!(!encoded.contains(['=', '+', '/']), "{encoded}");
        String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(encoded).unwrap()).unwrap()
    }

    #[test]
    fn a_token_is_a_presigned_request_to_the_regional_sts_that_signs_the_cluster() {
        let url = url_of(None);
        let (fixed, signature) = url.split_once("&X-Amz-Signature=").unwrap();
        assert_eq!((signature.len(), signature.chars().all(|c| c.is_ascii_hexdigit())), (64, true), "{signature}");
        insta::assert_snapshot!(fixed, @"https://sts.us-west-2.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20260101%2Fus-west-2%2Fsts%2Faws4_request&X-Amz-Date=20260101T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host%3Bx-k8s-aws-id");
    }

    #[test]
    fn the_session_token_is_part_of_the_signature() {
        let url = url_of(Some("a+b/c=="));
        assert!(url.contains("&X-Amz-Security-Token=a%2Bb%2Fc%3D%3D"), "{url}");
    }

    #[test]
    fn an_overridden_endpoint_is_used_as_it_is() {
        let url = sts_url("us-west-2", Some("http://127.0.0.1:4566/"));
        assert_eq!(url, "http://127.0.0.1:4566/?Action=GetCallerIdentity&Version=2011-06-15");
        assert!(sts_url("cn-north-1", None).starts_with("https://sts.cn-north-1.amazonaws.com.cn/"));
        assert!(sts_url("us-iso-east-1", None).starts_with("https://sts.us-iso-east-1.c2s.ic.gov/"));
    }
}
