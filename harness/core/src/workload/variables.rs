//! Environment variables for the containers of a workload: addresses and ports that no manifest can know.

use k8s_openapi::api::core::v1::Pod;
use serde_json::Value;

use crate::wait::pods;

/// The address of the server's first ready pod, as a URL writes it (IPv6 in brackets).
pub const SERVER_HOST: &str = "AMIPROOF_SERVER_HOST";
/// The addresses of all ready pods of the server, in the order of their names, separated by spaces.
pub const SERVER_HOSTS: &str = "AMIPROOF_SERVER_HOSTS";
/// The address of the node that the server's first ready pod runs on.
pub const SERVER_NODE: &str = "AMIPROOF_SERVER_NODE";
/// Begins the name of the variable with a Service's port on every node: `AMIPROOF_NODE_PORT_WEB`.
pub const NODE_PORT: &str = "AMIPROOF_NODE_PORT_";
/// Whether the variant's pods reach the instance metadata service, by its `imdsHopLimit`: `reachable` or `unreachable`. Given to
/// containers that mention it.
pub const IMDS_EXPECTED: &str = "AMIPROOF_IMDS_EXPECTED";

/// The AWS region that the run speaks to. Given to containers that mention it, where the run has an AWS account.
pub const AWS_REGION: &str = "AMIPROOF_AWS_REGION";

/// A variable: name and value.
pub type Variable = (String, String);

/// What the client of a `reaches` expectation is told of its server; `None` while the server has no address. `ready` are the
/// server's ready pods in the order of their names.
pub(super) fn of_server(ready: &[&Pod]) -> Option<Vec<Variable>> {
    let addresses: Vec<String> = ready.iter().filter_map(|pod| pods::address(pod)).map(host).collect();
    let first = addresses.first()?;
    let mut variables = vec![(SERVER_HOST.to_owned(), first.clone()), (SERVER_HOSTS.to_owned(), addresses.join(" "))];
    let node = ready.iter().find_map(|pod| pod.status.as_ref()?.host_ip.as_deref());
    variables.extend(node.map(|address| (SERVER_NODE.to_owned(), host(address))));
    Some(variables)
}

/// An address as a URL writes it.
fn host(address: &str) -> String {
    if address.contains(':') { format!("[{address}]") } else { address.to_owned() }
}

/// The node ports that the API server gave a Service, if it did: one variable for each port, by the Service's name and, where it
/// has one, the port's.
pub(super) fn of_service(kind: &str, name: &str, data: &Value) -> Vec<Variable> {
    if kind != "Service" {
        return Vec::new();
    }
    let ports = data["spec"]["ports"].as_array().into_iter().flatten();
    let variables = ports.filter_map(|port| {
        let number = port["nodePort"].as_u64()?;
        let whole = match port["name"].as_str() {
            Some(port) => format!("{name}_{port}"),
            None => name.to_owned(),
        };
        Some((format!("{NODE_PORT}{}", whole.to_ascii_uppercase().replace(['-', '.'], "_")), number.to_string()))
    });
    variables.collect()
}

/// What a variant's pods can expect of the instance metadata service: a token's answer comes with the instance's hop limit, and
/// the way to a pod is one hop longer than to the host (EC2 API, `HttpPutResponseHopLimit`).
pub(super) fn imds_expected(hop_limit: u32) -> &'static str {
    if hop_limit >= 2 { "reachable" } else { "unreachable" }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::wait::tests::{observed, pod};

    #[test]
    fn a_client_is_told_all_addresses_of_its_server_and_the_node() {
        let seen = observed(json!({"pods": [
            pod("a", "", "Running", json!({"podIP": "10.0.1.7", "hostIP": "10.0.1.1"})),
            pod("b", "", "Running", json!({"podIP": "fd00::7", "hostIP": "10.0.1.1"}))]}));
        let actual = of_server(&seen.pods.iter().collect::<Vec<_>>()).unwrap();
        let actual: Vec<(&str, &str)> = actual.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(
            actual,
            [
                ("AMIPROOF_SERVER_HOST", "10.0.1.7"),
                ("AMIPROOF_SERVER_HOSTS", "10.0.1.7 [fd00::7]"),
                ("AMIPROOF_SERVER_NODE", "10.0.1.1")
            ]
        );
        assert_eq!(of_server(&[]), None);
    }

    #[test]
    fn node_ports_are_told_by_the_names_of_service_and_port() {
        let named =
            json!({"spec": {"ports": [{"port": 80, "nodePort": 30080}, {"name": "dns-tcp", "nodePort": 30053}]}});
        let actual: Vec<String> =
            of_service("Service", "my-web", &named).into_iter().map(|(name, port)| format!("{name}={port}")).collect();
        assert_eq!(actual, ["AMIPROOF_NODE_PORT_MY_WEB=30080", "AMIPROOF_NODE_PORT_MY_WEB_DNS_TCP=30053"]);
        assert!(of_service("Service", "web", &json!({"spec": {"ports": [{"port": 80}]}})).is_empty());
        assert!(of_service("ConfigMap", "web", &named).is_empty());
    }

    #[test]
    fn one_hop_ends_at_the_host_and_two_reach_pods() {
        assert_eq!((imds_expected(1), imds_expected(2), imds_expected(3)), ("unreachable", "reachable", "reachable"));
    }
}
