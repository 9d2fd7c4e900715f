//! `amiproof workload`: lists the catalogue, renders, creates and tests workloads, and lists their images.

use amiproof_core::workload::inject::{Injection, Nodes, inject};
use amiproof_core::workload::variables::{AWS_REGION, IMDS_EXPECTED};
use amiproof_model::exit::ExitCode;
use amiproof_model::name::{NameError, RunId, VariantName};
use amiproof_model::selector::NodeSelector;
use amiproof_model::workload::{Need, Os, Workload};
use serde_json::{Value, json};

pub(super) mod images;
mod new;

use crate::args::{self, Global, OutputForm, WorkloadCommand};
use crate::files;
use crate::output::{Failure, Output};

/// Lists, writes, tests or renders.
pub(crate) fn run(global: &Global, args: &args::Workload, output: &Output) -> Result<ExitCode, Failure> {
    let catalogue = files::catalogue()?;
    match &args.command {
        WorkloadCommand::List { output: OutputForm::Text } => {
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
        WorkloadCommand::List { output: OutputForm::Json } => {
            let entry = |workload: &Workload| {
                json!({
                    "name": workload.name,
                    "check": format!("workload/{}", workload.name),
                    "title": workload.title,
                    "exercises": workload.exercises,
                })
            };
            output.json(format_args!("{:#}", catalogue.iter().map(entry).collect::<Value>()));
        }
        WorkloadCommand::New { name, from, folder } => return new::run(name, from.as_deref(), folder, output),
        WorkloadCommand::Test { workloads, more } => return super::test::run(global, more, workloads, output),
        WorkloadCommand::Images { workloads, image_registry, output: form } => {
            let chosen =
                if workloads.is_empty() { catalogue.to_vec() } else { files::named_workloads(workloads, catalogue)? };
            return images::run(&chosen, image_registry.as_deref(), *form, output);
        }
        WorkloadCommand::Render { name, node_group, image_registry } => {
            let workloads = files::named_workloads(std::slice::from_ref(name), catalogue)?;
            let lists = workloads.iter().map(|workload| render(workload, node_group, image_registry.as_deref()));
            let lists = lists.collect::<Result<Vec<Value>, Failure>>()?;
            let items: Vec<&Value> =
                lists.iter().flat_map(|list| list["items"].as_array().into_iter().flatten()).collect();
            output.json(format_args!("{:#}", json!({"apiVersion": "v1", "kind": "List", "items": items})));
        }
    }
    Ok(ExitCode::Passed)
}

/// The objects as a run would apply them, as one list that `kubectl apply -f -` takes.
fn render(workload: &Workload, node_group: &str, image_registry: Option<&str>) -> Result<Value, Failure> {
    let illegal = |error: NameError| Failure::error(error.to_string(), "this is a bug in amiproof");
    let run: RunId = "r-example".parse().map_err(illegal)?;
    let variant: VariantName = "example".parse().map_err(illegal)?;
    // Rendering does not contact a cluster, so the most common release of Windows is assumed.
    let windows_release = (workload.os == Os::Windows).then(|| "ltsc2022".to_owned());
    let selector = NodeSelector::label("eks.amazonaws.com/nodegroup", node_group);
    let nodes = Nodes { selector, taints: Vec::new(), windows_release };
    let namespace = amiproof_core::cluster::namespace::name(&run, variant.as_str(), &workload.name);
    // A real run has another account, region and role.
    let role = |account: &String| {
        let name = amiproof_core::aws::names::workload_role(&run, &variant, &workload.name, account);
        (account.clone(), format!("arn:aws:iam::111122223333:role/amiproof/{name}"))
    };
    let roles: Vec<(String, String)> = workload
        .needs
        .iter()
        .filter_map(|need| match need {
            Need::Irsa(account) => Some(role(account)),
            _ => None,
        })
        .collect();
    let variables = [(IMDS_EXPECTED, "reachable"), (AWS_REGION, "us-west-2")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let injection = Injection {
        run: &run,
        variant: &variant,
        workload: &workload.name,
        namespace: &namespace,
        own: &nodes,
        peer: &nodes,
        image_registry,
        capacity: None,
        variables: &variables,
        shared_class: None,
        roles: &roles,
    };
    Ok(json!({"apiVersion": "v1", "kind": "List", "items": inject(&workload.objects, &injection)}))
}
