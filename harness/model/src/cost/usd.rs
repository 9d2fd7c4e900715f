//! Amounts of money.

use std::borrow::Cow;
use std::fmt;
use std::iter::Sum;
use std::ops::Add;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::name::NameError;

/// US dollars, in whole millionths, so that sums are exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usd(u64);

const MILLION: f64 = 1e6;

impl Usd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// An amount in dollars, rounded to millionths. Anything that is not an amount (negative, NaN) is zero.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative; 'as' saturates")]
    pub fn of(dollars: f64) -> Self {
        Self((dollars.max(0.0) * MILLION).round() as u64)
    }

    /// The amount in dollars.
    #[expect(clippy::cast_precision_loss, reason = "amounts are far below 2^52 millionths")]
    pub fn dollars(self) -> f64 {
        self.0 as f64 / MILLION
    }
}

impl Add for Usd {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::ZERO, Add::add)
    }
}

/// In cents: `$1.23`. A positive amount of less than half a cent is `<$0.01`.
impl fmt::Display for Usd {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cents = self.0.saturating_add(5_000) / 10_000;
        match (self.0, cents) {
            (1.., 0) => out.pad("<$0.01"),
            _ => out.pad(&format!("${}.{:02}", cents / 100, cents % 100)),
        }
    }
}

/// `5`, `2.50` or `$2.50`.
impl FromStr for Usd {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let digits = text.strip_prefix('$').unwrap_or(text);
        let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && !digits.is_empty();
        digits.parse::<f64>().ok().filter(|_| is_plain).map(Self::of).ok_or_else(|| NameError {
            what: "amount",
            text: text.to_owned(),
            rule: "US dollars, like 5 or 2.50".to_owned(),
        })
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.dollars())
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        f64::deserialize(deserializer).map(Self::of)
    }
}

impl JsonSchema for Usd {
    fn schema_name() -> Cow<'static, str> {
        "Usd".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"description": "US dollars, to the millionth.", "type": "number", "minimum": 0})
    }
}
