//! Facts of the nodes of a variant: read once per run, shared by all its checks, and kept in the report.
//!
//! Short values are facts (`sysctl.net.ipv4.ip_forward` is `1`); whole rule sets and journals are files of evidence. One script per
//! family reads everything in one command, in sections; `linux`, `bottlerocket` and `windows` know what a section says.

mod bottlerocket;
pub mod collected;
mod firewall;
mod kubelet;
mod linux;
mod section;
mod windows;

use std::time::Duration;

use amiproof_model::matrix::Family;
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::Evidence;
use indexmap::IndexMap;
use jiff::Timestamp;

pub use self::collected::{Collected, Facts, NodeFacts};
use super::{Channel, Output, read as ask, read_instance};
use crate::aws::{Clients, ssm};
use crate::context::Context;
use crate::evidence::cut;

/// Deadline for reading everything from one node over one channel. A stock host takes a few seconds; both channels together end before the
/// checks that wait for them do.
const DEADLINE: Duration = Duration::from_secs(60);

impl Facts {
    /// The facts of all nodes, in the order of the nodes. Never fails: a node that no channel could read has the reason of each.
    pub async fn of<'a>(&'a self, context: &Context) -> &'a [NodeFacts] {
        self.0.get_or_init(|| read_all(context)).await
    }
}

async fn read_all(context: &Context) -> Vec<NodeFacts> {
    if let Some(clients) = &context.aws {
        // One request for all nodes, so that the nodes need none of their own. If it fails, each node asks again and reports the error.
        let ids: Vec<String> = context.nodes.iter().filter_map(|node| node.instance_id.clone()).collect();
        if let Err(error) = ssm::recent_status(clients, &ids).await {
            tracing::debug!(%error, "it is not known which agents are online");
        }
    }
    let nodes = context.nodes.iter().map(|node| async move {
        let read = read(context, node).await;
        NodeFacts { node: node.clone(), read }
    });
    futures::future::join_all(nodes).await
}

async fn read(context: &Context, node: &NodeRecord) -> Result<(Channel, Collected), String> {
    let (family, sent) = (context.variant.family, amiproof_time::now());
    let output = ask(context, node, &script(family), DEADLINE).await.map_err(|error| error.to_string())?;
    Ok((output.way, parse(family, &output, sent)?))
}

/// Deadline for reading settings again, which takes most of a minute.
const AGAIN: Duration = Duration::from_secs(120);

/// Reads settings again that two programs of a host can be at odds over, and adds what differs from the first reading to the facts of nodes,
/// by index. A node that gives no answer keeps what was read.
pub(crate) async fn read_again(context: &Context, facts: &mut [(u32, IndexMap<String, String>)]) {
    if !context.variant.family.is_linux() {
        return;
    }
    let script = linux::again();
    let again = facts.iter_mut().map(async |(index, facts)| {
        let Some(node) = context.nodes.iter().find(|node| node.index == *index) else { return };
        match ask(context, node, &script, AGAIN).await {
            Ok(output) => linux::changes(facts, &output.stdout),
            Err(error) => tracing::info!(node = %node.name, %error, "the settings of a node were not read again"),
        }
    });
    futures::future::join_all(again).await;
}

/// The facts of an instance that never became a node, through
/// [Systems Manager](https://docs.aws.amazon.com/systems-manager/latest/userguide/run-command.html) alone: by the same script as those of
/// nodes.
///
/// # Errors
/// Why there are none, as a sentence for the report.
pub async fn of_instance(clients: &Clients, family: Family, instance: &NodeRecord) -> Result<Collected, String> {
    let sent = amiproof_time::now();
    let output = read_instance(clients, family, instance, &script(family), DEADLINE).await;
    parse(family, &output.map_err(|error| error.to_string())?, sent)
}

fn script(family: Family) -> String {
    match family {
        Family::Al2023 | Family::Al2 => linux::script() + &section::end_of_shell(),
        Family::Bottlerocket => bottlerocket::script() + &section::end_of_shell(),
        Family::Windows => windows::SCRIPT.to_owned() + &section::end_of_powershell(),
    }
}

/// The parsed output of a script, with the times when it was sent and answered.
fn parse(family: Family, output: &Output, sent: Timestamp) -> Result<Collected, String> {
    let sections = section::complete(&output.stdout);
    if sections.is_empty() {
        return Err(format!("the script printed no result; on stderr: {}", cut(output.stderr.trim())));
    }
    let mut found = match family {
        Family::Al2023 | Family::Al2 => linux::parse(&sections),
        Family::Bottlerocket => bottlerocket::parse(&sections),
        Family::Windows => windows::parse(&sections),
    };
    linux::offset(&mut found, &sections, sent, amiproof_time::now());
    kubelet::facts(&mut found);
    Ok(found)
}

/// A long text as evidence without a file: its first lines.
pub fn shown(title: &str, text: &str) -> Evidence {
    Evidence { name: title.to_owned(), text: excerpt(text), file: None }
}

/// Writes the long texts of a node into the evidence folder of the subject and shows each, cut, with its file.
///
/// A text that cannot be written is still evidence, without a file.
pub async fn evidence(context: &Context, facts: &NodeFacts) -> Vec<Evidence> {
    let Ok((_, collected)) = &facts.read else { return Vec::new() };
    let mut all = Vec::new();
    for (name, text) in &collected.texts {
        let title = format!("{name} of node {}", facts.node.index);
        let file = format!("{}.txt", title.replace(' ', "-"));
        let written = amiproof_time::write_file(context.evidence.join(&file), text.as_str()).await;
        if let Err(error) = &written {
            tracing::warn!(file, %error, "evidence could not be written");
        }
        let beside = written.is_ok().then(|| format!("evidence/{}/{file}", context.subject.as_str()));
        all.push(Evidence { name: title, text: excerpt(text), file: beside });
    }
    all
}

/// What the report itself shows of a long text: its first lines. The whole is in the file.
fn excerpt(text: &str) -> String {
    const LINES: usize = 40;
    let mut lines: Vec<&str> = text.lines().take(LINES + 1).collect();
    if lines.len() > LINES {
        lines[LINES] = "…";
    }
    cut(&lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_shows_its_first_lines() {
        let text: String = (1..=100).map(|line| format!("line {line}\n")).collect();
        let shown = excerpt(&text);
        assert_eq!(shown.lines().count(), 41);
        assert!(shown.starts_with("line 1\n") && shown.ends_with("line 40\n…"), "{shown}");
        assert_eq!(excerpt("one\ntwo"), "one\ntwo");
    }

    #[test]
    fn an_empty_value_is_no_fact() {
        let mut collected = Collected::default();
        collected.put("a", " 1\n");
        collected.put("b", "  ");
        assert_eq!((collected.get("a"), collected.get("b")), (Some("1"), None));
    }
}
