//! Tests of help texts, of the names of options, and of what their values may be.

use clap::{Arg, Command, CommandFactory as _};

use super::super::{Cli, SchemaKind};

/// Every command with its words.
fn commands(command: &Command, path: &str, found: &mut Vec<(String, Command)>) {
    for child in command.get_subcommands().filter(|child| !child.is_hide_set() && child.get_name() != "help") {
        let path = format!("{path}{} ", child.get_name());
        commands(child, &path, found);
        if !child.has_subcommands() {
            found.push((path.trim_end().to_owned(), child.clone()));
        }
    }
}

fn all() -> Vec<(String, Command)> {
    let mut root = Cli::command().term_width(60);
    root.build();
    let mut found = Vec::new();
    commands(&root, "", &mut found);
    assert!(found.len() > 30, "{}", found.len());
    found
}

#[test]
fn short_help_is_readable_in_60_columns() {
    let mut root = Cli::command().term_width(60);
    root.build();
    let mut texts = vec![("amiproof".to_owned(), root.render_help().to_string())];
    texts.extend(all().into_iter().map(|(path, mut command)| (path, command.render_help().to_string())));
    for (path, text) in texts {
        // A usage line is not wrapped, so that it can be copied.
        let lines = text.lines().filter(|line| !line.starts_with("Usage:"));
        let long: Vec<&str> = lines.filter(|line| line.chars().count() > 60).collect();
        assert!(long.is_empty(), "{path}: {long:#?}");
        assert!(text.lines().count() < 150, "{path} has {} lines", text.lines().count());
    }
}

#[test]
fn the_form_of_an_answer_has_one_name_everywhere() {
    for (path, command) in all() {
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
            let long = arg.get_long().unwrap_or_default();
            assert!(!["format", "json", "out", "output-file"].contains(&long), "{path} --{long}");
            assert_eq!(long == "output", arg.get_short() == Some('o'), "{path} --{long}");
            let is_set = |arg: &Arg| !arg.get_possible_values().is_empty();
            assert!(long != "output" || is_set(arg), "{path}: --output has no values to complete");
        }
    }
}

#[test]
fn names_that_were_released_go_on_working() {
    for words in [
        &["report", "--format", "json"][..],
        &["report", "-o", "json"],
        &["compare", "a", "b", "--format", "markdown"],
        &["exclusions", "--format", "env"],
        &["doctor", "--format", "json"],
        &["promote", "l1", "--unsigned", "--out", "folder"],
        &["promote", "l1", "--unsigned", "--folder", "folder"],
        &["run", "--lab", "--profiles", "folder"],
        &["import", "auto", "file"],
        &["import", "inspector-csv", "file"],
        &["workload", "list", "-o", "json"],
    ] {
        let words = std::iter::once("amiproof").chain(words.iter().copied());
        let words: Vec<&str> = words.collect();
        Cli::command().try_get_matches_from(&words).unwrap_or_else(|error| panic!("{words:?}: {error}"));
    }
}

#[test]
fn a_word_that_is_none_of_a_closed_set_is_refused_with_what_was_meant() {
    for (words, meant) in [
        (&["import", "jnuit", "file"][..], "'junit'"),
        (&["schema", "waiver"], "'waivers'"),
        (&["list", "suite"], "'suites'"),
        (&["report", "-o", "markdow"], "'markdown'"),
        (&["run", "--only", "netwrok"], "'network'"),
    ] {
        let words = std::iter::once("amiproof").chain(words.iter().copied());
        let error = Cli::command().try_get_matches_from(words).unwrap_err().to_string();
        assert!(error.contains("possible values") && error.contains(meant), "{error}");
    }
}

#[test]
fn every_schema_can_be_asked_for() {
    use clap::ValueEnum as _;
    let names = SchemaKind::value_variants().iter().filter_map(|kind| kind.to_possible_value());
    let names: Vec<String> = names.map(|value| value.get_name().to_owned()).collect();
    assert_eq!(names, amiproof_model::schema::all().map(|(name, _)| name));
}

#[test]
fn quiet_and_verbose_exclude_each_other() {
    let error = Cli::command().try_get_matches_from(["amiproof", "runs", "-q", "-v"]).unwrap_err().to_string();
    assert!(error.contains("--quiet") && error.contains("--verbose"), "{error}");
}
