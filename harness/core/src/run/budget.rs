//! Limits the number of pods at a time: over all variants, and on the nodes of each.
//!
//! A check reserves capacity for its maximum number of pods before it starts, and releases it when the last of its pods is deleted. Waiting
//! checks are served in the order of their expected duration, the longest first: short ones fit in at the end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use amiproof_model::name::VariantName;
use amiproof_time::watch;
use tokio::sync::oneshot;

/// What a limit applies to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pool {
    /// The run as a whole.
    Run,
    /// The nodes of a variant.
    Nodes(VariantName),
}

/// The pod slots of a run. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    /// How many shares are out.
    out: watch::Sender<usize>,
}

#[derive(Debug)]
struct State {
    pools: BTreeMap<Pool, Slots>,
    waiting: Vec<Waiter>,
    arrivals: u64,
}

#[derive(Clone, Copy, Debug)]
struct Slots {
    all: u32,
    free: u32,
}

#[derive(Debug)]
struct Waiter {
    /// How long it is expected to take.
    expected: Duration,
    /// Order of arrival, for waiters with the same expected duration.
    arrival: u64,
    wants: Vec<(Pool, u32)>,
    /// How many that come after it were served before it, because they fit and it did not.
    overtaken: u32,
    grant: oneshot::Sender<Share>,
}

/// A check that waits for many slots is overtaken this often by others that need fewer, and then no more.
const MAX_OVERTAKEN: u32 = 16;

/// Slots that a check has reserved; released when the last clone is dropped. The default holds none.
#[derive(Clone, Debug, Default)]
pub struct Share(Option<Arc<Held>>);

impl Share {
    /// How many pods the check may have; `None` without a limit.
    pub fn pods(&self) -> Option<u32> {
        let of_run = |held: &Arc<Held>| held.taken.iter().find(|(pool, _)| *pool == Pool::Run).map(|(_, count)| *count);
        self.0.as_ref().and_then(of_run)
    }
}

#[derive(Debug)]
struct Held {
    budget: Budget,
    taken: Vec<(Pool, u32)>,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.budget.state();
        for (pool, count) in &self.taken {
            if let Some(slots) = state.pools.get_mut(pool) {
                slots.free += count;
            }
        }
        drop(state);
        self.budget.0.out.send_modify(|count| *count -= 1);
        self.budget.serve();
    }
}

impl Budget {
    /// A budget of this many pods for the run as a whole, at least 1.
    pub fn new(pods: u32) -> Self {
        let pods = pods.max(1);
        let pools = BTreeMap::from([(Pool::Run, Slots { all: pods, free: pods })]);
        let state = Mutex::new(State { pools, waiting: Vec::new(), arrivals: 0 });
        Self(Arc::new(Inner { state, out: watch::Sender::new(0) }))
    }

    /// How many pods the run as a whole may have.
    pub fn all(&self) -> u32 {
        self.state().pools.get(&Pool::Run).map_or(0, |slots| slots.all)
    }

    /// Sets how many more pods fit on the nodes of a variant, at least 1. Until it is set, there is no limit for them.
    pub fn limit(&self, variant: &VariantName, pods: u32) {
        let pods = pods.max(1);
        self.state().pools.entry(Pool::Nodes(variant.clone())).or_insert(Slots { all: pods, free: pods });
    }

    /// Waits for slots. A check that wants more than a pool has gets the whole pool, and runs alone.
    ///
    /// # Cancel safety
    /// Safe: a future that is dropped leaves the queue, and slots that it was granted meanwhile are released.
    pub async fn take(&self, wants: Vec<(Pool, u32)>, expected: Duration) -> Share {
        let (grant, granted) = oneshot::channel();
        {
            let mut state = self.state();
            let arrival = state.arrivals;
            state.arrivals += 1;
            state.waiting.push(Waiter { expected, arrival, wants, overtaken: 0, grant });
            state.waiting.sort_by_key(|waiter| (std::cmp::Reverse(waiter.expected), waiter.arrival));
        }
        self.serve();
        // The sender lives in the queue until it has granted, and the queue lives as long as this budget.
        granted.await.unwrap_or_default()
    }

    /// Waits until every share is released. A check that nobody waits for any more may still be deleting its namespace, or be
    /// about to create one; once this returns, none is.
    pub async fn returned(&self) {
        // The sender is borrowed, so the channel is open.
        let mut out = self.0.out.subscribe();
        let _open = out.wait_for(|count| *count == 0).await;
    }

    /// Serves every waiter that fits.
    fn serve(&self) {
        // Dropping an unclaimed share releases it, which needs the lock.
        let mut unwanted = Vec::new();
        let mut state = self.state();
        while let Some((waiter, taken)) = state.next() {
            self.0.out.send_modify(|count| *count += 1);
            let share = Share(Some(Arc::new(Held { budget: self.clone(), taken })));
            if let Err(share) = waiter.grant.send(share) {
                unwanted.push(share);
            }
        }
        drop(state);
        drop(unwanted);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The next waiter to serve, with the slots that it takes; they are deducted from the pools.
    fn next(&mut self) -> Option<(Waiter, Vec<(Pool, u32)>)> {
        self.waiting.retain(|waiter| !waiter.grant.is_closed());
        let mut found = None;
        for (index, waiter) in self.waiting.iter().enumerate() {
            let taken = self.fitting(&waiter.wants);
            if let Some(taken) = taken {
                found = Some((index, taken));
                break;
            }
            if waiter.overtaken >= MAX_OVERTAKEN {
                break;
            }
        }
        let (index, taken) = found?;
        self.waiting[..index].iter_mut().for_each(|waiter| waiter.overtaken += 1);
        for (pool, count) in &taken {
            if let Some(slots) = self.pools.get_mut(pool) {
                slots.free -= count;
            }
        }
        Some((self.waiting.remove(index), taken))
    }

    /// The slots that a check gets from the pools, if it fits.
    fn fitting(&self, wants: &[(Pool, u32)]) -> Option<Vec<(Pool, u32)>> {
        let mut taken = Vec::new();
        for (pool, count) in wants {
            let Some(slots) = self.pools.get(pool) else { continue };
            let count = (*count).min(slots.all);
            if count > slots.free {
                return None;
            }
            taken.push((pool.clone(), count));
        }
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn run(count: u32) -> Vec<(Pool, u32)> {
        vec![(Pool::Run, count)]
    }

    const SHORT: Duration = Duration::from_secs(10);
    const LONG: Duration = Duration::from_secs(100);

    #[tokio::test]
    async fn never_more_than_there_are_and_the_longest_first() {
        let budget = Budget::new(4);
        let first = budget.take(run(3), SHORT).await;
        let mut small = std::pin::pin!(budget.take(run(2), SHORT));
        let mut long = std::pin::pin!(budget.take(run(3), LONG));
        assert!(small.as_mut().now_or_never().is_none() && long.as_mut().now_or_never().is_none());
        let fits = budget.take(run(1), SHORT).await;
        drop(first);
        let long = long.now_or_never().expect("the longest goes first");
        assert!(small.as_mut().now_or_never().is_none());
        drop((long, fits));
        assert!(small.now_or_never().is_some());
    }

    #[tokio::test]
    async fn who_wants_more_than_there_is_goes_alone_and_is_not_overtaken_for_ever() {
        let budget = Budget::new(4);
        let mut held = vec![budget.take(run(1), SHORT).await];
        let mut all = std::pin::pin!(budget.take(run(40), SHORT));
        assert!(all.as_mut().now_or_never().is_none());
        let mut overtook = 0;
        while let Some(share) = budget.take(run(1), SHORT).now_or_never() {
            held.push(share);
            held.remove(0);
            overtook += 1;
            assert!(overtook <= MAX_OVERTAKEN, "the others never let it in");
        }
        drop(held);
        assert!(all.now_or_never().is_some());
    }

    #[tokio::test]
    async fn what_is_out_is_waited_for_and_who_waits_in_vain_is_not() {
        let budget = Budget::new(2);
        assert!(budget.returned().now_or_never().is_some());
        let one = budget.take(run(2), SHORT).await;
        let none = budget.take(Vec::new(), SHORT).await;
        let gives_up = budget.take(run(1), SHORT);
        let mut returned = std::pin::pin!(budget.returned());
        drop(one);
        assert!(returned.as_mut().now_or_never().is_none(), "a share without slots counts, too");
        drop(none);
        drop(gives_up);
        returned.await;
    }

    #[tokio::test]
    async fn nodes_have_slots_of_their_own_and_a_dropped_waiter_releases_its() {
        let budget = Budget::new(10);
        let name: VariantName = "l1".parse().unwrap();
        budget.limit(&name, 2);
        let both = |count| vec![(Pool::Run, count), (Pool::Nodes(name.clone()), count)];
        let held = budget.take(both(2), SHORT).await;
        let mut waiting = Box::pin(budget.take(both(1), SHORT));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(waiting);
        let copy = held.clone();
        drop(held);
        assert!(budget.take(both(1), SHORT).now_or_never().is_none(), "a clone still holds it");
        drop(copy);
        assert!(budget.take(both(2), SHORT).now_or_never().is_some());
        assert!(budget.take(run(10), SHORT).now_or_never().is_some(), "nothing got lost");
    }
}
