//! What a run cost, by what existed and for how long.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cost::line::{CostLine, NOT_COUNTED, sum, unknown};
use crate::cost::usd::Usd;
use crate::name::VariantName;

/// What a run cost until it ended: an estimate by list prices, from what existed according to its ledger. In the lab,
/// what it would have cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cost {
    /// The date of the prices.
    pub prices: String,
    /// The sum of all lines whose price is known.
    pub usd: Usd,
    /// What is paid for, of the variants first, in their order.
    pub lines: Vec<CostLine>,
    /// The cost per hour, in USD, of what still existed when the run ended.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub usd_per_hour: Usd,
    /// What is not in the sum.
    pub not_counted: Vec<String>,
}

fn is_nothing(usd: &Usd) -> bool {
    *usd == Usd::ZERO
}

impl Cost {
    /// The bill of these lines.
    pub fn of(prices: impl Into<String>, lines: Vec<CostLine>, usd_per_hour: Usd) -> Self {
        Self {
            prices: prices.into(),
            usd: sum(&lines),
            lines,
            usd_per_hour,
            not_counted: NOT_COUNTED.map(str::to_owned).to_vec(),
        }
    }

    /// What was for one variant alone.
    pub fn of_variant(&self, name: &VariantName) -> Usd {
        self.lines.iter().filter(|line| line.variant.as_ref() == Some(name)).filter_map(|line| line.usd).sum()
    }

    /// The names of what has no price, each once.
    pub fn unknown(&self) -> Vec<&str> {
        unknown(&self.lines)
    }
}
