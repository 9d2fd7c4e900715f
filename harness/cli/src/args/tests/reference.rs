//! The page of commands, made of the command line itself, and commands of the documentation that no test executes.

use std::fmt::Write as _;
use std::path::Path;

use clap::{Arg, Command, CommandFactory as _};

use super::super::Cli;

#[path = "../../../tests/lab/docs/page.rs"]
mod page;

use self::page::{Block, Run, pages};

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    let text = text.replace('|', "\\|").replace('<', "&lt;");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Options that every command has, and which the page shows once.
fn is_everywhere(arg: &Arg) -> bool {
    matches!(arg.get_id().as_str(), "help" | "version") || arg.is_global_set()
}

/// How an argument is written: `-f, --file <FILE>`.
fn spelling(arg: &Arg) -> String {
    let values = arg.get_value_names().unwrap_or_default();
    let values: Vec<String> = values.iter().map(|name| format!("<{name}>")).collect();
    let values = if arg.get_action().takes_values() { values.join(" ") } else { String::new() };
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    format!("{} {values}", names.join(", ")).trim().to_owned()
}

/// Help in several paragraphs, of which only the last may lack its full stop.
fn paragraphs(help: &str) -> String {
    help.replace(".\n\n", "\n\n").replace("\n\n", ".\n\n")
}

fn about(arg: &Arg) -> String {
    let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let mut text = cell(&paragraphs(&help));
    let values = arg.get_possible_values();
    let shown: Vec<String> = values
        .iter()
        .filter(|value| !value.is_hide_set() && arg.get_action().takes_values() && !arg.is_hide_possible_values_set())
        .map(|value| {
            let help = value.get_help().map(|help| format!(" ({})", cell(&help.to_string())));
            format!("`{}`{}", value.get_name(), help.unwrap_or_default())
        })
        .collect();
    if !shown.is_empty() {
        write!(text, "<br>One of: {}.", shown.join(", ")).unwrap();
    }
    let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if !defaults.is_empty() && arg.get_action().takes_values() {
        write!(text, "<br>Default: `{}`.", defaults.join(" ")).unwrap();
    }
    if let Some(name) = arg.get_env() {
        write!(text, "<br>Environment: `{}`.", name.to_string_lossy()).unwrap();
    }
    text
}

fn table<'a>(text: &mut String, arguments: impl Iterator<Item = &'a Arg>) {
    let rows: Vec<String> = arguments.map(|arg| format!("| `{}` | {} |\n", spelling(arg), about(arg))).collect();
    if !rows.is_empty() {
        write!(text, "| argument | |\n|---|---|\n{}\n", rows.concat()).unwrap();
    }
}

fn section(text: &mut String, command: &mut Command, path: &str) {
    let about = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
    let usage = command.render_usage().to_string().replace("Usage: ", "");
    write!(text, "## {path}\n\n{}.\n\n", paragraphs(about.trim_end_matches('.')).replace('<', "&lt;")).unwrap();
    if command.has_subcommands() {
        for child in command.get_subcommands_mut().filter(|child| !child.is_hide_set() && child.get_name() != "help") {
            let path = format!("{path} {}", child.get_name());
            section(text, child, &path);
        }
        return;
    }
    write!(text, "```text\n{usage}\n```\n\n").unwrap();
    table(text, command.get_arguments().filter(|arg| !arg.is_hide_set() && !is_everywhere(arg)));
}

/// `AMIPROOF_UPDATE=1` writes the page again (`make docs`).
#[test]
fn the_page_of_commands_is_that_of_the_command_line() {
    let mut command = Cli::command();
    command.build();
    let mut text = String::from(
        "<!-- Generated from the command line by `make docs`: change the help texts, not this page. -->\n\n# Commands\n\n\
         `amiproof COMMAND --help` prints the same. [Exit codes](exit-codes.md) are the same for every command.\n\n\
         ## Options of every command\n\n",
    );
    table(&mut text, command.get_arguments().filter(|arg| is_everywhere(arg)));
    for child in command.get_subcommands_mut().filter(|child| !child.is_hide_set() && child.get_name() != "help") {
        let path = format!("amiproof {}", child.get_name());
        section(&mut text, child, &path);
    }
    let text = format!("{}\n", text.trim_end());
    let path = root().join("harness/docs/reference/commands.md");
    if std::env::var_os("AMIPROOF_UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "harness/docs/reference/commands.md is out of date: run `make docs`, look at it and commit it"
    );
}

/// What is wrong with the words of a command, as far as they call amiproof or make.
fn misspelled(command: &str) -> Option<String> {
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    let command = command.replace("\\\n", " ");
    let parts = command.split(['|', ';', '>', '&']);
    parts.filter_map(shlex::split).find_map(|words| {
        let words: Vec<String> = words.into_iter().skip_while(|word| word.contains('=')).collect();
        let first = words.first()?;
        if first == "amiproof" || first.ends_with("/amiproof") {
            let error = Cli::command().try_get_matches_from(&words).err()?;
            return error.use_stderr().then(|| format!("{command}: {error}"));
        }
        let targets = words.iter().skip(1).filter(|word| !word.contains('=') && !word.starts_with('-'));
        let is_missing = |target: &&String| !makefile.contains(&format!("\n{target}:"));
        (first == "make")
            .then(|| targets.filter(is_missing).map(|target| format!("there is no make {target}")).next())?
    })
}

#[test]
fn commands_of_the_documentation_that_no_test_executes_exist() {
    let mut seen = 0;
    for page in pages(&root()) {
        assert!(page.path != "harness/docs/SUMMARY.md" || page.links.len() > 20, "every page is listed");
        for block in &page.blocks {
            match block {
                Block::Commands { line, steps, run: Run::Not(reason) } => {
                    assert!(reason.split(' ').count() > 2, "{}:{line}: '{reason}' is no reason", page.path);
                    for step in steps {
                        assert_eq!(misspelled(&step.command), None, "{}:{line}", page.path);
                        assert!(step.output.is_empty(), "{}:{line}: output that nothing printed", page.path);
                        seen += 1;
                    }
                }
                // Executed by tests/lab/docs, which also writes the files.
                Block::Commands { run: Run::Exits(code), .. } => assert!((0..=255).contains(code)),
                Block::File { name, text } => assert!(!text.is_empty(), "{}: {name}", page.path),
            }
        }
    }
    assert!(seen > 0, "the pages were moved");
}

#[test]
fn a_misspelled_command_is_noticed() {
    for (command, is_wrong) in [
        ("amiproof run --lab", false),
        ("amiproof rum --lab", true),
        ("amiproof iam-policy --account 111122223333 > policy.json", false),
        ("amiproof sweep --regions us-west-2", true),
        ("AWS_PROFILE=test amiproof destroy --run r-1 && amiproof nothing", true),
        ("make demo", false),
        ("make cluster-apply MATRIX=a.yaml RUN=b", false),
        ("make believe", true),
        ("docker push example.com/image", false),
    ] {
        assert_eq!(misspelled(command).is_some(), is_wrong, "{command}");
    }
}
