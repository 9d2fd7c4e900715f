//! `amiproof completions`: a completion script for a shell.

use amiproof_model::exit::ExitCode;
use clap::CommandFactory;

use crate::args::{Cli, Completions};
use crate::output::{Failure, Output};

/// Prints the script.
pub(crate) fn run(args: &Completions, output: &Output) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "amiproof", &mut script);
    output.data(String::from_utf8_lossy(&script));
    Ok(ExitCode::Passed)
}
