//! Pages that are made of data: settings, checks, workloads, formats of files. A page that is out of date fails, and is written again
//! with `AMIPROOF_UPDATE=1` (`make docs`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use amiproof_model::exit::ExitCode;
use amiproof_model::schema;
use amiproof_model::setting::{Change, Effect, Extent, Harmful, Setting, Value};
use amiproof_suites::registry::{CHECKS, SUITES};
use amiproof_suites::settings;
use serde_json::Value as Json;

use crate::process::root;

/// The first lines of every such page: where it comes from.
fn head(title: &str, from: &str, about: &str) -> String {
    format!("<!-- Generated from {from} by `make docs`: change that, not this page. -->\n\n# {title}\n\n{about}\n\n")
}

fn is_up_to_date(name: &str, text: &str) {
    let path = root().join("harness/docs/reference").join(name);
    if std::env::var_os("AMIPROOF_UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "harness/docs/reference/{name} is out of date: run `make docs`, look at it and commit it"
    );
}

/// Words as code, separated by commas.
fn code<T: AsRef<str>>(words: impl IntoIterator<Item = T>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{}`", word.as_ref())).collect();
    words.join(", ")
}

fn value(value: &Value) -> String {
    match value {
        Value::Is(words) => code(words),
        Value::Not(words) => format!("anything but {}", code(words)),
        Value::Starts(words) => format!("begins with {}", code(words)),
        Value::Lists(words) => format!("contains {}", code(words)),
        Value::Lacks(words) => format!("does not contain {}", code(words)),
        Value::Below(limit) => format!("below {limit}"),
        Value::Above(limit) => format!("above {limit}"),
        Value::OlderThan(version) => format!("older than {version}"),
        Value::Missing => "missing".to_owned(),
    }
}

/// A value as the end of a clause about a fact.
fn predicate(wanted: &Value) -> String {
    match wanted {
        Value::Starts(_) | Value::Lists(_) | Value::Lacks(_) => value(wanted),
        _ => format!("is {}", value(wanted)),
    }
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A sentence.
fn sentence(clause: &str) -> String {
    let mut letters = clause.trim().chars();
    let first = letters.next().map(char::to_uppercase).into_iter().flatten();
    let end = if clause.trim().ends_with(['.', ':']) { "" } else { "." };
    format!("{}{end}", first.chain(letters).collect::<String>())
}

fn controls(harmful: &Harmful) -> String {
    let of = |(benchmark, numbers): (_, &Vec<String>)| format!("{benchmark} {}", numbers.join(", "));
    let listed: Vec<String> = harmful.controls.iter().map(of).collect();
    if listed.is_empty() { "none".to_owned() } else { listed.join("; ") }
}

fn effect(effect: &Effect) -> String {
    let mut named = Vec::new();
    if !effect.checks.is_empty() {
        named.push(code(&effect.checks));
    }
    if !effect.capabilities.is_empty() {
        named.push(format!("what needs {}", code(effect.capabilities.iter().map(|one| one.as_str()))));
    }
    let extent = match effect.extent {
        Extent::Part => "a part of",
        Extent::Some => "some of",
        Extent::AllOrNothing => "either all or none of",
        Extent::All => "all of",
    };
    let when: Vec<String> = effect.when.iter().map(|one| format!("`{}` {}", one.fact, predicate(&one.value))).collect();
    let when = if when.is_empty() { String::new() } else { format!(", if {}", when.join(" and ")) };
    format!("* {extent} {}{when}\n", named.join(", and "))
}

fn source(source: &str) -> String {
    if source.starts_with("http") { format!("<{source}>") } else { source.to_owned() }
}

/// Why a fact is not changed on a running node.
fn rebuilds(setting: &Setting) -> BTreeSet<String> {
    let reason = |harmful: &Harmful| match &harmful.change {
        Change::Rebuild(reason) => Some(reason.clone()),
        _ => None,
    };
    setting.harmful.iter().filter_map(reason).collect()
}

fn section(text: &mut String, setting: &Setting) {
    writeln!(text, "## {}\n\n{}\n", setting.name, sentence(&setting.title)).unwrap();
    writeln!(text, "| fact of the node | harmful if | required by |\n|---|---|---|").unwrap();
    for harmful in &setting.harmful {
        let label = if harmful.label == harmful.fact { String::new() } else { format!(" ({})", harmful.label) };
        let row = [format!("`{}`{label}", harmful.fact), value(&harmful.value), controls(harmful)];
        writeln!(text, "| {} |", row.map(|part| cell(&part)).join(" | ")).unwrap();
    }
    writeln!(text, "\nIt breaks:\n").unwrap();
    setting.takes.iter().for_each(|one| text.push_str(&effect(one)));
    if !setting.compensation.is_empty() {
        writeln!(text, "\n**What to do.** {}", sentence(&setting.compensation)).unwrap();
    }
    for reason in rebuilds(setting) {
        writeln!(text, "\n`amiproof bisect` does not change it on a running node: {reason}.").unwrap();
    }
    let sources: Vec<String> = setting.sources.iter().map(|one| source(one)).collect();
    writeln!(text, "\nSources: {}\n", sources.join("; ")).unwrap();
}

#[test]
fn the_page_of_settings_is_that_of_the_files() {
    let about = "Every setting that `amiproof explain` knows: a fact of a node that hardening changes, and what breaks because of it. \
                 A setting is a cause of a failure only where the nodes of a variant have the harmful value and those of its \
                 reference do not. [Reading the page and the terminal](../reading.md) says what `likely`, `possible` and `ruled out` mean, and \
                 [Checks and workloads](checks.md#what-workloads-need) lists the workloads that need each capability.";
    let mut text = head("Settings that break nodes", "`suites/settings`", about);
    text.push_str("| setting | effect | required by |\n|---|---|---|\n");
    for setting in settings::all() {
        let asked: BTreeSet<String> = setting.harmful.iter().map(controls).filter(|one| one != "none").collect();
        let asked = asked.into_iter().collect::<Vec<_>>().join("; ");
        writeln!(text, "| [{0}](#{0}) | {1} | {2} |", setting.name, cell(&setting.title), cell(&asked)).unwrap();
    }
    text.push('\n');
    settings::all().iter().for_each(|setting| section(&mut text, setting));
    is_up_to_date("settings.md", &format!("{}\n", text.trim_end()));
}

#[test]
fn the_page_of_checks_is_that_of_the_registry_and_the_catalogue() {
    let about = "Every check by its suite. The id is what `--checks`, `suites` in the matrix and waivers name; a prefix names all that \
                 begin with it. `amiproof list` says which of them your matrix selects, and why the others are left out.";
    let mut text = head("Checks and workloads", "`suites/src` and `workloads/catalogue`", about);
    for suite in SUITES.iter().filter(|suite| **suite != "workload") {
        writeln!(text, "## {suite}\n\n| check | what it evaluates |\n|---|---|").unwrap();
        for check in CHECKS.iter().filter(|check| check.id.split('/').next() == Some(suite)) {
            writeln!(text, "| `{}` | {} |", check.id, cell(check.title)).unwrap();
        }
        text.push('\n');
    }
    text.push_str("## workload\n\n| workload | what it shows | what it needs of a node |\n|---|---|---|\n");
    let mut needed: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for workload in amiproof_workloads::catalogue().unwrap() {
        writeln!(text, "| `workload/{}` | {} | {} |", workload.name, cell(&workload.title), code(&workload.exercises))
            .unwrap();
        for capability in &workload.exercises {
            needed.entry(capability).or_default().push(&workload.name);
        }
    }
    text.push_str("\n## What workloads need\n\n| capability of a node | workloads that need it |\n|---|---|\n");
    for (capability, workloads) in needed {
        writeln!(text, "| `{capability}` | {} |", code(workloads)).unwrap();
    }
    is_up_to_date("checks.md", &text);
}

/// Each format with the page about it.
const FORMATS: [(&str, &str, &str); 4] = [
    (
        "matrix",
        "Matrix file",
        "`amiproof.yaml`: the variants, the cluster, and what is tested. `amiproof init` writes one to start from.",
    ),
    (
        "waivers",
        "Waiver file",
        "The file that `waivers` in the matrix names. [Waivers](../waivers.md) shows how to work with it.",
    ),
    (
        "workload",
        "Workload file",
        "The header of a workload; ordinary Kubernetes objects follow it. [Your own workloads](../workloads.md) shows how to write one.",
    ),
    ("report", "Report", "`report.json` in the folder of a run, from which every other format is rendered."),
];

#[test]
fn the_pages_of_formats_are_those_of_the_schemas() {
    for (kind, json) in schema::all() {
        let (_, title, about) = FORMATS.iter().find(|(name, _, _)| *name == kind).unwrap();
        let about = format!("{about}\n\n`amiproof schema {kind}` prints the JSON Schema that this page shows.");
        let mut text = head(title, "the JSON Schema", &about);
        writeln!(text, "## The file\n").unwrap();
        form(&mut text, json);
        for (name, definition) in json["$defs"].as_object().into_iter().flatten() {
            writeln!(text, "## {name}\n").unwrap();
            form(&mut text, definition);
        }
        is_up_to_date(&format!("{kind}.md"), &format!("{}\n", text.trim_end()));
    }
}

/// A description in Markdown: what Rust's own links look like means nothing here.
fn described(json: &Json) -> String {
    let text = json["description"].as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    text.replace("[`", "`").replace("`]", "`").replace('<', "&lt;")
}

/// One definition: a table of its properties, or a list of its alternatives.
fn form(text: &mut String, json: &Json) {
    let about = described(json);
    if !about.is_empty() {
        writeln!(text, "{about}\n").unwrap();
    }
    let mut nested = Vec::new();
    let properties = json["properties"].as_object();
    let alternatives = ["oneOf", "anyOf"].iter().find_map(|key| json[*key].as_array());
    if let Some(properties) = properties {
        text.push_str("| key | type | |\n|---|---|---|\n");
        for (name, property) in properties {
            // An object that has no name of its own gets a section by its key.
            let is_nested = property["properties"].is_object();
            nested.extend(is_nested.then_some((name, property)));
            let kind = if is_nested { format!("[{name}](#{})", name.to_lowercase()) } else { kind(property) };
            let is_required = json["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
            let required = if is_required { "**required.** " } else { "" };
            let default = match &property["default"] {
                Json::Null => String::new(),
                default => format!(" Default: `{default}`."),
            };
            let about = format!("{required}{}{default}", described(property));
            writeln!(text, "| `{name}` | {} | {} |", cell(&kind), cell(&about)).unwrap();
        }
        text.push('\n');
    }
    if let Some(alternatives) = alternatives {
        for one in alternatives {
            let about = described(one);
            let about = if about.is_empty() { String::new() } else { format!(": {about}") };
            writeln!(text, "* {}{about}", kind(one)).unwrap();
        }
        text.push('\n');
    } else if properties.is_none() {
        writeln!(text, "Type: {}.\n", kind(json)).unwrap();
    }
    for (name, property) in nested {
        writeln!(text, "## {name}\n").unwrap();
        form(text, property);
    }
}

/// The type of a value, with links to the definitions of its parts.
fn kind(json: &Json) -> String {
    if let Some(name) = json["$ref"].as_str().and_then(|link| link.strip_prefix("#/$defs/")) {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(parts) = ["anyOf", "oneOf", "allOf"].iter().find_map(|key| json[*key].as_array()) {
        let kinds: Vec<String> = parts.iter().map(kind).filter(|kind| kind != "null").collect();
        return kinds.join(" or ");
    }
    if let Some(words) = json["enum"].as_array() {
        return code(words.iter().filter_map(Json::as_str));
    }
    if let Some(word) = json["const"].as_str() {
        return format!("`{word}`");
    }
    let names: Vec<&str> = match &json["type"] {
        Json::String(name) => vec![name],
        Json::Array(names) => names.iter().filter_map(Json::as_str).filter(|name| *name != "null").collect(),
        _ => Vec::new(),
    };
    let name = names.join(" or ");
    match name.as_str() {
        "array" if json["items"].is_object() => format!("list of {}", kind(&json["items"])),
        "object" if json["additionalProperties"].is_object() => {
            format!("map to {}", kind(&json["additionalProperties"]))
        }
        "object" if json["properties"].is_object() => {
            let keys = json["properties"].as_object().into_iter().flatten();
            keys.map(|(key, value)| format!("`{key}`: {}", kind(value))).collect::<Vec<_>>().join(", ")
        }
        "" => "anything".to_owned(),
        _ => name,
    }
}

#[test]
fn the_page_of_exit_codes_names_every_code_and_no_other() {
    let page = std::fs::read_to_string(root().join("harness/docs/reference/exit-codes.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next()?.parse::<u8>().ok());
    let codes: Vec<u8> = ExitCode::ALL.iter().map(|(code, _)| code.code()).collect();
    assert_eq!(rows.collect::<Vec<_>>(), codes);
}
