//! The prices of AWS, as data with a date. `harness/model/prices/refresh.py` generates the file.

use std::sync::LazyLock;

use indexmap::IndexMap;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::item::Item;
use super::line::Billed;
use crate::matrix::{Capacity, Family};
use crate::name::{KubernetesVersion, VariantName};

/// The built-in prices.
const AWS: &str = include_str!("../../prices/aws.json");

/// Hours of a month, as AWS's own calculator counts them (<https://calculator.aws>): 365 days in 12 months.
pub const HOURS_PER_MONTH: f64 = 730.0;

/// Prices by region. A price that is missing is not known.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Prices {
    /// The date of the prices, `2026-09-29`; the dates of all files if there are several.
    pub date: String,
    /// Where they come from.
    #[serde(default)]
    pub sources: Vec<String>,
    /// The day on which EKS's standard support of a Kubernetes version ends.
    #[serde(default)]
    standard_support: IndexMap<String, Date>,
    /// By region.
    regions: IndexMap<String, Region>,
}

/// The prices of one region, USD.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Region {
    /// A gp3 volume, per GiB and month.
    gp3_gb_month: Option<f64>,
    /// A NAT gateway, per hour.
    nat_gateway: Option<f64>,
    /// A public IPv4 address, per hour.
    public_ipv4: Option<f64>,
    /// An EKS control plane, per hour.
    control_plane: Option<ControlPlane>,
    /// A CIS assessment of Amazon Inspector, per instance.
    inspector_assessment: Option<f64>,
    /// What Windows adds to the price of an instance, per vCPU and hour; not for burstable types.
    windows_vcpu: Option<f64>,
    /// On-Demand instances with Linux, per hour: family, then size.
    #[serde(default)]
    instances: IndexMap<String, IndexMap<String, f64>>,
}

/// An EKS control plane, per hour.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ControlPlane {
    /// While the Kubernetes version is in standard support.
    standard: f64,
    /// Afterwards.
    extended: f64,
}

/// Why a file of prices cannot be used: one sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct PricesError(String);

impl Prices {
    /// The built-in prices.
    ///
    /// # Errors
    /// Never, as a test asserts: the file is a part of the program.
    pub fn builtin() -> Result<&'static Self, PricesError> {
        static PRICES: LazyLock<Result<Prices, PricesError>> = LazyLock::new(|| Prices::parse(AWS));
        PRICES.as_ref().map_err(|error| PricesError(error.0.clone()))
    }

    /// Reads a file of prices.
    ///
    /// # Errors
    /// If it is not in this format, or a price is negative.
    pub fn parse(text: &str) -> Result<Self, PricesError> {
        let prices: Self = serde_json::from_str(text).map_err(|error| PricesError(error.to_string()))?;
        for (name, region) in &prices.regions {
            let plane = region.control_plane.map(|plane| [plane.standard, plane.extended]);
            let single = [
                region.gp3_gb_month,
                region.nat_gateway,
                region.public_ipv4,
                region.inspector_assessment,
                region.windows_vcpu,
            ];
            let all = single.into_iter().flatten().chain(plane.into_iter().flatten());
            let mut all = all.chain(region.instances.values().flat_map(|sizes| sizes.values().copied()));
            if all.any(|price| price < 0.0) {
                return Err(PricesError(format!("region {name} has a negative price")));
            }
        }
        Ok(prices)
    }

    /// These prices, overridden price by price by others.
    #[must_use]
    pub fn with(mut self, others: Self) -> Self {
        self.date = format!("{} and {}", self.date, others.date);
        self.sources.extend(others.sources);
        self.standard_support.extend(others.standard_support);
        for (name, other) in others.regions {
            let region = self.regions.entry(name).or_default();
            let put = |own: &mut Option<f64>, other: Option<f64>| *own = other.or(*own);
            put(&mut region.gp3_gb_month, other.gp3_gb_month);
            put(&mut region.nat_gateway, other.nat_gateway);
            put(&mut region.public_ipv4, other.public_ipv4);
            put(&mut region.inspector_assessment, other.inspector_assessment);
            put(&mut region.windows_vcpu, other.windows_vcpu);
            region.control_plane = other.control_plane.or(region.control_plane);
            for (family, sizes) in other.instances {
                region.instances.entry(family).or_default().extend(sizes);
            }
        }
        self
    }

    /// The prices of one region. A region that is not in the data has none.
    pub fn tariff(&self, region: &str) -> Tariff<'_> {
        Tariff { prices: self, region: self.regions.get(region) }
    }
}

/// The prices of one region, applied to things.
#[derive(Clone, Copy, Debug)]
pub struct Tariff<'a> {
    prices: &'a Prices,
    region: Option<&'a Region>,
}

/// The instances of one variant.
#[derive(Clone, Copy, Debug)]
pub struct Instances<'a> {
    /// The variant.
    pub variant: &'a VariantName,
    /// Decides whether a licence is paid for.
    pub family: Family,
    /// Their types, first choice first.
    pub types: &'a [String],
    /// How they are bought.
    pub capacity: Capacity,
    /// How many.
    pub count: u32,
}

impl Tariff<'_> {
    /// The instances of a variant. Of several types the dearest counts, and spot capacity costs at most what On-Demand does: then the price is
    /// an upper bound.
    pub fn instances(&self, of: &Instances<'_>) -> Item {
        let hourly = |kind: &String| self.instance(kind, of.family == Family::Windows);
        // One type without a price makes the price of all unknown: it may be the dearest.
        let prices: Option<Vec<f64>> = of.types.iter().map(hourly).collect();
        let mut name = of.types.join(" or ");
        if of.family == Family::Windows {
            name.push_str(" with Windows");
        }
        if of.capacity == Capacity::Spot {
            name.push_str(" (spot)");
        }
        Item {
            what: Billed::Instances,
            variant: Some(of.variant.clone()),
            name,
            count: of.count,
            rate: prices.and_then(|prices| prices.into_iter().reduce(f64::max)),
            at_most: of.types.len() > 1 || of.capacity == Capacity::Spot,
        }
    }

    /// The root volumes of a variant's instances, gp3.
    pub fn volumes(&self, variant: &VariantName, gib: u32, count: u32) -> Item {
        let month = self.region.and_then(|region| region.gp3_gb_month);
        Item {
            variant: Some(variant.clone()),
            ..Item::shared(
                Billed::Volumes,
                format!("{gib} GiB gp3"),
                count,
                month.map(|price| price * f64::from(gib) / HOURS_PER_MONTH),
            )
        }
    }

    /// A control plane of this version at this time. A version that is newer than all in the data is in standard
    /// support: every version is, for its first 14 months. One that is older than all is not.
    pub fn control_plane(&self, version: Option<&KubernetesVersion>, at: Timestamp) -> Item {
        let is_extended = version.and_then(|version| self.is_extended(version, at));
        let name = match is_extended {
            Some(true) => "EKS control plane (extended support)",
            _ => "EKS control plane",
        };
        let rate = self.region.and_then(|region| region.control_plane).zip(is_extended);
        let rate = rate.map(|(price, is_extended)| if is_extended { price.extended } else { price.standard });
        Item::shared(Billed::ControlPlane, name.to_owned(), 1, rate)
    }

    /// A NAT gateway.
    pub fn nat_gateway(&self) -> Item {
        let rate = self.region.and_then(|region| region.nat_gateway);
        Item::shared(Billed::NatGateway, "NAT gateway".to_owned(), 1, rate)
    }

    /// The public IPv4 address of a NAT gateway.
    pub fn address(&self) -> Item {
        let rate = self.region.and_then(|region| region.public_ipv4);
        Item::shared(Billed::Address, "public IPv4 address".to_owned(), 1, rate)
    }

    /// CIS assessments of Amazon Inspector: one per instance.
    pub fn assessments(&self, variant: &VariantName, count: u32) -> Item {
        let rate = self.region.and_then(|region| region.inspector_assessment);
        let name = "Amazon Inspector CIS assessment".to_owned();
        Item { variant: Some(variant.clone()), ..Item::shared(Billed::Assessments, name, count, rate) }
    }

    fn instance(&self, kind: &str, with_windows: bool) -> Option<f64> {
        let (family, size) = kind.split_once('.')?;
        let region = self.region?;
        let linux = *region.instances.get(family)?.get(size)?;
        if !with_windows {
            return Some(linux);
        }
        // Burstable types have prices of their own.
        let licence = region.windows_vcpu.filter(|_| !family.starts_with('t'))?;
        Some(linux + licence * vcpus(size)?)
    }

    fn is_extended(&self, version: &KubernetesVersion, at: Timestamp) -> Option<bool> {
        let minor = |text: &str| text.split_once('.').and_then(|(_, minor)| minor.parse::<u32>().ok());
        let support = &self.prices.standard_support;
        if let Some(end) = support.get(version.as_str()) {
            return Some(at.to_zoned(TimeZone::UTC).date() >= *end);
        }
        let own = minor(version.as_str())?;
        let known: Option<Vec<u32>> = support.keys().map(|known| minor(known)).collect();
        let known = known?;
        match (known.iter().min(), known.iter().max()) {
            (_, Some(newest)) if own > *newest => Some(false),
            (Some(oldest), _) if own < *oldest => Some(true),
            _ => None,
        }
    }
}

/// The vCPUs of a size of the families m, c and r (EC2 user guide, "Instance types").
fn vcpus(size: &str) -> Option<f64> {
    Some(match size {
        "medium" => 1.0,
        "large" => 2.0,
        "xlarge" => 4.0,
        _ => 4.0 * f64::from(size.strip_suffix("xlarge")?.parse::<u32>().ok()?),
    })
}
