//! Files behind pre-signed URLs: bounded in size and time, from one host, their content left as it is.

use std::time::Duration;

use amiproof_time::disk;
use camino::{Utf8Path, Utf8PathBuf};
use futures::StreamExt as _;
use reqwest::{Url, redirect};

use crate::transport::{Transport, Unanswered};

/// How much of a file is taken, and for how long it is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest file, bytes.
    pub bytes: u64,
    /// From the request to the last byte.
    pub within: Duration,
}

/// Why a file was not fetched. Never shows the URL's query: it holds the signature.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The answer contains a URL that must not be fetched.
    #[error("the pre-signed URL was not fetched: {0}")]
    Url(String),
    /// It redirects to another host, or endlessly.
    #[error("{host} redirects with {status} to {to}, which is not followed: pre-signed URLs do not redirect")]
    Redirect {
        /// Who redirects.
        host: String,
        /// The HTTP status.
        status: u16,
        /// Where to: scheme and host.
        to: String,
    },
    /// The host refuses.
    #[error("{host} answers {status}")]
    Refused {
        /// The host.
        host: String,
        /// The HTTP status.
        status: u16,
    },
    /// The file is larger than anyone expects.
    #[error("the file from {host} has more than {limit} bytes; the rest was not fetched")]
    TooLarge {
        /// The host.
        host: String,
        /// The limit.
        limit: u64,
    },
    /// It did not come to an end.
    #[error("the download from {host} did not finish within {}s", after.as_secs_f32())]
    Late {
        /// The host.
        host: String,
        /// The deadline.
        after: Duration,
    },
    /// The connection broke.
    #[error("fetching from {host}: {reason}")]
    Connection {
        /// The host.
        host: String,
        /// Why.
        reason: String,
    },
    /// The file cannot be kept.
    #[error("{path} cannot be written")]
    Write {
        /// Where it was to go.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Fetches a file once and returns its size. `endpoint` is the override of the AWS endpoint: only its host may be used without TLS.
///
/// The file is there whole or not at all: it is written beside its name and renamed.
///
/// # Errors
/// [`Error`].
pub async fn fetch(
    transport: &Transport,
    url: &str,
    endpoint: Option<&str>,
    path: &Utf8Path,
    limits: Limits,
) -> Result<u64, Error> {
    let url = checked(url, endpoint)?;
    let host = host_of(&url);
    let partial = Utf8PathBuf::from(format!("{path}.part"));
    let copied = tokio::time::timeout(limits.within, copy(transport, url, &host, &partial, limits.bytes)).await;
    let result = match copied {
        Ok(Ok(size)) => std::fs::rename(&partial, path)
            .map(|()| size)
            .map_err(|source| Error::Write { path: path.to_owned(), source }),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(Error::Late { host, after: limits.within }),
    };
    if result.is_err() {
        // Half a file is not evidence. One that cannot be removed is still not under the name that reports point to.
        drop(std::fs::remove_file(&partial));
    }
    result
}

/// The URL, if it may be fetched: https, or the host of the overridden AWS endpoint.
fn checked(url: &str, endpoint: Option<&str>) -> Result<Url, Error> {
    let url = Url::parse(url).map_err(|error| Error::Url(format!("it is not a URL ({error})")))?;
    let stands_in = endpoint.and_then(|endpoint| Url::parse(endpoint).ok());
    let same = stands_in.is_some_and(|endpoint| place(&endpoint) == place(&url));
    if !same && url.scheme() != "https" {
        return Err(Error::Url(format!("it begins with {}:// instead of https://", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::Url("it contains a user name".to_owned()));
    }
    Ok(url)
}

/// Scheme, host and port: what a redirect must not change.
fn place(url: &Url) -> (String, String, Option<u16>) {
    (url.scheme().to_owned(), host_of(url), url.port_or_known_default())
}

fn host_of(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

async fn copy(transport: &Transport, url: Url, host: &str, path: &Utf8Path, limit: u64) -> Result<u64, Error> {
    let broken = |error: Unanswered| Error::Connection { host: host.to_owned(), reason: error.to_string() };
    let same_place = redirect::Policy::custom(|attempt| {
        let first = attempt.previous().first().map(place);
        let stays = attempt.previous().len() < 5 && first == Some(place(attempt.url()));
        if stays { attempt.follow() } else { attempt.stop() }
    });
    let request = http::Request::get(url.as_str()).body(Vec::new()).map_err(|error| Error::Url(error.to_string()))?;
    let client = reqwest::Client::builder().redirect(same_place);
    let response = transport.send(client, request).await.map_err(broken)?;
    let status = response.status();
    if status.is_redirection() {
        let to = response.headers().get("location").and_then(|to| to.to_str().ok());
        let to = to.and_then(|to| response.url().join(to).ok());
        let to = to.map_or_else(|| "nowhere".to_owned(), |to| format!("{}://{}", to.scheme(), host_of(&to)));
        return Err(Error::Redirect { host: host.to_owned(), status: status.as_u16(), to });
    }
    if !status.is_success() {
        return Err(Error::Refused { host: host.to_owned(), status: status.as_u16() });
    }
    let write = |source| Error::Write { path: path.to_owned(), source };
    let mut file = std::fs::File::create(path).map_err(write)?;
    let mut size = 0;
    let mut body = response.bytes_stream();
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| broken(error.into()))?;
        size += piece.len() as u64;
        if size > limit {
            return Err(Error::TooLarge { host: host.to_owned(), limit });
        }
        let written = amiproof_time::blocking(move || disk::append(&mut file, &piece).map(|()| file)).await;
        file = written.map_err(write)?;
    }
    amiproof_time::blocking(move || file.sync_all()).await.map_err(write)?;
    Ok(size)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    const SOON: Limits = Limits { bytes: 1000, within: Duration::from_secs(20) };

    /// A server that answers the first request with `head`, and then with `body` again and again if it is to be endless. Gives its URL.
    async fn serve(head: &'static str, body: Vec<u8>, endless: bool) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/file?X-Amz-Signature=secret", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            assert_ne!(stream.read(&mut request).await.unwrap(), 0, "a request");
            stream.write_all(format!("HTTP/1.1 {head}\r\n\r\n").as_bytes()).await.unwrap();
            while stream.write_all(&body).await.is_ok() && endless {}
            // The connection stays open for as long as the test runs, unless the client closes it.
            drop(stream.read(&mut request).await);
        });
        url
    }

    async fn fetched(url: &str, limits: Limits) -> (Result<u64, String>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().join("report.csv");
        let result = fetch(&Transport::Sockets, url, Some(url), &path, limits).await;
        let left = std::fs::read_dir(folder.path()).unwrap();
        let left = left.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        let result = result.map_err(|error| error.to_string());
        assert!(!format!("{result:?}").contains("secret"), "{result:?}");
        (result, left)
    }

    #[tokio::test]
    async fn a_file_arrives_whole_and_under_its_name() {
        let url = serve("200 OK\r\ncontent-length: 4", b"a,b\n".to_vec(), false).await;
        assert_eq!(fetched(&url, SOON).await, (Ok(4), vec!["report.csv".to_owned()]));
    }

    #[tokio::test]
    async fn what_never_ends_is_cut_off_by_its_size_or_by_its_time() {
        let url = serve("200 OK", vec![b'x'; 100], true).await;
        let (result, left) = fetched(&url, SOON).await;
        assert!(result.unwrap_err().contains("more than 1000 bytes"));
        assert_eq!(left, Vec::<String>::new());
        let url = serve("200 OK\r\ncontent-length: 900", vec![b'x'; 100], false).await;
        let (result, left) = fetched(&url, Limits { within: Duration::from_millis(300), ..SOON }).await;
        assert!(result.unwrap_err().contains("did not finish within 0.3s"));
        assert_eq!(left, Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_redirect_to_another_host_is_not_followed() {
        let url =
            serve("307 Temporary Redirect\r\nlocation: https://elsewhere.example/x?sig=secret", vec![], false).await;
        let message = fetched(&url, SOON).await.0.unwrap_err();
        assert!(message.contains("redirects with 307 to https://elsewhere.example,"), "{message}");
        let url = serve("302 Found\r\nlocation: https://127.0.0.1/x", vec![], false).await;
        let message = fetched(&url, SOON).await.0.unwrap_err();
        assert!(message.contains("to https://127.0.0.1,"), "another port is another place: {message}");
        let url = serve("403 Forbidden\r\ncontent-length: 0", vec![], false).await;
        assert_eq!(fetched(&url, SOON).await.0.unwrap_err(), "127.0.0.1 answers 403");
    }

    #[test]
    fn only_tls_and_the_endpoint_itself_are_fetched() {
        let endpoint = Some("http://127.0.0.1:4566");
        let allowed = ["https://bucket.s3.us-west-2.amazonaws.com/x?y", "http://127.0.0.1:4566/_lab/reports/x"];
        for url in allowed {
            assert!(checked(url, endpoint).is_ok(), "{url}");
        }
        let refused = [
            "http://bucket.s3.amazonaws.com/x",
            "http://127.0.0.1:4567/x",
            "file:///etc/passwd",
            "ftp://127.0.0.1/x",
            "https://user:word@example.com/x",
            "nonsense",
        ];
        for url in refused {
            assert!(checked(url, endpoint).is_err(), "{url}");
        }
        assert!(checked("http://127.0.0.1:4566/x", None).is_err());
    }
}
