//! What a run costs: before it ([`planned`]) and after it ([`of_run`]), by the prices of [`amiproof_model::cost`].

pub(crate) mod bought;
pub mod planned;

use amiproof_model::cost::line::merged;
use amiproof_model::cost::{Billed, CostLine, Instances, Item, Prices, Tariff, Usd};
use amiproof_model::report::{Cost, Report};
use jiff::{SignedDuration, Timestamp};

use self::bought::Bought;
pub use self::planned::{Planned, estimate, untouched};
use crate::ledger::{Entry, Header, Ledger};
use crate::resource::{cis_scan_configuration, cluster, node_group, stack};

/// What a run cost until its report ends, from what its ledger recorded as existing and for how long; `None` if nothing
/// of that is billed.
pub fn of_run(ledger: &Ledger, report: &Report, prices: &Prices) -> Option<Cost> {
    let took = SignedDuration::try_from_secs_f64(report.run.seconds).unwrap_or_default();
    until(ledger, report, prices, report.run.started.saturating_add(took).unwrap_or(Timestamp::MAX))
}

/// The same until `end`, for the report of a run whose resources were deleted later.
pub fn until(ledger: &Ledger, report: &Report, prices: &Prices, end: Timestamp) -> Option<Cost> {
    so_far(ledger.header(), &ledger.entries(), Some(report), prices, end)
}

/// The same of a run that may have no report: one that is under way, or was killed.
pub fn so_far(
    header: &Header,
    entries: &[Entry],
    report: Option<&Report>,
    prices: &Prices,
    end: Timestamp,
) -> Option<Cost> {
    let tariff = prices.tariff(&header.region);
    let mut lines: Vec<CostLine> = Vec::new();
    let mut per_hour = Usd::ZERO;
    // Only what the service confirmed has existed for sure.
    for entry in entries.iter().filter(|entry| entry.id.is_some()) {
        // Ledgers of older builds have no times: then it existed since the run began at the earliest.
        let from = entry.created.unwrap_or(header.started);
        let to = entry.gone.unwrap_or(end);
        let seconds = to.duration_since(from).as_secs_f64().max(0.0);
        for item in items(entry, entries, report, tariff, from) {
            if entry.is_live() {
                per_hour = per_hour + item.per_hour();
            }
            let line = item.during(seconds);
            lines.push(CostLine { at_most: line.at_most || entry.created.is_none(), ..line });
        }
    }
    let place = |line: &CostLine| {
        let name = line.variant.as_ref()?;
        report?.variants.iter().position(|variant| variant.name == *name)
    };
    let mut lines = merged(lines);
    // What variants share comes last, and so does a variant that is no column of this report.
    lines.sort_by_key(|line| (line.variant.is_none(), place(line).unwrap_or(usize::MAX), line.what));
    (!lines.is_empty()).then(|| Cost::of(&prices.date, lines, per_hour))
}

/// What an entry of the ledger stands for on a bill.
fn items(entry: &Entry, all: &[Entry], report: Option<&Report>, tariff: Tariff<'_>, at: Timestamp) -> Vec<Item> {
    let resource = &entry.resource;
    if resource.kind == cluster::KIND {
        let of_report = report.and_then(|report| report.cluster.kubernetes_version.clone());
        let version = of_report.or_else(|| resource.attributes.get(cluster::VERSION)?.parse().ok());
        return vec![tariff.control_plane(version.as_ref(), at)];
    }
    if resource.kind == stack::KIND {
        return vec![tariff.nat_gateway(), tariff.address()];
    }
    let Some(variant) = &resource.variant else { return Vec::new() };
    if resource.kind == node_group::KIND {
        let Some(bought) = Bought::read(&resource.attributes) else {
            return vec![Item {
                what: Billed::Instances,
                variant: Some(variant.clone()),
                name: format!("node group {}", resource.name),
                count: 1,
                rate: None,
                at_most: false,
            }];
        };
        let Bought { family, types, capacity, count, gib } = &bought;
        let instances = Instances { variant, family: *family, types, capacity: *capacity, count: *count };
        return vec![tariff.instances(&instances), tariff.volumes(variant, *gib, *count)];
    }
    if resource.kind == cis_scan_configuration::KIND {
        let of_variant = |other: &&Entry| {
            other.resource.kind == node_group::KIND && other.resource.variant.as_ref() == Some(variant)
        };
        let group = all.iter().rfind(of_variant).and_then(|group| Bought::read(&group.resource.attributes));
        return group.map(|bought| tariff.assessments(variant, bought.count)).into_iter().collect();
    }
    Vec::new()
}

#[cfg(test)]
mod tests;
