//! `amiproof workload`: what the catalogue holds, and a workload as it is really applied.

use amiproof_model::exit::ExitCode;

use crate::args::{self, WorkloadCommand};
use crate::output::{Failure, Output};

/// Lists or renders.
pub(crate) fn run(args: &args::Workload, output: &Output) -> Result<ExitCode, Failure> {
    let catalogue = amiproof_workloads::catalogue();
    match &args.command {
        WorkloadCommand::List => {
            let lines: Vec<String> = catalogue
                .iter()
                .map(|workload| format!("{:<24} {}\n{:<24} exercises {}", workload.name, workload.title, "", workload.exercises.join(", ")))
                .collect();
            output.data(lines.join("\n"));
        }
        WorkloadCommand::Render { name, node_group } => {
            let workload = catalogue.iter().find(|workload| workload.name == *name).ok_or_else(|| {
                let names: Vec<&str> = catalogue.iter().map(|workload| workload.name.as_str()).collect();
                Failure::usage(format!("there is no workload '{name}'"), format!("the catalogue has {}", names.join(", ")))
            })?;
            output.data(amiproof_core::workload::render(workload, node_group));
        }
    }
    Ok(ExitCode::Passed)
}
