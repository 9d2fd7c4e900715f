//! The certificate that a kubelet serves port 10250 with, and why it may not have one yet.
//!
//! On EKS a kubelet requests it by a CertificateSigningRequest of signer `kubernetes.io/kubelet-serving` after it has registered
//! (`serverTLSBootstrap`), and the control plane approves and signs it some time after the node is Ready: a minute and more where many
//! nodes join together (awslabs/amazon-eks-ami, issue 1944). Until then everything that goes through the kubelet's port ends with
//! `remote error: tls: internal error`, which says nothing about a firewall.

use std::time::Duration;

use futures::future::BoxFuture;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};

use super::Access;
use super::kubelet_path::PathError;

/// The signer of serving certificates of kubelets (Kubernetes, "Certificates and Certificate Signing Requests").
const SIGNER: &str = "kubernetes.io/kubelet-serving";

/// The state of a kubelet's newest request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// There is none: it was never created, or has been garbage-collected.
    None,
    /// It is not approved.
    Pending(String),
    /// It is approved, but not signed.
    Unsigned(String),
    /// It was denied: its name and why.
    Refused(String, String),
    /// It is signed.
    Issued(String),
}

impl Request {
    /// The message about a kubelet that cannot be reached because of its certificate.
    pub fn says(&self) -> String {
        match self {
            Self::None => "the kubelet has not requested a serving certificate".to_owned(),
            Self::Pending(name) => format!("its serving CSR {name} is not approved"),
            Self::Unsigned(name) => format!("its serving CSR {name} is approved, but not signed"),
            Self::Refused(name, why) => format!("its serving CSR {name} was refused: {why}"),
            Self::Issued(name) => {
                format!("its serving CSR {name} is signed, but what the kubelet serves is not trusted")
            }
        }
    }

    fn is_open(&self) -> bool {
        matches!(self, Self::Pending(_) | Self::Unsigned(_) | Self::Refused(..))
    }
}

/// The newest [certificate signing request](https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/) of a node's
/// kubelet.
///
/// # Errors
/// If the requests cannot be listed: no permission (`certificatesigningrequests`, list), or the API server is unreachable. Not retried
/// here.
pub async fn of_node(access: &Access, node: &str) -> Result<Request, kube::Error> {
    let requests: Api<CertificateSigningRequest> = Api::all(access.client());
    let params = ListParams::default().fields(&format!("spec.signerName={SIGNER}"));
    Ok(newest(&requests.list(&params).await?.items, node))
}

fn newest(requests: &[CertificateSigningRequest], node: &str) -> Request {
    let user = format!("system:node:{node}");
    let own = requests.iter().filter(|request| {
        request.spec.signer_name == SIGNER && request.spec.username.as_deref() == Some(user.as_str())
    });
    let Some(request) = own.max_by_key(|request| request.creation_timestamp().map(|time| time.0)) else {
        return Request::None;
    };
    let name = request.name_any();
    let Some(status) = &request.status else { return Request::Pending(name) };
    let condition = |kind: &str| status.conditions.iter().flatten().find(|condition| condition.type_ == kind);
    if let Some(no) = condition("Denied").or_else(|| condition("Failed")) {
        let why = no.message.clone().or_else(|| no.reason.clone()).unwrap_or_else(|| no.type_.clone());
        return Request::Refused(name, why);
    }
    match (condition("Approved"), &status.certificate) {
        (_, Some(certificate)) if !certificate.0.is_empty() => Request::Issued(name),
        (Some(_), _) => Request::Unsigned(name),
        (None, _) => Request::Pending(name),
    }
}

/// Whether what went through a kubelet's port ended because of its certificate. `request` is what is known of the
/// newest certificate request, which alone can tell for an upgrade (exec, attach, port-forward), whose answers carry
/// no message.
pub fn is_to_blame(error: &PathError, request: Option<&Request>) -> bool {
    let error_text = match error {
        // Packets that are dropped never come as far as TLS.
        PathError::Silent(_) => return false,
        PathError::Connection(error_text) => error_text.clone(),
        PathError::Refused(error) => match &**error {
            kube::Error::UpgradeConnection(kube::client::UpgradeConnectionError::ProtocolSwitch(status)) => {
                return status.is_server_error() && request.is_some_and(Request::is_open);
            }
            error => error.to_string(),
        },
    };
    error_text.contains("tls: internal error")
        || error_text.contains("x509: ")
        || error_text.contains("tls: failed to verify certificate")
}

/// The interval between two requests to a kubelet without a certificate.
const PAUSE: Duration = Duration::from_secs(5);

/// The number of requests, for five minutes; the slowest signing reported for a healthy cluster took little more than one.
const QUESTIONS: u32 = 60;

/// Why a kubelet gave no answer.
#[derive(Debug, thiserror::Error)]
#[error("{error}{}", certificate.as_ref().map(|says| format!(" ({says})")).unwrap_or_default())]
pub struct Unanswered {
    /// The error of the last request.
    #[source]
    pub error: PathError,
    /// The state of the kubelet's certificate request, if that is the cause.
    pub certificate: Option<String>,
}

/// How often a connection may break, or the API server may fail, before that is the answer.
const BREAKS: u32 = 4;
/// How often the API server may not answer in between: for some minutes.
const ABSENCES: usize = 20;
/// How long the API server has for an answer of its own.
const ANSWER: Duration = Duration::from_secs(10);

/// Runs a request to a node's kubelet, and repeats it for some minutes as long as only its
/// [serving certificate](https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/) is missing; and a few times if
/// the connection broke or the API server answered with a server error. While the API server itself does not answer, nothing is counted: that
/// says nothing of a node.
///
/// # Errors
/// [`Unanswered`]: at once for every error that the certificate does not explain.
pub async fn with_retry<'a, T>(
    access: &Access,
    node: &str,
    ask: impl Fn() -> BoxFuture<'a, Result<T, PathError>>,
) -> Result<T, Unanswered> {
    let (mut questions, mut breaks, mut absences) = (1, 0, 0);
    loop {
        let error = match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        // Without the permission to list CSRs the message is shorter; the request is still retried if the error itself names the cause.
        let request = of_node(access, node).await.ok();
        if !is_to_blame(&error, request.as_ref()) {
            if absences < ABSENCES && !error.is_refused_by_api() && !answers(access).await {
                absences += 1;
                amiproof_time::sleep(PAUSE).await;
                continue;
            }
            if (error.is_broken_connection() || error.is_temporary()) && breaks < BREAKS {
                breaks += 1;
                amiproof_time::sleep(PAUSE).await;
                continue;
            }
            return Err(Unanswered { error, certificate: None });
        }
        if questions == QUESTIONS {
            let unknown = || "the kubelet has no serving certificate that the control plane trusts".to_owned();
            return Err(Unanswered { error, certificate: Some(request.as_ref().map_or_else(unknown, Request::says)) });
        }
        questions += 1;
        amiproof_time::sleep(PAUSE).await;
    }
}

/// Whether the API server answers, by a request that no kubelet has a part in.
async fn answers(access: &Access) -> bool {
    let asked = tokio::time::timeout(amiproof_time::limit(ANSWER), access.client().apiserver_version()).await;
    asked.is_ok_and(|version| version.is_ok())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn request(name: &str, node: &str, created: &str, status: Value) -> CertificateSigningRequest {
        let request = json!({
            "metadata": {"name": name, "creationTimestamp": created},
            "spec": {"signerName": SIGNER, "username": format!("system:node:{node}"), "request": "", "usages": ["server auth"]},
            "status": status,
        });
        serde_json::from_value(request).unwrap()
    }

    #[test]
    fn the_newest_request_of_the_node_counts() {
        let condition =
            |kind: &str| json!({"conditions": [{"type": kind, "status": "True", "message": "no such instance"}]});
        let mut issued = condition("Approved");
        issued["certificate"] = "LS0t".into();
        let (old, new) = ("2026-11-21T07:00:00Z", "2026-11-21T07:10:00Z");
        for (requests, says) in [
            (vec![], "the kubelet has not requested a serving certificate"),
            (
                vec![request("csr-b", "other", new, issued.clone())],
                "the kubelet has not requested a serving certificate",
            ),
            (vec![request("csr-a", "n", new, json!({}))], "its serving CSR csr-a is not approved"),
            (
                vec![request("csr-a", "n", new, condition("Approved"))],
                "its serving CSR csr-a is approved, but not signed",
            ),
            (
                vec![request("csr-a", "n", new, condition("Denied"))],
                "its serving CSR csr-a was refused: no such instance",
            ),
            (
                vec![request("csr-a", "n", old, json!({})), request("csr-b", "n", new, issued.clone())],
                "its serving CSR csr-b is signed, but what the kubelet serves is not trusted",
            ),
            (
                vec![request("csr-b", "n", old, issued.clone()), request("csr-c", "n", new, json!({}))],
                "its serving CSR csr-c is not approved",
            ),
        ] {
            assert_eq!(newest(&requests, "n").says(), says);
        }
    }

    #[test]
    fn only_an_error_of_tls_is_the_certificates() {
        let refused = |message: &str| {
            let status = kube::core::Status::failure(message, "InternalError").with_code(500);
            PathError::Refused(Box::new(kube::Error::Api(status.boxed())))
        };
        let tls = "Get \"https://10.0.0.1:10250/containerLogs/a/b/c\": remote error: tls: internal error";
        assert!(is_to_blame(&refused(tls), None));
        assert!(is_to_blame(
            &refused("tls: failed to verify certificate: x509: certificate signed by unknown authority"),
            None
        ));
        let pending = Request::Pending("csr-a".to_owned());
        assert!(
            !is_to_blame(&refused("dial tcp 10.0.0.1:10250: i/o timeout"), Some(&pending)),
            "a port that is closed"
        );
        assert!(!is_to_blame(&PathError::Silent(std::time::Duration::from_secs(10)), Some(&pending)));
        let upgrade = |status: u16| {
            let status = http::StatusCode::from_u16(status).unwrap();
            let error = kube::client::UpgradeConnectionError::ProtocolSwitch(status);
            PathError::Refused(Box::new(kube::Error::UpgradeConnection(error)))
        };
        assert!(is_to_blame(&upgrade(500), Some(&pending)));
        assert!(!is_to_blame(&upgrade(500), Some(&Request::Issued("csr-a".to_owned()))));
        assert!(!is_to_blame(&upgrade(403), Some(&pending)));
        assert!(!is_to_blame(&upgrade(500), None));
    }
}
