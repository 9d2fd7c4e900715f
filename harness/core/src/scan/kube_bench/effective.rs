//! What kube-bench said of the kubelet's configuration, compared with the configuration that the kubelet runs with. Pure.
//!
//! kube-bench reads one file. The kubelet reads flags, that file and the drop-ins beside it (`config.json.d/40-nodeadm.conf` on
//! AL2023), so both a pass and a failure can be about settings that are not in force.

use amiproof_model::name::{Benchmark, NameError};
use amiproof_model::verdict::{Evidence, Finding, Verdict};
use serde_json::Value;

use super::benchmark::{NodeTopic, node_controls};
use crate::check::{Decision, ScanRow};

/// The id of the comparison.
pub const CHECK: &str = "kube-bench/configz";

/// The configuration that a kubelet runs with.
#[derive(Clone, Debug, PartialEq)]
pub struct Effective {
    /// Where it comes from, as evidence says it.
    pub source: String,
    /// The `KubeletConfiguration`.
    pub configuration: Value,
}

/// One setting as the kubelet runs with it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Setting {
    /// `authentication.anonymous.enabled is false`.
    text: String,
    met: bool,
}

/// Whether a control holds by a configuration; `None` for a control that is not about it.
fn setting(topic: NodeTopic, configuration: &Value) -> Option<Setting> {
    let (path, met): (&str, fn(Option<&str>) -> bool) = match topic {
        NodeTopic::Anonymous => ("authentication.anonymous.enabled", |value| value == Some("false")),
        NodeTopic::Authorization => ("authorization.mode", |value| value.is_some_and(|mode| mode != "AlwaysAllow")),
        NodeTopic::ClientAuthority => {
            ("authentication.x509.clientCAFile", |value| value.is_some_and(|file| !file.is_empty()))
        }
        NodeTopic::ReadOnlyPort => ("readOnlyPort", |value| value.is_none_or(|port| port == "0")),
        NodeTopic::StreamingTimeout => {
            ("streamingConnectionIdleTimeout", |value| value.is_none_or(|time| !matches!(time, "0" | "0s")))
        }
        NodeTopic::KernelDefaults => ("protectKernelDefaults", |value| value == Some("true")),
        NodeTopic::IptablesChains => ("makeIPTablesUtilChains", |value| value.is_none_or(|on| on == "true")),
        NodeTopic::EventRate => {
            ("eventRecordQPS", |value| value.is_none_or(|rate| rate.parse::<i64>().is_ok_and(|rate| rate >= 0)))
        }
        NodeTopic::RotateClient => ("rotateCertificates", |value| value.is_none_or(|on| on == "true")),
        NodeTopic::RotateServer => ("featureGates.RotateKubeletServerCertificate", |value| value == Some("true")),
        NodeTopic::KubeconfigMode
        | NodeTopic::KubeconfigOwner
        | NodeTopic::ConfigurationMode
        | NodeTopic::ConfigurationOwner
        | NodeTopic::HostnameOverride => return None,
    };
    let value = configuration.pointer(&format!("/{}", path.replace('.', "/"))).and_then(|value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    });
    // A gate that is not set has its default, on since Kubernetes 1.12; then it is this setting that asks for certificates.
    let is_default_gate = topic == NodeTopic::RotateServer
        && value.is_none()
        && configuration.get("serverTLSBootstrap") == Some(&Value::Bool(true));
    let text = match &value {
        Some(value) => format!("{path} is {value}"),
        None => format!("{path} is not set"),
    };
    Some(Setting { text, met: is_default_gate || met(value.as_deref()) })
}

/// Holds the rows of one node against its kubelet: each row about the configuration gets the setting as evidence, and one that the
/// kubelet contradicts loses its verdict. A pass that is not in force is a failure; a failure that is not in force is for a human,
/// because the scanner is wrong and not the image. Gives the row of the comparison itself.
///
/// # Errors
/// Never for the ids of this build.
pub fn reconcile(
    rows: &mut [ScanRow],
    benchmark: &Benchmark,
    resource: &str,
    effective: &Result<Effective, String>,
) -> Result<ScanRow, NameError> {
    let (mut wrong_pass, mut wrong_fail, mut compared, mut lines) = (Vec::new(), Vec::new(), 0, Vec::new());
    if let Ok(effective) = effective {
        for (number, topic) in node_controls(benchmark) {
            let Some(setting) = setting(topic, &effective.configuration) else { continue };
            let is_it = |row: &&mut ScanRow| row.control.as_ref().is_some_and(|control| control.number() == number);
            let Some(row) = rows.iter_mut().find(is_it) else { continue };
            let name = format!("effective configuration ({})", effective.source);
            row.decision.evidence.push(Evidence { name, text: setting.text.clone(), file: None });
            let relation = match (&row.decision.verdict, setting.met) {
                (Verdict::Pass, true) | (Verdict::Fail(_), false) => "agrees",
                (Verdict::Pass, false) => {
                    let finding = Finding::new(resource, format!("the kubelet runs with another setting: {}", setting.text))
                        .with_detail(format!("by the configuration file, kube-bench passes {number}; according to {}, {}", effective.source, setting.text))
                        .with_remediation("look for the setting in the kubelet's flags and in the drop-ins beside its configuration file, and change it there");
                    wrong_pass.push(Finding {
                        summary: format!("kube-bench passes {number}, but {}", setting.text),
                        ..finding.clone()
                    });
                    row.decision.verdict = Verdict::Fail(vec![finding]);
                    "contradicts a pass"
                }
                (Verdict::Fail(_), true) => {
                    let text = format!(
                        "{resource}: kube-bench fails {number} because of the configuration file, but {} (according to {})",
                        setting.text, effective.source
                    );
                    row.decision.verdict =
                        Verdict::Manual(format!("{text}; if this is intended, waive kube-bench's answer"));
                    wrong_fail.push(text);
                    "contradicts a failure"
                }
                _ => continue,
            };
            compared += 1;
            lines.push(format!("{number}: {}: {relation}", setting.text));
        }
    }
    let verdict = match effective {
        Err(why) => Verdict::NotEvaluated(format!("{resource}: {why}")),
        Ok(_) if compared == 0 => {
            Verdict::NotEvaluated(format!("{resource}: kube-bench evaluated nothing that could be compared"))
        }
        Ok(_) if !wrong_pass.is_empty() => Verdict::Fail(in_one(wrong_pass)),
        Ok(_) if !wrong_fail.is_empty() => Verdict::Manual(wrong_fail.join("; ")),
        Ok(_) => Verdict::Pass,
    };
    let evidence = Evidence { name: format!("settings in force on {resource}"), text: lines.join("\n"), file: None };
    Ok(ScanRow {
        check: CHECK.parse()?,
        title: "the kubelet runs with the configuration that kube-bench read".to_owned(),
        control: None,
        level: None,
        severity: None,
        scanner: "amiproof".to_owned(),
        decision: Decision { evidence: if lines.is_empty() { Vec::new() } else { vec![evidence] }, ..verdict.into() },
    })
}

/// One finding per node, because later runs recognise a finding by its resource.
fn in_one(findings: Vec<Finding>) -> Vec<Finding> {
    let summary: Vec<&str> = findings.iter().map(|finding| finding.summary.as_str()).collect();
    let detail: Vec<&str> = findings.iter().map(|finding| finding.detail.as_str()).collect();
    let (summary, detail) = (summary.join("; "), detail.join("\n"));
    findings
        .into_iter()
        .take(1)
        .map(|first| Finding { summary: summary.clone(), detail: detail.clone(), ..first })
        .collect()
}

#[cfg(test)]
mod tests;
