//! Compares this machine's clock with that of AWS: a wrong clock breaks signatures, tokens and expiry dates.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use jiff::{SignedDuration, Timestamp};

/// AWS accepts a signature for five minutes (IAM guide, "Troubleshoot signed requests").
const TOLERATED: SignedDuration = SignedDuration::from_mins(5);

/// The value before the first answer.
const UNKNOWN: i64 = i64::MIN;

/// The difference between this machine's clock and that of AWS, if it is more than AWS tolerates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skew(SignedDuration);

impl fmt::Display for Skew {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs().unsigned_abs();
        let (count, unit) = match seconds {
            172_800.. => (seconds / 86_400, "days"),
            7_200.. => (seconds / 3_600, "hours"),
            _ => (seconds / 60, "minutes"),
        };
        let side = if self.0.is_positive() { "behind" } else { "ahead of" };
        write!(out, "this machine's clock is {count} {unit} {side} AWS")
    }
}

/// Reads the `Date` of every answer of the clients that share it.
#[derive(Clone, Debug)]
pub(super) struct Clock(Arc<Heard>);

#[derive(Debug)]
struct Heard {
    /// Seconds that AWS is ahead.
    ahead: AtomicI64,
    /// Whether a request was ever signed, which takes credentials.
    signed: AtomicBool,
}

impl Default for Clock {
    fn default() -> Self {
        Self(Arc::new(Heard { ahead: AtomicI64::new(UNKNOWN), signed: AtomicBool::new(false) }))
    }
}

impl Clock {
    /// The difference of this machine's clock; `None` if it is tolerable or unknown.
    pub(super) fn skew(&self) -> Option<Skew> {
        match self.0.ahead.load(Ordering::Relaxed) {
            UNKNOWN => None,
            seconds => Some(SignedDuration::from_secs(seconds)).filter(|ahead| ahead.abs() > TOLERATED).map(Skew),
        }
    }

    /// The time of AWS, if this machine's clock is known to be wrong.
    pub(super) fn now(&self) -> Timestamp {
        let here = amiproof_time::now();
        self.skew().and_then(|skew| here.checked_add(skew.0).ok()).unwrap_or(here)
    }

    /// Whether there were credentials to sign a request with.
    pub(super) fn has_signed(&self) -> bool {
        self.0.signed.load(Ordering::Relaxed)
    }
}

#[dyn_dispatch_hint]
impl Intercept for Clock {
    fn name(&self) -> &'static str {
        "Clock"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.signed.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(ahead) = ahead(context.response().headers().get("date"), amiproof_time::now()) {
            self.0.ahead.store(ahead.as_secs(), Ordering::Relaxed);
        }
        Ok(())
    }
}

/// The difference of this machine's clock, by the `Date` header of an answer that has just arrived.
pub(super) fn skew_of(date: Option<&str>) -> Option<Skew> {
    ahead(date, amiproof_time::now()).filter(|ahead| ahead.abs() > TOLERATED).map(Skew)
}

fn ahead(date: Option<&str>, here: Timestamp) -> Option<SignedDuration> {
    let there = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date?).ok()?;
    Some(there.duration_since(here))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clock_is_said_in_the_largest_unit_and_a_small_difference_is_none() {
        let here: Timestamp = "2026-07-01T12:00:00Z".parse().unwrap();
        for (date, wanted) in [
            ("Sat, 04 Jul 2026 12:00:00 GMT", Some("this machine's clock is 3 days behind AWS")),
            ("Wed, 01 Jul 2026 01:00:00 GMT", Some("this machine's clock is 11 hours ahead of AWS")),
            ("Wed, 01 Jul 2026 12:06:00 GMT", Some("this machine's clock is 6 minutes behind AWS")),
            ("Wed, 01 Jul 2026 12:04:00 GMT", None),
            ("yesterday", None),
        ] {
            let skew =
                ahead(Some(date), here).filter(|ahead| ahead.abs() > TOLERATED).map(|ahead| Skew(ahead).to_string());
            assert_eq!(skew.as_deref(), wanted, "{date}");
        }
        assert_eq!(Clock::default().skew(), None, "nobody was asked yet");
    }
}
