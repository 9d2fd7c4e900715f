//! The credentials for pulling images, if the registry requires them.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};
use wildmatch::WildMatch;

use super::Access;
use super::objects::{self, ApplyError};
use super::pod_template::pod_template;

/// The name of the secret in every namespace of a run.
pub const NAME: &str = "amiproof-pull";

/// A file of registry credentials as Docker, podman and skopeo write it: `{"auths": {"registry.example.com": {"auth": ..}}}`
/// (Kubernetes, "Pull an Image from a Private Registry", secrets of type `kubernetes.io/dockerconfigjson`).
#[derive(Clone)]
pub struct PullSecret {
    text: Arc<str>,
}

/// The debug form of [`PullSecret`]: never the credentials.
impl std::fmt::Debug for PullSecret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("PullSecret")
    }
}

/// Why a file cannot be used as registry credentials for nodes.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadPullSecret {
    /// It is not JSON.
    #[error("not JSON: {0}")]
    Json(String),
    /// It names no registry.
    #[error("has no registries under 'auths'")]
    NoRegistry,
    /// It names only registries that the run does not pull from.
    #[error("has no credentials for a registry that this run pulls from ({wanted}), only for {there}")]
    OtherRegistries {
        /// The registries that the run pulls from.
        wanted: String,
        /// The registries in the file.
        there: String,
    },
    /// The credentials of a registry are not in the file.
    #[error("the credentials for {registry} are not in the file; nodes cannot use a credential helper of this machine")]
    WrongRegistry {
        /// The registry.
        registry: String,
    },
}

impl PullSecret {
    /// Reads the file's text and keeps the credentials of the registries that these images come from; nodes under test could read
    /// everything that is sent to them. Also returns the registries of the file that were left out.
    ///
    /// # Errors
    /// [`BadPullSecret`] says why a node could not pull with it. None shows a credential.
    pub fn parse(text: &str, images: &[String]) -> Result<(Self, Vec<String>), BadPullSecret> {
        let value: Value = serde_json::from_str(text).map_err(|error| {
            // The parser's own message may quote the text.
            BadPullSecret::Json(format!("line {}, column {}", error.line(), error.column()))
        })?;
        let registries = value["auths"].as_object().filter(|registries| !registries.is_empty());
        let (mut kept, mut left_out) = (Map::new(), Vec::new());
        for (registry, login) in registries.ok_or(BadPullSecret::NoRegistry)? {
            if !images.iter().any(|image| is_from(image, registry)) {
                left_out.push(registry.clone());
                continue;
            }
            let has = |key: &str| login[key].as_str().is_some_and(|text| !text.is_empty());
            if !(has("auth") || has("identitytoken") || (has("username") && has("password"))) {
                return Err(BadPullSecret::WrongRegistry { registry: registry.clone() });
            }
            kept.insert(registry.clone(), login.clone());
        }
        left_out.sort_unstable();
        if kept.is_empty() {
            let mut wanted: Vec<&str> = images.iter().map(|image| place(image).0).collect();
            wanted.sort_unstable();
            wanted.dedup();
            return Err(BadPullSecret::OtherRegistries { wanted: wanted.join(", "), there: left_out.join(", ") });
        }
        Ok((Self { text: json!({"auths": kept}).to_string().into() }, left_out))
    }

    fn object(&self) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": NAME},
            "type": "kubernetes.io/dockerconfigjson",
            "data": {".dockerconfigjson": BASE64_STANDARD.encode(self.text.as_bytes())},
        })
    }
}

/// Where an image comes from: its registry, and the repository there. Without a registry it is Docker Hub's (distribution/reference,
/// "familiar names").
pub(crate) fn place(image: &str) -> (&str, String) {
    let name = image.split('@').next().unwrap_or(image);
    let (registry, repository) = match name.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest.to_owned()),
        Some(_) => (HUB, name.to_owned()),
        None => (HUB, format!("library/{name}")),
    };
    // The tag follows the last colon: a port cannot occur any more.
    let repository = repository.rsplit_once(':').map_or(repository.as_str(), |(bare, _)| bare).to_owned();
    (registry, repository)
}

/// The name of Docker Hub in image names.
pub(crate) const HUB: &str = "docker.io";

/// Whether the kubelet would use these credentials for an image: the labels of the host may contain `*` and `?`, and the path is a prefix
/// (Kubernetes, "Pull an Image from a Private Registry", config.json interpretation).
fn is_from(image: &str, key: &str) -> bool {
    let key = key.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/');
    let key = key.strip_suffix("/v1").or_else(|| key.strip_suffix("/v2")).unwrap_or(key);
    let (host, path) = key.split_once('/').unwrap_or((key, ""));
    let host = if matches!(host, "index.docker.io" | "registry-1.docker.io") { HUB } else { host };
    let (registry, repository) = place(image);
    let (wanted, there): (Vec<&str>, Vec<&str>) = (host.split('.').collect(), registry.split('.').collect());
    let is_host = wanted.len() == there.len()
        && wanted.iter().zip(&there).all(|(wanted, there)| WildMatch::new(wanted).matches(there));
    let is_path = path.is_empty() || repository == path || repository.starts_with(&format!("{path}/"));
    is_host && is_path
}

/// Creates the [image pull secret](https://kubernetes.io/docs/tasks/configure-pod-container/pull-image-private-registry/) in a namespace,
/// and
/// adds it to the default service account, so that pods without another service account pull with it.
///
/// # Errors
/// [`ApplyError`] if the API server rejects the secret or the change of the service account.
/// The client retries 429, 5xx and broken connections first, a POST only after 429.
pub async fn install(access: &Access, namespace: &str, secret: &PullSecret) -> Result<(), ApplyError> {
    objects::apply(access, Some(namespace), &secret.object()).await?;
    let account = json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "default"},
        "imagePullSecrets": [{"name": NAME}],
    });
    objects::apply(access, Some(namespace), &account).await.map(|_| ())
}

/// Adds the secret to the pods of an object, whatever their service account. Secrets of the object itself are kept.
pub fn let_pull(object: &mut Value) {
    let Some(template) = pod_template(object) else { return };
    let secrets = &mut template["spec"]["imagePullSecrets"];
    if !secrets.is_array() {
        *secrets = json!([]);
    }
    if let Some(secrets) = secrets.as_array_mut()
        && !secrets.iter().any(|secret| secret["name"] == NAME)
    {
        secrets.push(json!({"name": NAME}));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_no_node_can_use_says_why_and_shows_no_credential() {
        for (text, wanted) in [
            (r#"{"auths": {"r.example.com": {"auth": "c2VjcmV0"}}}"#, None),
            (r#"{"auths": {"r.example.com": {"username": "a", "password": "secret"}}}"#, None),
            (r#"{"auths": {"r.example.com": {"identitytoken": "secret"}}}"#, None),
            (r#"{"auths": {"r.example.com": "secret" "x"}}"#, Some("not JSON: line 1, column 38")),
            (r#"{"credsStore": "secret"}"#, Some("has no registries under 'auths'")),
            (r#"{"auths": {}}"#, Some("has no registries under 'auths'")),
            (
                r#"{"auths": {"r.example.com": {}}, "credsStore": "secret"}"#,
                Some(
                    "the credentials for r.example.com are not in the file; nodes cannot use a credential helper of this machine",
                ),
            ),
        ] {
            let actual = PullSecret::parse(text, &images()).err().map(|error| error.to_string());
            assert_eq!(actual.as_deref(), wanted, "{text}");
        }
        let (secret, _) =
            PullSecret::parse(r#"{"auths": {"r.example.com": {"auth": "c2VjcmV0"}}}"#, &images()).unwrap();
        assert_eq!(format!("{secret:?}"), "PullSecret");
    }

    fn images() -> Vec<String> {
        vec!["r.example.com/team/app:1".to_owned()]
    }

    #[test]
    fn only_credentials_of_the_registries_that_a_run_pulls_from_go_to_its_nodes() {
        let text = r#"{"auths": {"r.example.com": {"auth": "b3du"}, "other.example.com": {"auth": "b3RoZXI="}, "helped.example.com": {}},
                       "credHelpers": {"public.ecr.aws": "ecr-login"}, "HttpHeaders": {"X-Secret": "header"}}"#;
        let (secret, left_out) = PullSecret::parse(text, &images()).unwrap();
        assert_eq!(left_out, ["helped.example.com", "other.example.com"]);
        assert_eq!(&*secret.text, r#"{"auths":{"r.example.com":{"auth":"b3du"}}}"#);
        let error = PullSecret::parse(text, &["public.ecr.aws/x/y:1".to_owned()]).unwrap_err().to_string();
        assert_eq!(
            error,
            "has no credentials for a registry that this run pulls from (public.ecr.aws), only for helped.example.com, other.example.com, r.example.com"
        );
    }

    #[test]
    fn a_key_covers_what_the_kubelet_would_pull_with_it() {
        for (image, key, wanted) in [
            ("busybox", "https://index.docker.io/v1/", true),
            ("docker.io/aquasec/kube-bench:v0.15.6", "docker.io", true),
            ("aquasec/kube-bench", "registry-1.docker.io", true),
            ("busybox", "public.ecr.aws", false),
            ("r.example.com:5000/a/b@sha256:00", "r.example.com:5000", true),
            ("r.example.com:5000/a/b", "r.example.com", false),
            ("r.example.com/team/app:1", "r.example.com/team", true),
            ("r.example.com/team/app:1", "r.example.com/team/app", true),
            ("r.example.com/teams/app:1", "r.example.com/team", false),
            ("1.dkr.ecr.us-west-2.amazonaws.com/x", "*.dkr.ecr.*.amazonaws.com", true),
            ("a.b.example.com/x", "*.example.com", false),
            ("evil-r.example.com/x", "r.example.com", false),
            ("localhost/x", "localhost", true),
        ] {
            assert_eq!(is_from(image, key), wanted, "{image} {key}");
        }
    }

    #[test]
    fn pods_keep_the_secrets_that_they_name() {
        let mut pod = json!({"kind": "Pod", "spec": {"imagePullSecrets": [{"name": "own"}]}});
        let_pull(&mut pod);
        let_pull(&mut pod);
        assert_eq!(pod["spec"]["imagePullSecrets"], json!([{"name": "own"}, {"name": NAME}]));
        let mut job = json!({"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": {"spec": {}}}}}});
        let_pull(&mut job);
        assert_eq!(job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["imagePullSecrets"], json!([{"name": NAME}]));
        let mut service = json!({"kind": "Service", "spec": {}});
        let_pull(&mut service);
        assert_eq!(service, json!({"kind": "Service", "spec": {}}));
    }
}
