//! The lines of a bill.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::usd::Usd;
use crate::name::VariantName;

/// What is in no sum, in the order of output.
pub const NOT_COUNTED: [&str; 5] = [
    "data through the NAT gateway and between zones",
    "volumes and load balancers of workloads",
    "logs",
    "taxes",
    "discounts",
];

/// What is paid for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Billed {
    /// EC2 instances.
    Instances,
    /// Their root volumes.
    Volumes,
    /// An EKS control plane.
    ControlPlane,
    /// A NAT gateway; each started hour is billed in full.
    NatGateway,
    /// A public IPv4 address.
    Address,
    /// CIS assessments of Amazon Inspector, one per instance.
    Assessments,
}

impl Billed {
    /// Whether it is billed by time.
    pub fn is_by_time(self) -> bool {
        self != Self::Assessments
    }
}

/// One line of a bill.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CostLine {
    /// What it is.
    pub what: Billed,
    /// The variant that it was for; absent for what all variants share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<VariantName>,
    /// `m6i.large`, `NAT gateway`.
    pub name: String,
    /// How many.
    pub count: u32,
    /// How long all of them existed, added up, in hours; 0 for what is not billed by time.
    pub hours: f64,
    /// The unit price in USD: per hour, or per piece for what is not billed by time. Absent if it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// The amount; absent if the price is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd: Option<Usd>,
    /// Whether the amount is an upper bound: spot capacity, one of several instance types, or a ledger without times.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_most: bool,
}

/// The sum of the amounts that are known.
pub fn sum(lines: &[CostLine]) -> Usd {
    lines.iter().filter_map(|line| line.usd).sum()
}

/// The names of what has no price, each once.
pub fn unknown(lines: &[CostLine]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for line in lines.iter().filter(|line| line.usd.is_none() && line.count > 0) {
        if !names.contains(&line.name.as_str()) {
            names.push(&line.name);
        }
    }
    names
}

/// The lines with those of the same thing added up: a node group that was created twice is one line.
pub fn merged(lines: Vec<CostLine>) -> Vec<CostLine> {
    let mut all: Vec<CostLine> = Vec::new();
    for line in lines {
        let is_same = |known: &&mut CostLine| {
            (known.what, &known.variant, &known.name, known.rate) == (line.what, &line.variant, &line.name, line.rate)
        };
        match all.iter_mut().find(is_same) {
            // Assessments are counted, not timed.
            Some(known) if !line.what.is_by_time() => {
                known.count = known.count.saturating_add(line.count);
                known.usd = known.usd.zip(line.usd).map(|(one, other)| one + other);
            }
            Some(known) => {
                known.count = known.count.max(line.count);
                known.hours = rounded(known.hours + line.hours);
                known.usd = known.usd.zip(line.usd).map(|(one, other)| one + other);
                known.at_most |= line.at_most;
            }
            None => all.push(line),
        }
    }
    all
}

/// Hours in ten thousandths, which are a third of a second.
pub(super) fn rounded(hours: f64) -> f64 {
    (hours * 1e4).round() / 1e4
}
