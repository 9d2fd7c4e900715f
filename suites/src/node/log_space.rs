//! `node/log-space`: partitions of their own for logs hold what a node writes there.
//!
//! Benchmarks ask for separate /var/log and /var/log/audit (CIS Amazon Linux 2023, 1.1.5.1 and 1.1.6.1; Amazon Linux 2, 1.1.2.6.1 and
//! 1.1.2.7.1), as large as a server without containers needs them (awslabs/amazon-eks-ami, issue 1804). Logs of containers are below
//! /var/log/pods, and the kubelet, which rotates them, never looks at the free space there; auditd keeps its own until someone ships them.

use std::time::Duration;

use amiproof_core::check::{CheckError, Decision, linux_only};
use amiproof_core::context::Context;
use amiproof_core::probe::facts::{Collected, NodeFacts};
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;
use serde_json::Value;

use super::{judged, resource, silent};
use crate::definition::Definition;
use crate::host::decision;

/// See the module.
pub const CHECK: Definition =
    Definition::question("node/log-space", "separate log partitions have space for what the node writes", |context| {
        run(context).boxed()
    })
    .on(linux_only)
    .within(Duration::from_secs(300));

async fn run(context: &Context) -> Result<Decision, CheckError> {
    Ok(decision(context, assess(context.facts.of(context).await)))
}

fn assess(facts: &[NodeFacts]) -> Verdict {
    let mut has_own = false;
    let verdict = judged(facts, |node, read| {
        if !read.facts.keys().any(|name| name.starts_with("disk.")) {
            return Err(silent(node, "how large its file systems are"));
        }
        Ok([containers(node, read)?, audit(node, read)?].into_iter().flatten().collect())
    });
    for of_node in facts {
        let Ok((_, read)) = &of_node.read else { continue };
        has_own |= ["disk./var/log", "disk./var/log/audit"].iter().any(|name| read.get(name).is_some());
    }
    match verdict {
        Verdict::Pass if !has_own => Verdict::NotApplicable(
            "logs have no partition of their own: node/disk-space looks at the one that they are on".to_owned(),
        ),
        other => other,
    }
}

fn unparsed(node: &NodeRecord, what: &str, value: &str) -> Verdict {
    Verdict::NotEvaluated(format!("{what} on {} cannot be parsed: {value}", resource(node)))
}

/// The size of a file system in MiB: `1.4 GiB, 20-29% used`.
fn size(read: &Collected, path: &str) -> Option<f64> {
    let text = read.get(&format!("disk.{path}"))?;
    Some(text.strip_suffix(" used").unwrap_or(text).split(" GiB").next()?.parse::<f64>().ok()? * 1024.0)
}

/// Whether /var/log holds the logs of as many containers as the node has pods.
fn containers(node: &NodeRecord, read: &Collected) -> Result<Option<Finding>, Verdict> {
    let Some(space) = size(read, "/var/log") else { return Ok(None) };
    // The defaults of the kubelet (KubeletConfiguration).
    let number =
        |name: &str, default: f64| read.kubelet.as_ref().and_then(|kubelet| kubelet[name].as_f64()).unwrap_or(default);
    let each = match read.kubelet.as_ref().map(|kubelet| &kubelet["containerLogMaxSize"]) {
        None | Some(Value::Null) => 10.0,
        Some(size) => {
            mebibytes(size).ok_or_else(|| unparsed(node, "containerLogMaxSize of the kubelet", &size.to_string()))?
        }
    };
    let (pods, files) = (number("maxPods", 110.0), number("containerLogMaxFiles", 5.0));
    let needed = pods * files * each;
    Ok((space < needed).then(|| {
        let summary = format!(
            "/var/log has {space:.0} MiB, and the logs of {pods:.0} containers grow to {needed:.0} MiB ({files:.0} files of {each:.0} MiB each)"
        );
        Finding::new(format!("{}, /var/log", resource(node)), summary).with_remediation(
            "make the partition larger, or set containerLogMaxSize and containerLogMaxFiles of the kubelet for it: the kubelet does not watch it",
        )
    }))
}

/// A quantity of Kubernetes as a number of MiB: `10Mi`, `10M`, `1e7`, `1G`.
fn mebibytes(quantity: &Value) -> Option<f64> {
    let text = quantity.as_str()?;
    let units =
        [("Ki", 1024.0), ("Mi", 1024.0 * 1024.0), ("Gi", 1024.0 * 1024.0 * 1024.0), ("k", 1e3), ("M", 1e6), ("G", 1e9)];
    let (number, factor) =
        units.iter().find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, *factor))).unwrap_or((text, 1.0));
    Some(number.parse::<f64>().ok()? * factor / 1024.0 / 1024.0)
}

/// Whether /var/log/audit holds what auditd keeps.
fn audit(node: &NodeRecord, read: &Collected) -> Result<Option<Finding>, Verdict> {
    let Some(space) = size(read, "/var/log/audit") else { return Ok(None) };
    // A number, or for space_left a share of the partition.
    let number = |name: &str, default: f64| match read.get(&format!("auditd.{name}")) {
        None => Ok(default),
        Some(text) => {
            let share = text.strip_suffix('%').and_then(|text| text.parse::<f64>().ok());
            let number = share.map(|share| share / 100.0 * space).or_else(|| text.parse::<f64>().ok());
            number.ok_or_else(|| unparsed(node, &format!("{name} of auditd"), text))
        }
    };
    // The defaults of auditd.conf(5); space_left is in MiB.
    let needed = number("max_log_file", 8.0)? * number("num_logs", 5.0)? + number("space_left", 75.0)?;
    Ok((space < needed).then(|| {
        let summary = format!(
            "/var/log/audit has {space:.0} MiB, and auditd wants {needed:.0} MiB: its logs, and what space_left keeps free"
        );
        Finding::new(format!("{}, /var/log/audit", resource(node)), summary)
            .with_remediation("make the partition larger: at space_left, auditd does what its actions say, which can be to halt the host")
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::node::tests::read_facts;

    fn asked(facts: &[(&str, &str)], kubelet: Value) -> Verdict {
        let mut of_node = read_facts(1, facts);
        if let Ok((_, read)) = &mut of_node.read {
            read.kubelet = Some(kubelet);
        }
        assess(&[of_node])
    }

    #[test]
    fn a_partition_must_hold_what_the_node_and_auditd_write_there() {
        let kubelet = || json!({"maxPods": 29});
        let root = ("disk./", "20.0 GiB, 10-19% used");
        assert!(matches!(asked(&[root], kubelet()), Verdict::NotApplicable(_)));
        assert_eq!(asked(&[root, ("disk./var/log", "10.0 GiB, 0-9% used")], kubelet()), Verdict::Pass);
        let Verdict::Fail(findings) = asked(&[root, ("disk./var/log", "1.0 GiB, 0-9% used")], kubelet()) else {
            panic!()
        };
        assert_eq!(
            findings[0].summary,
            "/var/log has 1024 MiB, and the logs of 29 containers grow to 1450 MiB (5 files of 10 MiB each)"
        );
        let smaller = json!({"maxPods": 29, "containerLogMaxSize": "5Mi", "containerLogMaxFiles": 2});
        assert_eq!(asked(&[root, ("disk./var/log", "1.0 GiB, 0-9% used")], smaller), Verdict::Pass);
        let audit =
            |size: &'static str| asked(&[root, ("disk./var/log/audit", size), ("auditd.num_logs", "5")], kubelet());
        assert_eq!(audit("1.0 GiB, 0-9% used"), Verdict::Pass);
        assert!(matches!(audit("0.1 GiB, 0-9% used"), Verdict::Fail(_)));
        assert!(matches!(asked(&[("os.name", "x")], kubelet()), Verdict::NotEvaluated(_)));
        let large = ("disk./var/log/audit", "0.2 GiB, 0-9% used");
        assert!(matches!(asked(&[root, large, ("auditd.space_left", "90%")], kubelet()), Verdict::Fail(_)));
        assert!(matches!(asked(&[root, large, ("auditd.space_left", "some")], kubelet()), Verdict::NotEvaluated(_)));
        let unread = json!({"maxPods": 29, "containerLogMaxSize": "much"});
        assert!(matches!(asked(&[root, ("disk./var/log", "1.0 GiB, 0-9% used")], unread), Verdict::NotEvaluated(_)));
    }

    #[test]
    fn quantities_are_read_as_the_kubelet_does() {
        for (text, wanted) in [
            ("10Mi", Some(10.0)),
            ("1Gi", Some(1024.0)),
            ("1048576", Some(1.0)),
            ("1048576k", Some(1000.0)),
            ("1e7", Some(10_000_000.0 / 1_048_576.0)),
            ("10M", Some(10_000_000.0 / 1_048_576.0)),
            ("much", None),
        ] {
            assert_eq!(mebibytes(&json!(text)), wanted, "{text}");
        }
        assert_eq!(mebibytes(&Value::Null), None);
    }
}
