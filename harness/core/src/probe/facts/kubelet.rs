//! The options of the kubelet's configuration as facts, so that they can be compared and be the reason of a failure.

use serde_json::Value;

use super::Collected;

/// Options that name the node or the form of the file, not how the image sets up its kubelet.
const OWN: [&str; 4] = ["apiVersion", "kind", "providerID", "creationTimestamp"];

/// Longest value of an option that is kept, bytes: a list of all cipher suites is half as long.
const LONGEST: usize = 1000;

/// Adds `kubelet.OPTION` for each option, by its path: `kubelet.authentication.webhook.enabled` is `true`. Lists are joined by commas.
pub(super) fn facts(found: &mut Collected) {
    if let Some(configuration) = found.kubelet.take() {
        option(&configuration, "kubelet", found);
        found.kubelet = Some(configuration);
    }
}

fn option(value: &Value, path: &str, found: &mut Collected) {
    let scalar = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let text = match value {
        Value::Object(options) => {
            let kept = options.iter().filter(|(name, _)| !OWN.contains(&name.as_str()));
            return kept.for_each(|(name, value)| option(value, &format!("{path}.{name}"), found));
        }
        Value::Null => return,
        Value::Array(values) => values.iter().map(scalar).collect::<Vec<_>>().join(", "),
        value => scalar(value),
    };
    if text.len() <= LONGEST {
        found.put(path, text);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    #[test]
    fn every_option_is_a_fact_by_its_path() {
        let configuration = json!({
            "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration", "providerID": "aws:///us-west-2a/i-1",
            "authentication": {"webhook": {"enabled": true, "cacheTTL": null}}, "maxPods": 29, "clusterDNS": ["fd00::a", "10.0.0.10"],
            "evictionHard": {"nodefs.available": "10%"}, "staticPodPath": "", "long": "x".repeat(LONGEST + 1),
        });
        let mut found = Collected { kubelet: Some(configuration.clone()), ..Collected::default() };
        facts(&mut found);
        let shown: Vec<_> = found.facts.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let wanted = [
            "kubelet.authentication.webhook.enabled=true",
            "kubelet.clusterDNS=fd00::a, 10.0.0.10",
            "kubelet.evictionHard.nodefs.available=10%",
            "kubelet.maxPods=29",
        ];
        assert_eq!(BTreeSet::from_iter(shown), BTreeSet::from(wanted.map(str::to_owned)));
        assert_eq!(found.kubelet, Some(configuration));
    }

    #[test]
    fn a_host_without_a_configuration_has_no_such_facts() {
        let mut found = Collected::default();
        facts(&mut found);
        assert_eq!(found, Collected::default());
    }
}
