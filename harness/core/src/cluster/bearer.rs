//! Adds a bearer token to every request, and renews it before it expires.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request};
use jiff::Timestamp;
use tower::BoxError;
use tower::filter::AsyncPredicate;

/// A bearer token of a cluster. EKS accepts one for 15 minutes after it was signed.
#[derive(Clone)]
pub struct Token {
    /// The token itself, without `Bearer`.
    pub bearer: String,
    /// When the cluster stops accepting it.
    pub expires: Timestamp,
}

/// Creates a new token on each call.
pub type TokenSource = Arc<dyn Fn() -> BoxFuture<'static, Result<Token, BoxError>> + Send + Sync>;

/// How long before its expiry a token is no longer used: the time that a request may spend in queues and retries.
const MARGIN: Duration = Duration::from_secs(60);

/// A token that is being created, or exists: its header and expiry.
type PendingToken = Shared<BoxFuture<'static, Result<(HeaderValue, Timestamp), NoToken>>>;

/// Why there is no token; passed to every waiting request.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
struct NoToken(Arc<BoxError>);

/// Adds the header to requests. Clones share the token, so that only one request at a time creates a new one.
///
/// The token is created in a task of its own, and nothing is locked while anyone waits: a watch that is not polled for a while
/// keeps its unsent request, and with an asynchronous lock around the token every other request of the process would queue behind
/// it.
#[derive(Clone)]
pub(super) struct Bearer {
    source: TokenSource,
    last: Arc<Mutex<Option<PendingToken>>>,
}

impl Bearer {
    pub(super) fn new(source: TokenSource) -> Self {
        Self { source, last: Arc::default() }
    }

    async fn header(&self) -> Result<HeaderValue, BoxError> {
        loop {
            let (token, is_new) = self.current();
            let (header, expires) = token.await?;
            // One that was asked for long ago, by someone who gave up waiting, may have expired unseen.
            if is_new || amiproof_time::now() < expires {
                return Ok(header);
            }
        }
    }

    /// A token that is valid for a while, or a new one; true for a new one.
    fn current(&self) -> (PendingToken, bool) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = &*last
            && token
                .peek()
                .is_none_or(|known| known.as_ref().is_ok_and(|(_, expires)| amiproof_time::now() + MARGIN < *expires))
        {
            return (token.clone(), false);
        }
        let task = tokio::spawn(ask((self.source)()));
        let token = async move { task.await.unwrap_or_else(|broken| Err(NoToken(Arc::new(broken.into())))) };
        let token = token.boxed().shared();
        *last = Some(token.clone());
        (token, true)
    }
}

async fn ask(answer: BoxFuture<'static, Result<Token, BoxError>>) -> Result<(HeaderValue, Timestamp), NoToken> {
    let token = answer.await.map_err(|error| NoToken(Arc::new(error)))?;
    let header = HeaderValue::try_from(format!("Bearer {}", token.bearer));
    let mut header = header.map_err(|error| NoToken(Arc::new(error.into())))?;
    header.set_sensitive(true);
    Ok((header, token.expires))
}

impl<B: Send + 'static> AsyncPredicate<Request<B>> for Bearer {
    type Future = BoxFuture<'static, Result<Request<B>, BoxError>>;
    type Request = Request<B>;

    fn check(&mut self, mut request: Request<B>) -> Self::Future {
        let bearer = self.clone();
        async move {
            let header = bearer.header().await?;
            request.headers_mut().insert(AUTHORIZATION, header);
            Ok(request)
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn source(lives: Duration) -> (Bearer, Arc<AtomicU32>) {
        let token = Arc::new(AtomicU32::new(0));
        let count = token.clone();
        let source: TokenSource = Arc::new(move || {
            let number = count.fetch_add(1, Ordering::SeqCst) + 1;
            let token = Token { bearer: format!("token-{number}"), expires: amiproof_time::now() + lives };
            async move { Ok(token) }.boxed()
        });
        (Bearer::new(source), token)
    }

    #[tokio::test]
    async fn a_token_is_used_until_shortly_before_it_expires() {
        let (mut bearer, token) = source(Duration::from_secs(900));
        for _ in 0..3 {
            let request = bearer.check(Request::new(())).await.unwrap();
            assert_eq!(request.headers()[AUTHORIZATION], "Bearer token-1");
        }
        assert_eq!(token.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_token_that_is_about_to_expire_is_replaced() {
        let (mut bearer, _) = source(Duration::from_secs(30));
        bearer.check(Request::new(())).await.unwrap();
        let request = bearer.check(Request::new(())).await.unwrap();
        assert_eq!(request.headers()[AUTHORIZATION], "Bearer token-2");
    }

    #[tokio::test]
    async fn a_request_fails_with_the_reason_when_no_token_can_be_had() {
        let source: TokenSource = Arc::new(|| async { Err("no credentials".into()) }.boxed());
        let refused = Bearer::new(source).check(Request::new(())).await.unwrap_err();
        assert_eq!(refused.to_string(), "no credentials");
    }

    #[tokio::test]
    async fn a_request_that_nobody_polls_holds_up_no_other() {
        let gate = Arc::new(tokio::sync::Notify::new());
        let open = gate.clone();
        let source: TokenSource = Arc::new(move || {
            let open = open.clone();
            async move {
                open.notified().await;
                Ok(Token { bearer: "token".to_owned(), expires: amiproof_time::now() + Duration::from_secs(900) })
            }
            .boxed()
        });
        let mut bearer = Bearer::new(source);
        // As of a watch whose owner does something else: asked once, kept, and never polled again.
        let mut idle = bearer.check(Request::new(()));
        assert!(futures::poll!(&mut idle).is_pending());
        let other = bearer.check(Request::new(()));
        gate.notify_one();
        let request = tokio::time::timeout(Duration::from_secs(60), other).await.unwrap().unwrap();
        assert_eq!(request.headers()[AUTHORIZATION], "Bearer token");
        assert_eq!(idle.await.unwrap().headers()[AUTHORIZATION], "Bearer token");
    }
}
