//! Prices, lines, timetables and estimates.

use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;

use super::estimate::TooMuch;
use super::line::merged;
use super::*;
use crate::matrix::{Capacity, Family};
use crate::name::VariantName;

fn prices() -> Prices {
    Prices::builtin().unwrap().clone()
}

fn name(text: &str) -> VariantName {
    text.parse().unwrap()
}

fn rate(region: &str, family: Family, types: &[&str], capacity: Capacity) -> (Option<f64>, bool) {
    let types: Vec<String> = types.iter().map(|kind| (*kind).to_owned()).collect();
    let (prices, variant) = (prices(), name("v"));
    let item =
        prices.tariff(region).instances(&Instances { variant: &variant, family, types: &types, capacity, count: 2 });
    (item.rate, item.at_most)
}

/// The figures are those of the sources in the file, checked by hand.
#[test]
fn prices_are_those_of_their_sources_and_what_is_not_in_them_is_not_known() {
    use Capacity::{OnDemand, Spot};
    use Family::{Al2023, Windows};
    for (region, family, types, capacity, wanted) in [
        ("us-east-1", Al2023, &["m6i.large"][..], OnDemand, (Some(0.096), false)),
        ("eu-central-1", Al2023, &["m6i.large"], OnDemand, (Some(0.115), false)),
        ("us-gov-west-1", Al2023, &["m6i.large"], OnDemand, (Some(0.121), false)),
        ("us-west-2", Al2023, &["t4g.medium"], OnDemand, (Some(0.0336), false)),
        // The dearest of several, and at most that.
        ("us-west-2", Al2023, &["m6i.large", "m7i.large"], OnDemand, (Some(0.1008), true)),
        ("us-west-2", Al2023, &["m6i.large"], Spot, (Some(0.096), true)),
        ("us-west-2", Al2023, &["m6i.large", "p5.48xlarge"], OnDemand, (None, true)),
        ("us-west-2", Al2023, &["m6i"], OnDemand, (None, false)),
        ("mars-north-1", Al2023, &["m6i.large"], OnDemand, (None, false)),
        ("us-west-2", Windows, &["m6i.large"], OnDemand, (Some(0.188), false)),
        ("us-west-2", Windows, &["m6i.4xlarge"], OnDemand, (Some(1.504), false)),
        ("us-west-2", Windows, &["t3.large"], OnDemand, (None, false)),
    ] {
        let (actual, at_most) = rate(region, family, types, capacity);
        let near = actual.zip(wanted.0).map_or(actual == wanted.0, |(one, other)| (one - other).abs() < 1e-9);
        assert!(near && at_most == wanted.1, "{region} {types:?}: {actual:?} {at_most}");
    }
    let prices = prices();
    let here = prices.tariff("us-west-2");
    let shared = [here.nat_gateway(), here.address(), here.assessments(&name("v"), 2)];
    assert_eq!(shared.map(|item| item.rate), [Some(0.045), Some(0.005), None]);
    let month = here.volumes(&name("v"), 100, 1).rate.unwrap() * super::prices::HOURS_PER_MONTH;
    assert!((month - 8.0).abs() < 1e-9, "{month}");
    assert!(prices.sources.iter().all(|source| source.contains("https://")), "{:?}", prices.sources);
}

#[test]
fn a_control_plane_costs_more_from_the_day_on_which_standard_support_ends() {
    let prices = prices();
    for (region, version, at, wanted) in [
        ("us-west-2", Some("1.35"), "2027-03-27T23:59:59Z", Some(0.10)),
        ("us-west-2", Some("1.35"), "2027-03-28T00:00:00Z", Some(0.60)),
        // One that is newer than all that are known is in standard support, one that is older than all is not.
        ("us-west-2", Some("1.40"), "2028-03-28T00:00:00Z", Some(0.10)),
        ("us-west-2", Some("1.20"), "2026-03-28T00:00:00Z", Some(0.60)),
        ("us-west-2", None, "2026-03-28T00:00:00Z", None),
        ("us-gov-west-1", Some("1.35"), "2026-03-28T00:00:00Z", None),
    ] {
        let version = version.map(|version| version.parse().unwrap());
        let item = prices.tariff(region).control_plane(version.as_ref(), at.parse::<Timestamp>().unwrap());
        assert_eq!(item.rate, wanted, "{region} {version:?} {at}");
    }
}

#[test]
fn the_prices_of_the_user_override_the_built_in_ones() {
    let own = r#"{"date": "2026-11-30", "regions": {
        "us-west-2": {"inspectorAssessment": 0.03, "instances": {"m6i": {"large": 0.05}, "x9": {"large": 7}}},
        "mars-north-1": {"natGateway": 1}
    }}"#;
    let both = prices().with(Prices::parse(own).unwrap());
    let tariff = both.tariff("us-west-2");
    let of = |kind: &str| {
        let (variant, types) = (name("v"), [kind.to_owned()]);
        let capacity = Capacity::OnDemand;
        tariff
            .instances(&Instances { variant: &variant, family: Family::Al2023, types: &types, capacity, count: 1 })
            .rate
    };
    assert_eq!([of("m6i.large"), of("m6i.xlarge"), of("x9.large")], [Some(0.05), Some(0.192), Some(7.0)]);
    assert_eq!(tariff.assessments(&name("v"), 1).rate, Some(0.03));
    assert_eq!(tariff.nat_gateway().rate, Some(0.045));
    assert_eq!(both.tariff("mars-north-1").nat_gateway().rate, Some(1.0));
    assert_eq!(both.date, "2026-09-29 and 2026-11-30");
    for (text, wanted) in [
        (r#"{"date": "d", "regions": {"r": {"natGateway": -1}}}"#, "region r has a negative price"),
        (r#"{"date": "d", "regions": {"r": {"nat": 1}}}"#, "unknown field `nat`"),
        (r#"{"regions": {}}"#, "missing field `date`"),
    ] {
        let error = Prices::parse(text).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
}

#[test]
fn amounts_are_read_and_written_in_dollars_and_cents() {
    for (text, wanted) in [
        ("5", "$5.00"),
        ("$2.50", "$2.50"),
        ("0.004", "<$0.01"),
        ("0.005", "$0.01"),
        ("0", "$0.00"),
        ("1234.567", "$1234.57"),
    ] {
        assert_eq!(text.parse::<Usd>().unwrap().to_string(), wanted, "{text}");
    }
    for text in ["", "$", "-1", "1e3", "five", "1,50", "1.2.3"] {
        let error = text.parse::<Usd>().unwrap_err().to_string();
        assert!(error.contains("US dollars, like 5 or 2.50"), "{error}");
    }
    assert_eq!(Usd::of(f64::NAN), Usd::ZERO);
    assert_eq!(serde_json::to_string(&Usd::of(1.234_567_8)).unwrap(), "1.234568");
    assert_eq!(serde_json::from_str::<Usd>("1.234568").unwrap(), Usd::of(1.234_568));
}

#[test]
fn a_nat_gateway_is_billed_by_whole_hours_and_an_assessment_not_by_time() {
    let prices = prices()
        .with(Prices::parse(r#"{"date": "d", "regions": {"us-west-2": {"inspectorAssessment": 0.03}}}"#).unwrap());
    let here = prices.tariff("us-west-2");
    let lines = [
        here.nat_gateway().during(3601.0),
        here.address().during(1800.0),
        here.assessments(&name("v"), 3).during(1800.0),
    ];
    let figures = lines.map(|line| (line.hours, line.usd.unwrap().dollars()));
    assert_eq!(figures, [(2.0, 0.09), (0.5, 0.0025), (0.0, 0.09)]);
    // A node group that was created twice is one line.
    let twice =
        merged(vec![here.address().during(1800.0), here.nat_gateway().during(1.0), here.address().during(3600.0)]);
    assert_eq!(twice.iter().map(|line| (line.count, line.hours)).collect::<Vec<_>>(), [(1, 1.5), (1, 1.0)]);
}

fn minutes(expected: u64, at_most: u64) -> Window {
    Window::new(Duration::from_secs(expected * 60), Duration::from_secs(at_most * 60))
}

fn stages() -> Stages {
    let variant = |own: &str, reference: Option<&str>, checks: Window| VariantStages {
        name: name(own),
        reference: reference.map(name),
        nodes: minutes(3, 8),
        checks,
    };
    Stages {
        network: minutes(3, 30),
        cluster: minutes(8, 30),
        variants: vec![variant("stock", None, minutes(5, 50)), variant("l1", Some("stock"), minutes(10, 90))],
        cluster_checks: minutes(1, 5),
        group_deletion: minutes(4, 20),
        cluster_deletion: minutes(3, 20),
        network_deletion: minutes(2, 20),
        deadline: None,
        kept: None,
    }
}

#[test]
fn everything_exists_from_its_creation_until_nothing_needs_it_any_more() {
    let table = |stages: &Stages| {
        let times = Timetable::of(stages);
        let all = [times.network, times.cluster].into_iter().chain(times.variants).chain([times.total]);
        all.map(|window| format!("{} to {}", window.expected / 60.0, window.at_most / 60.0))
            .collect::<Vec<_>>()
            .join(", ")
    };
    // Network, cluster, the reference (which waits for its candidate), the candidate, the run.
    assert_eq!(table(&stages()), "34 to 223, 29 to 173, 17 to 118, 17 to 118, 34 to 223");
    let hour = Some(Duration::from_secs(3600));
    assert_eq!(table(&Stages { deadline: hour, ..stages() }), "34 to 120, 29 to 100, 17 to 80, 17 to 80, 34 to 120");
    assert_eq!(table(&Stages { kept: hour, ..stages() }), "60 to 60, 60 to 60, 60 to 60, 60 to 60, 60 to 60");
    assert_eq!(table(&Stages::default()), "0 to 0, 0 to 0, 0 to 0");
}

fn things(nodes: u32, seconds: f64) -> Vec<(Item, Window)> {
    let (prices, variant) = (prices(), name("v"));
    let tariff = prices.tariff("us-west-2");
    let (types, family, capacity) = (["m6i.large".to_owned()], Family::Al2023, Capacity::OnDemand);
    let version = "1.35".parse().unwrap();
    let window = Window { expected: seconds, at_most: 3.0 * seconds };
    let items = [
        tariff.instances(&Instances { variant: &variant, family, types: &types, capacity, count: nodes }),
        tariff.volumes(&variant, 30, nodes),
        tariff.control_plane(Some(&version), "2026-12-01T00:00:00Z".parse().unwrap()),
        tariff.nat_gateway(),
        tariff.address(),
    ];
    items.into_iter().map(|item| (item, window)).collect()
}

#[test]
fn a_run_that_costs_too_much_or_an_unknown_amount_is_refused() {
    let window = Window { expected: 3600.0, at_most: 7200.0 };
    let known = Estimate::of("2026-09-29", &things(2, 3600.0), window);
    assert_eq!(known.expected.usd.to_string(), "$0.35");
    assert_eq!(known.exceeds(Usd::of(0.36)), None);
    assert_eq!(known.exceeds(Usd::of(0.2)), Some(TooMuch::Expected(known.expected.usd)));
    let prices = prices();
    let mut things = things(2, 3600.0);
    things.push((prices.tariff("us-west-2").assessments(&name("v"), 2), window));
    let unknown = Estimate::of("2026-09-29", &things, window);
    assert_eq!(
        unknown.exceeds(Usd::of(5.0)),
        Some(TooMuch::Unknown(vec!["Amazon Inspector CIS assessment".to_owned()]))
    );
    // What is known is too much already.
    assert_eq!(unknown.exceeds(Usd::of(0.1)), Some(TooMuch::Expected(known.expected.usd)));
    // A count of zero gives no line.
    let none = [(prices.tariff("us-west-2").assessments(&name("v"), 0), window)];
    assert_eq!(Estimate::of("d", &none, window).exceeds(Usd::ZERO), None);
}

proptest! {
    #[test]
    fn more_nodes_and_more_time_never_cost_less_and_a_sum_equals_its_parts(
        nodes in 0_u32..200, more in 0_u32..50, seconds in 0_u32..200_000, longer in 0_u32..50_000,
    ) {
        let estimate = |nodes: u32, seconds: u32| {
            let seconds = f64::from(seconds);
            Estimate::of("d", &things(nodes, seconds), Window { expected: seconds, at_most: 3.0 * seconds })
        };
        let one = estimate(nodes, seconds);
        for other in [estimate(nodes + more, seconds), estimate(nodes, seconds + longer), estimate(nodes + more, seconds + longer)] {
            prop_assert!(other.expected.usd >= one.expected.usd && other.at_most.usd >= one.at_most.usd);
            prop_assert!(other.usd_per_hour >= one.usd_per_hour);
        }
        prop_assert!(one.at_most.usd >= one.expected.usd);
        let parts = |of: fn(&super::estimate::EstimateLine) -> &CostLine| -> Usd {
            one.lines.iter().filter_map(|line| of(line).usd).sum()
        };
        prop_assert_eq!(parts(|line| &line.expected), one.expected.usd);
        prop_assert_eq!(parts(|line| &line.at_most), one.at_most.usd);
        let bill = crate::report::Cost::of("d", one.lines.iter().map(|line| line.expected.clone()).collect(), Usd::ZERO);
        let by_variant = bill.of_variant(&name("v"));
        let shared: Usd = bill.lines.iter().filter(|line| line.variant.is_none()).filter_map(|line| line.usd).sum();
        prop_assert_eq!(by_variant + shared, bill.usd);
    }
}
