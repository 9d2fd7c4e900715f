//! The commands, one file each.

mod begin;
mod check;
mod compare;
mod completions;
mod controls;
mod destroy;
mod forms;
mod import;
mod init;
mod lab;
mod list;
mod owner;
mod plan;
mod provisioned;
mod report;
mod run;
mod schema;
mod selected;
mod sweep;
mod test;
mod waiver;
mod workload;

use std::time::Duration;

use amiproof_model::exit::ExitCode;

use crate::args::{Cli, Command};
use crate::output::{Failure, Output};
use crate::session::Goal;

/// Runs the command that was asked for.
pub(crate) fn dispatch(cli: Cli, output: &Output) -> Result<ExitCode, Failure> {
    crate::output::log_to_stderr(cli.global.verbose, *output);
    let global = &cli.global;
    match cli.command {
        Command::Init(args) => init::run(&args, output),
        Command::Check(args) => check::run(&args, output),
        Command::List(args) => list::run(&args, output),
        Command::Plan(args) => plan::run(&args, output),
        Command::Apply(args) => run::fresh(global, &args, Goal::Apply, output),
        Command::Test(args) => test::run(global, &args.more, &args.workloads, output),
        Command::Scan(args) => run::scan(global, &args, output),
        Command::Run(args) => run::fresh(global, &args, Goal::All, output),
        Command::Nightly(args) => run::fresh(global, &args, Goal::Nightly, output),
        Command::Report(args) => report::run(global, &args, output),
        Command::Import(args) => import::run(global, &args, output),
        Command::Waiver(args) => waiver::run(global, &args.command, output),
        Command::Compare(args) => compare::run(global, &args, output),
        Command::Destroy(args) => destroy::run(global, &args, output),
        Command::Sweep(args) => sweep::run(global, &args, output),
        Command::Workload(args) => workload::run(global, &args, output),
        Command::Controls(args) => controls::run(&args, output),
        Command::Schema(args) => schema::run(&args, output),
        Command::Lab(args) => lab::run(&args, output),
        Command::Completions(args) => completions::run(&args, output),
    }
}

/// Runs what talks to somebody to its end. A name that is still being resolved, or a helper that hangs, keeps nobody waiting then.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = runtime()?;
    let answer = runtime.block_on(work);
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(answer)
}

/// The runtime of commands that talk to somebody.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // The EC2 client's largest request types need more than the usual 2 MiB in builds without optimisation.
        .thread_stack_size(8 * 1024 * 1024)
        .build()
        .map_err(|error| Failure::error(format!("cannot start the asynchronous runtime: {error}"), ""))
}
