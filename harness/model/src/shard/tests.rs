use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::attribution::{Endpoint, TrafficPair};
use crate::conclusion::{Conclusion, Scope, Summary};
use crate::judge::Origin;
use crate::matrix::Family;
use crate::name::{Level, VariantName};
use crate::report::{
    CheckResult, ClusterRecord, NodeRecord, Report, RunRecord, ShardColumn, Shards, Subject, VariantRecord,
};
use crate::settle::settle;
use crate::verdict::{Evidence, Finding, Outcome};
use crate::waiver::{Waiver, WaiverRecord, WaiverState};

fn work<'a>(name: &'a str, reference: Option<&'a str>, nodes: u32, is_made: bool) -> Work<'a> {
    Work { name, reference, nodes, is_made, is_linux: true, is_hardened: reference.is_some() }
}

#[test]
fn what_is_created_stays_with_its_reference_and_what_exists_is_spread() {
    let made = |is_made| {
        ["al2", "al2-l1", "al2-l2", "al2023", "al2023-l1"].map(|name| {
            let stock = name.split('-').next().unwrap();
            work(name, (stock != name).then_some(stock), 2, is_made)
        })
    };
    for (is_made, count, wanted) in [
        (true, 1, [1, 1, 1, 1, 1]),
        (true, 2, [1, 1, 1, 2, 2]),
        (true, 4, [1, 1, 1, 2, 2]),
        (false, 2, [1, 2, 1, 2, 1]),
        (false, 5, [1, 4, 5, 2, 3]),
    ] {
        let numbers = partition(&made(is_made), count);
        let expected = if is_made { wanted.to_vec() } else { numbers.clone() };
        assert_eq!(numbers, expected, "{count}");
        let mut loads = vec![0; count as usize];
        numbers.iter().for_each(|number| loads[*number as usize - 1] += 1);
        let (most, least) = (loads.iter().max().unwrap(), loads.iter().min().unwrap());
        assert!(is_made || most - least <= 1, "{numbers:?}");
    }
    let mut windows = [work("a", None, 1, true), work("w1", None, 1, true), work("w2", None, 1, true)];
    windows[1].is_linux = false;
    windows[2].is_linux = false;
    assert_eq!(partition(&windows, 3), [1, 2, 2], "one access entry admits the nodes of all");
    assert_eq!(partition(&[], 3), [0; 0]);
}

#[test]
fn the_first_shard_has_a_stock_linux_image_for_the_checks_of_the_cluster() {
    let large = Work { is_hardened: true, ..work("hardened", None, 9, false) };
    assert_eq!(partition(&[large.clone(), work("stock", None, 1, false)], 2), [2, 1]);
    assert_eq!(partition(&[large.clone(), Work { is_linux: false, ..work("w", None, 20, false) }], 2), [1, 2]);
    assert_eq!(partition(&[large], 2), [1]);
}

/// Some variants, each hardened with one of those before it as its reference, or stock.
fn variants() -> impl Strategy<Value = Vec<(Option<usize>, u32, bool)>> {
    proptest::collection::vec((proptest::option::of(0_usize..6), 1_u32..5, any::<bool>()), 1..25)
}

proptest! {
    #[test]
    fn shards_depend_on_the_variants_and_not_on_their_order(
        variants in variants(), count in 1_u32..8, rotation in 0_usize..25,
    ) {
        let names: Vec<String> = (0..variants.len()).map(|at| format!("v{at:02}")).collect();
        let all: Vec<Work<'_>> = variants.iter().enumerate().map(|(at, (reference, nodes, is_made))| {
            let reference = reference.filter(|other| *other < at).map(|other| names[other].as_str());
            work(&names[at], reference, *nodes, *is_made)
        }).collect();
        let numbers = partition(&all, count);
        prop_assert!(numbers.iter().all(|number| (1..=count).contains(number)));
        for (own, number) in all.iter().zip(&numbers) {
            let reference = all.iter().zip(&numbers).find(|(other, _)| Some(other.name) == own.reference);
            if let Some((reference, there)) = reference && reference.is_made {
                prop_assert_eq!(number, there);
            }
        }
        let mut turned = all.clone();
        turned.rotate_left(rotation % all.len());
        turned.reverse();
        let again = partition(&turned, count);
        for (own, number) in turned.iter().zip(again) {
            let at = all.iter().position(|other| other.name == own.name).unwrap();
            prop_assert_eq!(number, numbers[at]);
        }
    }
}

/// The columns of the tests: two hardened images with one reference, and one alone. Each has a shard of its own but the last, which is
/// with the first.
const COLUMNS: [(&str, bool, u32); 4] = [("stock", false, 1), ("l1", true, 2), ("l2", true, 3), ("other", false, 1)];

const CHECKS: [&str; 5] = ["node/ready", "workload/pod-to-pod", "workload/web", "os-cis/openscap", "eks-cis/policies"];

fn subject(name: &str) -> Subject {
    if name == "cluster" { Subject::Cluster } else { Subject::Variant(name.parse().unwrap()) }
}

fn end(node: &str) -> Endpoint {
    let variant = node.split_once('.').map_or(node, |(variant, _)| variant);
    Endpoint { variant: variant.parse().ok(), node: node.to_owned() }
}

fn row(check: &str, name: &str, outcome: Outcome) -> CheckResult {
    let scanner = (check.split('/').count() > 2).then(|| "openscap".to_owned());
    let title = format!("{check} is as it should be");
    CheckResult { scanner, title: title.into(), ..CheckResult::new(check.parse().unwrap(), subject(name), outcome) }
}

fn traffic(name: &str, pairs: &[(&str, &str, bool)]) -> CheckResult {
    let fails = pairs.iter().any(|(_, _, ok)| !ok);
    let failed = Outcome::Fail { findings: vec![Finding::new("pod client", "no answer")] };
    let pairs = pairs.iter().map(|(from, to, ok)| TrafficPair { from: end(from), to: end(to), ok: *ok });
    let outcome = if fails { failed } else { Outcome::Pass };
    CheckResult { traffic: pairs.collect(), ..row("workload/pod-to-pod", name, outcome) }
}

fn outcome(word: u8) -> Outcome {
    match word % 5 {
        0 | 1 => Outcome::Pass,
        2 => Outcome::Fail { findings: vec![Finding::new("node 1", "not as it should be")] },
        3 => Outcome::NotEvaluated { reason: "no answer".to_owned() },
        _ => Outcome::NotApplicable { reason: "not here".to_owned() },
    }
}

/// What checks say of each column, and connections to the reference that may all fail.
fn rows(words: &[u8], is_cut: bool) -> Vec<CheckResult> {
    let more = words.len() > 1;
    let mut words = words.iter().copied().cycle();
    let mut word = || words.next().unwrap_or(0);
    let mut rows = Vec::new();
    for (name, is_hardened, _) in COLUMNS {
        let own = format!("{name}.1");
        rows.push(row("node/ready", name, outcome(word())));
        let pairs = if is_hardened {
            vec![(own.as_str(), "stock.1", !is_cut), (own.as_str(), own.as_str(), true)]
        } else {
            vec![(own.as_str(), own.as_str(), !(is_cut && name == "stock"))]
        };
        rows.push(traffic(name, &pairs));
        rows.push(row("workload/web", name, outcome(word())));
        // A scan with two controls is a gap, so there is none where everything is fine.
        for control in ["os-cis/cis-al2023-1.0.0/1.1.1.10", "os-cis/cis-al2023-1.0.0/1.1.1.2"].iter().filter(|_| more) {
            rows.push(row(control, name, outcome(word())));
        }
    }
    rows.push(row("eks-cis/policies", "cluster", outcome(word())));
    rows
}

fn column(name: &str, is_hardened: bool) -> VariantRecord {
    let node = serde_json::json!({"index": 1, "name": format!("ip-{name}"),
        "facts": {"sysctl.net.ipv4.ip_forward": if is_hardened { "0" } else { "1" }}});
    let node: NodeRecord = serde_json::from_value(node).unwrap();
    VariantRecord {
        reference: is_hardened.then(|| "stock".parse().unwrap()),
        benchmark: is_hardened.then(|| "cis-al2023-1.0.0".parse().unwrap()),
        level: is_hardened.then_some(Level::One),
        nodes: vec![node],
        ..VariantRecord::new(name.parse::<VariantName>().unwrap(), Family::Al2023)
    }
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_780_000_000 + 60 * minute).unwrap()
}

fn shards(shard: u32) -> Shards {
    let columns = COLUMNS.iter().map(|(name, is_hardened, shard)| {
        let column = column(name, *is_hardened);
        ShardColumn {
            name: column.name,
            family: column.family,
            reference: column.reference,
            benchmark: column.benchmark,
            level: column.level,
            shard: *shard,
        }
    });
    Shards {
        count: 4,
        inputs: "d1".repeat(32),
        checks: CHECKS.iter().map(|check| check.parse().unwrap()).collect(),
        columns: columns.collect(),
        shard: Some(shard),
        parts: Vec::new(),
        unsettled: Vec::new(),
    }
}

fn report(id: &str, minute: i64, rows: Vec<CheckResult>, shard: Option<u32>) -> Report {
    let mut run = RunRecord::new(id.parse().unwrap(), "m", at(minute));
    run.seconds = 90.0;
    run.critical_path_seconds = 60.0;
    run.shards = shard.map(|shard| Box::new(shards(shard)));
    let mut report = Report::new("1.0.0", run, ClusterRecord::new("c"));
    let is_own = |number: u32| shard.is_none_or(|shard| shard == number);
    let of = |name: &str| COLUMNS.iter().find(|(own, ..)| *own == name).map_or(1, |(.., number)| *number);
    // The reference is in every shard, for its nodes.
    let here = COLUMNS.iter().filter(|(name, _, number)| is_own(*number) || *name == "stock");
    report.variants = here.map(|(name, is_hardened, _)| column(name, *is_hardened)).collect();
    report.results = rows.into_iter().filter(|row| is_own(of(row.subject.as_str()))).collect();
    report.cleanup.ran = true;
    report.cleanup.created = 3;
    report.cleanup.deleted = 3;
    settle(&mut report, &[], at(minute));
    report
}

/// The reports of the shards of a run. The fourth has no variant.
fn parts(words: &[u8], is_cut: bool) -> Vec<Report> {
    (1..=3).map(|shard| report(&format!("r-s{shard}"), i64::from(shard), rows(words, is_cut), Some(shard))).collect()
}

fn merged(reports: &[Report]) -> Report {
    merge(reports, &[], &[]).unwrap()
}

/// What a report says of the images, without times.
fn said(report: &Report) -> Vec<String> {
    let row = |row: &CheckResult| {
        let evidence: Vec<(&str, &str)> =
            row.evidence.iter().map(|piece| (piece.name.as_str(), piece.text.as_str())).collect();
        format!(
            "{} {} {:?} {:?} {:?} {evidence:?}",
            row.subject.as_str(),
            row.check,
            row.outcome,
            row.disposition,
            row.origin
        )
    };
    report.results.iter().map(row).collect()
}

/// As it is read again from its file.
fn read_again(report: &Report) -> Report {
    let mut file = Vec::new();
    report.write(&mut file).unwrap();
    Report::parse(std::str::from_utf8(&file).unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_merged_report_is_that_of_the_run_in_one_piece(
        words in proptest::collection::vec(any::<u8>(), 17), is_cut in any::<bool>(),
    ) {
        let whole = {
            let mut rows = rows(&words, is_cut);
            let order = crate::report::order::Order::of(CHECKS.map(str::to_owned));
            let place = |row: &CheckResult| {
                COLUMNS.iter().position(|(name, ..)| *name == row.subject.as_str()).unwrap_or(usize::MAX)
            };
            rows.sort_by_cached_key(|row| (order.place(row), place(row)));
            report("r-whole", 1, rows, None)
        };
        let all = merged(&parts(&words, is_cut));
        prop_assert_eq!(said(&all), said(&whole));
        let conclusion = |report: &Report| Summary::of(report, Scope::Run, 0);
        prop_assert_eq!(conclusion(&all), conclusion(&whole));
        prop_assert_eq!(&all.variants, &whole.variants);
    }

    #[test]
    fn the_order_of_merging_changes_nothing_and_neither_does_merging_again(
        words in proptest::collection::vec(any::<u8>(), 17), is_cut in any::<bool>(),
    ) {
        let parts = parts(&words, is_cut);
        let [one, two, three] = [&parts[0], &parts[1], &parts[2]].map(Clone::clone);
        let all = merged(&parts);
        let early = merged(&[merged(&[one.clone(), two.clone()]), three.clone()]);
        let late = merged(&[one.clone(), merged(&[two.clone(), three.clone()])]);
        prop_assert_eq!(&early, &all);
        prop_assert_eq!(&late, &all);
        prop_assert_eq!(&merged(&[three, one, two.clone()]), &all);
        prop_assert_eq!(&merged(std::slice::from_ref(&all)), &all);
        prop_assert_eq!(&merged(&[all.clone(), two, all.clone()]), &all);
        let from_disk: Vec<Report> = parts.iter().map(read_again).collect();
        prop_assert_eq!(&merged(&from_disk), &all);
        prop_assert_eq!(&merged(&[read_again(&all)]), &all);
    }
}

/// Of every check: it passed.
const FINE: [u8; 1] = [0];

#[test]
fn what_is_missing_is_undecided_and_never_green() {
    let parts = parts(&FINE, false);
    let all = merged(&parts);
    assert!(Summary::of(&all, Scope::Run, 0).conclusion.is_green(), "{:?}", Summary::of(&all, Scope::Run, 0));
    assert_eq!(all.run.shards.as_ref().unwrap().missing(), [], "the fourth shard has no variant");
    for (left_out, lost) in [(0, vec!["stock", "other", "cluster"]), (1, vec!["l1"]), (2, vec!["l2"])] {
        let mut some = parts.clone();
        some.remove(left_out);
        let some = merged(&some);
        let summary = Summary::of(&some, Scope::Run, 0);
        assert_eq!(summary.conclusion, Conclusion::Inconclusive, "{summary:?}");
        let missing: Vec<&str> = some
            .results
            .iter()
            .filter(|row| row.check.as_str() == "gate/shard")
            .map(|row| row.subject.as_str())
            .collect();
        assert_eq!(missing, lost);
        let names: Vec<&str> = some.variants.iter().map(|variant| variant.name.as_str()).collect();
        assert_eq!(names, COLUMNS.map(|(name, ..)| name), "every variant has its column");
        // An import evaluates everything again.
        let mut again = some.clone();
        settle(&mut again, &[], at(9));
        assert_eq!(Summary::of(&again, Scope::Run, 0).conclusion, Conclusion::Inconclusive);
        assert_eq!(merged(&[some, parts[left_out].clone()]), all, "and is complete once the shard is there");
    }
}

#[test]
fn what_a_shard_took_back_without_the_others_is_judged_with_them() {
    let fail = || Outcome::Fail { findings: vec![Finding::new("node 1", "no")] };
    let mut reports = parts(&FINE, false);
    let subject = subject("l1");
    let web = |report: &mut Report| {
        report
            .results
            .iter_mut()
            .filter(|row| row.subject == subject && row.check.as_str() == "workload/web")
            .for_each(|row| {
                row.outcome = fail();
                row.evidence.push(Evidence { name: "log".to_owned(), text: "no".to_owned(), file: None });
            });
    };
    web(&mut reports[1]);
    settle(&mut reports[1], &[], at(2));
    let of = |report: &Report| {
        let found = report.results.iter().find(|row| row.subject == subject && row.check.as_str() == "workload/web");
        found.unwrap().origin
    };
    assert_eq!(of(&reports[1]), Some(Origin::Unknown), "the reference is tested elsewhere");
    let all = merged(&reports);
    assert_eq!(of(&all), Some(Origin::Hardening));
    let mut back = all.clone();
    restore(&mut back);
    let rows: Vec<&CheckResult> = back.results.iter().filter(|row| row.subject == subject).collect();
    assert!(rows.iter().all(|row| row.evidence.len() <= 1), "only what the check itself saw");
}

#[test]
fn reports_that_do_not_belong_together_are_refused_with_what_differs() {
    let parts = parts(&FINE, false);
    let refused = |change: &dyn Fn(&mut Report)| {
        let mut other = parts[1].clone();
        change(&mut other);
        merge(&[parts[0].clone(), other], &[], &[]).unwrap_err().to_string()
    };
    let said: Vec<String> = vec![
        refused(&|other| other.run.shards = None),
        refused(&|other| "other".clone_into(&mut other.run.matrix)),
        refused(&|other| "1.0.1".clone_into(&mut other.tool.version)),
        refused(&|other| other.run.shards.as_mut().unwrap().count = 5),
        refused(&|other| "elsewhere".clone_into(&mut other.cluster.name)),
        refused(&|other| other.run.shards.as_mut().unwrap().inputs = "e2".repeat(32)),
        refused(&|other| other.run.shards.as_mut().unwrap().shard = Some(1)),
        refused(&|other| other.run.shards.as_mut().unwrap().shard = Some(9)),
        refused(&|other| other.run.shards.as_mut().unwrap().shard = None),
        refused(&|other| other.variants.clear()),
        refused(&|other| other.run.shards.as_mut().unwrap().columns[0].shard = 3),
        refused(&|other| other.run.shards.as_mut().unwrap().checks.clear()),
        refused(&|other| {
            let waiver = Waiver::default();
            other.waivers.push(WaiverRecord { waiver, state: WaiverState::Unused, failures: 0 });
        }),
        merge(&[], &[], &[]).unwrap_err().to_string(),
    ];
    insta::assert_snapshot!(said.join("\n"));
    let mut defined = parts.clone();
    for (report, digest) in defined.iter_mut().zip(["1111111111", "2222222222"]) {
        report.run.definitions.insert("workload/web".to_owned(), digest.to_owned());
    }
    insta::assert_snapshot!(merge(&defined, &[], &[]).unwrap_err());
    let versions = |report: &mut Report, version: &str| report.cluster.kubernetes_version = version.parse().ok();
    let mut mixed = parts.clone();
    versions(&mut mixed[0], "1.35");
    assert_eq!(merged(&mixed).cluster.kubernetes(), "1.35", "what one shard knows");
    versions(&mut mixed[2], "1.36");
    assert!(
        merge(&mixed, &[], &[]).unwrap_err().to_string().contains("the version of Kubernetes differs (1.35 and 1.36)")
    );
}

#[test]
fn of_two_states_of_one_shard_the_later_one_counts_and_two_runs_of_it_are_refused() {
    let parts = parts(&FINE, false);
    let mut repeated = report("r-s2", 20, rows(&[2], false), Some(2));
    let earlier = merged(&parts);
    let later = merged(&[earlier.clone(), repeated.clone()]);
    assert_eq!(Summary::of(&later, Scope::Run, 0).conclusion, Conclusion::Failed);
    assert_eq!(merged(&[repeated.clone(), earlier.clone()]), later);
    assert_eq!(merged(&[later.clone(), earlier.clone()]), later);
    let mut more = repeated.clone();
    more.results.push(row("os-cis/cis-al2023-1.0.0/1.1.1.7", "l1", outcome(0)));
    settle(&mut more, &[], at(20));
    let with_import = merged(&[later.clone(), more.clone()]);
    assert!(with_import.results.iter().any(|row| row.check.as_str().ends_with("1.1.1.7")));
    assert_eq!(merged(&[more, later]), with_import, "what was imported meanwhile stays");
    repeated.run.id = "r-other".parse().unwrap();
    let refused = merge(&[repeated, earlier], &[], &[]).unwrap_err().to_string();
    assert_eq!(refused, "shard 2/4 was run twice, as r-other and as r-s2: leave one of them out");
}

#[test]
fn what_shards_created_is_added_up() {
    let mut reports = parts(&FINE, false);
    reports[2].cleanup.ran = false;
    reports[1].run.interrupted = true;
    let all = merged(&reports);
    assert_eq!((all.cleanup.ran, all.cleanup.created, all.cleanup.deleted), (false, 9, 9));
    assert_eq!(Summary::of(&all, Scope::Run, 0).conclusion, Conclusion::Interrupted);
    assert_eq!((all.run.started, all.run.seconds, all.run.critical_path_seconds), (at(1), 210.0, 60.0));
    assert_eq!(all.run.id.as_str(), MERGED);
}
