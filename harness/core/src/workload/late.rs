//! Objects that are applied later than the others: clients when their server is ready, and objects after an action.

use serde_json::Value;

use super::stage::Stage;
use super::variables::{self, Variable};
use crate::cluster::pod_template::{Given, with_variable};
use crate::wait::{Condition, Observed, Progress, Target, pods};

/// Objects that are not applied at once.
///
/// Clients of `reaches` expectations start when their server is ready, and are told its address, so that a failure to reach it is
/// a failure of the network and not of timing or DNS. Whatever has an end and is looked at only after an action starts when its
/// turn comes: a Job that reads what an earlier one wrote must not run beside it.
pub(super) struct DeferredObjects {
    objects: Vec<Waiting>,
}

struct Waiting {
    target: Target,
    server: Option<Target>,
    /// The stage that must have been reached.
    stage: usize,
    object: Value,
}

impl DeferredObjects {
    pub(super) fn of(stages: &[Stage], objects: &[Value]) -> Self {
        let mut late = Self { objects: Vec::new() };
        for (stage, condition) in stages
            .iter()
            .enumerate()
            .flat_map(|(number, stage)| stage.conditions.iter().map(move |condition| (number, condition)))
        {
            let (target, server) = match condition {
                Condition::Reaches { client, server } => (client, Some(server.clone())),
                Condition::Complete(target) if stage > 0 => (target, None),
                _ => continue,
            };
            if let Some(object) = objects.iter().find(|object| is(object, target)) {
                late.objects.push(Waiting { target: target.clone(), server, stage, object: object.clone() });
            }
        }
        late
    }

    pub(super) fn holds(&self, object: &Value) -> bool {
        self.objects.iter().any(|waiting| is(object, &waiting.target))
    }

    /// What may start now that it is the turn of `stage`: clients of servers that are ready, each with the variables that describe its server
    /// and with `more`, and what needs no server. Each is given out once.
    pub(super) fn startable(&mut self, stage: usize, observed: &Observed, more: &[Variable]) -> Vec<Value> {
        let mut startable = Vec::new();
        self.objects.retain(|waiting| {
            let object = match &waiting.server {
                _ if waiting.stage > stage => None,
                None => Some(waiting.object.clone()),
                Some(server) => variables_of(server, observed).map(|variables| {
                    let variables = variables.iter().chain(more).rev();
                    variables.fold(waiting.object.clone(), |object, (name, value)| {
                        with_variable(object, name, value, Given::Always)
                    })
                }),
            };
            let waits = object.is_none();
            startable.extend(object);
            waits
        });
        startable
    }
}

/// The variables of a client about its server, once all replicas of that are ready.
fn variables_of(server: &Target, observed: &Observed) -> Option<Vec<Variable>> {
    let ready = Condition::Ready(server.clone()).progress(observed) == Progress::Met;
    let serving: Vec<_> = pods::of(server, observed).into_iter().filter(|pod| pods::is_ready(pod)).collect();
    variables::of_server(&serving).filter(|_| ready)
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
        let mut late = DeferredObjects::of(&Stage::all(conditions.into()), &objects);
        assert!(late.holds(&objects[1]) && !late.holds(&objects[0]));
        let starting = observed(json!({"pods": [pod("server", "", "Pending", json!({}))]}));
        assert!(late.startable(0, &starting, &[]).is_empty());
        let ready = json!({"podIP": "fd00::7", "conditions": [{"type": "Ready", "status": "True"}]});
        let ready = observed(json!({"pods": [pod("server", "", "Running", ready)]}));
        let [client] = &late.startable(0, &ready, &[("AMIPROOF_NODE_PORT_WEB".into(), "30080".into())])[..] else {
            panic!("the client starts")
        };
        let variables = client.pointer("/spec/template/spec/containers/0/env").unwrap();
        assert_eq!(
            *variables,
            json!([{"name": "AMIPROOF_SERVER_HOST", "value": "[fd00::7]"}, {"name": "AMIPROOF_SERVER_HOSTS", "value": "[fd00::7]"},
                   {"name": "AMIPROOF_NODE_PORT_WEB", "value": "30080"}])
        );
        assert!(late.startable(0, &ready, &[]).is_empty(), "it starts once");
    }

    #[test]
    fn what_comes_behind_an_action_starts_when_its_turn_comes() {
        let target = |text: &str| -> Target { text.parse().unwrap() };
        let conditions = vec![
            Condition::Complete(target("job/writes")),
            Condition::Rescheduled(target("statefulset/db")),
            Condition::Complete(target("job/reads")),
        ];
        let objects = ["writes", "reads"].map(|name| json!({"kind": "Job", "metadata": {"name": name}}));
        let mut late = DeferredObjects::of(&Stage::all(conditions), &objects);
        assert!(!late.holds(&objects[0]) && late.holds(&objects[1]));
        assert!(
            late.startable(0, &Observed::default(), &[]).is_empty()
                && late.startable(1, &Observed::default(), &[]).is_empty()
        );
        assert_eq!(late.startable(2, &Observed::default(), &[]), [objects[1].clone()]);
    }
}
