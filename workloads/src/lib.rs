//! The catalogue of sample apps and add-ons: one YAML file each, embedded in the program and read once.

use std::sync::LazyLock;

use amiproof_model::problem::Problem;
use amiproof_model::workload::Workload;
use amiproof_model::workload_file;

/// Every file of `catalogue/` by name, in order of names.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));

static CATALOGUE: LazyLock<Result<Vec<Workload>, Vec<Problem>>> = LazyLock::new(|| {
    let (mut workloads, mut problems) = (Vec::new(), Vec::new());
    for (name, bytes) in FILES {
        match workload_file::parse(&format!("workloads/catalogue/{name}"), bytes) {
            Ok(workload) => workloads.push(workload),
            Err(wrong) => problems.extend(wrong),
        }
    }
    if problems.is_empty() { Ok(workloads) } else { Err(problems) }
});

/// The catalogue cannot be read: a bug in amiproof that its own tests catch, so it does not panic in front of a user.
#[derive(Debug, thiserror::Error)]
#[error("the built-in workloads of this amiproof are broken, report it as a bug: {}", list(.problems))]
pub struct BrokenCatalogue {
    /// What is wrong with its files.
    pub problems: &'static [Problem],
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("\n{problem}")).collect()
}

/// The built-in workloads, in order of their names.
///
/// # Errors
/// When a file of the catalogue is wrong.
pub fn catalogue() -> Result<&'static [Workload], BrokenCatalogue> {
    match &*CATALOGUE {
        Ok(workloads) => Ok(workloads),
        Err(problems) => Err(BrokenCatalogue { problems }),
    }
}

/// The text of a catalogue file, for `amiproof workload show`; `None` if there is none of this name.
pub fn source(name: &str) -> Option<&'static str> {
    let file = FILES.iter().find(|(file, _)| file.strip_suffix(".yaml") == Some(name));
    file.and_then(|(_, bytes)| std::str::from_utf8(bytes).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_catalogue_parses() {
        match catalogue() {
            Ok(workloads) => assert_eq!(workloads.len(), FILES.len()),
            Err(broken) => panic!("{broken}"),
        }
    }

    #[test]
    fn every_workload_is_named_like_its_file() {
        for (workload, (file, _)) in catalogue().unwrap().iter().zip(FILES) {
            assert_eq!(format!("{}.yaml", workload.name), *file);
            assert!(source(&workload.name).is_some());
        }
    }

    /// Every container of the catalogue, with the file that it is in.
    fn containers() -> Vec<(String, serde_json::Value)> {
        fn collect(file: &str, value: &serde_json::Value, into: &mut Vec<(String, serde_json::Value)>) {
            match value {
                serde_json::Value::Object(fields) => {
                    for (key, value) in fields {
                        if matches!(key.as_str(), "containers" | "initContainers") {
                            into.extend(value.as_array().unwrap().iter().map(|one| (file.to_owned(), one.clone())));
                        }
                        collect(file, value, into);
                    }
                }
                serde_json::Value::Array(items) => items.iter().for_each(|item| collect(file, item, into)),
                _ => {}
            }
        }
        let mut all = Vec::new();
        for workload in catalogue().unwrap() {
            workload.objects.iter().for_each(|object| collect(&workload.name, object, &mut all));
        }
        all
    }

    /// So that a cluster takes them that demands limits of every pod, by a LimitRange, Kyverno or Gatekeeper.
    #[test]
    fn every_container_says_what_it_needs_and_the_most_that_it_takes() {
        let all = containers();
        assert!(all.len() > 70, "{}", all.len());
        for (file, container) in &all {
            let resources = &container["resources"];
            for at in ["/requests/cpu", "/requests/memory", "/limits/memory"] {
                assert!(
                    resources.pointer(at).is_some_and(|value| value.is_string()),
                    "{file}: {}: {at}",
                    container["name"]
                );
            }
        }
    }

    /// What is in an argument vector is seen by everyone who may list the node's processes. `echo` is the shell's own.
    #[test]
    fn no_token_is_an_argument_of_a_program() {
        let secrets = ["TOKEN", "token)", "Authorization", "WebIdentityToken", "PASSWORD"];
        for (file, container) in containers() {
            for list in ["command", "args"] {
                let words = container[list].as_array().into_iter().flatten().filter_map(|word| word.as_str());
                for line in words.flat_map(str::lines).map(str::trim) {
                    let is_named = secrets.iter().any(|secret| line.contains(secret));
                    let is_builtin = line.starts_with("echo ") || line.starts_with("if [ -z ");
                    assert!(!is_named || is_builtin, "{file}: {}: {line}", container["name"]);
                }
            }
        }
    }

    #[test]
    fn every_title_is_a_clause_without_full_stop_and_every_file_names_its_schema() {
        for workload in catalogue().unwrap() {
            let title = &workload.title;
            let is_name = title.split(' ').next().is_some_and(|word| word.chars().skip(1).any(char::is_uppercase));
            assert!(title.starts_with(|c: char| c.is_lowercase()) || is_name, "{title}: starts with a small letter");
            assert!(
                !title.ends_with('.') && title.contains(' ') && title.len() <= 100,
                "{title}: a short clause, no full stop"
            );
            let first = source(&workload.name).unwrap().lines().next().unwrap();
            assert_eq!(
                first, "# yaml-language-server: $schema=../../harness/model/schema/workload.json",
                "{}",
                workload.name
            );
        }
    }
}
