//! Bills of ledgers.

use std::time::Duration;

use amiproof_model::matrix::{Capacity, Family, MadeNodes, NodeSource};
use amiproof_model::report::{ClusterRecord, RunRecord, VariantRecord};

use super::*;
use crate::check::{Check, Scope, always};
use crate::fixture;
use crate::ledger::{Key, Resource, ResourceKind, State, VERSION};

fn at(time: &str) -> Timestamp {
    format!("2026-11-21T{time}Z").parse().unwrap()
}

fn header() -> Header {
    Header {
        version: VERSION,
        run: "r-1".parse().unwrap(),
        matrix: "m".to_owned(),
        account: "111122223333".to_owned(),
        region: "us-west-2".to_owned(),
        endpoint: None,
        kubeconfig: None,
        started: at("08:00:00"),
        expires: at("20:00:00"),
        keep: false,
    }
}

fn report() -> Report {
    let version = "1.36".parse().ok();
    let cluster = ClusterRecord { kubernetes_version: version, ..ClusterRecord::new("c") };
    let mut report = Report::new("0.1.0", RunRecord::new("r-1".parse().unwrap(), "m", at("08:00:00")), cluster);
    report.variants = ["stock", "l1"].map(|name| VariantRecord::new(name.parse().unwrap(), Family::Al2023)).into();
    report
}

fn entry(kind: ResourceKind, variant: Option<&str>, created: Option<&str>, gone: Option<&str>) -> Entry {
    let resource = Resource::new(kind.clone(), "n").in_region("us-west-2");
    let resource = match variant {
        Some(name) => resource.for_variant(&name.parse().unwrap()),
        None => resource,
    };
    let resource = if kind == node_group::KIND {
        resource.with(Bought::of(Family::Al2023, &fixture::made()).attributes())
    } else {
        resource
    };
    let key: Key = serde_json::from_str("1").unwrap();
    Entry {
        id: Some("id".to_owned()),
        created: created.map(at),
        gone: gone.map(at),
        state: if gone.is_some() { State::Gone } else { State::Created },
        ..Entry::planned(key, resource)
    }
}

fn bill(entries: &[Entry]) -> Option<Cost> {
    so_far(&header(), entries, Some(&report()), Prices::builtin().unwrap(), at("09:00:00"))
}

#[test]
fn a_bill_has_what_existed_for_as_long_as_it_did() {
    let cost = bill(&[
        entry(stack::KIND, None, Some("08:00:00"), Some("09:00:00")),
        entry(cluster::KIND, None, Some("08:03:00"), Some("08:33:00")),
        entry(node_group::KIND, Some("l1"), Some("08:10:00"), Some("08:40:00")),
        entry(node_group::KIND, Some("stock"), Some("08:10:00"), Some("08:12:00")),
        // It was deleted and created again, because AWS failed.
        entry(node_group::KIND, Some("stock"), Some("08:12:00"), Some("08:40:00")),
        entry(cis_scan_configuration::KIND, Some("l1"), Some("08:20:00"), Some("08:25:00")),
        entry(ResourceKind::new("launch-template"), Some("l1"), Some("08:09:00"), Some("08:41:00")),
        // Never confirmed.
        Entry { id: None, ..entry(cluster::KIND, None, None, Some("08:33:00")) },
    ])
    .unwrap();
    let lines: Vec<String> = cost
        .lines
        .iter()
        .map(|line| {
            let of = line.variant.as_ref().map_or("shared", |name| name.as_str());
            let usd = line.usd.map_or("unknown".to_owned(), |usd| usd.dollars().to_string());
            format!("{of}: {} x {} {} h {usd}", line.count, line.name, line.hours)
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    stock: 2 x m6i.large 1 h 0.096
    stock: 2 x 40 GiB gp3 1 h 0.004383
    l1: 2 x m6i.large 1 h 0.096
    l1: 2 x 40 GiB gp3 1 h 0.004384
    l1: 2 x Amazon Inspector CIS assessment 0 h unknown
    shared: 1 x EKS control plane 0.5 h 0.05
    shared: 1 x NAT gateway 1 h 0.045
    shared: 1 x public IPv4 address 1 h 0.005
    ");
    assert_eq!((cost.usd, cost.usd_per_hour), (Usd::of(0.300_767), Usd::ZERO));
    assert_eq!(cost.unknown(), ["Amazon Inspector CIS assessment"]);
}

#[test]
fn what_is_kept_costs_until_the_end_of_the_report_and_goes_on() {
    let cost = bill(&[entry(cluster::KIND, None, Some("08:30:00"), None)]).unwrap();
    assert_eq!((cost.usd, cost.usd_per_hour), (Usd::of(0.05), Usd::of(0.1)));
    // An older ledger has no times: the amount is then an upper bound.
    let older = bill(&[entry(cluster::KIND, None, None, None)]).unwrap();
    assert!(older.usd == Usd::of(0.1) && older.lines[0].at_most, "{older:?}");
    let mut group = entry(node_group::KIND, Some("l1"), Some("08:30:00"), None);
    group.resource.attributes.clear();
    assert_eq!(bill(&[group]).unwrap().unknown(), ["node group n"]);
    assert_eq!(bill(&[entry(ResourceKind::new("launch-template"), None, Some("08:30:00"), None)]), None);
}

fn check(id: &str, scope: Scope, phase: amiproof_model::report::Phase, timeout: Option<u64>) -> Check {
    use futures::FutureExt as _;
    Check {
        id: id.parse().unwrap(),
        title: id.to_owned(),
        scope,
        phase,
        opt_in: false,
        disturbs: false,
        timeout: timeout.map(Duration::from_secs),
        retries: 0,
        applies: always,
        body: crate::check::Body::Code(|_| async { Ok(amiproof_model::verdict::Verdict::Pass.into()) }.boxed()),
    }
}

#[test]
fn an_estimate_follows_matrix_and_checks_and_says_what_is_left_alone() {
    use amiproof_model::report::Phase;
    let spot = MadeNodes { capacity: Capacity::Spot, count: 3, ..fixture::made() };
    let mut variants =
        vec![fixture::variant("stock", Family::Al2023), fixture::variant("bottle", Family::Bottlerocket)];
    variants[1].nodes = NodeSource::Made(spot);
    let mut theirs = fixture::variant("theirs", Family::Al2023);
    theirs.nodes = NodeSource::Selected("pool=a".parse().unwrap());
    variants.push(theirs);
    let mut matrix = fixture::matrix(variants);
    let checks = [
        check("node/ready", Scope::Variant, Phase::Test, Some(60)),
        check("os-cis/inspector", Scope::Variant, Phase::OsScan, None),
        check("eks-cis/pods", Scope::Cluster, Phase::KubeBench, None),
    ];
    let told = |matrix: &amiproof_model::matrix::Matrix, network_only: bool, retries: u32| {
        let planned = Planned { matrix, checks: &checks, retries, network_only, kept: None, deadline: None };
        let estimate = estimate(&planned, Prices::builtin().unwrap(), at("08:00:00"));
        let lines = estimate.lines.iter().map(|line| format!("{} x {}", line.expected.count, line.expected.name));
        let minutes = [estimate.expected.seconds, estimate.at_most.seconds].map(|seconds| seconds / 60.0);
        (lines.collect::<Vec<_>>().join(", "), minutes)
    };
    // An existing cluster: only node groups. Inspector does not support Bottlerocket, and
    // nodes that the run did not create are not scanned.
    let groups =
        "2 x m6i.large, 2 x 40 GiB gp3, 2 x Amazon Inspector CIS assessment, 3 x m6i.large (spot), 3 x 40 GiB gp3";
    assert_eq!(told(&matrix, false, 0), (groups.to_owned(), [605.0 / 60.0, 79.0]));
    // Retries lengthen what may happen, not what usually does.
    assert_eq!(told(&matrix, false, 1).1, [605.0 / 60.0, 130.0]);
    insta::assert_snapshot!(untouched(&matrix).join("\n"), @r"
    cluster test with its control plane, add-ons and network, and every node group that the run did not create
    the nodes 'pool=a' of theirs, except that checks run pods on them, which are deleted afterwards
    everything in the account that is not tagged with the run
    ");
    matrix.cluster.create = true;
    let shared = "EKS control plane, 1 x NAT gateway, 1 x public IPv4 address";
    assert_eq!(told(&matrix, false, 0).0, format!("{groups}, 1 x {shared}"));
    assert_eq!(told(&matrix, true, 0).0, "1 x NAT gateway, 1 x public IPv4 address");
    // A matrix that names subnets and roles needs no network.
    matrix.cluster.subnet_ids = vec!["subnet-1".to_owned()];
    matrix.cluster.role_arn = Some("arn:a".to_owned());
    matrix.cluster.node_role_arn = Some("arn:b".to_owned());
    assert_eq!(told(&matrix, false, 0).0, format!("{groups}, 1 x EKS control plane"));
    assert_eq!(
        untouched(&matrix)[1..],
        [
            "the VPC of subnet-1",
            "the role arn:a",
            "the role arn:b",
            "everything in the account that is not tagged with the run"
        ]
    );
}

#[test]
fn a_run_without_a_report_costs_the_same_if_its_ledger_has_the_version() {
    let made = entry(cluster::KIND, None, Some("08:30:00"), None);
    let known = [(cluster::VERSION.to_owned(), "1.36".to_owned())].into_iter().collect();
    let with_version = Entry { resource: made.resource.clone().with(known), ..made.clone() };
    let without_report =
        |entry: Entry| so_far(&header(), &[entry], None, Prices::builtin().unwrap(), at("09:00:00")).unwrap();
    let cost = without_report(with_version);
    assert_eq!(cost.usd, bill(std::slice::from_ref(&made)).unwrap().usd);
    assert!(cost.usd_per_hour > Usd::ZERO && cost.unknown().is_empty());
    assert_eq!(without_report(made).unknown(), ["EKS control plane"], "a ledger of an older build");
}
