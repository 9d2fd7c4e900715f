//! The `amiproof` command: parse, run, print, one exit code.

mod args;
mod cmd;
mod files;
mod helm;
mod lock;
mod output;
mod progress;
mod rundir;
mod runtime;
mod session;
mod signals;

use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches};

fn main() -> ExitCode {
    let matches = args::Cli::command().get_matches();
    let mut cli = args::Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    cli.global.aws_is_named = says(&matches, &["profile", "endpoint_url"]);
    let named = args::Named { profile: says(&matches, &["profile"]), endpoint: says(&matches, &["endpoint_url"]) };
    if let Some(target) = cli.command.target()
        && let Err(conflict) = target.settle(named)
    {
        args::Cli::command().error(clap::error::ErrorKind::ArgumentConflict, conflict).exit();
    }
    let output = output::Output::new(cli.global.color);
    let code = match cmd::dispatch(cli, &output) {
        Ok(code) => code,
        Err(error) => {
            output.error(&error);
            error.exit
        }
    };
    ExitCode::from(code.code())
}

/// Whether the command line itself, and not only the environment, gives one of these options.
fn says(matches: &ArgMatches, ids: &[&str]) -> bool {
    let is_given = |command: &ArgMatches, id: &str| {
        command.try_contains_id(id).is_ok_and(|there| there)
            && command.value_source(id) == Some(ValueSource::CommandLine)
    };
    matches.subcommand().is_some_and(|(_, command)| ids.iter().any(|id| is_given(command, id)) || says(command, ids))
}
