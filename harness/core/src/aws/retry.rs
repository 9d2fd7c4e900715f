//! Retries of AWS calls.
//!
//! This is the only layer of retries: within [`read`], [`write_idempotent`] and [`write_once`] the SDK sends each request once
//! ([`OneAttempt`]), so that the attempts of two layers never multiply. A call outside of them has the few attempts of the SDK.
//!
//! Which function to use depends on what may happen twice:
//! * a read: [`read`];
//! * a write that changes nothing when it is repeated: [`write_idempotent`]. It has a client token, its caller treats "already exists" as success, or it
//!   deletes or overwrites something;
//! * a write whose result can be found by name: [`write_or_find`];
//! * every other write: [`write_once`].

use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeSerializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::retry::RetryConfig;
use backon::{BackoffBuilder as _, ExponentialBuilder};

use super::error::{AwsError, Class};

/// The number of attempts.
const TRIES: usize = 12;
/// The first backoff, doubled up to [`LAST_PAUSE`], with jitter of up to a factor of two. Two to four minutes in total: enough for
/// throttling or a short network outage.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest backoff.
const LAST_PAUSE: Duration = Duration::from_secs(20);

/// How long a read may fail to find what was just created: APIs of AWS are eventually consistent (EC2 API reference,
/// "Eventual consistency": seconds, and a client should retry with backoff).
pub(crate) const VISIBLE_WITHIN: Duration = Duration::from_secs(60);

tokio::task_local! {
    /// Set while one of the functions of this module makes a call.
    static ONE_ATTEMPT: ();
}

/// Makes the SDK send a request once where this module repeats the call.
#[derive(Debug)]
pub(super) struct OneAttempt;

#[dyn_dispatch_hint]
impl Intercept for OneAttempt {
    fn name(&self) -> &'static str {
        "OneAttempt"
    }

    fn read_before_execution(
        &self,
        _context: &BeforeSerializationInterceptorContextRef<'_>,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if ONE_ATTEMPT.try_with(|()| ()).is_ok() {
            // The mode stays: in adaptive mode the SDK also sends more slowly to a service that throttles.
            let once = config.load::<RetryConfig>().cloned().unwrap_or_else(RetryConfig::standard).with_max_attempts(1);
            config.interceptor_state().store_put(once);
        }
        Ok(())
    }
}

/// Makes a call once, whatever comes of it.
pub(super) async fn attempt<T, Fut>(call: impl FnOnce() -> Fut) -> Result<T, AwsError>
where
    Fut: Future<Output = Result<T, AwsError>>,
{
    ONE_ATTEMPT.scope((), call()).await
}

/// Makes a read, and retries it on throttling, 5xx and connection errors, with exponential backoff and jitter.
///
/// # Errors
/// The [`AwsError`] of the last of 12 attempts (two to four minutes); errors of other classes are returned at once.
pub(crate) async fn read<T, Fut>(call: impl FnMut() -> Fut) -> Result<T, AwsError>
where
    Fut: Future<Output = Result<T, AwsError>>,
{
    repeat(call, AwsError::is_infrastructure).await
}

/// As [`read`], for a write that changes nothing when it is repeated: it has a client token, its caller treats "already exists" as success, or it deletes or
/// overwrites something.
///
/// # Errors
/// As [`read`].
pub(crate) async fn write_idempotent<T, Fut>(call: impl FnMut() -> Fut) -> Result<T, AwsError>
where
    Fut: Future<Output = Result<T, AwsError>>,
{
    repeat(call, AwsError::is_infrastructure).await
}

/// Makes a write that must not arrive twice. Retried only if it certainly had no effect: no connection was established, or AWS throttled
/// it. *Not* retried after a lost answer.
///
/// # Errors
/// The [`AwsError`]; after a lost answer it is unknown whether the write took effect.
pub(crate) async fn write_once<T, Fut>(call: impl FnMut() -> Fut) -> Result<T, AwsError>
where
    Fut: Future<Output = Result<T, AwsError>>,
{
    repeat(call, |error| error.did_nothing).await
}

/// Makes a write that must not arrive twice and whose result can be looked up: after a lost answer, `find` looks for the result before the
/// call is retried.
///
/// # Errors
/// The last [`AwsError`] of the write or of `find`.
pub(crate) async fn write_or_find<T, Write, Written, Find, Found>(
    mut write: Write,
    mut find: Find,
) -> Result<T, AwsError>
where
    Write: FnMut() -> Written,
    Written: Future<Output = Result<T, AwsError>>,
    Find: FnMut() -> Found,
    Found: Future<Output = Result<Option<T>, AwsError>>,
{
    let mut pauses = pauses();
    loop {
        let error = match write_once(&mut write).await {
            Ok(made) => return Ok(made),
            Err(error) if error.is_infrastructure() => error,
            Err(error) => return Err(error),
        };
        let Some(pause) = pauses.next() else { return Err(error) };
        tracing::debug!(%error, ?pause, "checking whether it was done");
        amiproof_time::sleep(pause).await;
        if let Some(made) = read(&mut find).await? {
            return Ok(made);
        }
    }
}

/// As [`write_idempotent`], and also retried while something else still uses the resource: for deletes whose dependants are being deleted.
///
/// # Errors
/// The [`AwsError`] of the last of 12 attempts (two to four minutes).
pub(crate) async fn until_free<T, Fut>(call: impl FnMut() -> Fut) -> Result<T, AwsError>
where
    Fut: Future<Output = Result<T, AwsError>>,
{
    repeat(call, |error| error.is_infrastructure() || error.class == Class::InUse).await
}

fn pauses() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LAST_PAUSE)
        .with_max_times(TRIES - 1)
        .with_jitter()
        .build()
}

async fn repeat<T, Fut>(mut call: impl FnMut() -> Fut, again: impl Fn(&AwsError) -> bool) -> Result<T, AwsError>
where
    Fut: Future<Output = Result<T, AwsError>>,
{
    let mut pauses = pauses();
    let mut clock_was_wrong = false;
    loop {
        let error = match ONE_ATTEMPT.scope((), call()).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        // The SDK has taken the service's time from the refusal and signs the next request by it.
        let is_first_refusal_of_the_clock = error.class == Class::Clock && !clock_was_wrong;
        clock_was_wrong |= is_first_refusal_of_the_clock;
        if !is_first_refusal_of_the_clock && !again(&error) {
            return Err(error);
        }
        let Some(pause) = pauses.next() else { return Err(error) };
        tracing::debug!(%error, ?pause, "trying again");
        amiproof_time::sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn error(class: Class) -> AwsError {
        AwsError::new(class, "DescribeCluster", "cluster c", "no")
    }

    /// How often a function makes a call that always fails so.
    async fn tries(function: &str, error: AwsError) -> usize {
        let calls = Cell::new(0);
        let call = || {
            calls.set(calls.get() + 1);
            let error = error.clone();
            async { Err::<(), _>(error) }
        };
        let answer = match function {
            "read" => read(call).await,
            "write_idempotent" => write_idempotent(call).await,
            "write_once" => write_once(call).await,
            _ => until_free(call).await,
        };
        assert!(answer.is_err());
        calls.get()
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_be_done_twice_is_made_again_and_nothing_else_is() {
        let throttled = AwsError { did_nothing: true, ..error(Class::Infrastructure) };
        for (function, error, wanted) in [
            ("read", error(Class::Infrastructure), TRIES),
            ("read", error(Class::Unreachable), TRIES),
            ("read", error(Class::Credentials), 1),
            ("read", error(Class::AccessDenied), 1),
            ("read", error(Class::Request), 1),
            ("read", error(Class::InUse), 1),
            ("read", error(Class::Clock), 2),
            ("write_idempotent", error(Class::Infrastructure), TRIES),
            ("write_once", error(Class::Infrastructure), 1),
            ("write_once", error(Class::Unreachable), 1),
            ("write_once", throttled, TRIES),
            ("until_free", error(Class::InUse), TRIES),
        ] {
            let class = error.class;
            assert_eq!(tries(function, error).await, wanted, "{function} {class:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_in_the_end_is_the_answer() {
        let calls = Cell::new(0);
        let answer = read(|| async {
            calls.set(calls.get() + 1);
            if calls.get() < 3 { Err(error(Class::Infrastructure)) } else { Ok(calls.get()) }
        });
        assert_eq!(answer.await.unwrap(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_whose_answer_was_lost_is_looked_for_before_it_is_made_again() {
        let (sent, asked) = (Cell::new(0), Cell::new(0));
        let write = || async {
            sent.set(sent.get() + 1);
            Err::<u32, _>(error(Class::Infrastructure))
        };
        let find = || async {
            asked.set(asked.get() + 1);
            Ok((asked.get() == 2).then_some(7))
        };
        assert_eq!(write_or_find(write, find).await.unwrap(), 7);
        assert_eq!((sent.get(), asked.get()), (2, 2));
    }
}
