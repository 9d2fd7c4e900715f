//! The credentials that nodes pull images with, where the registry asks for some.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::Access;
use super::objects::{self, ApplyError};
use crate::workload::inject::pod_template;

/// The name of the secret in every namespace of a run.
pub const NAME: &str = "amiproof-pull";

/// A file of registry credentials as Docker, podman and skopeo write it: `{"auths": {"registry.example.com": {"auth": ..}}}`
/// (Kubernetes, "Pull an Image from a Private Registry", secrets of type `kubernetes.io/dockerconfigjson`).
#[derive(Clone)]
pub struct PullSecret {
    text: Arc<str>,
}

/// What [`PullSecret`] shows of itself: never the credentials.
impl std::fmt::Debug for PullSecret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("PullSecret")
    }
}

/// Why a file is none of registry credentials that a node can use.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadPullSecret {
    /// It is no JSON.
    #[error("not JSON: {0}")]
    Json(String),
    /// It names no registry.
    #[error("has no registries under 'auths'")]
    NoRegistry,
    /// The credentials of a registry are not in the file.
    #[error(
        "the credentials for {registry} are not in the file; a credential helper of this machine is of no use to a node"
    )]
    Elsewhere {
        /// The registry.
        registry: String,
    },
}

impl PullSecret {
    /// Reads the file's text.
    ///
    /// # Errors
    /// [`BadPullSecret`] says why a node could not pull with it. None shows a credential.
    pub fn parse(text: &str) -> Result<Self, BadPullSecret> {
        let value: Value = serde_json::from_str(text).map_err(|error| {
            // The parser's own message may quote the text.
            BadPullSecret::Json(format!("line {}, column {}", error.line(), error.column()))
        })?;
        let registries = value["auths"].as_object().filter(|registries| !registries.is_empty());
        for (registry, login) in registries.ok_or(BadPullSecret::NoRegistry)? {
            let has = |key: &str| login[key].as_str().is_some_and(|text| !text.is_empty());
            if !(has("auth") || has("identitytoken") || (has("username") && has("password"))) {
                return Err(BadPullSecret::Elsewhere { registry: registry.clone() });
            }
        }
        Ok(Self { text: text.into() })
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

/// Puts the secret into a namespace, and lets every pod there that has no service account of its own pull with it.
///
/// # Errors
/// [`ApplyError`] when the API server refuses the secret or the change of the namespace's default service account.
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

/// Lets the pods of an object pull with the secret, whichever service account they have. Secrets that the object names stay.
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
                    "the credentials for r.example.com are not in the file; a credential helper of this machine is of no use to a node",
                ),
            ),
        ] {
            let told = PullSecret::parse(text).err().map(|error| error.to_string());
            assert_eq!(told.as_deref(), wanted, "{text}");
        }
        let secret = PullSecret::parse(r#"{"auths": {"r": {"auth": "c2VjcmV0"}}}"#).unwrap();
        assert_eq!(format!("{secret:?}"), "PullSecret");
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
