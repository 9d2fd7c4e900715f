//! Writes waivers as `waivers.yaml`, and adds some to a file that is there without touching what it says.

use std::fmt::Write;

use crate::waiver::Waiver;
use crate::waiver_file;

/// A whole waiver file.
pub fn file(waivers: &[Waiver]) -> String {
    format!("apiVersion: amiproof/v1\nkind: Waivers\nwaivers:\n{}", entries(waivers))
}

/// The text of a file with more waivers in it; those that it has already, by their scope, are left out. Nothing when they cannot be
/// added without rewriting the file, because its list is not the last thing in it or is in brackets.
pub fn with(existing: &str, waivers: &[Waiver]) -> Option<String> {
    let before = waiver_file::parse("", existing.as_bytes()).ok()?;
    let new: Vec<Waiver> =
        waivers.iter().filter(|waiver| !before.iter().any(|known| known.scope() == waiver.scope())).cloned().collect();
    let wanted: Vec<Waiver> = before.into_iter().chain(new.iter().cloned()).collect();
    if new.is_empty() {
        return Some(existing.to_owned());
    }
    let entries = entries(&new);
    // A list may start at the margin or two spaces in; whatever reads back as wanted is right.
    let at_margin: String =
        entries.lines().map(|line| format!("{}\n", line.strip_prefix("  ").unwrap_or(line))).collect();
    let base = existing.trim_end_matches('\n');
    let emptied = base.trim_end().strip_suffix("waivers: []").map(|head| format!("{head}waivers:"));
    let bases = [Some(base.to_owned()), emptied];
    let tries =
        bases.iter().flatten().flat_map(|base| [&entries, &at_margin].map(|entries| format!("{base}\n{entries}")));
    tries.into_iter().find(|text| waiver_file::parse("", text.as_bytes()).is_ok_and(|read| read == wanted))
}

fn entries(waivers: &[Waiver]) -> String {
    let mut out = String::new();
    for waiver in waivers {
        let mut lead = "  - ";
        let mut field = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                // Writing to a String cannot fail.
                let _ = writeln!(out, "{lead}{key}: {value}");
                lead = "    ";
            }
        };
        field("control", waiver.control.as_ref().map(ToString::to_string));
        field("check", waiver.check.as_deref().map(quoted));
        field("suite", waiver.suite.clone());
        field("benchmark", waiver.benchmark.clone());
        field("variants", (!waiver.variants.is_empty()).then(|| format!("[{}]", waiver.variants.join(", "))));
        field("level", waiver.level.map(|level| u8::from(level).to_string()));
        field("node", waiver.node.map(|node| node.to_string()));
        field("reason", Some(quoted(&waiver.reason)));
        field("owner", Some(quoted(&waiver.owner)));
        field("ticket", waiver.ticket.as_deref().map(quoted));
        field("expires", Some(waiver.expires.to_string()));
    }
    out
}

/// A text in double quotes, which YAML reads as JSON does.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiver(number: &str, reason: &str) -> Waiver {
        Waiver {
            control: Some(format!("cis-al2023-1.0.0/{number}").parse().unwrap()),
            variants: vec!["al2023-l1".into()],
            node: Some(2),
            level: Some(crate::name::Level::Two),
            suite: Some("os-cis".into()),
            benchmark: Some("cis-al2023".into()),
            check: Some("os-cis/*".into()),
            ticket: Some("SEC-1".into()),
            reason: reason.into(),
            owner: "platform: team #1".into(),
            expires: "2027-06-30".parse().unwrap(),
        }
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        let waivers = [waiver("3.3.1", "a: \"b\" # 'c'\n- d \u{1f980}"), waiver("3.3.2", "needs it")];
        assert_eq!(waiver_file::parse("w", file(&waivers).as_bytes()).unwrap(), waivers);
    }

    #[test]
    fn a_file_keeps_what_it_says_when_waivers_are_added() {
        let new = [waiver("3.3.1", "x"), waiver("3.3.2", "y")];
        for list in [
            "waivers:\n- control: cis-al2023-1.0.0/9.9 # kept\n  reason: r\n  owner: o\n  expires: 2027-01-31\n",
            "waivers:\n  - control: cis-al2023-1.0.0/9.9 # kept\n    reason: r\n    owner: o\n    expires: 2027-01-31",
        ] {
            let existing = format!("# kept too\napiVersion: amiproof/v1\nkind: Waivers\n{list}");
            let text = with(&existing, &new).unwrap();
            assert!(text.starts_with(existing.trim_end()), "{text}");
            assert_eq!(waiver_file::parse("w", text.as_bytes()).unwrap().len(), 3);
            assert_eq!(with(&text, &new).unwrap(), text, "a second time changes nothing");
        }
        let empty = "apiVersion: amiproof/v1\nkind: Waivers\nwaivers: []\n";
        assert_eq!(waiver_file::parse("w", with(empty, &new).unwrap().as_bytes()).unwrap(), new);
        let brackets = "apiVersion: amiproof/v1\nkind: Waivers\nwaivers: [{check: node/ready, reason: r, owner: o, expires: 2027-01-31}]\n";
        assert_eq!(with(brackets, &new), None);
    }
}
