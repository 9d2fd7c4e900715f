//! `amiproof workload`: what the catalogue holds, and a workload as it is really applied.

use amiproof_core::workload::inject::{Injection, Nodes, inject};
use amiproof_core::workload::variables::IMDS_EXPECTED;
use amiproof_model::exit::ExitCode;
use amiproof_model::name::{NameError, RunId, VariantName};
use amiproof_model::selector::NodeSelector;
use amiproof_model::workload::{Os, Workload};
use serde_json::{Value, json};

use crate::args::{self, WorkloadCommand};
use crate::output::{Failure, Output};

/// Lists or renders.
pub(crate) fn run(args: &args::Workload, output: &Output) -> Result<ExitCode, Failure> {
    let catalogue = amiproof_workloads::catalogue()
        .map_err(|error| Failure::error(error.to_string(), "this is a defect of amiproof"))?;
    match &args.command {
        WorkloadCommand::List => {
            let lines: Vec<String> = catalogue
                .iter()
                .map(|workload| {
                    format!(
                        "{:<24} {}\n{:<24} exercises {}",
                        workload.name,
                        workload.title,
                        "",
                        workload.exercises.join(", ")
                    )
                })
                .collect();
            output.data(lines.join("\n"));
        }
        WorkloadCommand::Render { name, node_group } => {
            let workload = catalogue.iter().find(|workload| workload.name == *name).ok_or_else(|| {
                let names: Vec<&str> = catalogue.iter().map(|workload| workload.name.as_str()).collect();
                Failure::usage(
                    format!("there is no workload '{name}'"),
                    format!("the catalogue has {}", names.join(", ")),
                )
            })?;
            output.data(format_args!("{:#}", render(workload, node_group)?));
        }
    }
    Ok(ExitCode::Passed)
}

/// The objects as a run would apply them, as one list that `kubectl apply -f -` takes.
fn render(workload: &Workload, node_group: &str) -> Result<Value, Failure> {
    let illegal = |error: NameError| Failure::error(error.to_string(), "this is a defect of amiproof");
    let run: RunId = "r-example".parse().map_err(illegal)?;
    let variant: VariantName = "example".parse().map_err(illegal)?;
    // Rendering asks no cluster: Windows nodes are taken to be of the release that most are.
    let windows_release = (workload.os == Os::Windows).then(|| "ltsc2022".to_owned());
    let selector = NodeSelector::label("eks.amazonaws.com/nodegroup", node_group);
    let nodes = Nodes { selector, taints: Vec::new(), windows_release };
    let namespace = amiproof_core::cluster::namespace::name(&run, variant.as_str(), &workload.name);
    let injection = Injection {
        run: &run,
        variant: &variant,
        workload: &workload.name,
        namespace: &namespace,
        own: &nodes,
        peer: &nodes,
        image_registry: None,
        room: None,
        variables: &[(IMDS_EXPECTED.to_owned(), "reachable".to_owned())],
    };
    Ok(json!({"apiVersion": "v1", "kind": "List", "items": inject(&workload.objects, &injection)}))
}
