//! The `amiproof` command: parse, run, print, one exit code.

mod args;
mod cmd;
mod dir;
mod files;
mod helm;
mod lock;
mod output;
mod packer;
mod progress;
mod resumption;
mod rundir;
mod runtime;
mod session;
mod signals;
mod suggest;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    let cli = args::Cli::read(arguments).unwrap_or_else(|error| error.exit());
    let output = output::Output::new(cli.global.color, cli.global.quiet);
    let code = match cmd::dispatch(cli, &output) {
        Ok(code) => code,
        Err(error) => {
            output.error(&error);
            error.exit
        }
    };
    if code != amiproof_model::exit::ExitCode::Passed {
        output.name_log();
    }
    ExitCode::from(code.code())
}
