//! `node/kubelet-config`: the effective configuration of every kubelet meets section 3.2 of the CIS EKS benchmark.
//!
//! kube-bench reads only `config.json`, without drop-ins and flags. The kubelet itself reports its effective configuration (`configz`);
//! if its port is closed, the file with its drop-ins is used.

use std::time::Duration;

use amiproof_core::check::{CheckError, Decision};
use amiproof_core::cluster::kubelet_api;
use amiproof_core::cluster::serving_certificate::with_retry;
use amiproof_core::context::Context;
use amiproof_model::matrix::Family;
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::{Evidence, Finding, Verdict};
use futures::FutureExt as _;
use serde_json::Value;

use super::{placements, resource};
use crate::definition::Definition;
use crate::host::verdict;

/// See the module.
pub const CHECK: Definition =
    Definition::question("node/kubelet-config", "the effective configuration of every kubelet is secure", |context| {
        run(context).boxed()
    })
    .within(Duration::from_secs(600));

/// Deadline for one kubelet.
const ANSWER: Duration = Duration::from_secs(10);

/// A configuration and where it comes from.
struct Configuration {
    node: NodeRecord,
    known: Option<(&'static str, Value)>,
}

/// A rule about a setting.
struct Rule {
    /// The setting as a JSON pointer.
    pointer: &'static str,
    /// The control of the CIS EKS benchmark 1.7.0 and later, or another source.
    source: &'static str,
    /// The required value as text.
    wanted: &'static str,
    /// Whether a value meets the rule; `Null` for one that is not set.
    is_fine: fn(&Value) -> bool,
    /// The nodes that it applies to.
    of: Of,
}

/// The nodes that a rule applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    All,
    /// Windows has no such setting.
    Linux,
    /// Nodes of EKS's own images: EKS sets it there, other distributions keep the kubelet's default.
    Eks,
}

impl Of {
    fn applies(self, node: &NodeRecord, family: Family) -> bool {
        match self {
            Self::All => true,
            Self::Linux => family.is_linux(),
            Self::Eks => family.is_linux() && is_of_eks(node),
        }
    }
}

/// Whether a node runs an operating system that EKS publishes node images for.
fn is_of_eks(node: &NodeRecord) -> bool {
    ["Amazon Linux", "Bottlerocket"].iter().any(|name| node.os_image.starts_with(name))
}

const RULES: [Rule; 11] = [
    rule("/authentication/anonymous/enabled", "3.2.1", "false", |value| value == false),
    rule("/authorization/mode", "3.2.2", "Webhook", |value| value == "Webhook"),
    rule("/authentication/x509/clientCAFile", "3.2.3", "a file", |value| {
        value.as_str().is_some_and(|path| !path.is_empty())
    }),
    rule("/readOnlyPort", "3.2.4", "0", |value| value.is_null() || value == 0),
    rule("/streamingConnectionIdleTimeout", "3.2.5", "not 0", |value| value != "0s" && value != "0"),
    Rule {
        of: Of::Linux,
        ..rule("/makeIPTablesUtilChains", "3.2.6", "true", |value| value.is_null() || value == true)
    },
    rule("/eventRecordQPS", "3.2.7", "0 or more", |value| {
        value.is_null() || value.as_i64().is_some_and(|rate| rate >= 0)
    }),
    rule("/rotateCertificates", "3.2.8", "true", |value| value.is_null() || value == true),
    rule("/featureGates/RotateKubeletServerCertificate", "3.2.9", "true", |value| value.is_null() || value == true),
    Rule { of: Of::Eks, ..rule("/serverTLSBootstrap", "3.2.9, and what nodeadm sets", "true", |value| value == true) },
    Rule {
        of: Of::Eks,
        ..rule("/protectKernelDefaults", "1.0.1 3.2.6, and what nodeadm sets", "true", |value| value == true)
    },
];

const fn rule(pointer: &'static str, source: &'static str, wanted: &'static str, is_fine: fn(&Value) -> bool) -> Rule {
    Rule { pointer, source, wanted, is_fine, of: Of::All }
}

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let asked = context.nodes.iter().map(|node| async move {
        let ask = || kubelet_api::configuration(&context.cluster, &node.name, ANSWER).boxed();
        match with_retry(&context.cluster, &node.name, ask).await {
            Ok(configuration) => Configuration { node: node.clone(), known: Some(("configz", configuration)) },
            // Suite kubelet-path reports the closed port.
            Err(_) => Configuration { node: node.clone(), known: from_files(context, node).await },
        }
    });
    let configurations = futures::future::join_all(asked).await;
    let evidence = configurations.iter().filter_map(|one| {
        let (source, configuration) = one.known.as_ref()?;
        let name = format!("kubelet configuration of {} by {source}", resource(&one.node));
        Some(Evidence { name, text: format!("{configuration:#}"), file: None })
    });
    let verdict = assess(&configurations, context.variant.family);
    Ok(Decision { placements: placements(&context.nodes), evidence: evidence.collect(), ..verdict.into() })
}

/// The configuration file with its drop-ins, from the facts of the node.
async fn from_files(context: &Context, node: &NodeRecord) -> Option<(&'static str, Value)> {
    let facts = context.facts.of(context).await;
    let of_node = facts.iter().find(|facts| facts.node.index == node.index)?;
    let kubelet = of_node.read.as_ref().ok()?.1.kubelet.clone()?;
    Some(("its files", kubelet))
}

fn assess(configurations: &[Configuration], family: Family) -> Verdict {
    if configurations.is_empty() {
        return Verdict::NotEvaluated("there is no node".to_owned());
    }
    let mut findings = Vec::new();
    for Configuration { node, known } in configurations {
        let Some((source, configuration)) = known else {
            let reason = "the kubelet does not answer configz, and its files could not be read";
            return Verdict::NotEvaluated(format!("{}: {reason}", resource(node)));
        };
        let rules = RULES.iter().filter(|rule| rule.of.applies(node, family));
        for rule in rules {
            let absent = if is_left_out(rule, source, node) { &Value::Bool(false) } else { &Value::Null };
            let value = configuration.pointer(rule.pointer).filter(|value| !value.is_null()).unwrap_or(absent);
            if (rule.is_fine)(value) {
                continue;
            }
            let name = rule.pointer.trim_start_matches('/').replace('/', ".");
            let is = if value.is_null() { "not set".to_owned() } else { value.to_string() };
            let finding =
                Finding::new(format!("{}, {name}", resource(node)), format!("{name} is {is}, not {}", rule.wanted));
            let detail = format!("CIS EKS benchmark {}; read by {source}", rule.source);
            let help = "set it in the kubelet's configuration (nodeadm: spec.kubelet.config; Bottlerocket: settings.kubernetes)";
            findings.push(finding.with_detail(detail).with_remediation(help));
        }
    }
    verdict(findings)
}

/// Whether an absent setting is off. The kubelet leaves out settings that are false (`omitempty` of
/// `rotateCertificates`); a kubelet on EKS, on Linux and on Windows, authenticates by IAM and has no client certificate to rotate.
fn is_left_out(rule: &Rule, source: &str, node: &NodeRecord) -> bool {
    let comes_by_iam = is_of_eks(node) || node.os_image.starts_with("Windows");
    rule.pointer == "/rotateCertificates" && source == "configz" && !comes_by_iam
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::record;
    use super::*;

    fn stock() -> Value {
        json!({
            "authentication": {"anonymous": {"enabled": false}, "x509": {"clientCAFile": "/etc/kubernetes/pki/ca.crt"}},
            "authorization": {"mode": "Webhook"},
            "protectKernelDefaults": true,
            "rotateCertificates": true,
            "serverTLSBootstrap": true,
            "streamingConnectionIdleTimeout": "4h0m0s",
        })
    }

    fn found(change: impl FnOnce(&mut Value), family: Family) -> Vec<String> {
        let mut configuration = stock();
        change(&mut configuration);
        let known = Some(("configz", configuration));
        let node = NodeRecord { os_image: "Amazon Linux 2023.9.20261103".to_owned(), ..record(1, "") };
        match assess(&[Configuration { node, known }], family) {
            Verdict::Pass => Vec::new(),
            Verdict::Fail(findings) => findings.into_iter().map(|finding| finding.summary).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_setting_is_judged_with_the_kubelets_own_defaults() {
        assert!(found(|_| {}, Family::Al2023).is_empty());
        assert_eq!(found(|it| it["readOnlyPort"] = json!(10255), Family::Al2023), ["readOnlyPort is 10255, not 0"]);
        let anonymous = |it: &mut Value| it["authentication"]["anonymous"]["enabled"] = json!(true);
        assert_eq!(found(anonymous, Family::Al2023), ["authentication.anonymous.enabled is true, not false"]);
        let rate = |it: &mut Value| it["eventRecordQPS"] = json!(-1);
        assert_eq!(found(rate, Family::Al2023), ["eventRecordQPS is -1, not 0 or more"]);
        let unprotected = |it: &mut Value| drop(it.as_object_mut().unwrap().remove("protectKernelDefaults"));
        assert_eq!(found(unprotected, Family::Al2023), ["protectKernelDefaults is not set, not true"]);
        assert!(found(unprotected, Family::Windows).is_empty(), "Windows has no kernel defaults to protect");
        let unsigned = |it: &mut Value| it["serverTLSBootstrap"] = json!(false);
        assert_eq!(found(unsigned, Family::Al2023), ["serverTLSBootstrap is false, not true"]);
        let gate = |it: &mut Value| it["featureGates"] = json!({"RotateKubeletServerCertificate": false});
        assert_eq!(found(gate, Family::Al2023), ["featureGates.RotateKubeletServerCertificate is false, not true"]);
        let left_out = |it: &mut Value| drop(it.as_object_mut().unwrap().remove("rotateCertificates"));
        assert!(found(left_out, Family::Al2023).is_empty(), "EKS authenticates kubelets by IAM");
        let on = |os_image: &str, family: Family| {
            let mut configuration = stock();
            left_out(&mut configuration);
            let node = NodeRecord { os_image: os_image.to_owned(), ..record(1, "") };
            assess(&[Configuration { node, known: Some(("configz", configuration)) }], family)
        };
        assert_eq!(on("Windows Server 2022 Datacenter", Family::Windows), Verdict::Pass, "of EKS as well");
        let Verdict::Fail(findings) = on("Debian GNU/Linux 12", Family::Al2023) else { panic!("a finding") };
        assert_eq!(findings[0].summary, "rotateCertificates is false, not true");
        let debian = NodeRecord { os_image: "Debian GNU/Linux 12".to_owned(), ..record(1, "") };
        assert!(!Of::Eks.applies(&debian, Family::Al2023), "who made the image decides it there");
    }

    #[test]
    fn a_node_that_says_nothing_is_not_evaluated() {
        let silent = Configuration { node: record(1, ""), known: None };
        assert!(matches!(assess(&[silent], Family::Al2023), Verdict::NotEvaluated(_)));
        assert!(matches!(assess(&[], Family::Al2023), Verdict::NotEvaluated(_)));
    }
}
