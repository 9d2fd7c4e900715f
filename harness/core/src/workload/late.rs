//! Clients that start when their server is ready.

use serde_json::Value;

use super::inject::{SERVER_VARIABLE, with_variable};
use crate::wait::{Condition, Observed, Progress, Target, pods};

/// Clients of `reaches` expectations: they start when their server is ready, and are told its address, so that a failure to
/// reach it is a failure of the network and not of timing or DNS.
pub(super) struct Late {
    clients: Vec<(Target, Target, Value)>,
}

impl Late {
    pub(super) fn of(conditions: &[Condition], objects: &[Value]) -> Self {
        let clients = conditions.iter().filter_map(|condition| match condition {
            Condition::Reaches { client, server } => {
                let object = objects.iter().find(|object| is(object, client))?;
                Some((client.clone(), server.clone(), object.clone()))
            }
            _ => None,
        });
        Self { clients: clients.collect() }
    }

    pub(super) fn holds(&self, object: &Value) -> bool {
        self.clients.iter().any(|(client, _, _)| is(object, client))
    }

    /// The clients whose server is ready now; each is given out once.
    pub(super) fn startable(&mut self, observed: &Observed) -> Vec<Value> {
        let mut startable = Vec::new();
        self.clients.retain(|(_, server, object)| {
            let ready = Condition::Ready(server.clone()).progress(observed) == Progress::Met;
            let address =
                pods::of(server, observed).into_iter().filter(|pod| pods::is_ready(pod)).find_map(pods::address);
            match address {
                Some(address) if ready => {
                    startable.push(with_variable(object.clone(), SERVER_VARIABLE, &host(address)));
                    false
                }
                _ => true,
            }
        });
        startable
    }
}

/// An address as a URL writes it.
fn host(address: &str) -> String {
    if address.contains(':') { format!("[{address}]") } else { address.to_owned() }
}

fn is(object: &Value, target: &Target) -> bool {
    object["kind"] == target.kind.manifest() && object["metadata"]["name"] == target.name.as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::wait::tests::{observed, pod};

    #[test]
    fn a_client_starts_once_and_only_when_its_server_is_ready_and_knows_the_address() {
        let conditions =
            [Condition::Reaches { client: "job/client".parse().unwrap(), server: "pod/server".parse().unwrap() }];
        let objects = [
            json!({"kind": "Pod", "metadata": {"name": "server"}}),
            json!({"kind": "Job", "metadata": {"name": "client"}, "spec": {"template": {"spec": {"containers": [{"name": "a"}]}}}}),
        ];
        let mut late = Late::of(&conditions, &objects);
        assert!(late.holds(&objects[1]) && !late.holds(&objects[0]));
        let starting = observed(json!({"pods": [pod("server", "", "Pending", json!({}))]}));
        assert!(late.startable(&starting).is_empty());
        let ready = json!({"podIP": "fd00::7", "conditions": [{"type": "Ready", "status": "True"}]});
        let ready = observed(json!({"pods": [pod("server", "", "Running", ready)]}));
        let [client] = &late.startable(&ready)[..] else { panic!("the client starts") };
        let variable = client.pointer("/spec/template/spec/containers/0/env/0").unwrap();
        assert_eq!(*variable, json!({"name": "AMIPROOF_SERVER_HOST", "value": "[fd00::7]"}));
        assert!(late.startable(&ready).is_empty(), "it starts once");
    }
}
