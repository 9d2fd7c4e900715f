//! When checks that disturb nodes may begin: once every other check of the run is over, stock images last and one at a time.
//!
//! A reboot takes connections from whoever talks to the node. Hardened nodes are talked to by their own tests alone; stock ones are the
//! other end of everybody's traffic and carry the controllers of add-ons.

use std::sync::Arc;

use amiproof_model::matrix::Variant;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// The order of a run's disturbances. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Calm {
    /// Held by everybody whose checks must not be disturbed.
    ordinary: TaskTracker,
    /// Held by hardened variants until they were disturbed.
    hardened: TaskTracker,
    stock: Arc<Mutex<()>>,
}

/// A variant's place in it.
pub(crate) struct Place {
    calm: Calm,
    is_stock: bool,
    ordinary: Option<TaskTrackerToken>,
    hardened: Option<TaskTrackerToken>,
}

/// Its turn, until it is dropped.
pub(crate) struct Turn {
    _stock: Option<OwnedMutexGuard<()>>,
    _hardened: Option<TaskTrackerToken>,
}

impl Calm {
    /// Somebody who runs checks that must not be disturbed, until it is dropped.
    pub(crate) fn bystander(&self) -> TaskTrackerToken {
        self.ordinary.token()
    }

    /// A variant that runs ordinary checks first.
    pub(crate) fn place(&self, variant: &Variant) -> Place {
        let is_stock = variant.hardening.is_none();
        let ordinary = Some(self.ordinary.token());
        let hardened = (!is_stock).then(|| self.hardened.token());
        Place { calm: self.clone(), is_stock, ordinary, hardened }
    }

    /// Everybody has a place now.
    pub(crate) fn complete(&self) {
        self.ordinary.close();
        self.hardened.close();
    }
}

impl Place {
    /// Says that the variant's ordinary checks are over, and waits for its turn.
    pub(crate) async fn turn(mut self) -> Turn {
        self.ordinary = None;
        self.calm.ordinary.wait().await;
        if !self.is_stock {
            return Turn { _stock: None, _hardened: self.hardened.take() };
        }
        self.calm.hardened.wait().await;
        Turn { _stock: Some(Arc::clone(&self.calm.stock).lock_owned().await), _hardened: None }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn place(calm: &Calm, is_stock: bool) -> Place {
        let hardened = (!is_stock).then(|| calm.hardened.token());
        Place { calm: calm.clone(), is_stock, ordinary: Some(calm.ordinary.token()), hardened }
    }

    #[tokio::test]
    async fn nobody_is_disturbed_before_all_others_are_done_and_stock_images_come_last_one_by_one() {
        let calm = Calm::default();
        let bystander = calm.bystander();
        let (hardened, first, second) = (place(&calm, false), place(&calm, true), place(&calm, true));
        calm.complete();
        let (mut hardened, mut first, mut second) =
            (Box::pin(hardened.turn()), Box::pin(first.turn()), Box::pin(second.turn()));
        assert!((&mut hardened).now_or_never().is_none(), "the bystander still runs");
        assert!((&mut first).now_or_never().is_none() && (&mut second).now_or_never().is_none());
        drop(bystander);
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
        let calm = Calm::default();
        let (broken, stock) = (place(&calm, false), place(&calm, true));
        calm.complete();
        drop(broken);
        drop(stock.turn().await);
    }
}
