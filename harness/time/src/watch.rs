//! A watch channel like `tokio::sync::watch`, whose receivers are woken in the order in which they began to wait.
//!
//! Tokio spreads the receivers over eight queues at random, for speed. In a simulation each run would then have another order.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use tokio::sync::Notify;

/// All senders were dropped, so the value cannot change any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sender was dropped")]
pub struct Closed;

#[derive(Debug)]
struct Shared<T> {
    value: RwLock<T>,
    /// Number of changes so far.
    version: AtomicU64,
    senders: AtomicUsize,
    changed: Notify,
}

impl<T> Shared<T> {
    fn read(&self) -> RwLockReadGuard<'_, T> {
        self.value.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn version(&self) -> u64 {
        self.version.load(Ordering::SeqCst)
    }
}

/// Changes the value.
#[derive(Debug)]
pub struct Sender<T>(Arc<Shared<T>>);

/// Reads the value, and waits for changes.
#[derive(Debug)]
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    seen: u64,
}

/// Creates a channel with an initial value.
pub fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(value);
    let receiver = sender.subscribe();
    (sender, receiver)
}

impl<T> Sender<T> {
    /// Creates a sender without receivers.
    pub fn new(value: T) -> Self {
        let value = RwLock::new(value);
        Self(Arc::new(Shared {
            value,
            version: AtomicU64::new(0),
            senders: AtomicUsize::new(1),
            changed: Notify::new(),
        }))
    }

    /// Creates a receiver that has seen the current value.
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver { shared: Arc::clone(&self.0), seen: self.0.version() }
    }

    /// The value.
    pub fn borrow(&self) -> RwLockReadGuard<'_, T> {
        self.0.read()
    }

    /// Replaces the value, and returns the previous one.
    pub fn send_replace(&self, value: T) -> T {
        let mut before = None;
        self.send_modify(|current| before = Some(std::mem::replace(current, value)));
        match before {
            Some(before) => before,
            None => unreachable!("the value is always there to be replaced"),
        }
    }

    /// Changes the value.
    pub fn send_modify(&self, change: impl FnOnce(&mut T)) {
        self.send_if_modified(|value| {
            change(value);
            true
        });
    }

    /// Modifies the value, and notifies the receivers if `change` returns true; returns what it returned.
    pub fn send_if_modified(&self, change: impl FnOnce(&mut T) -> bool) -> bool {
        let mut value = self.0.value.write().unwrap_or_else(PoisonError::into_inner);
        if !change(&mut value) {
            return false;
        }
        self.0.version.fetch_add(1, Ordering::SeqCst);
        drop(value);
        self.0.changed.notify_waiters();
        true
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.senders.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if self.0.senders.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.changed.notify_waiters();
        }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), seen: self.seen }
    }
}

impl<T> Receiver<T> {
    /// The value.
    pub fn borrow(&self) -> RwLockReadGuard<'_, T> {
        self.shared.read()
    }

    /// Marks the current value as seen.
    pub fn mark_unchanged(&mut self) {
        self.seen = self.shared.version();
    }

    /// Waits until the value changes after the one seen last, and marks it as seen.
    ///
    /// # Errors
    /// If all senders were dropped without a further change.
    pub async fn changed(&mut self) -> Result<(), Closed> {
        loop {
            let mut changed = std::pin::pin!(self.shared.changed.notified());
            changed.as_mut().enable();
            let version = self.shared.version();
            if version != self.seen {
                self.seen = version;
                return Ok(());
            }
            if self.shared.senders.load(Ordering::SeqCst) == 0 {
                return Err(Closed);
            }
            changed.await;
        }
    }

    /// Waits until the value satisfies the condition, and returns it.
    ///
    /// # Errors
    /// If all senders were dropped and it does not.
    pub async fn wait_for(
        &mut self,
        is_wanted: impl FnMut(&T) -> bool + Send,
    ) -> Result<RwLockReadGuard<'_, T>, Closed> {
        self.until(is_wanted).await?;
        Ok(self.shared.read())
    }

    async fn until(&mut self, mut is_wanted: impl FnMut(&T) -> bool + Send) -> Result<(), Closed> {
        loop {
            self.mark_unchanged();
            if is_wanted(&self.shared.read()) {
                return Ok(());
            }
            if self.changed().await.is_err() {
                // The last sender may have changed the value just before it was dropped.
                return if is_wanted(&self.shared.read()) { Ok(()) } else { Err(Closed) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn who_waited_first_goes_on_first() {
        for seed in 0..5 {
            let order = crate::simulate(seed, || async {
                let (sender, receiver) = channel(0);
                let order = Arc::new(Mutex::new(Vec::new()));
                let mut tasks = tokio::task::JoinSet::new();
                for number in 0..20 {
                    let (mut receiver, order) = (receiver.clone(), Arc::clone(&order));
                    tasks.spawn(async move {
                        let found = *receiver.wait_for(|value| *value == 7).await.unwrap();
                        order.lock().unwrap().push((number, found));
                    });
                }
                tokio::task::yield_now().await;
                sender.send_replace(3);
                sender.send_replace(7);
                tasks.join_all().await;
                Arc::into_inner(order).unwrap().into_inner().unwrap()
            });
            assert_eq!(order.unwrap(), (0..20).map(|number| (number, 7)).collect::<Vec<_>>());
        }
    }

    #[tokio::test]
    async fn a_sender_that_goes_ends_the_waiting_and_its_last_value_counts() {
        let (sender, mut receiver) = channel("none");
        let copy = sender.clone();
        drop(sender);
        let waiting = tokio::spawn(async move {
            receiver.changed().await.unwrap();
            let last = *receiver.borrow();
            (last, receiver.changed().await)
        });
        copy.send_replace("last");
        drop(copy);
        assert_eq!(waiting.await.unwrap(), ("last", Err(Closed)));
        let (sender, mut receiver) = channel(1);
        assert!(!sender.send_if_modified(|_| false));
        drop(sender);
        assert_eq!(receiver.wait_for(|value| *value == 1).await.map(|value| *value), Ok(1));
        assert_eq!(receiver.wait_for(|value| *value == 2).await.map(|value| *value), Err(Closed));
    }
}
