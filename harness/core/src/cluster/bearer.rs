//! A bearer token on every request, asked for again before it expires.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request};
use jiff::Timestamp;
use tokio::sync::Mutex;
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

/// Makes a new token whenever it is asked.
pub type TokenSource = Arc<dyn Fn() -> BoxFuture<'static, Result<Token, BoxError>> + Send + Sync>;

/// How long before its expiry a token is no longer used: the time that a request may spend in queues and retries.
const MARGIN: Duration = Duration::from_secs(60);

/// Puts the header on requests. Clones share the token, so that one request at a time asks for a new one.
#[derive(Clone)]
pub(super) struct Bearer {
    source: TokenSource,
    last: Arc<Mutex<Option<(HeaderValue, Timestamp)>>>,
}

impl Bearer {
    pub(super) fn new(source: TokenSource) -> Self {
        Self { source, last: Arc::default() }
    }

    async fn header(&self) -> Result<HeaderValue, BoxError> {
        let mut last = self.last.lock().await;
        if let Some((header, expires)) = &*last
            && Timestamp::now() + MARGIN < *expires
        {
            return Ok(header.clone());
        }
        let token = (self.source)().await?;
        let mut header = HeaderValue::try_from(format!("Bearer {}", token.bearer))?;
        header.set_sensitive(true);
        *last = Some((header.clone(), token.expires));
        Ok(header)
    }
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
        let asked = Arc::new(AtomicU32::new(0));
        let count = asked.clone();
        let source: TokenSource = Arc::new(move || {
            let number = count.fetch_add(1, Ordering::SeqCst) + 1;
            let token = Token { bearer: format!("token-{number}"), expires: Timestamp::now() + lives };
            async move { Ok(token) }.boxed()
        });
        (Bearer::new(source), asked)
    }

    #[tokio::test]
    async fn a_token_is_used_until_shortly_before_it_expires() {
        let (mut bearer, asked) = source(Duration::from_secs(900));
        for _ in 0..3 {
            let request = bearer.check(Request::new(())).await.unwrap();
            assert_eq!(request.headers()[AUTHORIZATION], "Bearer token-1");
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
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
}
