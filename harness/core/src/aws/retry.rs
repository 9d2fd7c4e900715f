//! Patience beyond the SDK's own retries, for calls whose failure would spoil a whole variant or leave something behind.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};

use super::error::{AwsError, Class};
use crate::pace::Pace;

/// How often a call is tried beyond the eight attempts that the SDK makes of each try.
const EXTRA_TRIES: usize = 6;

/// Repeats a call while AWS throttles, is out of order or out of reach, with growing, jittered pauses.
pub(crate) async fn patiently<T, Fut>(pace: Pace, call: impl FnMut() -> Fut) -> Result<T, AwsError>
where
    Fut: Future<Output = Result<T, AwsError>>,
{
    while_class(pace, call, |class| class == Class::Infrastructure).await
}

/// As [`patiently`], and also while something else still uses the resource: for deletes, whose dependants go shortly.
pub(crate) async fn until_free<T, Fut>(pace: Pace, call: impl FnMut() -> Fut) -> Result<T, AwsError>
where
    Fut: Future<Output = Result<T, AwsError>>,
{
    while_class(pace, call, |class| matches!(class, Class::Infrastructure | Class::InUse)).await
}

async fn while_class<T, Fut>(
    pace: Pace,
    call: impl FnMut() -> Fut,
    again: impl Fn(Class) -> bool,
) -> Result<T, AwsError>
where
    Fut: Future<Output = Result<T, AwsError>>,
{
    let backoff = ExponentialBuilder::default()
        .with_min_delay(pace.of(Duration::from_secs(2)))
        .with_max_delay(pace.of(Duration::from_secs(30)))
        .with_max_times(EXTRA_TRIES)
        .with_jitter();
    call.retry(backoff)
        .when(|error| again(error.class))
        .notify(|error: &AwsError, pause| tracing::debug!(%error, ?pause, "trying again"))
        .await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn error(class: Class) -> AwsError {
        AwsError::new(class, "DescribeCluster", "cluster c", "no")
    }

    #[tokio::test]
    async fn infrastructure_errors_are_tried_again_and_others_are_not() {
        let calls = Cell::new(0);
        let fast = Pace::faster(1000.0);
        let answer = patiently(fast, || async {
            calls.set(calls.get() + 1);
            if calls.get() < 3 { Err(error(Class::Infrastructure)) } else { Ok(calls.get()) }
        });
        assert_eq!(answer.await.unwrap(), 3);
        calls.set(0);
        let answer = patiently(fast, || async {
            calls.set(calls.get() + 1);
            Err::<(), _>(error(Class::InUse))
        });
        assert_eq!(answer.await.unwrap_err().class, Class::InUse);
        assert_eq!(calls.get(), 1);
    }
}
