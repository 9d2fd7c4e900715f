//! The settings that hardening changes and that break nodes: one file each in `suites/settings`, embedded in the program and read once.

use std::sync::LazyLock;

use amiproof_model::setting::{self, Setting};

/// Every file of `settings/` by name, in order of names.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/settings.rs"));

/// A file that cannot be read is left out, and the tests of this module fail: less would be explained, and nothing else be wrong.
static SETTINGS: LazyLock<Vec<Setting>> =
    LazyLock::new(|| FILES.iter().filter_map(|(_, text)| setting::parse(text).ok()).collect());

/// The settings, in order of their names.
pub fn all() -> &'static [Setting] {
    &SETTINGS
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use amiproof_model::benchmark;
    use amiproof_model::setting::Change;

    use super::*;

    #[test]
    fn every_file_is_read_and_named_like_its_setting() {
        for (name, text) in FILES {
            let setting = setting::parse(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(setting.name, *name);
            let is_clause = |text: &str| !text.ends_with('.') && !text.contains('\n') && !text.is_empty();
            assert!(is_clause(&setting.title) && setting.title.len() <= 90, "{name}: {}", setting.title);
            assert!(setting.compensation.is_empty() || is_clause(&setting.compensation), "{name}");
            assert!(!setting.sources.is_empty() && !setting.harmful.is_empty() && !setting.takes.is_empty(), "{name}");
        }
        assert_eq!(all().len(), FILES.len());
    }

    #[test]
    fn every_control_is_one_of_its_benchmark() {
        for setting in all() {
            for (benchmark, numbers) in setting.harmful.iter().flat_map(|harmful| &harmful.controls) {
                let known: BTreeSet<&str> = benchmark::controls(benchmark.as_str())
                    .unwrap_or_else(|| panic!("{}: no benchmark {benchmark}", setting.name))
                    .map(|(number, _)| number)
                    .collect();
                for number in numbers {
                    assert!(known.contains(number.as_str()), "{}: {benchmark} has no {number}", setting.name);
                }
            }
        }
    }

    #[test]
    fn every_effect_names_something_that_exists() {
        let checks = crate::all(amiproof_workloads::catalogue().unwrap()).unwrap();
        let exists = |name: &str| {
            let below = format!("{name}/");
            let add_on = name.strip_prefix("addon/");
            checks.iter().any(|check| check.id.as_str() == name || check.id.as_str().starts_with(&below))
                || add_on
                    .is_some_and(|name| amiproof_core::cluster::addons::ADD_ONS.iter().any(|known| known.name == name))
        };
        for setting in all() {
            for effect in &setting.takes {
                assert!(!effect.capabilities.is_empty() || !effect.checks.is_empty(), "{}", setting.name);
                for check in &effect.checks {
                    assert!(exists(check), "{}: there is no check {check}", setting.name);
                }
            }
        }
    }

    #[test]
    fn how_a_fact_is_changed_belongs_to_its_kind() {
        for setting in all() {
            for harmful in &setting.harmful {
                let kind = harmful.fact.split('.').next().unwrap_or_default();
                let fits = match harmful.change {
                    Change::Sysctl => kind == "sysctl",
                    Change::NftPolicy => harmful.fact.starts_with("firewall.nft."),
                    Change::IptablesPolicy => harmful.fact.starts_with("firewall.ip"),
                    Change::Mount => kind == "mount",
                    Change::Selinux => kind == "selinux",
                    Change::Service => kind == "service",
                    Change::Rebuild(_) => true,
                };
                assert!(fits, "{}: {} and {:?}", setting.name, harmful.fact, harmful.change);
            }
        }
    }
}
