//! When checks that disturb nodes may begin: once every other check of the run is over, stock images last and one at a time.
//!
//! A reboot breaks all connections to a node. Hardened nodes only serve their own tests; stock nodes are the peers of all other variants and
//! run the controllers of add-ons.

use std::sync::Arc;

use amiproof_model::matrix::Variant;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// The order of a run's disturbances. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Quiescence {
    /// Held by every variant whose checks must not be disturbed.
    ordinary: TaskTracker,
    /// Held by each hardened variant until its disruptive checks are over.
    hardened: TaskTracker,
    stock: Arc<Mutex<()>>,
}

/// A variant that takes part in it.
pub(crate) struct Participant {
    quiescence: Quiescence,
    is_stock: bool,
    ordinary: Option<TaskTrackerToken>,
    hardened: Option<TaskTrackerToken>,
}

/// The turn of a participant, until it is dropped.
pub(crate) struct Turn {
    _stock: Option<OwnedMutexGuard<()>>,
    _hardened: Option<TaskTrackerToken>,
}

impl Quiescence {
    /// Registers checks that must not be disturbed, until the token is dropped.
    pub(crate) fn ordinary(&self) -> TaskTrackerToken {
        self.ordinary.token()
    }

    /// Registers a variant, which runs its ordinary checks first.
    pub(crate) fn participant(&self, variant: &Variant) -> Participant {
        let is_stock = variant.hardening.is_none();
        let ordinary = Some(self.ordinary.token());
        let hardened = (!is_stock).then(|| self.hardened.token());
        Participant { quiescence: self.clone(), is_stock, ordinary, hardened }
    }

    /// All participants are registered.
    pub(crate) fn complete(&self) {
        self.ordinary.close();
        self.hardened.close();
    }
}

impl Participant {
    /// Marks the variant's ordinary checks as finished, and waits for its turn.
    pub(crate) async fn turn(mut self) -> Turn {
        self.ordinary = None;
        self.quiescence.ordinary.wait().await;
        if !self.is_stock {
            return Turn { _stock: None, _hardened: self.hardened.take() };
        }
        self.quiescence.hardened.wait().await;
        Turn { _stock: Some(Arc::clone(&self.quiescence.stock).lock_owned().await), _hardened: None }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn participant(quiescence: &Quiescence, is_stock: bool) -> Participant {
        let hardened = (!is_stock).then(|| quiescence.hardened.token());
        Participant { quiescence: quiescence.clone(), is_stock, ordinary: Some(quiescence.ordinary.token()), hardened }
    }

    #[tokio::test]
    async fn nobody_is_disturbed_before_all_others_are_done_and_stock_images_come_last_one_by_one() {
        let quiescence = Quiescence::default();
        let ordinary = quiescence.ordinary();
        let (hardened, first, second) =
            (participant(&quiescence, false), participant(&quiescence, true), participant(&quiescence, true));
        quiescence.complete();
        let (mut hardened, mut first, mut second) =
            (Box::pin(hardened.turn()), Box::pin(first.turn()), Box::pin(second.turn()));
        assert!((&mut hardened).now_or_never().is_none(), "an ordinary check still runs");
        assert!((&mut first).now_or_never().is_none() && (&mut second).now_or_never().is_none());
        drop(ordinary);
        let turn = hardened.await;
        assert!((&mut first).now_or_never().is_none(), "a hardened variant is still disturbed");
        drop(turn);
        let turn = first.await;
        assert!((&mut second).now_or_never().is_none(), "one at a time");
        drop(turn);
        drop(second.await);
    }

    #[tokio::test]
    async fn a_variant_that_never_got_nodes_keeps_nobody_waiting() {
        let quiescence = Quiescence::default();
        let (broken, stock) = (participant(&quiescence, false), participant(&quiescence, true));
        quiescence.complete();
        drop(broken);
        drop(stock.turn().await);
    }
}
