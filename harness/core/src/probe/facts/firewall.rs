//! What the base chains of nftables and the built-in chains of iptables do with a packet that no rule matched.
//!
//! In nftables every base chain of a hook must accept a packet; a drop in one of them is final (nftables wiki, "Configuring
//! chains"). So the fact of a hook is the strictest policy of all its base chains, with the chain that has it.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::Collected;
use super::section::Sections;

/// Adds the policy of every hook and built-in chain, and for each tool the number of its rules and a digest of them, by which rule sets can
/// be compared: `firewall.nft.forward`, `firewall.nft.rules`, `firewall.nft.digest`.
///
/// The sections have neither counters nor the chains of kube-proxy and network plugins. Of one that is cut neither number nor digest is
/// known; of a hook of nftables only a drop is, because a later chain may have one.
pub(super) fn facts(found: &mut Collected, sections: &Sections) {
    for tool in ["nft", "iptables", "ip6tables"] {
        let (text, is_whole) = (sections.text(tool), sections.entire(tool).is_some());
        let policies = if tool == "nft" { nft(text) } else { iptables(text) };
        for (chain, policy) in
            policies.into_iter().filter(|(_, policy)| is_whole || tool != "nft" || policy != "accept")
        {
            found.put(format!("firewall.{tool}.{chain}"), policy);
        }
        if is_whole && !text.trim().is_empty() {
            found.put(
                format!("firewall.{tool}.rules"),
                text.lines().filter(|line| is_rule(tool, line)).count().to_string(),
            );
            found.put(format!("firewall.{tool}.digest"), digest(text));
        }
    }
}

/// Whether a line of `nft list ruleset` or `iptables -S` is a rule, not the frame around rules or the declaration of a chain or a set.
fn is_rule(tool: &str, line: &str) -> bool {
    let line = line.trim();
    if tool != "nft" {
        return line.starts_with("-A ");
    }
    let frame = ["table ", "chain ", "type ", "set ", "map ", "flags ", "elements ", "policy ", "comment ", "}", "#"];
    !line.is_empty() && !frame.iter().any(|word| line.starts_with(word))
}

/// The first twelve digits of the SHA-256 of a rule set, without what changes by itself: counters, and blank space.
fn digest(text: &str) -> String {
    let mut hash = Sha256::new();
    for line in text.lines() {
        let mut words = line.split_whitespace().peekable();
        while let Some(word) = words.next() {
            // counter packets 12 bytes 720
            if matches!(word, "packets" | "bytes") && words.peek().is_some_and(|next| next.parse::<u64>().is_ok()) {
                words.next();
                continue;
            }
            hash.update(word.as_bytes());
            hash.update(b" ");
        }
        hash.update(b"\n");
    }
    hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// The strictest policy per hook of `nft list ruleset`: `drop (inet filter forward)`, or `accept`.
fn nft(ruleset: &str) -> BTreeMap<String, String> {
    let (mut table, mut chain) = (String::new(), String::new());
    let mut policies: BTreeMap<String, String> = BTreeMap::new();
    for line in ruleset.lines().map(str::trim) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["table", family, name, "{"] => table = format!("{family} {name}"),
            ["chain", name, "{"] => chain = name.to_owned(),
            ["type", "filter", "hook", hook, ..] => {
                let policy = words.iter().position(|word| *word == "policy").and_then(|at| words.get(at + 1));
                let policy = policy.map_or("accept", |policy| policy.trim_end_matches(';'));
                let known = policies.entry(hook.to_owned()).or_insert_with(|| "accept".to_owned());
                if policy == "drop" && known == "accept" {
                    *known = format!("drop ({table} {chain})");
                }
            }
            _ => {}
        }
    }
    policies
}

/// The policies of `iptables -S`: `-P FORWARD DROP`.
fn iptables(rules: &str) -> BTreeMap<String, String> {
    let policies = rules.lines().filter_map(|line| {
        let mut words = line.trim().strip_prefix("-P ")?.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.to_owned()))
    });
    policies.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::facts::section::split;

    #[test]
    fn a_drop_in_any_base_chain_is_the_policy_of_its_hook() {
        let ruleset = "table ip filter {\n\tchain FORWARD {\n\t\ttype filter hook forward priority filter; policy accept;\n\t}\n}\n\
                       table inet filter {\n\tchain forward {\n\t\ttype filter hook forward priority filter; policy drop;\n\t}\n\
                       \tchain output {\n\t\ttype filter hook output priority 0;\n\t}\n\
                       \tchain nat {\n\t\ttype nat hook postrouting priority srcnat; policy accept;\n\t}\n}\n";
        let policies = nft(ruleset);
        assert_eq!(policies["forward"], "drop (inet filter forward)");
        assert_eq!(policies["output"], "accept");
        assert_eq!(policies.len(), 2, "{policies:?}");
        assert!(nft("").is_empty());
    }

    #[test]
    fn rules_are_counted_and_their_digest_ignores_counters_alone() {
        let set = |counter: &str, verdict: &str| {
            format!(
                "table inet filter {{\n\tchain input {{\n\t\ttype filter hook input priority filter; policy drop;\n\t\tiif \"lo\" accept\n\t\ttcp dport 22 counter{counter} {verdict}\n\t}}\n}}\n"
            )
        };
        let of = |text: &str| {
            let mut found = Collected::default();
            facts(&mut found, &split(&format!("@@ nft\n{text}@@ iptables\n-P INPUT ACCEPT\n-A INPUT -j DROP\n")));
            found
        };
        let one = of(&set(" packets 1 bytes 60", "accept"));
        assert_eq!((one.get("firewall.nft.rules"), one.get("firewall.iptables.rules")), (Some("2"), Some("1")));
        assert_eq!(one.get("firewall.nft.digest"), of(&set("", "accept")).get("firewall.nft.digest"));
        assert_ne!(one.get("firewall.nft.digest"), of(&set("", "drop")).get("firewall.nft.digest"));
        assert_eq!(one.get("firewall.nft.digest").map(str::len), Some(12));
    }

    #[test]
    fn of_rules_that_are_cut_only_a_drop_is_said() {
        let chain = |hook: &str, policy: &str| {
            format!("\tchain {hook} {{\n\t\ttype filter hook {hook} priority filter; policy {policy};\n\t}}\n")
        };
        let rules = "\tip daddr 10.0.0.1 drop\n".repeat(4000);
        let many = format!("@@ nft\ntable ip a {{\n{}{}{rules}", chain("input", "accept"), chain("forward", "drop"));
        let mut found = Collected::default();
        facts(&mut found, &split(&many));
        let shown: Vec<_> = found.facts.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(shown, ["firewall.nft.forward=drop (ip a forward)"]);
    }

    #[test]
    fn the_policies_of_iptables_are_its_p_lines() {
        let policies = iptables("-P INPUT DROP\n-P FORWARD ACCEPT\n-N KUBE-FORWARD\n-A INPUT -i lo -j ACCEPT\n");
        assert_eq!(policies, BTreeMap::from([("INPUT".into(), "DROP".into()), ("FORWARD".into(), "ACCEPT".into())]));
    }
}
