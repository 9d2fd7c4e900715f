//! Kubernetes: the only place that builds a kube client.
//!
//! [`Access`] is one client for everything. Every request through it carries a fresh bearer token and is retried on
//! transient errors (`retry`); watches resume automatically ([`watch`]).

pub mod addons;
mod bearer;
pub mod check_namespace;
pub mod explain;
pub mod fit;
pub mod groups;
pub mod identity;
pub mod kubelet_api;
pub mod kubelet_path;
pub mod namespace;
pub mod nodes;
pub mod objects;
pub mod pages;
pub mod pod_template;
mod proxy;
pub mod pull_secret;
mod retry;
pub mod serving_certificate;
pub mod shard_job;
pub mod storage;
pub mod watch;
pub mod windows;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioExecutor;
use kube::client::{ClientBuilder, ConfigExt as _};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::discovery::ApiCapabilities;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;
use tower::ServiceExt as _;
use tower::buffer::BufferLayer;
use tower::filter::AsyncFilterLayer;
use tower::retry::RetryLayer;

use self::bearer::Bearer;
pub use self::bearer::{Token, TokenSource};
pub use self::explain::{explain, explain_watch};
pub use self::retry::is_transient;
use crate::transport::{Connector, Transport};
/// What the API server answers to a request that it rejects, or why there is no answer.
pub use kube::Error as ApiError;

/// The field manager of everything that amiproof applies, and the value of the label [`MANAGED_BY`].
pub const FIELD_MANAGER: &str = "amiproof";

/// The label that says what manages an object (Kubernetes, "Recommended Labels").
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// The label of everything that a run makes inside a cluster; its value is the run's id.
pub const RUN_LABEL: &str = "amiproof.dev/run";

/// The label that says for which variant something was made.
pub const VARIANT_LABEL: &str = "amiproof.dev/variant";

/// The label, with its value, of the nodes that the controllers of add-ons may run on: those of stock images.
pub const CONTROLLERS_LABEL: (&str, &str) = ("amiproof.dev/controllers", "true");

/// The label that EKS puts on every node of a managed node group: its name.
pub const NODE_GROUP_LABEL: &str = "eks.amazonaws.com/nodegroup";

/// The label that EKS puts on every node of a managed node group: the id of its AMI.
pub const NODE_IMAGE_LABEL: &str = "eks.amazonaws.com/nodegroup-image";

/// No bytes for this long means that the connection is dead. Longer than the 290 s after which a watch is renewed.
const READ_TIMEOUT: Duration = Duration::from_secs(305);

/// The most that the first question to a cluster may take.
const PREFLIGHT_TIMEOUT: Duration = Duration::from_secs(12);

/// Requests that wait for the connection at the same time; far more than a run has checks in progress.
const QUEUE: usize = 4096;

/// How kinds are served, by API version and kind.
type Kinds = BTreeMap<(String, String), (kube::core::ApiResource, ApiCapabilities)>;

/// Access to one cluster. Cheap to clone.
#[derive(Clone)]
pub struct Access {
    client: kube::Client,
    /// The client without retries, for the first request.
    once: kube::Client,
    name: Arc<str>,
    /// The API server's URL.
    server: Arc<str>,
    /// The SHA-256 of its certificate authority.
    authority: Option<Arc<str>>,
    /// By API version and kind.
    kinds: Arc<Mutex<Kinds>>,
}

/// Why a cluster cannot be accessed at all.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The endpoint is no URL.
    #[error("the cluster's endpoint '{url}' is not a URL: {source}")]
    Endpoint {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        #[source]
        source: http::uri::InvalidUri,
    },
    /// The certificate authority is not PEM.
    #[error("the certificate authority of the cluster at {url} is not a PEM certificate: {reason}")]
    Authority {
        /// The endpoint.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The kubeconfig cannot be used.
    #[error("cannot use the kubeconfig {path}{}: {source}", context.as_deref().map(|name| format!(", context '{name}'")).unwrap_or_default())]
    Kubeconfig {
        /// The file.
        path: Utf8PathBuf,
        /// The context that was asked for.
        context: Option<String>,
        /// What is wrong with it.
        #[source]
        source: Box<kube::config::KubeconfigError>,
    },
    /// The client cannot be built.
    #[error("cannot build a client for the cluster {name}: {}", explain(source))]
    Client {
        /// Endpoint or context.
        name: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
}

impl Access {
    /// Access to an EKS cluster: its endpoint and certificate authority (PEM) as `DescribeCluster` gives them, and tokens from
    /// `tokens`, asked for again shortly before the last one expires.
    ///
    /// # Errors
    /// When the endpoint is not a URL or the certificate authority not PEM.
    pub fn eks(
        endpoint: &str,
        certificate_authority: &[u8],
        tokens: TokenSource,
        transport: &Transport,
    ) -> Result<Self, AccessError> {
        let url = endpoint.to_owned();
        let uri: http::Uri = endpoint.parse().map_err(|source| AccessError::Endpoint { url: url.clone(), source })?;
        let proxy_url = match transport {
            Transport::Sockets => proxy::of_environment(&uri),
            Transport::Memory(_) => None,
        };
        let mut config = kube::Config::new(uri);
        config.proxy_url = proxy_url;
        config.root_cert = Some(certificates(&url, certificate_authority)?);
        Self::build(config, url, Some(tokens), transport)
    }

    /// Access by a kubeconfig file, and the context of that name in it (`None` for its current one). Credential plugins that the
    /// file names are run.
    ///
    /// # Errors
    /// When the file cannot be read, has no such context, or its credentials cannot be used.
    pub async fn kubeconfig(path: &Utf8Path, context: Option<&str>) -> Result<Self, AccessError> {
        let refused = |source| AccessError::Kubeconfig {
            path: path.to_owned(),
            context: context.map(str::to_owned),
            source: Box::new(source),
        };
        let file = Kubeconfig::read_from(path).map_err(refused)?;
        let name = context.map(str::to_owned).or_else(|| file.current_context.clone()).unwrap_or_default();
        let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
        let own_proxy = proxy::of_kubeconfig(&file, &name);
        let mut config = kube::Config::from_custom_kubeconfig(file, &options).await.map_err(refused)?;
        config.proxy_url = match own_proxy {
            Some(url) => {
                let url = url.parse().map_err(kube::config::KubeconfigError::ParseProxyUrl);
                Some(url.map_err(refused)?)
            }
            None => proxy::of_environment(&config.cluster_url),
        };
        Self::build(config, name, None, &Transport::Sockets)
    }

    fn build(
        mut config: kube::Config,
        name: String,
        tokens: Option<TokenSource>,
        transport: &Transport,
    ) -> Result<Self, AccessError> {
        // Requests are tried again by our own policy, which knows more errors and stops sooner.
        let server = config.cluster_url.to_string().trim_end_matches('/').into();
        let authority = config.root_cert.as_ref().map(|certificates| {
            let mut digest = Sha256::new();
            certificates.iter().for_each(|certificate| digest.update(certificate));
            digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
        });
        config.default_retry = false;
        config.read_timeout = Some(READ_TIMEOUT);
        let builder = || {
            connection(config.clone(), transport)
                .map(|builder| builder.with_layer(&BufferLayer::new(QUEUE)))
                .map_err(|source| AccessError::Client { name: name.clone(), source: Box::new(source) })
        };
        let retry = RetryLayer::new(retry::Policy::default());
        let (client, once) = match tokens {
            Some(source) => {
                let bearer = AsyncFilterLayer::new(Bearer::new(source));
                (builder()?.with_layer(&bearer).with_layer(&retry).build(), builder()?.with_layer(&bearer).build())
            }
            None => (builder()?.with_layer(&retry).build(), builder()?.build()),
        };
        Ok(Self { client, once, name: name.into(), server, authority, kinds: Arc::default() })
    }

    /// Access by a client that talks to a fake.
    #[cfg(test)]
    pub(crate) fn of_client(client: kube::Client, name: &str) -> Self {
        let (once, server) = (client.clone(), "http://fake".into());
        Self { client, once, name: name.into(), server, authority: None, kinds: Arc::default() }
    }

    /// Asks the API server for its version, twice at most and within twelve seconds: an endpoint that does not answer and credentials that
    /// are not accepted are found before anything else is tried. The request is made at most twice.
    ///
    /// # Errors
    /// Why the cluster cannot be used, in one line.
    pub async fn preflight(&self) -> Result<(), String> {
        let ask = async {
            match self.once.apiserver_version().await {
                Err(error) if is_transient(&error) => self.once.apiserver_version().await,
                answer => answer,
            }
        };
        match tokio::time::timeout(PREFLIGHT_TIMEOUT, ask).await {
            // A caller who may not read the version may be allowed all that a run needs.
            Ok(Err(kube::Error::Api(status))) if status.code != 401 => Ok(()),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(explain(&error)),
            Err(_) => Err(format!("the API server does not answer within {} s", PREFLIGHT_TIMEOUT.as_secs())),
        }
    }

    /// The client. Reads and idempotent writes through it are retried on transient errors.
    pub fn client(&self) -> kube::Client {
        self.client.clone()
    }

    /// This access under the name that AWS has for the cluster.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    /// The URL of the API server.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The SHA-256 of the certificate authority, in hexadecimal; `None` if the system's authorities are trusted.
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    /// What the ledger and messages call the cluster: its name in AWS, the kubeconfig context, or the endpoint.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Access").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The name of the current context of a kubeconfig; `None` if it has none, or cannot be read.
pub fn current_context(path: &Utf8Path) -> Option<String> {
    Kubeconfig::read_from(path).ok()?.current_context.filter(|context| !context.is_empty())
}

/// Whether the API server says that the caller may not do this.
pub fn is_denied(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 403)
}

/// The lowest layer of a client: connections, TLS, and the address of the server on every request.
fn connection(config: kube::Config, transport: &Transport) -> kube::Result<ClientBuilder<Connection>> {
    let Transport::Memory(network) = transport else { return ClientBuilder::try_from(config) };
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Fails only where another client was faster.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    }
    let connector = config.rustls_https_connector_with_connector(Connector(network.clone()))?;
    let mut connector = hyper_timeout::TimeoutConnector::new(connector);
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_read_timeout(config.read_timeout);
    let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector);
    let service = tower::ServiceBuilder::new().layer(config.base_uri_layer()).map_err(tower::BoxError::from);
    let service = service.service(client).map_response(|answer: http::Response<hyper::body::Incoming>| {
        answer.map(|body| Box::new(body.map_err(tower::BoxError::from)) as Box<Answer>)
    });
    Ok(ClientBuilder::new(service.boxed(), config.default_namespace))
}

/// The body of an answer.
type Answer = dyn http_body::Body<Data = bytes::Bytes, Error = tower::BoxError> + Send + Unpin;
/// What sends a request.
type Connection =
    tower::util::BoxService<http::Request<kube::client::Body>, http::Response<Box<Answer>>, tower::BoxError>;

/// The certificates of a PEM text, as DER.
fn certificates(url: &str, pem: &[u8]) -> Result<Vec<Vec<u8>>, AccessError> {
    let refused = |reason: String| AccessError::Authority { url: url.to_owned(), reason };
    let found: Vec<Vec<u8>> = CertificateDer::pem_slice_iter(pem)
        .map(|certificate| certificate.map(|der| der.as_ref().to_vec()))
        .collect::<Result<_, _>>()
        .map_err(|error| refused(error.to_string()))?;
    if found.is_empty() { Err(refused("there is none in it".to_owned())) } else { Ok(found) }
}

#[cfg(test)]
mod tests;
