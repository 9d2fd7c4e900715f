//! What a run may cost and cost: `--max-cost`, `--prices`, and the part of `amiproof plan` about it.

use std::time::Duration;

use amiproof_core::bounded;
use amiproof_core::check::Check;
use amiproof_core::cost::{self, Planned};
use amiproof_model::cost::estimate::{EstimateLine, TooMuch};
use amiproof_model::cost::{Estimate, Prices, Usd};
use amiproof_model::duration::short;
use amiproof_model::matrix::Matrix;

use crate::args::{ByPrices, Money};
use crate::output::Failure;

/// How long a month is, as AWS's calculator has it.
pub(super) const MONTH: Duration = Duration::from_secs(730 * 3600);

/// The prices that estimates are made with: those of amiproof, with those of the user over them.
pub(super) fn prices(args: &ByPrices) -> Result<Prices, Failure> {
    let ours = Prices::builtin().map_err(|error| Failure::error(format!("the prices of amiproof: {error}"), ""))?;
    let Some(path) = &args.prices_file else { return Ok(ours.clone()) };
    let refused = |error: String| {
        Failure::usage(
            format!("cannot use the prices {path}: {error}"),
            "write them as the page 'What a run costs' of the documentation shows",
        )
    };
    let text = bounded::text(path, bounded::MANIFEST).map_err(|error| refused(error.to_string()))?;
    let theirs = Prices::parse(&text).map_err(|error| refused(error.to_string()))?;
    Ok(ours.clone().with(theirs))
}

/// What is planned, as its cost is estimated.
pub(super) fn planned<'a>(matrix: &'a Matrix, checks: &'a [Check], network_only: bool) -> Planned<'a> {
    let kept = network_only.then_some(MONTH);
    Planned { matrix, checks, retries: 0, network_only, kept, deadline: None }
}

/// Refuses a plan that costs more than it may, or whose cost is not known.
///
/// # Errors
/// A usage error, if the plan is refused.
pub(super) fn check(planned: &Planned<'_>, money: &Money) -> Result<(), Failure> {
    let Some(max) = money.max_cost else { return Ok(()) };
    let estimate = cost::estimate(planned, &prices(&money.prices)?, amiproof_time::now());
    match estimate.exceeds(max) {
        None => Ok(()),
        Some(too_much) => Err(refusal(&too_much, max, &estimate, planned)),
    }
}

/// Why a run must not begin.
pub(super) fn refusal(too_much: &TooMuch, max: Usd, estimate: &Estimate, planned: &Planned<'_>) -> Failure {
    match too_much {
        TooMuch::Expected(usd) => {
            let during = match planned.kept {
                Some(MONTH) => " a month".to_owned(),
                Some(kept) => format!(" in the {} that it is kept for (--expires)", short(kept)),
                None => String::new(),
            };
            Failure::usage(
                format!("this is expected to cost {usd}{during}, and --max-cost is {max}: nothing was created"),
                "`amiproof plan` shows what costs how much; leave something out (--variants, --checks), or allow more",
            )
        }
        TooMuch::Unknown(names) => {
            let region = planned.matrix.cluster.region.as_deref().unwrap_or("a region that the matrix does not name");
            Failure::usage(
                format!(
                    "what this costs is not known, so it cannot be kept below --max-cost {max}: in {region} there is no price for {} \
                     (prices of {}); nothing was created",
                    names.join(", "),
                    estimate.prices
                ),
                "look the price up and give it with --prices; the page 'What a run costs' of the documentation shows such a file",
            )
        }
    }
}

/// The part of a plan about its cost, as lines.
pub(super) fn text(estimate: &Estimate, planned: &Planned<'_>, untouched: &[String]) -> Vec<String> {
    let region = planned.matrix.cluster.region.as_deref();
    let place = region.map_or_else(String::new, |region| format!(" in {region}"));
    let mut lines = vec![format!("cost{place}, by On-Demand prices of {}:", estimate.prices)];
    let width = estimate.lines.iter().map(|line| label(line).chars().count()).max().unwrap_or_default();
    lines.extend(estimate.lines.iter().map(|line| format!("  {:<width$}  {}", label(line), figures(line))));
    if estimate.lines.is_empty() {
        lines.push("  nothing that is created costs anything".to_owned());
    } else {
        lines.push(sums(estimate, planned));
    }
    if !estimate.unknown.is_empty() {
        let names = estimate.unknown.join(", ");
        lines.push(format!("incomplete: no price for {names}; look the price up and give it with --prices"));
    }
    if !estimate.lines.is_empty() {
        lines.push(format!("not counted: {}", estimate.not_counted.join(", ")));
    }
    lines.push("not touched:".to_owned());
    lines.extend(untouched.iter().map(|what| format!("  {what}")));
    lines
}

fn label(line: &EstimateLine) -> String {
    let line = &line.expected;
    let of = line.variant.as_ref().map_or_else(String::new, |variant| format!("{variant}: "));
    format!("{of}{} x {}", line.count, line.name)
}

fn figures(line: &EstimateLine) -> String {
    let EstimateLine { expected, at_most } = line;
    let Some(rate) = expected.rate else { return "price unknown".to_owned() };
    let bound = if expected.at_most { "at most " } else { "" };
    let amount = |usd: Option<Usd>| usd.unwrap_or_default();
    if expected.what.is_by_time() {
        let (usual, longest) = (amount(expected.usd), amount(at_most.usd));
        let range = if usual == longest { String::new() } else { format!(", {longest} at most") };
        format!("{bound}${}/h, {} h: {usual}{range}", round(rate, 4), round(expected.hours, 2))
    } else {
        format!("{bound}${} each: {}", round(rate, 4), amount(expected.usd))
    }
}

/// A number with at most this many digits after the point.
fn round(number: f64, digits: usize) -> String {
    let text = format!("{number:.digits$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn sums(estimate: &Estimate, planned: &Planned<'_>) -> String {
    let Estimate { expected, at_most, usd_per_hour, .. } = estimate;
    let minutes = |seconds: f64| short(Duration::from_secs_f64((seconds / 60.0).round() * 60.0));
    match planned.kept {
        Some(MONTH) => format!("about {usd_per_hour} per hour, {} per month, until it is deleted", expected.usd),
        Some(kept) => format!("about {} in {}; {usd_per_hour} per hour", expected.usd, short(kept)),
        None => format!(
            "about {} in {}; {usd_per_hour} per hour; {} in {} if everything takes until its timeout (--deadline shortens that)",
            expected.usd,
            minutes(expected.seconds),
            at_most.usd,
            minutes(at_most.seconds)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::ByPrices;
    use crate::files;

    const MATRIX: &str = "apiVersion: amiproof/v1\nkind: Matrix\nmetadata: {name: m}\n\
        cluster: {name: c, region: us-west-2, kubernetesVersion: \"1.35\", create: true}\nvariants:\n  \
        - {name: stock, family: al2023, ami: {ssm: recommended}}\n  \
        - {name: windows, family: windows, capacity: spot, instanceTypes: [m6i.large, m5.large], ami: {ssm: recommended}}\n";

    fn shown(kept: Option<Duration>, network_only: bool, own: Option<&str>) -> String {
        let inputs = files::without_file("m", MATRIX).unwrap();
        let checks = files::checks(&inputs.workloads).unwrap();
        let checks: Vec<Check> = checks.into_iter().filter(|check| !check.opt_in).collect();
        let plan = planned(&inputs.matrix, &checks, network_only);
        let plan = Planned { kept: kept.or(plan.kept), ..plan };
        let ours = prices(&ByPrices::default()).unwrap();
        let prices = match own {
            Some(own) => ours.with(Prices::parse(own).unwrap()),
            None => ours,
        };
        // The price of the control plane depends on the day.
        let estimate = cost::estimate(&plan, &prices, "2026-12-01T00:00:00Z".parse().unwrap());
        text(&estimate, &plan, &cost::untouched(&inputs.matrix)).join("\n")
    }

    #[test]
    fn a_plan_says_what_each_thing_costs_and_what_is_not_known() {
        let own = r#"{"date": "2026-11-30", "regions": {"us-west-2": {"inspectorAssessment": 0.03}}}"#;
        insta::assert_snapshot!("a_run", shown(None, false, Some(own)));
        insta::assert_snapshot!("kept", shown(Some(Duration::from_secs(12 * 3600)), false, None));
        insta::assert_snapshot!("network", shown(None, true, None));
    }
}
