//! Whether the images of a run can be pulled. Each manifest is requested as a container runtime does ([OCI distribution
//! specification](https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests)), without credentials. Nodes may
//! have credentials, and may reach registries that this machine cannot: a registry that gives no answer is unknown, not a problem.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use reqwest::header::{ACCEPT, AUTHORIZATION, WWW_AUTHENTICATE};
use reqwest::{Client, StatusCode};

use super::Finding;
use crate::cluster::pull_secret::{HUB, place};

const CHECK: &str = "registries";
/// Timeout of the requests for one image.
const WITHIN: Duration = Duration::from_secs(15);
/// Accepted media types of manifests (OCI image specification, Docker image manifest version 2).
const KINDS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
                     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

/// The answer of a registry about one image.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    /// The manifest exists.
    There,
    /// The registry requires credentials.
    NeedsLogin,
    /// There is no such repository or tag.
    Missing,
    /// The registry gave no usable answer.
    Unasked(String),
}

/// Requests the manifest of every image; one finding per registry, and one per image that does not exist. Requests are not retried.
pub async fn examine(images: &[String]) -> Vec<Finding> {
    let message = |error: reqwest::Error| crate::aws::cause::chain(&error.without_url());
    let client = match Client::builder().timeout(WITHIN).build() {
        Ok(client) => client,
        Err(error) => {
            return vec![Finding::unknown(CHECK, format!("cannot build an HTTP client: {}", message(error)), "")];
        }
    };
    let answers = join_all(images.iter().map(|image| ask(&client, image))).await;
    let mut registries: BTreeMap<&str, Vec<(&str, Answer)>> = BTreeMap::new();
    for (image, answer) in images.iter().zip(answers) {
        registries.entry(place(image).0).or_default().push((image, answer));
    }
    registries.into_iter().flat_map(|(registry, answers)| judge(registry, &answers)).collect()
}

fn judge(registry: &str, answers: &[(&str, Answer)]) -> Vec<Finding> {
    let missing = answers.iter().filter(|(_, answer)| *answer == Answer::Missing);
    let mut findings: Vec<Finding> = missing
        .map(|(image, _)| {
            let help = "mirror it there (`amiproof workload images` lists all), or name a version that exists";
            Finding::problem(CHECK, format!("{registry} has no {image}"), help)
        })
        .collect();
    let unasked = answers.iter().find_map(|(_, answer)| match answer {
        Answer::Unasked(why) => Some(why),
        _ => None,
    });
    let locked = answers.iter().filter(|(_, answer)| *answer == Answer::NeedsLogin).count();
    if let Some(why) = unasked {
        let help =
            "nodes may still be able to reach it; if not, mirror the images and name the mirror with --image-registry";
        findings.push(Finding::unknown(CHECK, format!("{registry} cannot be reached from this machine: {why}"), help));
    }
    if locked > 0 {
        let help = "nodes pull from ECR with their role; for another registry give --image-pull-secret to the run";
        let count = if locked == 1 { "1 image".to_owned() } else { format!("{locked} images") };
        findings.push(Finding::unknown(CHECK, format!("{registry} requires a login for {count}"), help));
    }
    let there = answers.iter().filter(|(_, answer)| *answer == Answer::There).count();
    if there == answers.len() {
        let count = if there == 1 { "1 image".to_owned() } else { format!("{there} images") };
        findings.push(Finding::ok(CHECK, format!("{registry} has {count} of the run")));
    }
    findings
}

async fn ask(client: &Client, image: &str) -> Answer {
    let message = |error: reqwest::Error| Answer::Unasked(crate::aws::cause::chain(&error.without_url()));
    let url = manifest_url(image);
    let local;
    let client = if crate::aws::http::is_local(&url) {
        local = match Client::builder().timeout(WITHIN).no_proxy().build() {
            Ok(client) => client,
            Err(error) => return message(error),
        };
        &local
    } else {
        client
    };
    let request = || client.head(&url).header(ACCEPT, KINDS);
    let first = match request().send().await {
        Ok(response) => response,
        Err(error) => return message(error),
    };
    if first.status() != StatusCode::UNAUTHORIZED {
        return answer(first.status());
    }
    let challenge = first.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
    let Some(realm) = challenge.and_then(token_url) else { return Answer::NeedsLogin };
    let token = match client.get(realm).send().await {
        Ok(response) if response.status().is_success() => response.bytes().await.map_err(message),
        // The token endpoint requires credentials.
        Ok(_) => return Answer::NeedsLogin,
        Err(error) => return message(error),
    };
    let token: serde_json::Value = match token.map(|bytes| serde_json::from_slice(&bytes)) {
        Ok(Ok(token)) => token,
        Ok(Err(_)) => return Answer::NeedsLogin,
        Err(answer) => return answer,
    };
    let Some(token) = token["token"].as_str().or_else(|| token["access_token"].as_str()) else {
        return Answer::NeedsLogin;
    };
    match request().header(AUTHORIZATION, format!("Bearer {token}")).send().await {
        Ok(response) => answer(response.status()),
        Err(error) => message(error),
    }
}

fn answer(status: StatusCode) -> Answer {
    match status.as_u16() {
        200..=299 => Answer::There,
        401 | 403 => Answer::NeedsLogin,
        404 => Answer::Missing,
        other => Answer::Unasked(format!("it answers {other}")),
    }
}

/// The URL of a manifest. Registries on localhost use plain HTTP, as container runtimes assume.
fn manifest_url(image: &str) -> String {
    let (registry, repository) = place(image);
    let host = if registry == HUB { "registry-1.docker.io" } else { registry };
    let name = image.rsplit('/').next().unwrap_or(image);
    let reference = match (name.split_once('@'), name.split_once(':')) {
        (Some((_, digest)), _) => digest,
        (None, Some((_, tag))) => tag,
        (None, None) => "latest",
    };
    let scheme = if crate::aws::http::is_local(&format!("http://{host}/")) { "http" } else { "https" };
    format!("{scheme}://{host}/v2/{repository}/manifests/{reference}")
}

/// The URL of the token endpoint in a challenge: `Bearer realm="..",service="..",scope=".."` (Docker registry v2 authentication).
fn token_url(challenge: &str) -> Option<reqwest::Url> {
    let mut realm = None;
    let mut query = Vec::new();
    for part in challenge.strip_prefix("Bearer ")?.split("\",") {
        let (key, value) = part.trim().split_once('=')?;
        let value = value.trim_matches('"');
        match key {
            "realm" => realm = Some(value),
            "service" | "scope" => query.push((key, value)),
            _ => {}
        }
    }
    reqwest::Url::parse_with_params(realm?, query).ok()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn an_image_has_its_manifest_where_its_name_says() {
        for (image, wanted) in [
            ("busybox", "https://registry-1.docker.io/v2/library/busybox/manifests/latest"),
            (
                "docker.io/aquasec/kube-bench:v1@sha256:ab",
                "https://registry-1.docker.io/v2/aquasec/kube-bench/manifests/sha256:ab",
            ),
            ("public.ecr.aws/a/b/c:1.2", "https://public.ecr.aws/v2/a/b/c/manifests/1.2"),
            ("localhost:5000/a:1", "http://localhost:5000/v2/a/manifests/1"),
        ] {
            assert_eq!(manifest_url(image), wanted, "{image}");
        }
    }

    #[test]
    fn a_challenge_says_where_the_token_is() {
        let url =
            token_url(r#"Bearer realm="https://auth.example/token",service="r.example",scope="repository:a/b:pull""#);
        assert_eq!(
            url.unwrap().as_str(),
            "https://auth.example/token?service=r.example&scope=repository%3Aa%2Fb%3Apull"
        );
        assert!(token_url("Basic realm=\"x\"").is_none());
    }

    /// A registry that has `there:1`, denies `locked` to everybody, and requires a token for all requests.
    async fn registry() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let host = address.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut bytes = [0; 4096];
                let size = stream.read(&mut bytes).await.unwrap();
                let head = String::from_utf8_lossy(&bytes[..size]).into_owned();
                let line = head.lines().next().unwrap_or_default().to_owned();
                let has_token = head.to_lowercase().contains("authorization: bearer t0");
                let (status, more, body) = match () {
                    () if line.contains("/token?") => ("200 OK", String::new(), r#"{"token": "t0"}"#),
                    () if line.contains("/v2/locked/") => ("403 Forbidden", String::new(), ""),
                    () if !has_token => {
                        let challenge =
                            format!("www-authenticate: Bearer realm=\"http://{host}/token\",service=\"s\"\r\n");
                        ("401 Unauthorized", challenge, "")
                    }
                    () if line.contains("/v2/there/manifests/1 ") => ("200 OK", String::new(), ""),
                    () => ("404 Not Found", String::new(), ""),
                };
                let length = body.len();
                let answer =
                    format!("HTTP/1.1 {status}\r\n{more}content-length: {length}\r\nconnection: close\r\n\r\n{body}");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        address
    }

    #[tokio::test]
    async fn every_registry_is_asked_as_a_runtime_asks_it() {
        let registry = registry().await;
        let images: Vec<String> =
            ["there:1", "there:2", "locked:1"].iter().map(|name| format!("{registry}/{name}")).collect();
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let nowhere = closed.local_addr().unwrap().to_string();
        drop(closed);
        let all: Vec<String> = images.iter().cloned().chain([format!("{nowhere}/a:1")]).collect();
        let message: Vec<String> = examine(&all)
            .await
            .iter()
            .map(|finding| format!("{} {}", finding.status.as_str(), finding.message))
            .map(|line| line.replace(&registry, "REGISTRY").replace(&nowhere, "NOWHERE"))
            .collect();
        let has = |words: &[&str]| message.iter().any(|line| words.iter().all(|word| line.contains(word)));
        assert!(has(&["problem REGISTRY has no REGISTRY/there:2"]), "{message:?}");
        assert!(has(&["unknown REGISTRY requires a login for 1 image"]), "{message:?}");
        assert!(has(&["unknown NOWHERE cannot be reached from this machine", "refused"]), "{message:?}");
        let good = examine(&images[..1]).await;
        assert_eq!(good.len(), 1);
        assert!(good[0].message.ends_with("has 1 image of the run"), "{good:?}");
    }
}
