//! Something that is paid for, and its price.

use super::line::{Billed, CostLine, rounded};
use super::usd::Usd;
use crate::name::VariantName;

/// Something that is paid for, with its price.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// What it is.
    pub what: Billed,
    /// The variant that it is for; `None` for what all variants share.
    pub variant: Option<VariantName>,
    /// `m6i.large`, `NAT gateway`.
    pub name: String,
    /// How many.
    pub count: u32,
    /// The unit price in USD: per hour, or per piece for what is not billed by time; `None` if it is not known.
    pub rate: Option<f64>,
    /// Whether the price is an upper bound.
    pub at_most: bool,
}

impl Item {
    pub(super) fn shared(what: Billed, name: String, count: u32, rate: Option<f64>) -> Self {
        Self { what, variant: None, name, count, rate, at_most: false }
    }

    /// What all of it costs in `seconds`.
    pub fn during(&self, seconds: f64) -> CostLine {
        let each = match self.what {
            Billed::Assessments => 0.0,
            // Amazon VPC pricing: "Each partial NAT Gateway-hour consumed is billed as a full hour."
            Billed::NatGateway => (seconds.max(0.0) / 3600.0).ceil(),
            _ => seconds.max(0.0) / 3600.0,
        };
        let hours = rounded(each * f64::from(self.count));
        let quantity = if self.what.is_by_time() { hours } else { f64::from(self.count) };
        CostLine {
            what: self.what,
            variant: self.variant.clone(),
            name: self.name.clone(),
            count: self.count,
            hours,
            rate: self.rate,
            usd: self.rate.map(|rate| Usd::of(rate * quantity)),
            at_most: self.at_most,
        }
    }

    /// What all of it costs per hour; zero if the price is not known, or not by time.
    pub fn per_hour(&self) -> Usd {
        let rate = self.rate.filter(|_| self.what.is_by_time());
        rate.map_or(Usd::ZERO, |rate| Usd::of(rate * f64::from(self.count)))
    }
}
