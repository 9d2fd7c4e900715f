//! Checks whose id has changed. Matrices, waivers, baselines and reports that were written before keep working: an old id means the new one
//! wherever a check id is read. Several checks can have become one; the rows of an older report are then one row
//! ([`crate::report::Report::parse`]).

/// Old ids with the new ones. A row is never removed, and an old id is never given to another check.
const RENAMED: [(&str, &str); 6] = [
    ("addon/daemons", "addon/daemonsets"),
    ("disruptive/rounds", "disruptive/drift"),
    // Four workloads that asked the same of a node.
    ("workload/cron-job", "workload/controllers"),
    ("workload/disruption-budget", "workload/controllers"),
    ("workload/job", "workload/controllers"),
    ("workload/rolling-update", "workload/controllers"),
];

/// The present id of a check: the one itself, unless it is an old one.
pub fn current(id: &str) -> &str {
    RENAMED.iter().find(|(old, _)| *old == id).map_or(id, |(_, new)| new)
}

/// Whether several checks have become this one.
pub(crate) fn is_several(id: &str) -> bool {
    RENAMED.iter().filter(|(_, new)| *new == id).count() > 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::CheckId;

    #[test]
    fn an_old_id_is_read_as_the_new_one_and_no_new_id_is_an_old_one() {
        for (old, new) in RENAMED {
            assert_eq!(old.parse::<CheckId>().unwrap().as_str(), new);
            let read: CheckId = serde_json::from_str(&format!("\"{old}\"")).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), format!("\"{new}\""));
            assert_eq!(current(new), new, "an id is renamed once, so that one look-up is enough");
            assert_eq!(old.split_once('/').unwrap().0, new.split_once('/').unwrap().0, "prefixes are suites");
        }
        assert_eq!(current("node/ready"), "node/ready");
    }
}
