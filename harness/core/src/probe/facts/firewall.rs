//! What the base chains of nftables and the built-in chains of iptables do with a packet that no rule matched.
//!
//! In nftables every base chain of a hook must accept a packet; a drop in one of them is final (nftables wiki, "Configuring
//! chains"). So the fact of a hook is the strictest policy of all its base chains, with the chain that has it.

use std::collections::BTreeMap;

/// The strictest policy per hook of `nft list ruleset`: `drop (inet filter forward)`, or `accept`.
pub(super) fn nft(ruleset: &str) -> BTreeMap<String, String> {
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
pub(super) fn iptables(rules: &str) -> BTreeMap<String, String> {
    let policies = rules.lines().filter_map(|line| {
        let mut words = line.trim().strip_prefix("-P ")?.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.to_owned()))
    });
    policies.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn the_policies_of_iptables_are_its_p_lines() {
        let policies = iptables("-P INPUT DROP\n-P FORWARD ACCEPT\n-N KUBE-FORWARD\n-A INPUT -i lo -j ACCEPT\n");
        assert_eq!(policies, BTreeMap::from([("INPUT".into(), "DROP".into()), ("FORWARD".into(), "ACCEPT".into())]));
    }
}
