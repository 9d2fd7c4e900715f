//! The configuration that a kubelet runs with: from the kubelet itself, or from its files where it cannot be asked.

use std::time::Duration;

use amiproof_model::matrix::Family;
use amiproof_model::report::NodeRecord;
use futures::FutureExt as _;
use serde_json::{Map, Value};

use super::effective::Effective;
use crate::cluster::{kubelet_api, serving_certificate};
use crate::context::Context;
use crate::probe;

/// Deadline for the kubelet's answer: with port 10250 closed, it would not answer for much longer.
const ANSWER: Duration = Duration::from_secs(10);
/// Deadline for the command that reads its files.
const COMMAND: Duration = Duration::from_secs(30);

/// Stands between files in what the command prints.
const MARK: &str = "== ";

/// Prints the kubelet's configuration file and its drop-ins in the order in which the kubelet reads them (AL2, then AL2023).
const SCRIPT: &str = "for f in /etc/kubernetes/kubelet/kubelet-config.json /etc/kubernetes/kubelet/config.json \
/etc/kubernetes/kubelet/kubelet-config.json.d/*.conf /etc/kubernetes/kubelet/config.json.d/*.conf; do \
if [ -f \"$f\" ]; then echo \"== $f\"; cat \"$f\"; echo; fi; done";

/// The configuration that the kubelet of a node runs with, or why it is unknown.
pub(super) async fn of(context: &Context, node: &NodeRecord) -> Result<Effective, String> {
    let asked = match asked(context, node).await {
        Ok(configuration) => return Ok(Effective { source: "configz".to_owned(), configuration }),
        Err(why) => format!("the kubelet's effective configuration (configz) cannot be read: {why}"),
    };
    if context.variant.family == Family::Bottlerocket {
        return Err(asked);
    }
    let output = probe::read(context, node, SCRIPT, COMMAND).await.map_err(|error| format!("{asked}; {error}"))?;
    let (names, configuration) = merged(&output.stdout).map_err(|why| format!("{asked}; {why}"))?;
    Ok(Effective { source: format!("{}, because configz cannot be read", names.join(" + ")), configuration })
}

/// The configuration as the kubelet reports it, through the API server and port 10250; a kubelet without a
/// certificate is asked again.
async fn asked(context: &Context, node: &NodeRecord) -> Result<Value, String> {
    let ask = || kubelet_api::configuration(&context.cluster, &node.name, ANSWER).boxed();
    let answer = serving_certificate::with_retry(&context.cluster, &node.name, ask).await;
    match answer.map_err(|error| error.to_string())? {
        configuration @ Value::Object(_) => Ok(configuration),
        _ => Err("its answer holds no kubeletconfig".to_owned()),
    }
}

/// The configuration that files make together, and their names. Drop-ins override the file before them, object by object.
fn merged(printed: &str) -> Result<(Vec<String>, Value), String> {
    let mut names: Vec<String> = Vec::new();
    let mut texts: Vec<String> = Vec::new();
    for line in printed.lines() {
        match (line.strip_prefix(MARK), texts.last_mut()) {
            (Some(name), _) => {
                names.push(name.to_owned());
                texts.push(String::new());
            }
            (None, Some(text)) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    if names.is_empty() {
        return Err("the node has no kubelet configuration file where EKS images have it".to_owned());
    }
    let mut whole = Map::new();
    for (name, text) in names.iter().zip(&texts) {
        match serde_json::from_str(text) {
            Ok(Value::Object(part)) => overlay(&mut whole, part),
            Ok(_) => return Err(format!("{name} holds no JSON object")),
            Err(error) => return Err(format!("{name} is not JSON: {error}")),
        }
    }
    Ok((names, Value::Object(whole)))
}

fn overlay(below: &mut Map<String, Value>, above: Map<String, Value>) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(Value::Object(old)), Value::Object(new)) => overlay(old, new),
            (_, value) => {
                below.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn drop_ins_override_the_file_object_by_object() {
        let printed = "== /etc/kubernetes/kubelet/config.json\n{\"readOnlyPort\": 0,\n \"authentication\": {\"anonymous\": {\"enabled\": false}, \
                       \"x509\": {\"clientCAFile\": \"ca\"}}}\n\n== /etc/kubernetes/kubelet/config.json.d/40-nodeadm.conf\n\
                       {\"authentication\": {\"anonymous\": {\"enabled\": true}}, \"maxPods\": 29}\n\n";
        let (names, configuration) = merged(printed).unwrap();
        assert_eq!(names.len(), 2);
        let wanted = json!({
            "readOnlyPort": 0,
            "maxPods": 29,
            "authentication": {"anonymous": {"enabled": true}, "x509": {"clientCAFile": "ca"}},
        });
        assert_eq!(configuration, wanted);
    }

    #[test]
    fn what_is_no_configuration_is_said_with_its_file() {
        assert!(merged("").unwrap_err().contains("no kubelet configuration file"));
        assert!(merged("== /a\nkind: KubeletConfiguration\n").unwrap_err().starts_with("/a is not JSON"));
        assert_eq!(merged("== /a\n[]\n").unwrap_err(), "/a holds no JSON object");
    }
}
