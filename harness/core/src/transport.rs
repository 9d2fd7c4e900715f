//! How clients connect: through sockets, or in memory.
//!
//! The embedded lab and the run that uses it share one process with simulated time, which would not wait for a socket. In memory, all clients
//! of amiproof (AWS, Kubernetes, downloads) are the same and speak the same HTTP; only the connector differs.

use std::fmt;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tower::Service;

use crate::cluster::explain::chain;

/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects to the listener at an authority (`127.0.0.1:40001`); [`io::ErrorKind::ConnectionRefused`] if there is none.
type Dial = dyn Fn(&str) -> io::Result<DuplexStream> + Send + Sync;

/// A network inside this process.
#[derive(Clone)]
pub struct Memory(Arc<Dial>);

impl fmt::Debug for Memory {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Memory")
    }
}

/// How clients connect.
#[derive(Clone, Debug, Default)]
pub enum Transport {
    /// Through sockets, and through the proxies that the environment names.
    #[default]
    Sockets,
    /// Inside this process.
    Memory(Memory),
}

/// Why a request got no answer. The text contains all causes, but not the URL, which may contain a signature.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unanswered(String);

impl From<reqwest::Error> for Unanswered {
    fn from(error: reqwest::Error) -> Self {
        Self(chain(&error.without_url()))
    }
}

impl Transport {
    /// Connections in memory. `dial` connects to the listener at an authority (`127.0.0.1:40001`), or fails with
    /// [`io::ErrorKind::ConnectionRefused`].
    pub fn memory(dial: impl Fn(&str) -> io::Result<DuplexStream> + Send + Sync + 'static) -> Self {
        Self::Memory(Memory(Arc::new(dial)))
    }

    /// Sends a request once; `client` is used for sockets only. Local addresses bypass the proxy.
    ///
    /// # Errors
    /// If there is no answer. The request is not retried.
    pub(crate) async fn send(
        &self,
        mut client: reqwest::ClientBuilder,
        request: http::Request<Vec<u8>>,
    ) -> Result<reqwest::Response, Unanswered> {
        match self {
            Self::Sockets => {
                if crate::aws::http::is_local(&request.uri().to_string()) {
                    client = client.no_proxy();
                }
                let request = reqwest::Request::try_from(request)?;
                Ok(client.build()?.execute(request).await?)
            }
            Self::Memory(network) => {
                let client: Client<_, reqwest::Body> = pool(network);
                let answer = client.request(request.map(reqwest::Body::from)).await;
                let answer = answer.map_err(|error| Unanswered(chain(&error)))?;
                Ok(reqwest::Response::from(answer.map(reqwest::Body::wrap)))
            }
        }
    }
}

/// A client that keeps its connections, for many requests to one place. Local addresses bypass the proxy.
///
/// # Errors
/// If TLS cannot be set up.
pub(crate) fn pooled(url: &str) -> Result<reqwest::Client, Unanswered> {
    let client =
        reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).redirect(reqwest::redirect::Policy::none());
    let client = if crate::aws::http::is_local(url) { client.no_proxy() } else { client };
    Ok(client.build()?)
}

/// A client with a connection pool inside this process.
fn pool<B>(network: &Memory) -> Client<Connector, B>
where
    B: hyper::body::Body + Send,
    B::Data: Send,
{
    Client::builder(TokioExecutor::new()).build(Connector(network.clone()))
}

/// The HTTP client of the SDK inside this process.
pub(crate) fn sdk_client(network: &Memory) -> SharedHttpClient {
    let connector = SharedHttpConnector::new(Sdk(pool(network)));
    http_client_fn(move |_settings, _components| connector.clone())
}

#[derive(Debug)]
struct Sdk(Client<Connector, SdkBody>);

impl HttpConnector for Sdk {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let answer = client.request(request).await.map_err(|error| ConnectorError::io(error.into()))?;
            let answer = answer.map(SdkBody::from_body_1_x);
            HttpResponse::try_from(answer).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// Makes the connections of an HTTP client inside this process.
#[derive(Clone, Debug)]
pub(crate) struct Connector(pub(crate) Memory);

impl Service<http::Uri> for Connector {
    type Response = TokioIo<MemoryStream>;
    type Error = io::Error;
    type Future = Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: http::Uri) -> Self::Future {
        let authority = to.authority().map_or("", http::uri::Authority::as_str);
        ready((self.0.0)(authority).map(|stream| TokioIo::new(MemoryStream(stream))))
    }
}

/// One end of a connection inside this process.
#[derive(Debug)]
pub(crate) struct MemoryStream(DuplexStream);

impl Connection for MemoryStream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for MemoryStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for MemoryStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
