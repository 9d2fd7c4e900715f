//! Stopping work without aborting what must complete.
//!
//! A run that is interrupted drops its work. A create call must not be dropped before its answer arrives, because teardown would look for a
//! resource that is not visible yet; and resources that nothing else deletes must be deleted first. Such parts are marked with
//! [`run_to_completion`], and [`until_stopped`] lets the current part complete.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// How long a part that must complete may take after the work around it was stopped. A create call is answered within seconds; the SDK
/// allows one attempt up to a minute.
pub const GRACE: Duration = Duration::from_secs(60);

tokio::task_local! {
    static PARTS: Arc<Parts>;
}

/// The parts of one piece of work that must complete.
#[derive(Debug, Default)]
struct Parts {
    open: AtomicUsize,
    is_stopping: AtomicBool,
}

/// Counts a part for as long as it lives.
struct Open(Arc<Parts>);

impl Open {
    fn new(parts: Arc<Parts>) -> Self {
        parts.open.fetch_add(1, Ordering::SeqCst);
        Self(parts)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Runs `work` to its end, or until `stop` fires. Then its parts in [`run_to_completion`] that are in progress complete first, until `abort`
/// fires or [`GRACE`] is over. `None` if the work was stopped.
///
/// # Cancel safety
/// Dropping this future drops the work, these parts included: stop it by `stop`.
pub async fn until_stopped<T>(
    stop: &CancellationToken,
    abort: &CancellationToken,
    work: impl Future<Output = T>,
) -> Option<T> {
    let parts = Arc::new(Parts::default());
    let mut work = pin!(PARTS.scope(Arc::clone(&parts), work));
    if let Some(done) = stop.run_until_cancelled(work.as_mut()).await {
        return Some(done);
    }
    parts.is_stopping.store(true, Ordering::SeqCst);
    let is_open = || parts.open.load(Ordering::SeqCst) > 0;
    let rest = poll_fn(|context| {
        if !is_open() {
            return Poll::Ready(None);
        }
        match work.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if is_open() => Poll::Pending,
            Poll::Pending => Poll::Ready(None),
        }
    });
    abort.run_until_cancelled(tokio::time::timeout(GRACE, rest)).await.and_then(Result::ok).flatten()
}

/// Runs a part that must complete once it has started, inside [`until_stopped`]; elsewhere it has no effect. After the stop no part starts
/// any more, not even inside another one.
pub async fn run_to_completion<T>(part: impl Future<Output = T>) -> T {
    let Ok(parts) = PARTS.try_with(Arc::clone) else { return part.await };
    if parts.is_stopping.load(Ordering::SeqCst) {
        // Dropped by `until_stopped` as soon as what is in progress has ended.
        return std::future::pending().await;
    }
    let _open = Open::new(parts);
    part.await
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_part_that_is_under_way_ends_and_nothing_begins_after_it() {
        let (stop, abort) = (CancellationToken::new(), CancellationToken::new());
        let (answer, answered) = oneshot::channel();
        let finished = RefCell::new(Vec::new());
        let work = async {
            let id: &str = run_to_completion(async {
                stop.cancel();
                answered.await.unwrap()
            })
            .await;
            finished.borrow_mut().push(id);
            run_to_completion(async { finished.borrow_mut().push("another") }).await;
        };
        let (ended, ()) = tokio::join!(until_stopped(&stop, &abort, work), async {
            tokio::task::yield_now().await;
            answer.send("i-1").unwrap();
        });
        assert_eq!(ended, None);
        assert_eq!(*finished.borrow(), ["i-1"], "the answer was taken, and no other part began");
    }

    #[tokio::test]
    async fn work_without_such_a_part_stops_at_once_and_an_abort_stops_all() {
        let (stop, abort) = (CancellationToken::new(), CancellationToken::new());
        assert_eq!(until_stopped(&stop, &abort, async { 1 }).await, Some(1));
        stop.cancel();
        assert_eq!(until_stopped(&stop, &abort, std::future::pending::<()>()).await, None);
        let (stop, work) = (CancellationToken::new(), run_to_completion(std::future::pending::<()>()));
        let (ended, ()) = tokio::join!(until_stopped(&stop, &abort, work), async {
            stop.cancel();
            tokio::task::yield_now().await;
            abort.cancel();
        });
        assert_eq!(ended, None);
    }
}
