//! Requests that the API server passes through a kubelet's port 10250: logs, exec, attach, port-forward. Each with its own deadline,
//! because a port that drops packets answers nothing for half a minute and more.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{AttachParams, LogParams};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};

use super::Access;

/// A pod to which requests go through its kubelet.
#[derive(Clone, Copy, Debug)]
pub struct Through<'a> {
    /// The cluster.
    pub access: &'a Access,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub pod: &'a str,
    /// Deadline of each request.
    pub within: Duration,
}

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub enum PathError {
    /// There was no answer in time.
    #[error("no answer within {}s", .0.as_secs())]
    Silent(Duration),
    /// The API server, or the kubelet behind it, rejected the request.
    #[error("{}", super::explain(.0))]
    Refused(#[source] Box<kube::Error>),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Connection(String),
}

impl PathError {
    /// Whether the API server itself rejected it (no permission, no such pod), which says nothing about the kubelet.
    pub fn is_refused_by_api(&self) -> bool {
        self.status().is_some_and(|code| (400..500).contains(&code))
    }

    /// Whether the API server answered with a server error or had too many requests (429). A single one says nothing
    /// about a node: the API server itself may have failed, or the kubelet behind it.
    pub fn is_temporary(&self) -> bool {
        self.status().is_some_and(|code| code == 429 || code >= 500)
    }

    /// The status that the API server answered with.
    fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(error) => match &**error {
                kube::Error::Api(status) => Some(status.code),
                kube::Error::UpgradeConnection(kube::client::UpgradeConnectionError::ProtocolSwitch(status)) => {
                    Some(status.as_u16())
                }
                _ => None,
            },
            Self::Silent(_) | Self::Connection(_) => None,
        }
    }

    /// Whether a connection broke on the way. A single one says nothing about a node: it may have been the connection
    /// to the API server.
    pub fn is_broken_connection(&self) -> bool {
        match self {
            Self::Connection(_) => true,
            Self::Refused(error) => match &**error {
                kube::Error::HyperError(_) | kube::Error::Service(_) | kube::Error::ReadEvents(_) => true,
                kube::Error::UpgradeConnection(error) => {
                    !matches!(error, kube::client::UpgradeConnectionError::ProtocolSwitch(_))
                }
                _ => false,
            },
            Self::Silent(_) => false,
        }
    }
}

/// The output of a command, and whether it succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// `None` for exit code 0, otherwise the message of the kubelet.
    pub failure: Option<String>,
}

/// How much of a log or a reply is read.
const MAX: u64 = 8 * 1024 * 1024;

impl Through<'_> {
    fn api(&self) -> Api<Pod> {
        Api::namespaced(self.access.client(), self.namespace)
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, PathError>>) -> Result<T, PathError> {
        tokio::time::timeout(self.within, work).await.unwrap_or(Err(PathError::Silent(self.within)))
    }

    /// The log of the pod's only container, at most 8 MiB of it. Not retried: [`PathError`] is the result of the check.
    ///
    /// # Errors
    /// [`PathError`].
    pub async fn logs(&self) -> Result<String, PathError> {
        let limit = LogParams { limit_bytes: Some(MAX as i64), ..LogParams::default() };
        let api = self.api();
        self.in_time(async { api.logs(self.pod, &limit).await.map_err(|error| PathError::Refused(Box::new(error))) })
            .await
    }

    /// Runs a command in the pod's only container. Not retried, because the command could then run twice.
    ///
    /// # Errors
    /// [`PathError`]; a command that ends with another code than 0 is not an error.
    pub async fn exec(&self, command: &[&str]) -> Result<Executed, PathError> {
        let api = self.api();
        self.in_time(async {
            let how = AttachParams::default().stdin(false).stdout(true).stderr(true);
            let mut process = api
                .exec(self.pod, command.iter().copied(), &how)
                .await
                .map_err(|error| PathError::Refused(Box::new(error)))?;
            let (stdout, stderr, status) = (process.stdout(), process.stderr(), process.take_status());
            let (stdout, stderr) = tokio::try_join!(read(stdout), read(stderr))?;
            let status = match status {
                Some(status) => status.await,
                None => None,
            };
            process.join().await.map_err(|error| PathError::Connection(error.to_string()))?;
            let status =
                status.ok_or_else(|| PathError::Connection("it ended without the command's exit code".to_owned()))?;
            let failure = (status.status.as_deref() != Some("Success")).then(|| status.message.unwrap_or_default());
            Ok(Executed { stdout, stderr, failure })
        })
        .await
    }

    /// Attaches to the pod's only container and reads what it prints until that contains `until`, or it ends. Not retried: [`PathError`] is
    /// the result of the check.
    ///
    /// # Errors
    /// [`PathError`].
    pub async fn attach(&self, until: &str) -> Result<String, PathError> {
        let api = self.api();
        self.in_time(async {
            let how = AttachParams::default().stdin(false).stdout(true).stderr(false);
            let mut process = api.attach(self.pod, &how).await.map_err(|error| PathError::Refused(Box::new(error)))?;
            let mut stdout =
                process.stdout().ok_or_else(|| PathError::Connection("there is no stream of the output".to_owned()))?;
            let status = process.take_status();
            let received = read_until(&mut stdout, until).await?;
            // If the output is missing although the stream was opened, the status that the API server sent says why.
            if !received.contains(until)
                && let Some(status) = status
                && let Some(status) = status.await
                && status.status.as_deref() == Some("Failure")
            {
                return Err(PathError::Connection(status.message.unwrap_or_default()));
            }
            process.abort();
            Ok(received)
        })
        .await
    }

    /// Requests the root of the pod's HTTP port by way of the API server, which connects to the pod itself and not to its kubelet
    /// ([pods/proxy](https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/)): the way of admission webhooks.
    /// Not retried: [`PathError`] is the result of the check.
    ///
    /// # Errors
    /// [`PathError`].
    pub async fn proxy(&self, port: u16) -> Result<String, PathError> {
        let path = format!("/api/v1/namespaces/{}/pods/{}:{port}/proxy/", self.namespace, self.pod);
        let request =
            http::Request::get(path).body(Vec::new()).map_err(|error| PathError::Connection(error.to_string()))?;
        let client = self.access.client();
        self.in_time(async { client.request_text(request).await.map_err(|error| PathError::Refused(Box::new(error))) })
            .await
    }

    /// Sends bytes to a TCP port of the pod and reads what comes back until it contains `until`, or the pod closes. Not retried:
    /// [`PathError`] is the result of the check.
    ///
    /// # Errors
    /// [`PathError`].
    pub async fn port_forward(&self, port: u16, request: &[u8], until: &str) -> Result<String, PathError> {
        let api = self.api();
        self.in_time(async {
            let mut forward =
                api.portforward(self.pod, &[port]).await.map_err(|error| PathError::Refused(Box::new(error)))?;
            let error = forward.take_error(port);
            let mut stream = forward
                .take_stream(port)
                .ok_or_else(|| PathError::Connection("there is no stream for the port".to_owned()))?;
            stream.write_all(request).await.map_err(|error| PathError::Connection(error.to_string()))?;
            // Not every API server tells the client that the pod closed the connection, so this waits for the
            // expected text.
            let reply = read_until(&mut stream, until).await?;
            drop(stream);
            if reply.is_empty()
                && let Some(error) = error
                && let Some(message) = error.await
            {
                return Err(PathError::Connection(message));
            }
            forward.abort();
            Ok(reply)
        })
        .await
    }
}

async fn read_until(stream: &mut (impl AsyncRead + Unpin), until: &str) -> Result<String, PathError> {
    let mut bytes = Vec::new();
    let mut stream = stream.take(MAX);
    loop {
        let read = stream.read_buf(&mut bytes).await.map_err(|error| PathError::Connection(error.to_string()))?;
        let text = String::from_utf8_lossy(&bytes);
        if read == 0 || text.contains(until) {
            return Ok(text.into_owned());
        }
    }
}

async fn read(stream: Option<impl AsyncRead + Unpin>) -> Result<String, PathError> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        stream.take(MAX).read_to_end(&mut bytes).await.map_err(|error| PathError::Connection(error.to_string()))?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
