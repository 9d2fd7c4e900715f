//! The `amiproof` command: parse, run, print, one exit code.

mod args;
mod cmd;
mod files;
mod helm;
mod lock;
mod output;
mod progress;
mod rundir;
mod session;
mod signals;

use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches};

fn main() -> ExitCode {
    let matches = args::Cli::command().get_matches();
    let mut cli = args::Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    cli.global.aws_is_named = names_aws(&matches);
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

/// Whether the command line itself says which AWS to talk to.
fn names_aws(matches: &ArgMatches) -> bool {
    let said = |command: &ArgMatches, id: &str| {
        command.try_contains_id(id).is_ok_and(|there| there)
            && command.value_source(id) == Some(ValueSource::CommandLine)
    };
    matches.subcommand().is_some_and(|(_, command)| {
        ["profile", "endpoint_url"].iter().any(|id| said(command, id)) || names_aws(command)
    })
}
