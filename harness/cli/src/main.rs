//! The `amiproof` command: parse, run, print, one exit code.

mod args;
mod cmd;
mod files;
mod helm;
mod output;
mod progress;
mod rundir;
mod session;
mod signals;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = args::Cli::parse();
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
