//! Tests of the catalogue with known facts about the documents.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn catalogue(benchmark: &str) -> &'static Catalogue {
    find(benchmark).unwrap().unwrap_or_else(|| panic!("no {benchmark}"))
}

fn per_section(catalogue: &Catalogue) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for control in &catalogue.controls {
        *counts.entry(control.id.number().rsplit_once('.').unwrap().0).or_default() += 1;
    }
    counts
}

#[test]
fn version_1_0_1_has_its_52_controls_section_by_section() {
    let catalogue = catalogue("cis-eks-1.0.1");
    assert_eq!(catalogue.controls.len(), 52);
    let sections = [
        ("2.1", 1),
        ("3.1", 4),
        ("3.2", 11),
        ("4.1", 6),
        ("4.2", 9),
        ("4.3", 2),
        ("4.4", 2),
        ("4.5", 1),
        ("4.6", 3),
        ("5.1", 4),
        ("5.2", 1),
        ("5.3", 1),
        ("5.4", 5),
        ("5.5", 1),
        ("5.6", 1),
    ];
    assert_eq!(per_section(catalogue), BTreeMap::from(sections));
}

#[test]
fn at_least_35_of_version_1_0_1_are_decided_without_a_human() {
    let catalogue = catalogue("cis-eks-1.0.1");
    let decided = catalogue.count(Judged::Amiproof) + catalogue.count(Judged::KubeBench);
    assert_eq!((decided, catalogue.count(Judged::Human)), (46, 6));
}

#[test]
fn the_other_versions_have_as_many_controls_as_kube_bench_has_checks() {
    for (benchmark, total) in [("cis-eks-1.5.0", 46), ("cis-eks-1.7.0", 46), ("cis-eks-1.8.0", 50)] {
        let catalogue = catalogue(benchmark);
        assert_eq!(catalogue.controls.len(), total, "{benchmark}");
        let known: BTreeSet<&str> =
            amiproof_core::scan::kube_bench::benchmark::cluster_controls(&catalogue.benchmark).into_iter().collect();
        let own =
            catalogue.controls.iter().map(|control| control.id.number()).filter(|number| !number.starts_with('3'));
        assert_eq!(own.collect::<BTreeSet<_>>(), known, "{benchmark}");
    }
}

#[test]
fn a_number_that_changes_its_meaning_keeps_its_question() {
    let number = |benchmark, question| catalogue(benchmark).asking(question).map(|control| control.id.number());
    assert_eq!(number("cis-eks-1.0.1", "default-namespace"), Some("4.6.3"));
    assert_eq!(number("cis-eks-1.5.0", "default-namespace"), Some("4.5.3"));
    assert_eq!(number("cis-eks-1.8.0", "default-namespace"), Some("4.5.2"));
    assert_eq!(number("cis-eks-1.5.0", "security-context"), Some("4.5.2"));
    assert_eq!(number("cis-eks-1.8.0", "security-context"), None);
    assert_eq!(number("cis-eks-1.0.1", "kubelet-iptables-chains"), Some("3.2.7"));
    assert_eq!(number("cis-eks-1.8.0", "kubelet-iptables-chains"), Some("3.2.6"));
}

#[test]
fn numbers_and_questions_are_unique_and_titles_are_clauses() {
    for catalogue in all().unwrap() {
        let ids: BTreeSet<&ControlId> = catalogue.controls.iter().map(|control| &control.id).collect();
        let questions: BTreeSet<&str> = catalogue.controls.iter().map(|control| control.question.as_str()).collect();
        assert_eq!((ids.len(), questions.len()), (catalogue.controls.len(), catalogue.controls.len()));
        for control in &catalogue.controls {
            let (title, looks) = (&control.title, &control.looks);
            assert!(title.starts_with(|first: char| first.is_lowercase()), "{title}");
            assert!(!title.ends_with('.') && title.contains(' ') && !looks.ends_with('.'), "{}", control.id);
        }
    }
}

#[test]
fn the_benchmark_is_the_newest_that_fits() {
    let table = [
        ("1.14", None),
        ("1.22", Some("cis-eks-1.0.1")),
        ("1.23", Some("cis-eks-1.5.0")),
        ("1.29", Some("cis-eks-1.7.0")),
        ("1.32", Some("cis-eks-1.8.0")),
        ("1.36", Some("cis-eks-1.8.0")),
    ];
    for (version, benchmark) in table {
        let found = for_version(&version.parse().unwrap()).unwrap();
        assert_eq!(found.map(|catalogue| catalogue.benchmark.as_str()), benchmark, "{version}");
    }
}

#[test]
fn data_that_do_not_fit_together_are_refused_with_the_place() {
    let version = "{benchmark: cis-eks-9.0.0, fromKubernetes: \"1.40\", sections: {\"2.1\": s}, controls: \
                   [{number: 2.1.1, question: nobody-asks, level: 1, cis: manual}]}";
    let error = read("{}", &[version]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the benchmark data of this build cannot be read: cis-eks-9.0.0 2.1.1: there is no such question"
    );
}
