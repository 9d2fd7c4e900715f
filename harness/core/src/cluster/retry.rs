//! Which requests to the API server are retried, and when.
//!
//! Reads and idempotent writes (PUT, PATCH, DELETE) are retried after a broken connection, 429 and every 5xx. A POST is retried only
//! after 429, which the server returns before it does anything. All other 4xx are returned to the caller at once. Requests through the
//! kubelet (logs, exec, port-forward) and upgrades are never retried: some checks measure how long they take. Requests through a node's
//! proxy are retried only if the connection to the API server itself broke. Evictions are never retried: the refusal is the answer.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use http::header::{RETRY_AFTER, UPGRADE};
use http::{Method, Request, Response, StatusCode};
use kube::client::Body;
use tower::BoxError;

/// Doubling from the first to the last delay, with jitter: about half a minute over all attempts, as long as an EKS control plane
/// takes to replace an API server.
const FIRST_DELAY: Duration = Duration::from_millis(200);
const LAST_DELAY: Duration = Duration::from_secs(8);
const TRIES: usize = 8;

/// The longest `Retry-After` that is honoured.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);

/// Subresources that are not retried: those that the API server passes to the kubelet, and evictions, for which 429 means that a
/// disruption budget blocks them.
const ASKED_ONCE: [&str; 6] = ["/log", "/exec", "/attach", "/portforward", "/proxy", "/eviction"];

/// Part of the path of requests that the API server forwards to a kubelet, a pod or a service.
const PROXIED: &str = "/proxy/";

/// The retry policy of one request; each request starts with a fresh clone.
#[derive(Clone)]
pub(super) struct Policy {
    delays: ExponentialBuilder,
    tried: usize,
}

impl Default for Policy {
    fn default() -> Self {
        let delays = ExponentialBuilder::new()
            .with_min_delay(FIRST_DELAY)
            .with_max_delay(LAST_DELAY)
            .with_max_times(TRIES)
            .with_jitter();
        Self { delays, tried: 0 }
    }
}

impl<B> tower::retry::Policy<Request<Body>, Response<B>, BoxError> for Policy {
    type Future = tokio::time::Sleep;

    fn retry(
        &mut self,
        request: &mut Request<Body>,
        answer: &mut Result<Response<B>, BoxError>,
    ) -> Option<Self::Future> {
        let asked = match answer {
            // The answer of a kubelet, or its absence, is the result that the caller wants.
            Ok(_) if request.uri().path().contains(PROXIED) => return None,
            Ok(response) if is_worth_another_try(request.method(), response.status()) => retry_after(response),
            Ok(_) => return None,
            Err(_) if is_harmless_twice(request.method()) => None,
            Err(_) => return None,
        };
        let delay = self.delays.build().nth(self.tried)?;
        self.tried += 1;
        let delay = asked.map_or(delay, |asked| asked.max(delay));
        tracing::debug!(method = %request.method(), uri = %request.uri(), ?delay, "the API server did not answer, trying again");
        Some(tokio::time::sleep(delay))
    }

    fn clone_request(&mut self, request: &Request<Body>) -> Option<Request<Body>> {
        let asked_once = ASKED_ONCE.iter().any(|last| request.uri().path().ends_with(last));
        if asked_once || request.headers().contains_key(UPGRADE) {
            return None;
        }
        let mut copy = Request::new(request.body().try_clone()?);
        *copy.method_mut() = request.method().clone();
        *copy.uri_mut() = request.uri().clone();
        *copy.version_mut() = request.version();
        *copy.headers_mut() = request.headers().clone();
        *copy.extensions_mut() = request.extensions().clone();
        Some(copy)
    }
}

fn is_harmless_twice(method: &Method) -> bool {
    method != Method::POST
}

fn is_worth_another_try(method: &Method, status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || (status.is_server_error() && is_harmless_twice(method))
}

/// The value of `Retry-After`, in whole seconds; the API server never sends a date.
fn retry_after<B>(response: &Response<B>) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER))
}

/// Whether an error means that the API server was unavailable or busy, and not that it rejected the request.
pub fn is_transient(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => status.code == 429 || status.code >= 500,
        kube::Error::HyperError(_) | kube::Error::Service(_) | kube::Error::ReadEvents(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use tower::retry::Policy as _;

    use super::*;

    fn request(method: &Method, path: &str) -> Request<Body> {
        let mut request = Request::new(Body::from(b"{}".to_vec()));
        *request.method_mut() = method.clone();
        *request.uri_mut() = path.parse().unwrap();
        request
    }

    fn answer(status: u16) -> Result<Response<()>, BoxError> {
        Ok(Response::builder().status(status).body(()).unwrap())
    }

    #[tokio::test]
    async fn reads_and_idempotent_writes_are_tried_again_on_errors_that_pass() {
        let table = [
            (Method::GET, 503, true),
            (Method::GET, 429, true),
            (Method::GET, 504, true),
            (Method::GET, 500, true),
            (Method::PATCH, 500, true),
            (Method::DELETE, 502, true),
            (Method::POST, 429, true),
            (Method::POST, 500, false),
            (Method::GET, 404, false),
            (Method::GET, 403, false),
            (Method::PATCH, 409, false),
            (Method::GET, 200, false),
        ];
        for (method, status, again) in table {
            let mut request = request(&method, "/api/v1/nodes");
            let tried = Policy::default().retry(&mut request, &mut answer(status)).is_some();
            assert_eq!(tried, again, "{method} answered with {status}");
        }
        let mut proxied = request(&Method::GET, "/api/v1/nodes/n/proxy/configz");
        assert!(
            Policy::default().retry(&mut proxied, &mut answer(503)).is_none(),
            "the kubelet's silence is the answer"
        );
        for (method, again) in [(Method::GET, true), (Method::POST, false)] {
            let mut broken: Result<Response<()>, BoxError> = Err("connection reset".into());
            let tried = Policy::default().retry(&mut request(&method, "/api"), &mut broken).is_some();
            assert_eq!(tried, again, "{method} on a broken connection");
        }
    }

    #[tokio::test]
    async fn tries_end() {
        let mut policy = Policy::default();
        let mut request = request(&Method::GET, "/api");
        let tries = std::iter::from_fn(|| policy.retry(&mut request, &mut answer(503))).take(100).count();
        assert_eq!(tries, TRIES);
    }

    #[tokio::test]
    async fn a_pause_that_the_server_asks_for_is_kept_up_to_a_minute() {
        for (header, seconds) in [("7", 7), ("86400", 60)] {
            let mut response = answer(429);
            response.as_mut().unwrap().headers_mut().insert(RETRY_AFTER, header.parse().unwrap());
            let before = tokio::time::Instant::now();
            let pause = Policy::default().retry(&mut request(&Method::GET, "/api"), &mut response).unwrap();
            let pause = pause.deadline() - before;
            assert!(pause >= Duration::from_secs(seconds) && pause < Duration::from_secs(seconds + 1), "{pause:?}");
        }
    }

    #[test]
    fn what_goes_through_the_kubelet_and_evictions_are_never_tried_again() {
        let mut policy = Policy::default();
        let mut cloned = |path| {
            tower::retry::Policy::<_, Response<()>, _>::clone_request(&mut policy, &request(&Method::GET, path))
                .is_some()
        };
        assert!(cloned("/api/v1/namespaces/a/pods/b"));
        assert!(!cloned("/api/v1/namespaces/a/pods/b/log?limitBytes=10"));
        assert!(!cloned("/api/v1/namespaces/a/pods/b/exec?command=true"));
        assert!(!cloned("/api/v1/namespaces/a/pods/b/eviction"));
    }
}
