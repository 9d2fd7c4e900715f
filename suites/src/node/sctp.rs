//! `node/sctp`: if something in the cluster uses SCTP, the kernel can load the protocol (Kubernetes, "Protocols for Services").
//!
//! CIS (Amazon Linux 2023, 3.1.x; Bottlerocket, 3.3.1) requires to block the module, which is correct if nothing uses it.

use std::collections::BTreeSet;
use std::time::Duration;

use amiproof_core::check::{CheckError, Decision, Doing as _, linux_only};
use amiproof_core::cluster::pages;
use amiproof_core::context::Context;
use amiproof_core::probe::facts::NodeFacts;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};

use super::{blocked_modules, judged, resource, silent};
use crate::definition::Definition;
use crate::host::decision;

/// See the module.
pub const CHECK: Definition =
    Definition::question("node/sctp", "the kernel supports SCTP if anything in the cluster uses it", |context| {
        run(context).boxed()
    })
    .on(linux_only)
    .within(Duration::from_secs(300));

const SCTP: &str = "SCTP";

/// Maximum number of users in a finding.
const NAMED: usize = 5;

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let users = users(context).await?;
    if users.is_empty() {
        return Ok(decision(context, unused()));
    }
    Ok(decision(context, assess(context.facts.of(context).await, &users)))
}

fn unused() -> Verdict {
    Verdict::NotApplicable("no Service and no pod of the cluster speaks SCTP".to_owned())
}

/// The Services and pods with a port of the protocol.
async fn users(context: &Context) -> Result<BTreeSet<String>, CheckError> {
    let client = context.cluster.client();
    let (all, params) = (Api::<Service>::all(client.clone()), ListParams::default());
    let services = pages::kept(&all, &params, |service| of_service(&service)).await;
    let mut users: BTreeSet<String> = services.doing("listing the Services of the cluster")?.into_iter().collect();
    let pods = pages::kept(&Api::<Pod>::all(client), &params, |pod| of_pod(&pod)).await;
    users.extend(pods.doing("listing the pods of the cluster")?);
    Ok(users)
}

fn of_service(service: &Service) -> Option<String> {
    let ports = service.spec.as_ref()?.ports.iter().flatten();
    let speaks = ports.filter_map(|port| port.protocol.as_deref()).any(|protocol| protocol == SCTP);
    speaks.then(|| format!("Service {}/{}", service.namespace().unwrap_or_default(), service.name_any()))
}

fn of_pod(pod: &Pod) -> Option<String> {
    let ports = pod.spec.as_ref()?.containers.iter().flat_map(|container| container.ports.iter().flatten());
    let speaks = ports.filter_map(|port| port.protocol.as_deref()).any(|protocol| protocol == SCTP);
    speaks.then(|| format!("pod {}/{}", pod.namespace().unwrap_or_default(), pod.name_any()))
}

fn assess(facts: &[NodeFacts], users: &BTreeSet<String>) -> Verdict {
    judged(facts, |node, read| {
        let Some(blocked) = blocked_modules(read) else { return Err(silent(node, "which modules are blocked")) };
        if !blocked.contains(&"sctp") {
            return Ok(Vec::new());
        }
        let names: Vec<&str> = users.iter().take(NAMED).map(String::as_str).collect();
        let more = if users.len() > NAMED { format!(" and {} more", users.len() - NAMED) } else { String::new() };
        let summary = "module sctp cannot be loaded, and something in the cluster speaks SCTP";
        let help = "remove `install sctp /bin/false` from /etc/modprobe.d when the image is built and waive the control, or keep what \
                    speaks SCTP on nodes of another image";
        let finding = Finding::new(resource(node), summary).with_detail(format!("{}{more}", names.join(", ")));
        Ok(vec![finding.with_remediation(help)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::{measured, read_facts};

    #[test]
    fn a_blocked_module_is_a_finding_where_somebody_needs_it() {
        let users = BTreeSet::from(["Service telecom/sigtran".to_owned()]);
        let asked = |facts: &[(&str, &str)]| assess(&[measured(1, facts, &[("modprobe", "")])], &users);
        let Verdict::Fail(findings) = asked(&[("modules.blocked", "cramfs sctp")]) else { panic!("a finding") };
        assert_eq!(findings[0].detail, "Service telecom/sigtran");
        assert_eq!(asked(&[("modules.blocked", "cramfs")]), Verdict::Pass);
        assert_eq!(asked(&[]), Verdict::Pass, "it was asked, and blocks nothing");
        assert!(matches!(assess(&[read_facts(1, &[("kernel.release", "6.12")])], &users), Verdict::NotEvaluated(_)));
    }

    #[test]
    fn services_and_pods_with_such_a_port_are_users() {
        let of = |protocol: &str| {
            let service = serde_json::json!({"metadata": {"name": "a", "namespace": "n"},
                "spec": {"ports": [{"port": 80}, {"port": 2905, "protocol": protocol}]}});
            let pod = serde_json::json!({"metadata": {"name": "b", "namespace": "n"},
                "spec": {"containers": [{"name": "c", "ports": [{"containerPort": 2905, "protocol": protocol}]}]}});
            let read = (serde_json::from_value(service).unwrap(), serde_json::from_value(pod).unwrap());
            (of_service(&read.0), of_pod(&read.1))
        };
        assert_eq!(of("SCTP"), (Some("Service n/a".to_owned()), Some("pod n/b".to_owned())));
        assert_eq!(of("TCP"), (None, None));
    }
}
