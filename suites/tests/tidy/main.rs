//! The invariants of the workspace that no compiler checks: who may depend on what, who may talk to whom, and that every check is
//! where its id says.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue ends there")]

mod cycles;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use amiproof_suites::registry::CHECKS;
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};
use regex::Regex;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The metadata of the workspace, for this platform only: crates for others may not be on this machine.
fn metadata() -> Metadata {
    let host = std::process::Command::new("rustc").args(["--print", "host-tuple"]).output().unwrap();
    let host = String::from_utf8(host.stdout).unwrap().trim().to_owned();
    let options = ["--offline".to_owned(), "--locked".to_owned(), "--filter-platform".to_owned(), host];
    MetadataCommand::new().manifest_path(root().join("Cargo.toml")).other_options(options).exec().unwrap()
}

/// A source file without its unit tests.
struct Source {
    /// Relative to the workspace, with `/`.
    path: String,
    text: String,
}

/// Every source file of a package's `src`, or of all packages' for an empty folder.
fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let packages = [
        "harness/model",
        "harness/time",
        "harness/core",
        "harness/cli",
        "suites",
        "workloads",
        "fixtures/lab",
        "reports",
    ];
    for package in packages.iter().filter(|package| package.starts_with(folder)) {
        collect(&root().join(package).join("src"), &mut found);
    }
    assert!(!found.is_empty(), "no sources below '{folder}'");
    found
}

fn collect(folder: &Path, found: &mut Vec<Source>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "tests") {
                collect(&path, found);
            }
        } else if path.extension().is_some_and(|kind| kind == "rs")
            && path.file_name().is_some_and(|name| name != "tests.rs")
        {
            let text = std::fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
            found.push(Source { path, text });
        }
    }
}

impl Source {
    /// The text up to the unit tests, which are at the end of a file.
    fn product(&self) -> &str {
        self.text
            .find("\n#[cfg(test)]\nmod ")
            .or(self.text.find("\n#[cfg(test)]\npub(crate) mod "))
            .map_or(&self.text, |end| &self.text[..end])
    }

    /// Lines of code that match, each with its place.
    fn lines_with<'a>(&'a self, pattern: &'a Regex) -> impl Iterator<Item = String> + 'a {
        let lines = self.product().lines().enumerate();
        lines
            .filter(|(_, line)| !line.trim_start().starts_with("//") && pattern.is_match(line))
            .map(|(index, line)| format!("{}:{}: {}", self.path, index + 1, line.trim()))
    }
}

/// Everything that a package depends on in the product, however indirectly.
fn reachable(metadata: &Metadata, package: &str) -> BTreeSet<String> {
    let resolve = metadata.resolve.as_ref().unwrap();
    let nodes: BTreeMap<&PackageId, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let name = |id: &PackageId| metadata.packages.iter().find(|package| package.id == *id).unwrap().name.to_string();
    let start = metadata.packages.iter().find(|found| found.name.as_str() == package).unwrap();
    let (mut open, mut seen) = (vec![&start.id], BTreeSet::new());
    while let Some(id) = open.pop() {
        for dependency in &nodes[id].deps {
            let in_product = dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
            if in_product && seen.insert(&dependency.pkg) {
                open.push(&dependency.pkg);
            }
        }
    }
    seen.into_iter().map(name).collect()
}

#[test]
fn model_and_reports_know_neither_tokio_nor_kube_nor_aws() {
    let metadata = metadata();
    for package in ["amiproof-model", "amiproof-reports", "amiproof-workloads"] {
        let known = reachable(&metadata, package);
        let forbidden = |name: &&String| {
            ["tokio", "hyper", "reqwest", "axum", "k8s-openapi"].contains(&name.as_str())
                || name.starts_with("kube")
                || name.starts_with("aws-")
        };
        let wrong: Vec<_> = known.iter().filter(forbidden).collect();
        assert!(wrong.is_empty(), "{package} depends on {wrong:?}");
    }
}

#[test]
fn packages_depend_on_each_other_only_as_designed() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("amiproof-model", &[][..]),
        ("amiproof-workloads", &["amiproof-model"]),
        ("amiproof-reports", &["amiproof-model"]),
        ("amiproof-time", &[]),
        ("amiproof-core", &["amiproof-model", "amiproof-time", "amiproof-workloads"]),
        ("amiproof-suites", &["amiproof-core", "amiproof-model", "amiproof-time", "amiproof-workloads"]),
        ("amiproof-lab", &["amiproof-time"]),
    ]);
    for package in metadata().workspace_packages() {
        let Some(allowed) = allowed.get(package.name.as_str()) else { continue };
        for dependency in &package.dependencies {
            // Tests may run against the lab and render reports: neither depends on what is tested, so there is no cycle.
            let of_tests = dependency.kind == DependencyKind::Development
                && ["amiproof-lab", "amiproof-reports"].contains(&dependency.name.as_str());
            let known = allowed.contains(&dependency.name.as_str());
            let ours = dependency.name.starts_with("amiproof");
            assert!(!ours || known || of_tests, "{} must not depend on {}", package.name, dependency.name);
        }
    }
}

#[test]
fn only_aws_and_cluster_build_clients() {
    let builds =
        Regex::new(r"aws_config::|Client::from_conf|ClientBuilder|Client::try_(default|from)|kube::Config\b").unwrap();
    let elsewhere = sources("").into_iter().filter(|source| {
        !["harness/core/src/aws/", "harness/core/src/cluster/", "harness/core/src/transport.rs", "fixtures/"]
            .iter()
            .any(|home| source.path.starts_with(home))
    });
    let wrong: Vec<String> = elsewhere.flat_map(|source| source.lines_with(&builds).collect::<Vec<_>>()).collect();
    assert!(
        wrong.is_empty(),
        "clients are built in core::aws, core::cluster and core::transport only:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn reading_files_of_other_tools_knows_neither_kube_nor_aws() {
    let other =
        Regex::new(r"\b(kube::|k8s_openapi|aws_sdk|aws_config|crate::(aws|cluster|context|probe|wait)\b)").unwrap();
    let mut sources = sources("harness/core");
    sources.retain(|source| source.path.starts_with("harness/core/src/scan/import/"));
    assert!(sources.len() > 10, "the folder was moved");
    let lines: Vec<String> = sources.iter().flat_map(|source| source.lines_with(&other).collect::<Vec<_>>()).collect();
    assert!(lines.is_empty(), "{}", lines.join("\n"));
}

#[test]
fn only_the_program_reads_the_environment_prints_and_exits() {
    let speaks = Regex::new(r"\b(println|print|eprintln|eprint|dbg)!|\benv::(var|vars|args)|process::exit").unwrap();
    let libraries = sources("").into_iter().filter(|source| !source.path.starts_with("harness/cli/"));
    let wrong: Vec<String> = libraries.flat_map(|source| source.lines_with(&speaks).collect::<Vec<_>>()).collect();
    assert!(wrong.is_empty(), "only harness/cli does this:\n{}", wrong.join("\n"));
    let exits = Regex::new(r"process::exit").unwrap();
    let wrong: Vec<String> =
        sources("harness/cli").iter().flat_map(|source| source.lines_with(&exits).collect::<Vec<_>>()).collect();
    assert!(wrong.is_empty(), "main returns an exit code, so that everything is dropped first:\n{}", wrong.join("\n"));
}

#[test]
fn what_a_run_creates_is_created_in_the_file_of_its_kind_and_through_the_ledger() {
    const HOME: &str = "harness/core/src/resource/";
    let creates = Regex::new(r"\.create_[a-z_]+\(\)|\bcreate_resource\(").unwrap();
    let sources: Vec<Source> =
        ["harness/core", "harness/cli", "suites"].iter().flat_map(|folder| sources(folder)).collect();
    let mut wrong = Vec::new();
    for source in &sources {
        // A dry run creates nothing, and the ledger defines the function.
        let is_meant =
            |line: &String| !line.contains(".dry_run(true)") && !line.contains("pub async fn create_resource");
        // The tags of an image that is promoted are meant to outlive the run.
        let is_release = source.path.starts_with("harness/core/src/release/");
        let is_of_run = |line: &String| !(is_release && line.contains(".create_tags()"));
        let calls: Vec<String> = source.lines_with(&creates).filter(is_meant).filter(is_of_run).collect();
        let is_ledgered = source.path.starts_with(HOME) && source.product().contains("create_resource(");
        if !is_ledgered {
            wrong.extend(calls);
        }
    }
    assert!(wrong.is_empty(), "only {HOME} creates, inside Ledger::create_resource:\n{}", wrong.join("\n"));
    let homes = sources.iter().filter(|source| source.path.starts_with(HOME));
    assert!(homes.filter(|source| source.product().contains("create_resource(")).count() >= 12, "the folder was moved");
}

#[test]
fn the_documentation_names_every_action_that_the_code_asks_aws_for() {
    let table: BTreeSet<&str> = amiproof_core::iam::table::actions().map(|action| action.name).collect();
    let operations: BTreeSet<&str> = amiproof_core::iam::table::actions().map(|action| action.operation()).collect();
    let call = Regex::new(r#"(?:\.explain\(|ask\(clients, &[A-Z]+,|read\(clients,)\s*"([A-Z][A-Za-z]+)""#).unwrap();
    let mut missing = BTreeSet::new();
    for source in ["harness/core", "harness/cli", "suites"].iter().flat_map(|folder| sources(folder)) {
        let called = call.captures_iter(source.product()).map(|found| found[1].to_owned());
        missing.extend(called.filter(|operation| !operations.contains(operation.as_str())));
    }
    assert_eq!(missing, BTreeSet::new(), "add them to harness/core/src/iam/table.rs");
    let page = std::fs::read_to_string(root().join("harness/docs/iam.md")).unwrap();
    let section = page.split_once("\n## Actions\n").unwrap().1.split_once("\n## ").unwrap().0;
    let word = Regex::new(r"`(?:([a-z0-9]+):)?([A-Z][A-Za-z]+)`").unwrap();
    let mut named = BTreeSet::new();
    for row in section.lines().filter(|line| line.starts_with("| ")) {
        // The first action of a row has the prefix of its service.
        let mut service = String::new();
        for found in word.captures_iter(row) {
            if let Some(prefix) = found.get(1) {
                service = prefix.as_str().to_owned();
            }
            named.insert(format!("{service}:{}", &found[2]));
        }
    }
    let named: BTreeSet<&str> = named.iter().map(String::as_str).collect();
    assert_eq!(named, table, "the table of actions in harness/docs/iam.md is not harness/core/src/iam/table.rs");
}

/// Where the system's own clock is meant, though time may be simulated.
const BY_THE_SYSTEM: [(&str, &str); 5] = [
    ("harness/time/src/", "here is the one door"),
    ("harness/core/src/ledger/mod.rs", "how old a file of an earlier process is"),
    ("harness/cli/src/progress.rs", "how long who is watching has seen nothing"),
    ("harness/cli/src/lock.rs", "another process of this machine"),
    ("harness/cli/src/helm.rs", "another process of this machine"),
];

#[test]
fn time_and_chance_come_through_one_door() {
    let system =
        r"Timestamp::now|SystemTime::now|Zoned::now|time::Instant\b|Uuid::new_v4|\bfastrand::|\brand::(rng|random)";
    let (system, by_tokio) = (Regex::new(system).unwrap(), Regex::new(r"tokio::time::Instant").unwrap());
    let mut wrong = Vec::new();
    for source in sources("") {
        let is_excused = BY_THE_SYSTEM.iter().any(|(path, _)| source.path.starts_with(path));
        wrong.extend(source.lines_with(&system).filter(|line| !is_excused && !by_tokio.is_match(line)));
    }
    assert!(wrong.is_empty(), "ask amiproof_time:\n{}", wrong.join("\n"));
}

/// What runs in a simulation: there the order of everything follows from the seed.
const SIMULATED: [&str; 3] = ["harness/core", "suites", "fixtures/lab"];

#[test]
fn nothing_in_a_simulation_goes_by_the_order_of_a_hash_or_by_a_coin() {
    let hash = Regex::new(r"\bHash(Map|Set)\b|tokio::sync::(\{[^}]*)?watch\b|spawn_blocking|tokio::fs\b").unwrap();
    let mut wrong = Vec::new();
    for source in SIMULATED.iter().flat_map(|folder| sources(folder)) {
        // What other tools wrote is read in one go, and looked up only.
        if !source.path.starts_with("harness/core/src/scan/import/") {
            let hashes = source
                .lines_with(&hash)
                .filter(|line| !line.contains("aws_") && !line.contains("pub(super) fn tags_of("));
            wrong.extend(hashes.map(|line| format!("{line} (BTreeMap, IndexMap, amiproof_time)")));
        }
        let lines: Vec<&str> = source.product().lines().collect();
        let coins = lines.windows(2).enumerate().filter(|(_, two)| {
            two[0].contains("select! {") && !two[0].trim_start().starts_with("//") && two[1].trim() != "biased;"
        });
        wrong.extend(coins.map(|(at, two)| format!("{}:{}: {} (biased)", source.path, at + 1, two[0].trim())));
    }
    assert!(wrong.is_empty(), "the same seed would not give the same run:\n{}", wrong.join("\n"));
}

#[test]
fn no_files_import_each_other_in_a_cycle() {
    let packages = ["harness/model", "harness/core", "harness/cli", "suites", "workloads", "reports", "fixtures/lab"];
    let mut found = String::new();
    for package in packages {
        for cycle in cycles::cycles(&root().join(package).join("src")) {
            found.push_str(&format!("\n{package}: {cycle}\n"));
        }
    }
    let help = "move what several of them need to a file of its own, below them";
    assert!(found.is_empty(), "{help}:\n{found}");
}

#[test]
fn every_module_says_what_it_is() {
    for source in sources("") {
        let first = source.text.lines().next().unwrap_or_default();
        assert!(first.starts_with("//! ") && first.len() > 8, "{} does not begin with what it is", source.path);
    }
}

/// Names that a title may begin with.
const NAMES: [&str; 4] = ["GuardDuty ", "Inspector ", "SELinux ", "Systems Manager "];

#[test]
fn ids_are_unique_and_titles_are_clauses() {
    let mut ids = BTreeSet::new();
    for check in CHECKS {
        assert!(ids.insert(check.id), "{} is registered twice", check.id);
        check.check().unwrap_or_else(|error| panic!("{error}"));
        let title = check.title;
        assert!(
            title.starts_with(char::is_lowercase) || NAMES.iter().any(|name| title.starts_with(name)),
            "{}: '{title}' begins with a small letter",
            check.id
        );
        assert!(!title.ends_with('.') && title.contains(' '), "{}: '{title}' is a clause without full stop", check.id);
    }
}

#[test]
fn every_check_file_is_registered_under_its_path() {
    let definition =
        Regex::new(r#"pub const CHECK: Definition =\s*Definition::(?:question|scan)\(\s*"([^"]+)""#).unwrap();
    let mut in_files = BTreeSet::new();
    for source in sources("suites") {
        let Some(found) = definition.captures(&source.text) else { continue };
        let path = source.path.strip_prefix("suites/src/").unwrap().strip_suffix(".rs").unwrap();
        assert_eq!(&found[1], path.replace('_', "-"), "{}: the id is the path", source.path);
        in_files.insert(found[1].to_owned());
    }
    let registered: BTreeSet<String> = CHECKS.iter().map(|check| check.id.to_owned()).collect();
    assert_eq!(in_files, registered, "suites/src/registry.rs lists every file with a check");
}

/// Words of this project's own that it once spoke, with what the field says. A word that is the field's own has no place here.
const PRIVATE_WORDS: [(&str, &str); 20] = [
    (r"\b(mend|mends|mended)\b", "help or suggestion"),
    (r"\b(room|rooms)\b", "capacity, space or folder"),
    (r"\b(bystanders?|doomed|patiently|patience)\b", "quiescence, retry, timeout"),
    (r"\b(premise|premises)\b", "precondition"),
    (r"\b(strangers?|neighbours?)\b", "third-party client, peer"),
    (r"\b(somebody|anew)\b", "someone, again"),
    (
        r"\b(not had|made up when|passed in part|facts that matter here)\b",
        "unavailable, generated, incomplete, settings",
    ),
    (r"\bAnswer 0\b", "Exit 0"),
    (r"\bdefect of amiproof\b", "bug in amiproof"),
    (r"\bno reason to\b", "say what happens"),
    (r"\bown affair\b", "say who decides it"),
    (r"\bis (somebody|someone) else's, and left alone\b", "is not owned by this run"),
    (r"\bfn words?\(&?self\)", "as_str or description"),
    (
        r"\b(struct|enum|trait|type) (Lane|Seat|Among|Ground|Book|Stay|Room|Asked|Premise|Conduct|Broken|Never|Calm)\b",
        "what it is: handle, survey, request, options, error ..",
    ),
    (r"\bmod (stay|book|room|charge|premise|ground|asked)\b", "what is in it"),
    (r"\b(foresee|foreseen|take_down|is_no_node|read_place|told_of)\b", "preview, teardown, base_image_kind, permit"),
    (r"(?-i:\bMOST(_[A-Z]+)?\b)", "MAX_.."),
    (
        r"\b(struct|enum|trait|type) (Telling|Elsewhere|Scene)\b|Health::(Well|Ill)\b",
        "sink, wrong target, snapshot, healthy",
    ),
    (
        r"\bfn (told|said|hold|whole|places)\b|\blet (mut )?(told|said)\b",
        "what it returns: message, summary, reserve ..",
    ),
    (
        r"\bWithout it: |\bwhat is to hold\b|\blet hardening (leave|let)\b|\bleaves? it to a human\b|\bfor who may\b|\bnobody is named\b",
        "Default: .., requirement, exclude from hardening, manual",
    ),
];

/// The pages of the documentation that people write, relative to the workspace; what is generated comes from elsewhere.
fn pages(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root().join(folder)).unwrap().map(Result::unwrap) {
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        let is_generated = path.ends_with("/reference") || path.contains("/impact-");
        if entry.path().is_dir() && !is_generated {
            found.extend(pages(&path));
        } else if path.ends_with(".md") && !is_generated {
            found.push(path);
        }
    }
    found
}

#[test]
fn private_words_do_not_come_back() {
    let mut texts: Vec<Source> =
        ["harness", "suites", "reports", "workloads"].iter().flat_map(|of| sources(of)).collect();
    for path in [
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "Makefile",
        "harness/ARCHITECTURE.md",
        "reports/templates/matrix.html",
        "workloads/catalogue/README.md",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain(pages("harness/docs"))
    {
        texts.push(Source { text: std::fs::read_to_string(root().join(&path)).unwrap(), path });
    }
    let mut wrong = Vec::new();
    for (pattern, instead) in PRIVATE_WORDS {
        let pattern = Regex::new(&format!("(?i){pattern}")).unwrap();
        for source in &texts {
            let lines = source.text.lines().enumerate().filter(|(_, line)| pattern.is_match(line));
            wrong.extend(lines.map(|(at, line)| format!("{}:{}: {} ({instead})", source.path, at + 1, line.trim())));
        }
    }
    assert!(wrong.is_empty(), "say what kubectl, nextest or Terraform would:\n{}", wrong.join("\n"));
}
