//! Clients that start when their server is ready.

use serde_json::Value;

use super::inject::{Given, with_variable};
use super::variables::{self, Variable};
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

    /// The clients whose server is ready now, each with what it is told of its server and with `more`; each is given out once.
    pub(super) fn startable(&mut self, observed: &Observed, more: &[Variable]) -> Vec<Value> {
        let mut startable = Vec::new();
        self.clients.retain(|(_, server, object)| {
            let ready = Condition::Ready(server.clone()).progress(observed) == Progress::Met;
            let serving: Vec<_> = pods::of(server, observed).into_iter().filter(|pod| pods::is_ready(pod)).collect();
            match variables::of_server(&serving) {
                Some(told) if ready => {
                    let told = told.iter().chain(more).rev();
                    startable.push(told.fold(object.clone(), |object, (name, value)| {
                        with_variable(object, name, value, Given::Always)
                    }));
                    false
                }
                _ => true,
            }
        });
        startable
    }
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
        assert!(late.startable(&starting, &[]).is_empty());
        let ready = json!({"podIP": "fd00::7", "conditions": [{"type": "Ready", "status": "True"}]});
        let ready = observed(json!({"pods": [pod("server", "", "Running", ready)]}));
        let [client] = &late.startable(&ready, &[("AMIPROOF_NODE_PORT_WEB".into(), "30080".into())])[..] else {
            panic!("the client starts")
        };
        let variables = client.pointer("/spec/template/spec/containers/0/env").unwrap();
        assert_eq!(
            *variables,
            json!([{"name": "AMIPROOF_SERVER_HOST", "value": "[fd00::7]"}, {"name": "AMIPROOF_SERVER_HOSTS", "value": "[fd00::7]"},
                   {"name": "AMIPROOF_NODE_PORT_WEB", "value": "30080"}])
        );
        assert!(late.startable(&ready, &[]).is_empty(), "it starts once");
    }
}
