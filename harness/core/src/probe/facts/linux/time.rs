//! Where a host has its time from, and how far it is off.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::super::Collected;
use super::super::section::Sections;

/// The smallest difference from amiproof's own clock that is reported, seconds. The API server and AWS refuse
/// requests after five minutes; half a minute is more than an answer takes to arrive.
const TOLERANCE: i64 = 30;

/// Adds `time.sources` and `time.synchronized`.
pub(super) fn facts(found: &mut Collected, sections: &Sections) {
    let tracking = sections.text("time-tracking").trim();
    // No output, because the daemon does not run, does not mean "none".
    if !tracking.is_empty() {
        found.put("time.sources", sources(sections.text("time-sources")));
    }
    // chronyc(1), tracking: the last field is the leap status, which is "Not synchronised" until there is a source.
    let by_chrony = (!tracking.is_empty()).then(|| !tracking.contains("Not synchronised"));
    let by_systemd = sections.text("time-synchronized").trim().rsplit_once(':').map(|(_, word)| word.trim() == "yes");
    if let Some(is_synchronized) = by_chrony.or(by_systemd) {
        found.put("time.synchronized", if is_synchronized { "yes" } else { "no" });
    }
}

/// The sources of `chronyc -c sources`, which are lines `^,*,169.254.169.123,3,...`. The Amazon Time Sync Service by its addresses
/// (169.254.169.123 and fd00:ec2::123); servers of a pool are other ones on every host, so they are one word together.
fn sources(text: &str) -> String {
    let name = |line: &'_ str| line.split(',').nth(2).map(str::to_owned);
    let names: BTreeSet<String> = text
        .lines()
        .filter_map(name)
        .map(|name| {
            let is_link_local = name.starts_with("169.254.") || name.starts_with("fd00:ec2::");
            // PHC0 and PTP are clocks of the machine itself.
            let is_clock = name.starts_with("PHC") || name.starts_with("PTP");
            if is_link_local || is_clock { name } else { "servers".to_owned() }
        })
        .collect();
    if names.is_empty() { "none".to_owned() } else { names.into_iter().collect::<Vec<_>>().join(", ") }
}

/// Adds `time.offset.seconds` if the host's clock was outside of what it can have been between sending and answer.
pub(in crate::probe::facts) fn offset(
    found: &mut Collected,
    sections: &Sections,
    sent: Timestamp,
    answered: Timestamp,
) {
    let Ok(host) = sections.text("date").trim().parse::<i64>() else { return };
    let (sent, answered) = (sent.as_second(), answered.as_second());
    let offset = if host < sent { host - sent } else { (host - answered).max(0) };
    if offset.abs() > TOLERANCE {
        found.put("time.offset.seconds", offset.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::facts::section::split;

    fn of(text: &str) -> Vec<String> {
        let mut found = Collected::default();
        facts(&mut found, &split(text));
        found.facts.iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    #[test]
    fn sources_are_named_and_pools_are_one_word() {
        let tracking = "@@ time-tracking\nA9FEA97B,169.254.169.123,4,1795984000.1,0.000001,0.0,0.0,0.0,0.0,0.0,0.0,0.0,16.2,Normal\n";
        let sources = "@@ time-sources\n^,*,169.254.169.123,3,4,377,9,0.0,0.0,0.0\n^,-,198.51.100.7,2,6,377,9,0.0,0.0,0.0\n\
                       ^,-,203.0.113.9,2,6,377,9,0.0,0.0,0.0\n";
        assert_eq!(
            of(&format!("{sources}{tracking}")),
            ["time.sources=169.254.169.123, servers", "time.synchronized=yes"]
        );
        let lost =
            "@@ time-sources\n@@ time-tracking\n00000000,,0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,1.0,1.0,0.0,Not synchronised\n";
        assert_eq!(of(lost), ["time.sources=none", "time.synchronized=no"]);
        let without = "@@ time-sources\n@@ time-tracking\n@@ time-synchronized\nSystem clock synchronized: yes\n";
        assert_eq!(of(without), ["time.synchronized=yes"]);
        assert!(of("@@ time-sources\n@@ time-tracking\n@@ time-synchronized\n").is_empty());
    }

    #[test]
    fn a_clock_is_off_only_beyond_the_way_of_the_answer() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        for (host, wanted) in [
            (1000, None),
            (1085, None),
            (970, None),
            (1120, None),
            (969, Some("-31")),
            (1121, Some("31")),
            (0, Some("-1000")),
        ] {
            let mut found = Collected::default();
            offset(&mut found, &split(&format!("@@ date\n{host}\n")), at(1000), at(1090));
            assert_eq!(found.get("time.offset.seconds"), wanted, "{host}");
        }
        let mut found = Collected::default();
        offset(&mut found, &split("@@ date\nsoon\n"), at(1000), at(1090));
        assert_eq!(found.get("time.offset.seconds"), None);
    }
}
