//! The commands, one file each.

mod begin;
mod bisect;
mod build;
mod check;
mod compare;
mod completions;
mod controls;
mod cost;
mod destroy;
mod divided;
mod doctor;
mod exclusions;
mod explain;
mod first_bad;
mod forms;
mod from_store;
mod history;
mod iam_policy;
mod impact;
mod import;
mod in_cluster;
mod in_store;
mod init;
mod lab;
mod list;
mod man;
mod measured;
mod merge;
mod nightly;
mod nights;
mod owner;
mod plan;
mod promote;
mod proved;
mod provisioned;
mod published;
mod releases;
mod report;
mod request;
mod resume;
mod run;
mod runs;
mod schema;
mod selected;
mod started;
mod sweep;
mod test;
mod verify;
mod waiver;
mod workload;

use amiproof_core::run::Keep;
use amiproof_model::exit::ExitCode;

use crate::args::{Cli, Command, Global};
use crate::output::{Failure, Output};
use crate::session::Goal;

/// Runs the given command.
pub(crate) fn dispatch(cli: Cli, output: &Output) -> Result<ExitCode, Failure> {
    output.begin_log(cli.global.verbose);
    let global = &cli.global;
    match cli.command {
        Command::Init(args) => init::run(&args, output),
        Command::Check(args) => check::run(&args, output),
        Command::List(args) => list::run(&args, output),
        Command::Plan(args) => plan::run(&args, output),
        Command::Doctor(args) => doctor::run(&args, output),
        Command::IamPolicy(args) => iam_policy::run(&args, output),
        Command::Build(args) => build::run(global, &args, output),
        Command::Apply(args) => run::fresh(global, &args, Goal::Apply, output),
        Command::Test(args) => test::run(global, &args.more, &args.workloads, output),
        Command::Bisect(args) => bisect::run(global, &args, output),
        Command::Impact(args) => impact::run(global, &args, output),
        Command::Scan(args) => run::scan(global, &args, output),
        Command::Run(args) => run::fresh(global, &args, Goal::All, output),
        Command::Nightly(args) => nightly::run(global, &args, output),
        Command::History(args) => history::run(global, &args, output),
        Command::Resume(args) => again(global, args.run.as_deref(), Keep::Decided, output),
        Command::Rerun(args) => again(global, args.run.as_deref(), Keep::Passed, output),
        Command::Report(args) => report::run(global, &args, output),
        Command::Exclusions(args) => exclusions::run(global, &args, output),
        Command::Explain(args) => explain::run(global, &args, output),
        Command::Merge(args) => merge::run(global, &args, output),
        Command::Import(args) => import::run(global, &args, output),
        Command::Waiver(args) => waiver::run(global, &args.command, output),
        Command::Compare(args) => compare::run(global, &args, output),
        Command::Promote(args) => promote::run(global, &args, output),
        Command::Verify(args) => verify::run(&args, output),
        Command::Runs(args) => runs::run(global, &args, output),
        Command::Destroy(args) => destroy::run(global, &args, output),
        Command::Sweep(args) => sweep::run(global, &args, output),
        Command::Workload(args) => workload::run(global, &args, output),
        Command::Controls(args) => controls::run(&args, output),
        Command::Schema(args) => schema::run(&args, output),
        Command::Lab(args) => lab::run(&args, output),
        Command::Completions(args) => completions::run(&args, output),
        Command::Man(args) => man::run(&args, output),
    }
}

/// Runs the command of an earlier run again.
fn again(global: &Global, run: Option<&str>, keep: Keep, output: &Output) -> Result<ExitCode, Failure> {
    dispatch(resume::command(global, run, keep, output)?, output)
}
