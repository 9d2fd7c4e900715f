//! `node/disk-space`: the free space of the kubelet's and containerd's file systems is above the eviction thresholds (Kubernetes,
//! "Node-pressure Eviction") and enough for an image of two GiB.
//!
//! Benchmarks require separate partitions (CIS Amazon Linux 2023, 1.1.3 to 1.1.7); a small /var fills with the first large image.

use std::time::Duration;

use amiproof_core::check::{CheckError, Decision, linux_only};
use amiproof_core::context::Context;
use amiproof_core::probe::facts::NodeFacts;
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use serde_json::Value;

use super::{judged, resource, silent};
use crate::definition::Definition;
use crate::host::decision;

/// See the module.
pub const CHECK: Definition =
    Definition::question("node/disk-space", "kubelet and containerd have space on their file systems", |context| {
        run(context).boxed()
    })
    .on(linux_only)
    .within(Duration::from_secs(300));

/// Space for a large image, in KiB.
const IMAGE: u64 = 2 * 1024 * 1024;

async fn run(context: &Context) -> Result<Decision, CheckError> {
    Ok(decision(context, assess(context.facts.of(context).await)))
}

/// A line of `df -P`, in blocks of one KiB or in inodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Space {
    all: u64,
    free: u64,
}

/// `blocks /var/lib/kubelet /dev/nvme0n1p1 20959212 3941276 17017936 19% /`.
fn parse(line: &str) -> Option<(&str, &str, Space)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [kind, path, _device, all, _used, free, ..] = words[..] else { return None };
    Some((kind, path, Space { all: all.parse().ok()?, free: free.parse().ok()? }))
}

fn assess(facts: &[NodeFacts]) -> Verdict {
    judged(facts, |node, read| {
        let lines: Vec<_> = read.measured("disks").unwrap_or_default().lines().filter_map(parse).collect();
        if lines.iter().all(|(kind, ..)| *kind != "blocks") {
            return Err(silent(node, "how much space is on its file systems"));
        }
        let found = lines.iter().filter_map(|line| finding(node, *line, read.kubelet.as_ref()));
        Ok(found.collect())
    })
}

fn finding(node: &NodeRecord, (kind, path, space): (&str, &str, Space), kubelet: Option<&Value>) -> Option<Finding> {
    let store = if path.ends_with("containerd") { "imagefs" } else { "nodefs" };
    let is_blocks = kind == "blocks";
    let signal = format!("{store}.{}", if is_blocks { "available" } else { "inodesFree" });
    // A file system without a fixed number of inodes reports 0 of 0.
    if space.all == 0 {
        return None;
    }
    let least = threshold(kubelet, &signal, space.all);
    let what = if is_blocks { "space" } else { "inodes" };
    let share = space.free * 100 / space.all;
    let summary = if space.free < least {
        format!("{share}% of the {what} below {path} is free: the kubelet evicts pods ({signal})")
    } else if is_blocks && space.free < IMAGE {
        format!("{} MiB are free below {path}: a large image does not fit", space.free / 1024)
    } else {
        return None;
    };
    let help = "make the partition larger, or put /var/lib/containerd and /var/lib/kubelet on one of their own";
    Some(Finding::new(format!("{}, {path} {what}", resource(node)), summary).with_remediation(help))
}

/// The hard threshold of a signal in KiB or inodes: the configured one, otherwise the kubelet's default.
fn threshold(kubelet: Option<&Value>, signal: &str, all: u64) -> u64 {
    let default = match signal {
        "nodefs.available" => "10%",
        "imagefs.available" => "15%",
        _ => "5%",
    };
    let configured = kubelet.map(|kubelet| &kubelet["evictionHard"]).filter(|own| own.is_object());
    // If a table is configured, signals that it lacks are off (KubeletConfiguration, evictionHard).
    let text = configured.map_or(default, |own| own[signal].as_str().unwrap_or("0%"));
    let unit = |factor: u64, suffix: &str| {
        text.strip_suffix(suffix).and_then(|number| Some(number.parse::<u64>().ok()? * factor))
    };
    if let Some(percent) = text.strip_suffix('%').and_then(|number| number.parse::<f64>().ok()) {
        return (all as f64 * percent / 100.0) as u64;
    }
    unit(1024 * 1024, "Gi").or(unit(1024, "Mi")).or(unit(1, "Ki")).or_else(|| text.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::node::tests::measured;

    fn asked(disks: &str, kubelet: Option<Value>) -> Verdict {
        let mut of_node = measured(1, &[], &[("disks", disks)]);
        of_node.read.as_mut().unwrap().1.kubelet = kubelet;
        assess(&[of_node])
    }

    #[test]
    fn less_room_than_the_kubelet_needs_is_a_finding() {
        let free = "blocks /var/lib/kubelet /dev/a 20959212 3941276 17017936 19% /\ninodes /var/lib/kubelet /dev/a 1000 10 990 1% /";
        assert_eq!(asked(free, None), Verdict::Pass);
        let full = "blocks /var/lib/containerd /dev/a 104857600 94371840 10485760 90% /var";
        let Verdict::Fail(findings) = asked(full, None) else { panic!("a finding") };
        assert_eq!(
            findings[0].summary,
            "10% of the space below /var/lib/containerd is free: the kubelet evicts pods (imagefs.available)"
        );
        let own = |value: &str| Some(json!({"evictionHard": {"imagefs.available": value}}));
        assert_eq!(asked(full, own("5%")), Verdict::Pass);
        assert_eq!(asked(full, own("9Gi")), Verdict::Pass);
        assert!(matches!(asked(full, own("11Gi")), Verdict::Fail(_)));
        assert_eq!(asked(full, Some(json!({"evictionHard": {"memory.available": "100Mi"}}))), Verdict::Pass);
    }

    #[test]
    fn a_small_partition_and_used_up_inodes_are_findings_and_nothing_read_is_no_evidence() {
        let small = "blocks /var/lib/containerd /dev/a 3145728 1572864 1572864 50% /var";
        let Verdict::Fail(findings) = asked(small, None) else { panic!("a finding") };
        assert_eq!(findings[0].summary, "1536 MiB are free below /var/lib/containerd: a large image does not fit");
        let inodes =
            "blocks /var/lib/kubelet /dev/a 20959212 1 20959211 1% /\ninodes /var/lib/kubelet /dev/a 1000 980 20 98% /";
        assert!(matches!(asked(inodes, None), Verdict::Fail(_)));
        let dynamic =
            "blocks /var/lib/kubelet /dev/a 20959212 1 20959211 1% /\ninodes /var/lib/kubelet /dev/a 0 0 0 - /";
        assert_eq!(asked(dynamic, None), Verdict::Pass);
        assert!(matches!(asked("blocks /var/lib/kubelet\n", None), Verdict::NotEvaluated(_)));
    }
}
