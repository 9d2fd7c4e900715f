//! What a seed draws: mostly one to three faults, sometimes a burst of one kind, sometimes a storm.

use amiproof_lab::inject::Fault;
use fastrand::Rng;

use crate::plan::{Event, Point, What};

/// What services and networks do at any time.
const TRANSIENT: [Fault; 8] = [
    Fault::LostBefore,
    Fault::LostAfter,
    Fault::CutShort,
    Fault::Reset,
    Fault::Throttled,
    Fault::ServerError,
    Fault::Unavailable,
    Fault::Stale,
];

/// The faults of a seed, in a run that makes some `calls` calls.
pub(crate) fn draw(seed: u64, calls: usize) -> Vec<Point> {
    let mut random = Rng::with_seed(seed);
    // A disturbed run makes more calls than an undisturbed one, and its end shall be met, too.
    let horizon = calls + calls / 4;
    let mut points = match random.u32(0..100) {
        0..60 => (0..random.usize(1..=3)).map(|_| one(&mut random, horizon)).collect(),
        60..80 => burst(&mut random, horizon),
        80..90 => storm(&mut random, horizon),
        _ => {
            let mut points = burst(&mut random, horizon);
            points.push(one(&mut random, horizon));
            points
        }
    };
    if random.u32(0..100) < 40 {
        let event = Event::ALL[random.usize(..Event::ALL.len())];
        points.push(Point::new(random.usize(..horizon), What::Event(event)));
    }
    if random.u32(0..100) < 12 {
        let fault = if random.bool() { Fault::KilledBefore } else { Fault::KilledAfter };
        points.push(Point::new(random.usize(..horizon), What::Fault(fault)));
    }
    points
}

fn one(random: &mut Rng, horizon: usize) -> Point {
    Point::new(random.usize(..horizon), transient(random))
}

fn transient(random: &mut Rng) -> What {
    What::Fault(TRANSIENT[random.usize(..TRANSIENT.len())])
}

/// The same fault at many calls in a row.
fn burst(random: &mut Rng, horizon: usize) -> Vec<Point> {
    let (start, what) = (random.usize(..horizon), transient(random));
    (start..start + random.usize(3..=15)).map(|number| Point::new(number, what)).collect()
}

/// Any fault at any call, with the same chance everywhere.
fn storm(random: &mut Rng, horizon: usize) -> Vec<Point> {
    let chance = f64::from(random.u32(1..=12)) / 100.0;
    let mut points = Vec::new();
    for number in 0..horizon {
        if random.f64() < chance {
            points.push(Point::new(number, transient(random)));
        }
    }
    points
}
