//! What the controls of benchmarks ask of running hosts: one file per benchmark in `suites/controls`, embedded in the program and read once;
//! and which checks say what a control costs.

use std::sync::LazyLock;

use amiproof_core::check::{Applies, Check, Scope};
use amiproof_model::controls::{self, Controls, Entry};
use amiproof_model::matrix::Variant;
use amiproof_model::report::Phase;

use crate::settings;

/// Every file of `controls/` by name, in order of names.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/controls.rs"));

/// A file that cannot be read is left out and said in the log, and the tests of this module fail.
static CONTROLS: LazyLock<Vec<Controls>> = LazyLock::new(|| {
    let read = |(name, text): &(&str, &str)| {
        let controls = controls::parse(text);
        controls.inspect_err(|error| tracing::warn!(%name, %error, "controls cannot be read and are not known")).ok()
    };
    FILES.iter().filter_map(read).collect()
});

/// Checks that are run for every control: what nearly every workload needs from its node.
pub const CORE: [&str; 9] = [
    "kubelet-path/exec",
    "kubelet-path/logs",
    "workload/api-server-from-pod",
    "workload/cluster-dns",
    "workload/host-path",
    "workload/non-root-read-only",
    "workload/pod-to-pod",
    "workload/same-node",
    "workload/service-addresses",
];

/// The controls of every benchmark that has a file, in order of names.
pub fn all() -> &'static [Controls] {
    &CONTROLS
}

/// The benchmarks whose controls are known, by name.
pub fn benchmarks() -> impl Iterator<Item = &'static str> {
    CONTROLS.iter().map(|one| one.benchmark.as_str())
}

/// The controls of a benchmark, if they are known.
pub fn of(benchmark: &str) -> Option<&'static Controls> {
    CONTROLS.iter().find(|one| one.benchmark.as_str() == benchmark)
}

/// The checks that could notice one of these controls on nodes of a variant, in the order of `checks`: those that can be run again and again,
/// and that a run of the variant has.
pub fn noticing(entries: &[&Entry], checks: &[Check], variant: &Variant) -> Vec<Check> {
    let could = |check: &&Check| {
        !check.opt_in
            && can_be_repeated(check, variant)
            && entries.iter().any(|entry| amiproof_core::impact::could_notice(check, entry, settings::all()))
    };
    checks.iter().filter(could).cloned().collect()
}

/// The checks of [`CORE`] that a variant has.
pub fn core(checks: &[Check], variant: &Variant) -> Vec<Check> {
    let is_core = |check: &&Check| CORE.contains(&check.id.as_str()) && can_be_repeated(check, variant);
    checks.iter().filter(is_core).cloned().collect()
}

/// Whether a check gives one answer for the nodes of a variant and leaves them as they are.
pub fn can_be_repeated(check: &Check, variant: &Variant) -> bool {
    let is_one_answer = check.phase == Phase::Test && check.scope == Scope::Variant;
    is_one_answer && !check.disturbs && (check.applies)(variant) == Applies::Yes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use amiproof_model::controls::Demand;
    use amiproof_model::setting::{Change, Harmful};

    use super::*;

    #[test]
    fn every_file_is_read_and_named_like_its_benchmark() {
        for (name, text) in FILES {
            let controls = controls::parse(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(controls.benchmark.as_str(), *name);
            assert!(!controls.sources.is_empty(), "{name}");
            let is_clause = |text: &str| !text.ends_with('.') && !text.contains('\n') && !text.is_empty();
            for entry in &controls.entries {
                assert!(is_clause(&entry.title), "{name}: {}", entry.title);
                match &entry.demand {
                    Demand::Cannot(why) => assert!(is_clause(why), "{name}: {why}"),
                    Demand::Set(set) => {
                        for fact in set.keys() {
                            assert!(Change::of_fact(fact).is_some(), "{name}: {fact} cannot be changed");
                        }
                    }
                }
            }
        }
        assert_eq!(CONTROLS.len(), FILES.len());
    }

    #[test]
    fn a_control_that_settings_name_has_a_value_that_one_of_them_knows_or_says_why_not() {
        for controls in CONTROLS.iter() {
            let named: BTreeSet<&String> = settings::all()
                .iter()
                .flat_map(|setting| &setting.harmful)
                .filter_map(|harmful| harmful.controls.get(&controls.benchmark))
                .flatten()
                .collect();
            for number in named {
                let names = |harmful: &&Harmful| {
                    harmful.controls.get(&controls.benchmark).is_some_and(|all| all.contains(number))
                };
                let of_number = |entry: &&controls::Entry| entry.controls.iter().any(|own| own.number() == number);
                let is_honest = controls.entries.iter().filter(of_number).any(|entry| match &entry.demand {
                    Demand::Cannot(_) => true,
                    Demand::Set(set) => {
                        let host = set.iter().map(|(fact, required)| (fact.clone(), required.example())).collect();
                        let all = settings::all().iter().flat_map(|setting| &setting.harmful);
                        all.filter(names).any(|harmful| harmful.find(&host).is_some())
                    }
                });
                assert!(is_honest, "{number} of {} has a value that no setting knows", controls.benchmark);
            }
        }
    }

    #[test]
    fn what_is_run_for_every_control_exists() {
        let checks = crate::all(amiproof_workloads::catalogue().unwrap()).unwrap();
        for id in CORE {
            assert!(checks.iter().any(|check| check.id.as_str() == id), "{id}");
        }
    }
}
