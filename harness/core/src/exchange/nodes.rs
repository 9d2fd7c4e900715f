//! The nodes of one side, and what is exchanged on them at the moment.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use amiproof_model::bisect::{Item, Side};
use amiproof_model::report::NodeRecord;
use indexmap::IndexMap;
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use tokio_util::sync::CancellationToken;

use super::script::{self, Exchanges, Guard};
use crate::cluster::nodes as cluster_nodes;
use crate::context::Context;
use crate::probe::{self, Hosts, facts};
use crate::resource::node_change::{self, Scripts};

/// Deadline for asking a host whether values are still there.
const ASK: Duration = Duration::from_secs(60);

/// What is exchanged on a node at the moment.
struct Changed {
    guard: Guard,
    exchanges: Exchanges,
    scripts: Scripts,
}

/// One node.
struct Host {
    node: NodeRecord,
    uid: String,
    /// What it was like before anything was changed.
    facts: IndexMap<String, String>,
    /// What is exchanged on it, with the scripts that did it.
    changed: Option<Changed>,
    /// The boot in which that was done.
    boot: String,
}

/// The nodes of one side.
pub(crate) struct Nodes<'a> {
    pub(crate) context: &'a Context,
    side: Side,
    hosts: Vec<Host>,
    exchanged: BTreeSet<usize>,
    /// Items whose values something on a host writes back: they are written again while the check runs.
    kept: BTreeSet<usize>,
}

/// Why settings are not exchanged.
pub(crate) enum Refused {
    /// Some items cannot be exchanged, and why; nothing was changed.
    Items(Vec<(usize, String)>),
    /// A node did not answer, or could not be put back: nothing more can be tried.
    Node(String),
}

impl<'a> Nodes<'a> {
    /// Reads the nodes.
    ///
    /// # Errors
    /// Why one of them cannot be read, as a clause.
    pub(crate) async fn read(context: &'a Context, side: Side) -> Result<Self, String> {
        let mut hosts = Vec::new();
        for (node, facts) in facts_of(context).await {
            let facts = facts?;
            let api: Api<Node> = Api::all(context.cluster.client());
            let object =
                api.get(&node.name).await.map_err(|error| format!("node {} cannot be read: {error}", node.name))?;
            let uid = object.metadata.uid.ok_or_else(|| format!("node {} has no UID", node.name))?;
            hosts.push(Host { node, uid, facts, changed: None, boot: String::new() });
        }
        Ok(Self { context, side, hosts, exchanged: BTreeSet::new(), kept: BTreeSet::new() })
    }

    /// What the first of them was like before.
    pub(crate) fn facts(&self) -> Option<&IndexMap<String, String>> {
        self.hosts.first().map(|host| &host.facts)
    }

    /// Its variant's name.
    pub(crate) fn name(&self) -> &str {
        self.context.variant.name.as_str()
    }

    fn hosts(&self) -> Hosts {
        let mut hosts = Hosts::from(self.context);
        // A change that has begun is finished, and what is changed is put back, even if the run is stopped.
        hosts.place.cancel = CancellationToken::new();
        hosts
    }

    /// Makes exactly these items exchanged on every node, and waits until the nodes are Ready.
    ///
    /// # Errors
    /// [`Refused`].
    pub(crate) async fn exchange(&mut self, items: &[Item], wanted: &BTreeSet<usize>) -> Result<(), Refused> {
        if self.exchanged == *wanted {
            return Ok(());
        }
        self.restore().await.map_err(Refused::Node)?;
        self.exchanged.clone_from(wanted);
        let access = self.hosts();
        for at in 0..self.hosts.len() {
            let Some(host) = self.hosts.get_mut(at) else { break };
            let chosen = wanted.iter().filter_map(|number| Some((*number, items.get(*number)?)));
            let exchanges = script::exchanges(chosen, &host.facts, self.side).map_err(|one| Refused::Items(vec![one]));
            let exchanges = match exchanges {
                Ok(exchanges) => exchanges,
                Err(refused) => return Err(self.give_up(refused).await),
            };
            if exchanges.is_empty() {
                continue;
            }
            let kept = &self.kept;
            let guard = Guard::new();
            let scripts = script::scripts(&guard, &exchanges, |number| kept.contains(&number));
            let (node, uid) = (host.node.clone(), host.uid.clone());
            host.changed = Some(Changed { guard, exchanges, scripts: scripts.clone() });
            let refused = match node_change::create(&access, (&node, &uid), &scripts).await {
                Err(error) => Some(Refused::Node(format!(
                    "node {} gave no answer, so its settings were put back: {error}",
                    node.name
                ))),
                Ok((_, output)) => taken(host, kept, &output.stdout),
            };
            if let Some(refused) = refused {
                return Err(self.give_up(refused).await);
            }
        }
        if self.restarts() {
            self.until_ready().await.map_err(Refused::Node)?;
        }
        Ok(())
    }

    /// Whether what is exchanged restarts a unit of a node.
    fn restarts(&self) -> bool {
        self.hosts.iter().filter_map(|host| host.changed.as_ref()).any(|changed| changed.scripts.restarts() > 0)
    }

    /// Puts everything back. If that fails, returns that reason instead of the given one.
    async fn give_up(&mut self, refused: Refused) -> Refused {
        match self.restore().await {
            Ok(()) => refused,
            Err(why) => Refused::Node(why),
        }
    }

    /// Waits until the nodes are Ready, after scripts that restarted a unit.
    async fn until_ready(&self) -> Result<(), String> {
        let within = self.context.variant.timeouts.nodes_ready;
        let ready =
            cluster_nodes::wait_ready(&self.context.cluster, self.context.selector.as_str(), self.hosts.len(), within);
        ready.await.map(drop).map_err(|error| error.to_string())
    }

    /// The items whose values are no longer as they were set: something on a host wrote the old ones.
    ///
    /// # Errors
    /// Why a node does not say.
    pub(crate) async fn lost(&self) -> Result<BTreeSet<usize>, String> {
        let access = self.hosts();
        let mut lost = BTreeSet::new();
        for host in &self.hosts {
            let Some(Changed { exchanges, .. }) = &host.changed else { continue };
            let output = probe::read_on(&access, &host.node, &script::held(exchanges), ASK).await;
            let output = output.map_err(|error| error.to_string())?;
            if script::boot(&output.stdout) != host.boot {
                return Err(format!("node {} rebooted while its settings were exchanged", host.node.name));
            }
            if script::numbers(&output.stdout, "dead").next().is_some() {
                return Err(format!(
                    "the process that keeps the settings of node {} in place has ended",
                    host.node.name
                ));
            }
            lost.extend(script::numbers(&output.stdout, "lost").map(|(number, _)| number));
        }
        Ok(lost)
    }

    /// Whether a value is written again already.
    pub(crate) fn keeps(&self, item: usize) -> bool {
        self.kept.contains(&item)
    }

    /// From now on the value of an item is written again whenever something changes it.
    ///
    /// # Errors
    /// Why a node could not be put back.
    pub(crate) async fn keep(&mut self, items: impl IntoIterator<Item = usize>) -> Result<(), String> {
        self.restore().await?;
        self.kept.extend(items);
        Ok(())
    }

    /// Begins with other items: their numbers mean something else.
    pub(crate) fn forget(&mut self) {
        self.kept.clear();
    }

    /// Puts everything back.
    ///
    /// # Errors
    /// The first node that could not be, and why. The others are put back nevertheless.
    pub(crate) async fn restore(&mut self) -> Result<(), String> {
        let access = self.hosts();
        let restarts = self.restarts();
        let mut first = Ok(());
        for host in &mut self.hosts {
            let Some(Changed { scripts, .. }) = &host.changed else { continue };
            match node_change::undo(&self.context.ledger, &access, &host.node, scripts).await {
                Ok(()) => host.changed = None,
                Err(why) => first = first.and(Err(format!("node {} was not restored: {why}", host.node.name))),
            }
        }
        first?;
        self.exchanged.clear();
        if restarts { self.until_ready().await } else { Ok(()) }
    }

    /// Reads the nodes again: those that are not as they were before, each with what differs. Facts that nobody exchanged may have changed by
    /// themselves and do not count.
    pub(crate) async fn differences(&self, items: &[Item]) -> Vec<String> {
        let touched: BTreeSet<&str> =
            items.iter().flat_map(|item| &item.facts).map(|exchanged| exchanged.fact.as_str()).collect();
        let now: BTreeMap<String, Result<IndexMap<String, String>, String>> =
            facts_of(self.context).await.into_iter().map(|(node, facts)| (node.name, facts)).collect();
        let (mut all, mut left) = (Vec::new(), Vec::new());
        // One that could not be put back is named already.
        for host in self.hosts.iter().filter(|host| host.changed.is_none()) {
            match now.get(&host.node.name) {
                None => all.push(format!("node {}: it no longer exists", host.node.name)),
                Some(Err(why)) => left.push((&host.node.name, format!("{why}, so whether it was restored is unknown"))),
                Some(Ok(facts)) => {
                    let differ: Vec<&str> = changed(&host.facts, facts).filter(|fact| touched.contains(fact)).collect();
                    if !differ.is_empty() {
                        left.push((&host.node.name, differ.join(", ")));
                    }
                }
            }
        }
        for (node, facts) in left {
            let how = self.cordon(node).await;
            all.push(format!("node {node}: {facts} ({how})"));
        }
        all
    }

    /// Keeps new pods off a node, and says so.
    async fn cordon(&self, name: &str) -> String {
        let api: Api<Node> = Api::all(self.context.cluster.client());
        match api.cordon(name).await {
            Ok(_) => format!("it is cordoned: replace it, or `kubectl uncordon {name}` once it is as it should be"),
            Err(error) => format!("it could not be cordoned: {error}"),
        }
    }

    /// Marks nodes that could not be put back, so that nothing new is scheduled there, and says so.
    pub(crate) async fn cordon_changed(&self) -> Vec<String> {
        let mut all = Vec::new();
        for host in self.hosts.iter().filter(|host| host.changed.is_some()) {
            let (name, how) = (&host.node.name, self.cordon(&host.node.name).await);
            all.push(format!(
                "node {name} still has settings of a trial: {how}; `amiproof destroy` tries again, or replace the node"
            ));
        }
        all
    }
}

/// What a script that changes a node says it did; `None` if that is everything.
fn taken(host: &mut Host, kept: &BTreeSet<usize>, output: &str) -> Option<Refused> {
    script::boot(output).clone_into(&mut host.boot);
    let Changed { guard, exchanges, scripts } = host.changed.as_mut()?;
    let mut refused: Vec<(usize, String)> =
        script::numbers(output, "not").map(|(number, why)| (number, refusal(&host.node, why))).collect();
    let set: BTreeSet<usize> = script::numbers(output, "set").map(|(number, _)| number).collect();
    let is_known = |number: &usize| set.contains(number) || refused.iter().any(|(own, _)| own == number);
    if !exchanges.iter().all(|(number, _)| is_known(number)) {
        return Some(Refused::Node(format!("the script that changes node {} ended early", host.node.name)));
    }
    if refused.is_empty() {
        return None;
    }
    // An item that the script refused, it has also put back, so the undo script leaves it out. An item with several
    // facts can be both: refused for one fact, and set for another.
    let is_kept = exchanges.iter().any(|(number, _)| kept.contains(number));
    exchanges.retain(|(number, _)| set.contains(number));
    scripts.undo = script::undo(guard, exchanges, is_kept);
    refused.dedup_by_key(|(number, _)| *number);
    Some(Refused::Items(refused))
}

fn refusal(node: &NodeRecord, why: &str) -> String {
    let why = if why.is_empty() { "it does not take the value" } else { why };
    format!("node {}: {why}", node.name)
}

/// The facts of all nodes of a context, read now, each or why it could not be read.
async fn facts_of(context: &Context) -> Vec<(NodeRecord, Result<IndexMap<String, String>, String>)> {
    let fresh = Context { facts: facts::Facts::default(), cancel: CancellationToken::new(), ..context.clone() };
    let read = fresh.facts.of(&fresh).await;
    read.iter()
        .map(|one| (one.node.clone(), one.read.as_ref().map(|(_, read)| read.facts.clone()).map_err(Clone::clone)))
        .collect()
}

/// The facts that differ between two readings of one host.
fn changed<'a>(
    before: &'a IndexMap<String, String>,
    now: &'a IndexMap<String, String>,
) -> impl Iterator<Item = &'a str> {
    let names = before.keys().chain(now.keys().filter(|name| !before.contains_key(*name)));
    names.map(String::as_str).filter(move |name| before.get(*name) != now.get(*name))
}

#[cfg(test)]
mod tests {
    use amiproof_model::setting::Exchange;

    use super::*;

    fn host(numbers: &[usize]) -> Host {
        let one = |number: &usize| {
            let holds = String::new();
            (*number, Exchange { apply: format!("set-{number}"), undo: format!("undo-{number}"), holds })
        };
        let exchanges: Exchanges = numbers.iter().map(one).collect();
        let guard = Guard::new();
        let scripts = script::scripts(&guard, &exchanges, |_| false);
        let node = serde_json::from_value(serde_json::json!({"index": 1, "name": "n"})).unwrap();
        Host {
            node,
            uid: "u".to_owned(),
            facts: IndexMap::new(),
            changed: Some(Changed { guard, exchanges, scripts }),
            boot: String::new(),
        }
    }

    fn undo(host: &Host) -> &str {
        host.changed.as_ref().map_or("", |changed| changed.scripts.undo.as_str())
    }

    /// An item of two facts of which one was set is put back; so is everything that another item set.
    #[test]
    fn what_was_set_is_put_back_although_another_part_of_its_item_was_refused() {
        let mut host = host(&[0, 1, 1, 2]);
        let refused = taken(&mut host, &BTreeSet::new(), "set 0\nset 1\nnot 1 read-only\nnot 2 \nboot b\n");
        let Some(Refused::Items(items)) = refused else { panic!("it is not refused") };
        assert_eq!(items.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1, 2]);
        assert!(undo(&host).contains("undo-0") && undo(&host).contains("undo-1"), "{}", undo(&host));
        assert!(!undo(&host).contains("undo-2"), "{}", undo(&host));
        assert_eq!(host.boot, "b");
    }

    #[test]
    fn the_loop_of_a_refused_setting_is_ended() {
        let mut host = host(&[3]);
        let refused = taken(&mut host, &BTreeSet::from([3]), "not 3 no\nboot b\n");
        assert!(matches!(refused, Some(Refused::Items(_))));
        assert!(undo(&host).contains("rm -rf /run/amiproof-trial"), "{}", undo(&host));
    }

    #[test]
    fn a_script_that_ended_early_changed_who_knows_what() {
        let mut host = host(&[0, 1]);
        assert!(matches!(taken(&mut host, &BTreeSet::new(), "set 0\n"), Some(Refused::Node(_))));
        assert!(undo(&host).contains("undo-0") && undo(&host).contains("undo-1"), "{}", undo(&host));
    }
}
