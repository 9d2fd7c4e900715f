//! Randomness for identifiers, jitter and ports: from the system, or in a simulation from its seed.

use std::cell::RefCell;

use uuid::Uuid;

thread_local! {
    static SEEDED: RefCell<Option<fastrand::Rng>> = const { RefCell::new(None) };
}

/// Any number.
pub fn number() -> u64 {
    SEEDED.with_borrow_mut(|seeded| seeded.as_mut().map_or_else(|| fastrand::u64(..), |seeded| seeded.u64(..)))
}

/// A number in `0.0..1.0`.
pub fn fraction() -> f64 {
    SEEDED.with_borrow_mut(|seeded| seeded.as_mut().map_or_else(fastrand::f64, fastrand::Rng::f64))
}

/// An identifier (RFC 9562, version 4). Outside of simulations it is as hard to guess as the system's random numbers are.
pub fn uuid() -> Uuid {
    let seeded = SEEDED.with_borrow_mut(|seeded| seeded.as_mut().map(|seeded| seeded.u128(..)));
    seeded.map_or_else(Uuid::new_v4, |number| uuid::Builder::from_random_bytes(number.to_be_bytes()).into_uuid())
}

/// Seeds the random numbers of this thread, also for libraries that use `fastrand` (the retries of the AWS SDK).
pub(crate) fn seed(seed: u64) {
    fastrand::seed(seed);
    SEEDED.set(Some(fastrand::Rng::with_seed(seed)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_itself_and_nothing_else_does() {
        let three = || [uuid().to_string(), number().to_string(), fraction().to_string()];
        assert_ne!(three(), three());
        seed(7);
        let (first, second) = (three(), three());
        assert_ne!(first, second);
        seed(7);
        assert_eq!([first, second], [three(), three()]);
        SEEDED.set(None);
        assert_ne!(three(), three());
        assert_eq!(uuid().get_version_num(), 4);
    }
}
