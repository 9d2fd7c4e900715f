//! What a plan will cost.

use serde::Serialize;

use super::item::Item;
use super::line::{CostLine, NOT_COUNTED, sum, unknown};
use super::timetable::Window;
use super::usd::Usd;

/// What a plan will cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Estimate {
    /// The date of the prices.
    pub prices: String,
    /// One per thing that is paid for.
    pub lines: Vec<EstimateLine>,
    /// If everything takes as long as it usually does.
    pub expected: Sum,
    /// If everything takes until its timeout.
    pub at_most: Sum,
    /// What all of it costs per hour while it exists.
    pub usd_per_hour: Usd,
    /// What has no price, so that the sums are too small; empty if they are complete.
    pub unknown: Vec<String>,
    /// What is not in the sums.
    pub not_counted: Vec<String>,
}

/// A thing that is paid for.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EstimateLine {
    /// As long as it usually exists.
    pub expected: CostLine,
    /// As long as the timeouts allow.
    pub at_most: CostLine,
}

/// A sum.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sum {
    /// How long the run takes, seconds.
    pub seconds: f64,
    /// The sum of all lines whose price is known.
    pub usd: Usd,
}

/// Why a run must not begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TooMuch {
    /// It is expected to cost more than it may.
    Expected(Usd),
    /// What these cost is not known.
    Unknown(Vec<String>),
}

impl Estimate {
    /// The estimate for things that exist for these times, in a run that takes `total`.
    pub fn of(prices: &str, things: &[(Item, Window)], total: Window) -> Self {
        let lines: Vec<EstimateLine> = things
            .iter()
            .filter(|(item, _)| item.count > 0)
            .map(|(item, window)| EstimateLine {
                expected: item.during(window.expected),
                at_most: item.during(window.at_most),
            })
            .collect();
        let expected: Vec<CostLine> = lines.iter().map(|line| line.expected.clone()).collect();
        let at_most: Vec<CostLine> = lines.iter().map(|line| line.at_most.clone()).collect();
        Self {
            prices: prices.to_owned(),
            expected: Sum { seconds: total.expected, usd: sum(&expected) },
            at_most: Sum { seconds: total.at_most, usd: sum(&at_most) },
            usd_per_hour: things.iter().map(|(item, _)| item.per_hour()).sum(),
            unknown: unknown(&expected).into_iter().map(str::to_owned).collect(),
            not_counted: NOT_COUNTED.map(str::to_owned).to_vec(),
            lines,
        }
    }

    /// Why a run that may cost `max` must not begin; `None` if it may.
    pub fn exceeds(&self, max: Usd) -> Option<TooMuch> {
        if self.expected.usd > max {
            return Some(TooMuch::Expected(self.expected.usd));
        }
        (!self.unknown.is_empty()).then(|| TooMuch::Unknown(self.unknown.clone()))
    }
}
