//! `amiproof man`: the manual pages, made of the same data as `--help`.

use amiproof_model::exit::ExitCode;
use camino::Utf8Path;
use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::args::{Cli, ManPages};
use crate::output::{Failure, Output};
use crate::rundir::cannot;

/// Prints the page of amiproof, or writes the pages of all commands into a folder.
pub(crate) fn run(args: &ManPages, output: &Output) -> Result<ExitCode, Failure> {
    let mut pages = Vec::new();
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    render(&root, &mut pages)?;
    let Some(folder) = &args.folder else {
        // The first is that of the command itself.
        let page = pages.into_iter().next().unwrap_or_default();
        output.data(page.text);
        return Ok(ExitCode::Passed);
    };
    write(folder, &pages)?;
    output.note(format_args!("wrote {} pages to {folder}; `man -l {folder}/amiproof.1` shows the first", pages.len()));
    Ok(ExitCode::Passed)
}

/// One page.
#[derive(Debug, Default)]
struct Page {
    /// Such as `amiproof-waiver-audit.1`.
    file: String,
    text: String,
}

/// The page of a command, and after it those of its subcommands.
fn render(command: &Command, pages: &mut Vec<Page>) -> Result<(), Failure> {
    // No date, so that one version always gives the same pages. An empty date would be left out, and `man` would show
    // the source in its place.
    let page = Man::new(command.clone())
        .date(" ")
        .source(concat!("amiproof ", env!("CARGO_PKG_VERSION")))
        .manual("Manual of amiproof");
    let mut text = Vec::new();
    page.render(&mut text).map_err(|error| Failure::error(format!("cannot render a manual page: {error}"), ""))?;
    pages.push(Page { file: page.get_filename(), text: String::from_utf8_lossy(&text).into_owned() });
    command.get_subcommands().filter(|command| !command.is_hide_set()).try_for_each(|command| render(command, pages))
}

fn write(folder: &Utf8Path, pages: &[Page]) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| cannot("create", folder, &error))?;
    for page in pages {
        let path = folder.join(&page.file);
        std::fs::write(&path, &page.text).map_err(|error| cannot("write", &path, &error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every command that is not hidden, with the options that its page must explain.
    fn commands(command: &Command, found: &mut Vec<(String, Vec<String>)>) {
        let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
        let shown = command.get_arguments().filter(|argument| !argument.is_hide_set());
        found.push((name, shown.filter_map(|argument| argument.get_long()).map(str::to_owned).collect()));
        for inner in command.get_subcommands().filter(|command| !command.is_hide_set()) {
            commands(inner, found);
        }
    }

    #[test]
    fn each_command_has_a_page_that_explains_each_option() {
        let mut root = Cli::command().disable_help_subcommand(true);
        root.build();
        let (mut pages, mut expected) = (Vec::new(), Vec::new());
        render(&root, &mut pages).unwrap();
        commands(&root, &mut expected);
        assert!(
            expected.len() > 40 && expected.iter().any(|(name, _)| name == "amiproof-waiver-audit"),
            "{expected:?}"
        );
        assert_eq!(pages.len(), expected.len());
        for (page, (name, options)) in pages.iter().zip(&expected) {
            assert_eq!(page.file, format!("{name}.1"));
            let text = page.text.replace("\\-", "-");
            assert!(text.contains(&format!(".SH NAME\n{name} - ")), "{name}: {text}");
            let missing: Vec<&String> =
                options.iter().filter(|option| !text.contains(&format!("--{option}\\f"))).collect();
            assert!(missing.is_empty(), "{name}: {missing:?} in {text}");
        }
    }
}
