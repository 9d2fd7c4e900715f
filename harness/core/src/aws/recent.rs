//! Answers that parts of a run share for a short time. Thirty variants would otherwise ask for the same cluster, image or instances thirty times, and calls count
//! against limits of the account that everything in it shares.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::error::AwsError;

/// How old a shared answer may be if what it describes does not change during a run.
pub(in crate::aws) const DESCRIPTION: Duration = Duration::from_secs(5 * 60);

/// An operation, and what it was asked about.
type Key = (&'static str, String);

/// What the clients of one account and region share: the last answer for each key.
#[derive(Debug, Default)]
pub(in crate::aws) struct RecentAnswers(Mutex<BTreeMap<Key, Slot>>);

type Slot = Arc<tokio::sync::Mutex<Option<Answer>>>;

#[derive(Debug)]
struct Answer {
    asked: Instant,
    answered: Instant,
    /// Of the type that the callers with this key expect.
    result: Result<Arc<dyn Any + Send + Sync>, AwsError>,
}

impl RecentAnswers {
    /// The answer about something if the request for it is at most `age` old (at the run's time scale), otherwise that of `ask`. Callers at the same time share
    /// one request. Callers that pass the same `operation` must expect the same type of answer; it need not be the name of an AWS operation.
    ///
    /// # Errors
    /// That of `ask`. Those that waited for a request that failed get its error; later ones ask again.
    pub(super) async fn get<V, Fut>(
        &self,
        (operation, about): (&'static str, &str),
        age: Duration,
        ask: impl FnOnce() -> Fut,
    ) -> Result<V, AwsError>
    where
        V: Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<V, AwsError>>,
    {
        let called = Instant::now();
        let slot = Arc::clone(
            self.0.lock().unwrap_or_else(PoisonError::into_inner).entry((operation, about.to_owned())).or_default(),
        );
        let mut last = slot.lock().await;
        if let Some(answer) = &*last {
            match &answer.result {
                Ok(value) if answer.asked.elapsed() <= amiproof_time::scaled(age) => {
                    if let Some(value) = value.downcast_ref::<V>() {
                        return Ok(value.clone());
                    }
                }
                Err(error) if answer.answered >= called => return Err(error.clone()),
                Ok(_) | Err(_) => {}
            }
        }
        let asked = Instant::now();
        let result = ask().await;
        let kept = result.clone().map(|value| Arc::new(value) as Arc<dyn Any + Send + Sync>);
        *last = Some(Answer { asked, answered: Instant::now(), result: kept });
        result
    }

    /// Forgets the answer about something.
    pub(super) fn forget(&self, (operation, about): (&'static str, &str)) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(operation, about.to_owned()));
    }
}

/// When the agents of instances were last seen online, by instance id.
#[derive(Debug, Default)]
pub(in crate::aws) struct SeenOnline(Mutex<BTreeMap<String, Instant>>);

impl SeenOnline {
    /// Remembers that an agent is online now.
    pub(super) fn add(&self, instance_id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(instance_id.to_owned(), Instant::now());
    }

    /// Whether an agent was online within `age`.
    pub(super) fn has(&self, instance_id: &str, age: Duration) -> bool {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(instance_id).is_some_and(|at| at.elapsed() <= amiproof_time::scaled(age))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures::future::join_all;

    use super::*;
    use crate::aws::Class;

    const AGE: Duration = Duration::from_secs(10);
    const CLUSTER: (&str, &str) = ("DescribeCluster", "ami-conformance");

    async fn number(asked: &AtomicU32) -> Result<u32, AwsError> {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(asked.fetch_add(1, Ordering::Relaxed) + 1)
    }

    #[tokio::test(start_paused = true)]
    async fn callers_share_an_answer_until_it_is_too_old_or_forgotten() {
        let (recent, asked) = (RecentAnswers::default(), AtomicU32::new(0));
        let all = join_all((0..30).map(|_| recent.get(CLUSTER, AGE, || number(&asked)))).await;
        assert!(all.iter().all(|answer| *answer.as_ref().unwrap() == 1), "{all:?}");
        assert_eq!(recent.get(("DescribeCluster", "another"), AGE, || number(&asked)).await.unwrap(), 2);
        tokio::time::advance(AGE / 2).await;
        assert_eq!(recent.get(CLUSTER, AGE, || number(&asked)).await.unwrap(), 1);
        assert_eq!(
            recent.get(CLUSTER, Duration::ZERO, || number(&asked)).await.unwrap(),
            3,
            "one that wants a new answer"
        );
        tokio::time::advance(AGE * 2).await;
        assert_eq!(recent.get(CLUSTER, AGE, || number(&asked)).await.unwrap(), 4);
        recent.forget(CLUSTER);
        assert_eq!(recent.get(CLUSTER, AGE, || number(&asked)).await.unwrap(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_is_for_those_who_waited_for_it() {
        let recent = RecentAnswers::default();
        let asked = AtomicU32::new(0);
        let fail = || async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            asked.fetch_add(1, Ordering::Relaxed);
            Err::<u32, _>(AwsError::new(Class::Infrastructure, "DescribeCluster", "c", "no answer"))
        };
        let all = join_all((0..3).map(|_| recent.get(CLUSTER, AGE, fail))).await;
        assert!(all.iter().all(Result::is_err), "{all:?}");
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(recent.get(CLUSTER, AGE, || number(&asked)).await.unwrap(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_agent_that_was_online_counts_as_online_for_a_while() {
        let online = SeenOnline::default();
        assert!(!online.has("i-1", AGE));
        online.add("i-1");
        tokio::time::advance(AGE / 2).await;
        assert!(online.has("i-1", AGE) && !online.has("i-2", AGE));
        tokio::time::advance(AGE).await;
        assert!(!online.has("i-1", AGE));
    }
}
