//! `private-nodes`: nodes that are reachable from the internet.

use amiproof_core::check::Decision;
use amiproof_model::verdict::Finding;

use super::facts::kubernetes::Node;
use super::facts::{Facts, Unreadable, seen};
use super::question::{Question, finding, verdict};

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "private-nodes", assess };

/// Kubernetes alone can show a public node, but only EC2 can show that there is none, because not every node reports its address.
fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    let remediation = "put the node group into private subnets, behind a NAT gateway or VPC endpoints";
    // Names of nodes and ids of instances differ in every run, so findings only count them.
    let nodes = seen(&facts.nodes)?.iter().filter(|node| !node.external_ips.is_empty());
    let summaries = |node: &Node| format!("{} has the public address {}", node.name, node.external_ips.join(", "));
    let mut findings = numbered("public node", nodes.map(summaries), remediation);
    if findings.is_empty() || facts.account.is_ok() {
        let account = facts.account()?;
        if findings.is_empty() {
            let public = seen(&account.public_addresses)?.iter();
            let summaries = public.map(|(instance, address)| format!("{instance} has the public address {address}"));
            findings.extend(numbered("public instance", summaries, remediation));
        }
        let help = "use subnets that do not give out public addresses (MapPublicIpOnLaunch off)";
        let subnets = seen(&account.public_subnets)?.iter();
        let summaries = subnets.map(|id| format!("{id} gives every new node a public address"));
        findings.extend(numbered("public subnet", summaries, help));
    }
    Ok(verdict(findings))
}

fn numbered(what: &str, summaries: impl Iterator<Item = String>, remediation: &str) -> Vec<Finding> {
    summaries.enumerate().map(|(index, text)| finding(format!("{what} {}", index + 1), text, remediation)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::facts::testing::{account_of, clean, node, outcome_of};
    use super::*;

    #[test]
    fn nodes_instances_and_subnets_are_each_looked_at() {
        assert_eq!(outcome_of(&QUESTION, &clean()), "pass");
        let mut facts = clean();
        account_of(&mut facts).public_addresses = Ok([("i-1".to_owned(), "198.51.100.1".to_owned())].into());
        assert_eq!(outcome_of(&QUESTION, &facts), "fail public instance 1");
        let mut facts = clean();
        account_of(&mut facts).public_subnets = Ok(vec!["subnet-1".to_owned()]);
        assert_eq!(outcome_of(&QUESTION, &facts), "fail public subnet 1");
    }

    #[test]
    fn without_an_account_a_public_node_is_found_but_its_absence_is_not_proven() {
        let mut public = node("a");
        public.external_ips = vec!["198.51.100.1".to_owned()];
        let bare = |nodes| Facts { nodes: Ok(nodes), account: Err(Unreadable::NoAccount), ..clean() };
        assert_eq!(outcome_of(&QUESTION, &bare(vec![public])), "fail public node 1");
        assert_eq!(outcome_of(&QUESTION, &bare(vec![node("b")])), "no account");
    }
}
