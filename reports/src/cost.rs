//! What the run cost, in a line.

use amiproof_model::cost::{Billed, Usd};
use amiproof_model::report::{Cost, Report};

use crate::text;

/// What the run cost, with its parts and with what is not in it, as a sentence without its full stop; `None` if it created nothing that is
/// paid for.
pub(crate) fn sentence(report: &Report) -> Option<String> {
    let cost = report.cost.as_ref()?;
    let amount = amount(cost);
    let mut sentence =
        if report.cluster.lab { format!("would have cost {amount} in AWS") } else { format!("cost {amount}") };
    let unknown: Vec<String> = cost.unknown().into_iter().map(text::line).collect();
    if !unknown.is_empty() {
        sentence.push_str(&format!(", not counting items without a known price ({})", unknown.join(", ")));
    }
    sentence.push_str(&format!(": {}; prices of {}", parts(cost), text::line(&cost.prices)));
    if cost.usd_per_hour > Usd::ZERO && !report.cluster.lab {
        sentence.push_str(&format!("; what it keeps costs {} per hour", cost.usd_per_hour));
    }
    sentence.push_str(&format!("; not counted: {}", text::line(&cost.not_counted.join(", "))));
    if report.cluster.lab {
        sentence.push_str("; the lab bills nothing");
    }
    Some(sentence)
}

/// `about $1.23`; `at most $1.23` if any of its prices is an upper bound.
pub(crate) fn amount(cost: &Cost) -> String {
    let word = if cost.lines.iter().any(|line| line.at_most) { "at most" } else { "about" };
    format!("{word} {}", cost.usd)
}

/// What was for each variant, and what they shared: `stock $0.10, l1 $0.11, shared $0.30`; empty if there is only one part.
pub(crate) fn by_variant(report: &Report) -> String {
    let Some(cost) = &report.cost else { return String::new() };
    let mut parts: Vec<String> = report
        .variants
        .iter()
        .filter(|variant| cost.lines.iter().any(|line| line.variant.as_ref() == Some(&variant.name)))
        .map(|variant| format!("{} {}", variant.name, cost.of_variant(&variant.name)))
        .collect();
    let shared: Vec<_> = cost.lines.iter().filter(|line| line.variant.is_none()).collect();
    if !shared.is_empty() {
        parts.push(format!("shared {}", shared.into_iter().filter_map(|line| line.usd).sum::<Usd>()));
    }
    if parts.len() < 2 { String::new() } else { parts.join(", ") }
}

/// `16 instances 4.1 h, control plane 0.6 h`.
fn parts(cost: &Cost) -> String {
    let kinds = [
        Billed::Instances,
        Billed::Volumes,
        Billed::ControlPlane,
        Billed::NatGateway,
        Billed::Address,
        Billed::Assessments,
    ];
    let part = |kind: Billed| {
        let lines: Vec<_> = cost.lines.iter().filter(|line| line.what == kind).collect();
        let count: usize = lines.iter().filter_map(|line| usize::try_from(line.count).ok()).sum();
        let hours = text::hours(lines.iter().map(|line| line.hours).fold(0.0, |all, one| all + one));
        let first = lines.first()?;
        Some(match kind {
            Billed::Instances => format!("{} {hours}", text::count(count, "instance")),
            Billed::Volumes => format!("{} {hours}", text::count(count, "volume")),
            Billed::Assessments => text::count(count, "CIS assessment"),
            Billed::ControlPlane => format!("control plane {hours}"),
            Billed::NatGateway | Billed::Address => format!("{} {hours}", text::line(&first.name)),
        })
    };
    kinds.into_iter().filter_map(part).collect::<Vec<_>>().join(", ")
}
