//! A last-in-first-out list of named asynchronous finalisers: cleanup that is explicit, complete and never inside `Drop`.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;

/// What a finaliser answers: nothing, or why it could not do its work.
pub type Finalised = Result<(), Box<dyn std::error::Error + Send + Sync>>;

struct Finaliser {
    name: String,
    deadline: Duration,
    work: Box<dyn FnOnce() -> BoxFuture<'static, Finalised> + Send>,
}

/// Finalisers to run in reverse order of their registration. Close it with [`Scope::close`]; a scope that is dropped with
/// finalisers left only logs them, because `Drop` can neither wait nor fail.
#[derive(Default)]
pub struct Scope {
    finalisers: Vec<Finaliser>,
}

/// What became of the finalisers of a scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CleanupReport {
    /// Names of those that did their work, in the order in which they ran.
    pub done: Vec<String>,
    /// Names of those that did not, with the reason.
    pub failed: Vec<(String, String)>,
}

impl CleanupReport {
    /// Whether all of them did their work.
    pub fn is_clean(&self) -> bool {
        self.failed.is_empty()
    }
}

impl Scope {
    /// A scope without finalisers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a finaliser with the time that it may take. It runs before all those registered earlier.
    pub fn defer<F, Fut>(&mut self, name: impl Into<String>, deadline: Duration, work: F)
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Finalised> + Send + 'static,
    {
        self.finalisers.push(Finaliser { name: name.into(), deadline, work: Box::new(move || work().boxed()) });
    }

    /// Runs every finaliser, the last one first, each with its own deadline; one that fails, panics or takes too long does not
    /// keep the others from running.
    ///
    /// # Cancel safety
    /// Not cancel safe: finalisers that had not run when the future is dropped are logged and lost.
    pub async fn close(mut self) -> CleanupReport {
        let mut report = CleanupReport::default();
        while let Some(Finaliser { name, deadline, work }) = self.finalisers.pop() {
            let work = AssertUnwindSafe(async move { work().await }).catch_unwind();
            let failure = match tokio::time::timeout(deadline, work).await {
                Ok(Ok(Ok(()))) => None,
                Ok(Ok(Err(error))) => Some(error.to_string()),
                Ok(Err(panic)) => Some(format!("panicked, which is a bug in amiproof: {}", panic_text(&*panic))),
                Err(_) => Some(format!("not done within {}s", deadline.as_secs())),
            };
            match failure {
                None => report.done.push(name),
                Some(reason) => {
                    tracing::warn!(finaliser = name, reason, "cleanup failed");
                    report.failed.push((name, reason));
                }
            }
        }
        report
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        for finaliser in self.finalisers.iter().rev() {
            tracing::error!(finaliser = finaliser.name, "scope dropped before it was closed: this finaliser never ran");
        }
    }
}

impl std::fmt::Debug for Scope {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_list().entries(self.finalisers.iter().map(|finaliser| &finaliser.name)).finish()
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn all_finalisers_run_last_first_whatever_the_others_do() {
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut scope = Scope::new();
        for name in ["first", "second"] {
            let order = order.clone();
            scope.defer(name, SOON, move || async move {
                order.lock().unwrap().push(name);
                Ok(())
            });
        }
        scope.defer("fails", SOON, || async { Err("the API said no".into()) });
        scope.defer("panics", SOON, || async { panic!("boom") });
        scope.defer("hangs", Duration::from_millis(20), std::future::pending);
        let report = scope.close().await;
        assert_eq!(*order.lock().unwrap(), ["second", "first"]);
        assert_eq!(report.done, ["second", "first"]);
        let failed: Vec<_> = report.failed.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(failed, ["hangs", "panics", "fails"]);
        assert!(report.failed[1].1.contains("boom"), "{:?}", report.failed);
        assert!(!report.is_clean());
    }
}
