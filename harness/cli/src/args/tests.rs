//! Tests that README and help texts match the command line.

mod help;
mod reference;

use std::path::{Path, PathBuf};

use clap::CommandFactory as _;

use super::Cli;

/// Every source file below a folder, but those of the build.
fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
            sources(&path, files);
        } else if path.extension().is_some_and(|ending| matches!(ending.to_str(), Some("rs" | "md"))) {
            files.push(path);
        }
    }
}

/// What follows `amiproof` where a text quotes the command: "`amiproof destroy --run`", "'amiproof apply'".
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("amiproof ").filter_map(|(at, matched)| {
        let before = text[..at].chars().next_back()?;
        let rest = text[at + matched.len()..].lines().next()?;
        let is_word = rest.starts_with(|c: char| c.is_ascii_lowercase());
        (matches!(before, '`' | '\'') && is_word).then(|| rest.split(before).next().unwrap_or(rest))
    })
}

/// What of a quoted command does not exist: a subcommand, or an option of it.
fn unknown(root: &clap::Command, quoted: &str) -> Option<String> {
    let mut command = root;
    let mut words = quoted.split([' ', '=']).peekable();
    while let Some(found) = words.peek().and_then(|word| command.find_subcommand(word)) {
        command = found;
        words.next();
    }
    if command.get_name() == root.get_name() {
        return Some(quoted.to_owned());
    }
    let options = || command.get_arguments().chain(root.get_arguments()).filter_map(clap::Arg::get_long);
    let is_known = |word: &str| options().any(|option| option == word) || word == "help";
    words
        .find(|word| word.strip_prefix("--").is_some_and(|word| !word.is_empty() && !is_known(word)))
        .map(|word| format!("{quoted}: {word}"))
}

#[test]
fn texts_name_only_commands_that_exist() {
    let command = Cli::command();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = vec![root.join("README.md"), root.join("harness/ARCHITECTURE.md")];
    for folder in ["harness", "suites", "workloads", "fixtures/lab/src", "reports"] {
        sources(&root.join(folder), &mut files);
    }
    assert!(files.len() > 300, "{}", files.len());
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let wrong: Vec<String> = quoted(&text).filter_map(|quoted| unknown(&command, quoted)).collect();
        assert!(wrong.is_empty(), "{}: there is no {wrong:?}", file.display());
    }
}

#[test]
fn a_command_or_option_that_does_not_exist_is_seen() {
    let command = Cli::command();
    for (words, wrong) in [
        ("apply", false),
        ("destroy --run r-1", false),
        ("workload new my-app --from -", false),
        ("waiver audit --within 30d", false),
        ("physician", true),
        ("compare --output json", false),
        ("compare --form json", true),
        ("workload make", false),
        ("waiver audit --nothing", true),
    ] {
        let text = format!("x `amiproof {words}` y");
        let found: Vec<&str> = quoted(&text).collect();
        assert_eq!(found, [words]);
        assert_eq!(unknown(&command, words).is_some(), wrong, "{words}");
    }
    assert_eq!(quoted("amiproof makes nothing").count(), 0);
}
