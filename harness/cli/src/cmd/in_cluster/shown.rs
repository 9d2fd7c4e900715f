//! What is printed of the shards of a Job while it runs: what changed.

use amiproof_core::cluster::shard_job::{Progress, Shard};

/// The lines about what changed between two states.
pub(super) fn changes(before: &Progress, after: &Progress) -> Vec<String> {
    let count = after.shards.len();
    let mut lines = Vec::new();
    for (shard, state) in &after.shards {
        let lost = |progress: &Progress| progress.lost.get(shard).map_or(0, |(times, _)| *times);
        if lost(after) > lost(before)
            && !matches!(state, Shard::Failed(_))
            && let Some((_, how)) = after.lost.get(shard)
        {
            lines.push(format!("shard {shard}/{count}: its pod ended: {how}; the next one continues it"));
        }
        if before.shards.get(shard) == Some(state) {
            continue;
        }
        let what = match state {
            Shard::Waiting | Shard::Starting(None) => continue,
            Shard::Starting(Some(why)) => format!("does not start yet: {why}"),
            Shard::Running { node } if node.is_empty() => "runs".to_owned(),
            Shard::Running { node } => format!("runs on {node}"),
            Shard::Stopping => "was told to stop, and cleans up".to_owned(),
            Shard::Succeeded => "passed".to_owned(),
            Shard::Failed(how) => format!("ended with {how}"),
        };
        lines.push(format!("shard {shard}/{count} {what}"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_said() {
        let running = |node: &str| Shard::Running { node: node.to_owned() };
        let states = [
            Progress::default(),
            Progress { shards: [(1, Shard::Waiting), (2, Shard::Starting(None))].into(), ..Progress::default() },
            Progress {
                shards: [(1, Shard::Starting(Some("ImagePullBackOff".to_owned()))), (2, running("ip-1"))].into(),
                ..Progress::default()
            },
            Progress {
                shards: [(1, running("ip-1")), (2, Shard::Waiting)].into(),
                lost: [(2, (1, "exit code 137 (OOMKilled)".to_owned()))].into(),
                end: None,
            },
            Progress {
                shards: [(1, Shard::Succeeded), (2, running("ip-2"))].into(),
                lost: [(2, (1, "exit code 137 (OOMKilled)".to_owned()))].into(),
                end: None,
            },
            Progress {
                shards: [(1, Shard::Succeeded), (2, Shard::Failed("exit code 1".to_owned()))].into(),
                lost: [(2, (2, "exit code 1".to_owned()))].into(),
                end: Some(None),
            },
        ];
        let lines: Vec<String> = states.windows(2).flat_map(|pair| changes(&pair[0], &pair[1])).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        shard 1/2 does not start yet: ImagePullBackOff
        shard 2/2 runs on ip-1
        shard 1/2 runs on ip-1
        shard 2/2: its pod ended: exit code 137 (OOMKilled); the next one continues it
        shard 1/2 passed
        shard 2/2 runs on ip-2
        shard 2/2 ended with exit code 1
        ");
        assert!(changes(&states[5], &states[5]).is_empty());
    }
}
