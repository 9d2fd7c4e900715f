//! Makes happen to a run what its plan says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use amiproof_core::run::Stop;
use amiproof_lab::Lab;
use amiproof_lab::inject::{Call, Fault, Injector, Side};
use amiproof_time::disk;
use jiff::SignedDuration;
use tokio::time::Instant;

use crate::plan::{At, Event, Point, What};

/// How long API servers are away.
const AWAY: Duration = Duration::from_secs(3 * 60);
/// How long credentials are rejected.
const EXPIRED: Duration = Duration::from_secs(30 * 60);
/// How long the disk is full.
const FULL: Duration = Duration::from_secs(10 * 60);
/// How wrong the clock is set.
const WRONG: SignedDuration = SignedDuration::from_hours(2);
/// From the first INT to the second.
const IMPATIENCE: Duration = Duration::from_secs(20);

/// What disturbs one run.
pub(crate) struct Disturbance {
    points: Vec<Point>,
    stop: Stop,
    state: Mutex<State>,
    lab: OnceLock<Weak<Lab>>,
    injector: OnceLock<Weak<Injector>>,
}

#[derive(Default)]
struct State {
    /// How often each call was made.
    made: BTreeMap<String, usize>,
    /// What has happened, and at which call.
    happened: Vec<(What, String)>,
    clusters_away_until: Option<Instant>,
    expired_until: Option<Instant>,
    is_over: bool,
}

impl Disturbance {
    /// What a plan says, in a run that `stop` stops, and the injector that asks it.
    pub(crate) fn new(points: &[Point], stop: Stop) -> (Arc<Self>, Arc<Injector>) {
        let disturbance = Arc::new(Self {
            points: points.to_vec(),
            stop,
            state: Mutex::default(),
            lab: OnceLock::new(),
            injector: OnceLock::new(),
        });
        let asked = Arc::clone(&disturbance);
        let injector = Arc::new(Injector::new(move |call| asked.decide(call)));
        disturbance.injector.get_or_init(|| Arc::downgrade(&injector));
        (disturbance, injector)
    }

    /// Says which lab it is about.
    pub(crate) fn in_lab(&self, lab: &Arc<Lab>) {
        self.lab.get_or_init(|| Arc::downgrade(lab));
    }

    /// Ends everything that is wrong: another process, later, on a machine in order.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        state.is_over = true;
        disk::set_full(false);
        amiproof_time::set_clock(SignedDuration::ZERO);
    }

    /// What has happened so far, and at which call.
    pub(crate) fn happened(&self) -> Vec<(What, String)> {
        self.state().happened.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn decide(&self, call: Call<'_>) -> Option<Fault> {
        let mut state = self.state();
        if state.is_over {
            return None;
        }
        let turn = state.made.entry(call.name.to_owned()).or_default();
        *turn += 1;
        let turn = *turn;
        let is_due = |point: &&Point| match &point.at {
            At::Number(number) => *number == call.number,
            At::Name(name, wanted) => name == call.name && *wanted == turn,
        };
        let mut fault = None;
        for point in self.points.iter().filter(is_due) {
            state.happened.push((point.what, call.name.to_owned()));
            match point.what {
                What::Fault(due) => fault = Some(due),
                What::Event(event) => self.begin(event, call.number, &mut state),
            }
        }
        let now = Instant::now();
        let lasts = |until: Option<Instant>| until.is_some_and(|until| now < until);
        if fault.is_some_and(Fault::kills) {
            fault
        } else if lasts(state.expired_until) {
            Some(Fault::Expired)
        } else if lasts(state.clusters_away_until) && call.side == Side::Cluster {
            Some(Fault::LostBefore)
        } else {
            fault
        }
    }

    fn begin(&self, event: Event, number: usize, state: &mut State) {
        let now = Instant::now();
        match event {
            Event::NodeDies => {
                if let Some(lab) = self.lab.get().and_then(Weak::upgrade) {
                    // Before the first node and after the last nothing dies.
                    let _id = lab.terminate_one(number);
                }
            }
            Event::ClustersAway => {
                state.clusters_away_until = Some(now + AWAY);
                if let Some(injector) = self.injector.get().and_then(Weak::upgrade) {
                    injector.cut_clusters();
                }
            }
            Event::CredentialsExpire => state.expired_until = Some(now + EXPIRED),
            Event::CredentialsGone => state.expired_until = Some(now + Duration::from_secs(30 * 24 * 3600)),
            Event::DiskFull => {
                disk::set_full(true);
                tokio::spawn(async {
                    tokio::time::sleep(FULL).await;
                    disk::set_full(false);
                });
            }
            Event::ClockAhead => amiproof_time::set_clock(WRONG),
            Event::ClockBehind => amiproof_time::set_clock(-WRONG),
            Event::Interrupt => self.stop.cancel.cancel(),
            Event::KilledAndResumed => {
                if let Some(injector) = self.injector.get().and_then(Weak::upgrade) {
                    injector.killed().cancel();
                }
            }
            Event::InterruptTwice => {
                self.stop.cancel.cancel();
                let abort = self.stop.abort.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(IMPATIENCE).await;
                    abort.cancel();
                });
            }
        }
    }
}
