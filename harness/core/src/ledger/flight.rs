//! Create calls that are in progress. They continue when their caller stops waiting, so that their answers are always recorded.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use amiproof_model::name::VariantName;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::Key;

/// The calls in progress.
#[derive(Debug, Default)]
pub(super) struct Flight {
    calls: Mutex<BTreeMap<Key, Call>>,
    landed: Notify,
}

#[derive(Debug)]
struct Call {
    variant: Option<VariantName>,
    task: AbortHandle,
}

/// Removes a call from the list when it ends, however it ends.
pub(super) struct Landing<'a> {
    flight: &'a Flight,
    key: Key,
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        self.flight.calls().remove(&self.key);
        self.flight.landed.notify_waiters();
    }
}

impl Flight {
    /// Adds a call that has just started.
    pub(super) fn begun(&self, key: Key, variant: Option<VariantName>, task: AbortHandle) {
        let mut calls = self.calls();
        // It may have ended before it was added.
        if !task.is_finished() {
            calls.insert(key, Call { variant, task });
        }
    }

    /// Held by a call until it ends.
    pub(super) fn landing(&self, key: Key) -> Landing<'_> {
        Landing { flight: self, key }
    }

    /// Waits until the calls for a variant (for everything with `None`) have ended, and aborts those that have not after `within`; returns
    /// the number of aborted calls.
    pub(super) async fn settled(&self, variant: Option<&VariantName>, within: Duration) -> usize {
        let until = Instant::now() + within;
        let is_meant = |call: &Call| variant.is_none() || call.variant.as_ref() == variant;
        loop {
            let landed = self.landed.notified();
            let is_over = {
                let mut calls = self.calls();
                calls.retain(|_, call| !call.task.is_finished());
                !calls.values().any(is_meant)
            };
            if is_over {
                return 0;
            }
            if tokio::time::timeout_at(until, landed).await.is_err() {
                let calls = self.calls();
                let late: Vec<&Call> = calls.values().filter(|call| is_meant(call)).collect();
                late.iter().for_each(|call| call.task.abort());
                return late.len();
            }
        }
    }

    fn calls(&self) -> std::sync::MutexGuard<'_, BTreeMap<Key, Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
