//! What a bisection of changed settings found: which of them break a check, with every run as evidence.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bisect::Side;
use crate::name::{CheckId, ControlId, VariantName};

/// The bisection of one check of one variant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// The variant on whose nodes the check fails.
    pub variant: VariantName,
    /// Its reference, on whose nodes it passes.
    pub reference: VariantName,
    /// The check.
    pub check: CheckId,
    /// What it ended with.
    pub end: ProofEnd,
    /// The settings that must be put back on the variant's nodes: all of them, and no other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub necessary: Vec<ProvenSetting>,
    /// Sets that break the check on the reference, one for each of `necessary`, which it contains; no part of a set does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sufficient: Vec<Vec<ProvenSetting>>,
    /// How many settings differ and were exchanged or could have been.
    pub settings: usize,
    /// How often the check was run.
    pub runs: usize,
    /// What was tried, in the order of the first run of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trials: Vec<TrialRecord>,
    /// Settings that differ and could not be exchanged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub out_of_reach: Vec<NotExchanged>,
    /// Nodes that are not as they were before, each with what differs. Empty if every node was read again and has its own settings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_restored: Vec<String>,
}

/// What a bisection ended with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ProofEnd {
    /// The settings are proven.
    Proven,
    /// The check passes on the variant's nodes as they are.
    NotReproduced,
    /// The check fails on the reference, too.
    ReferenceFails,
    /// The check fails although everything that can be exchanged is.
    OutOfReach,
    /// Putting the necessary settings back lets it pass, but no settings break it on the reference.
    NotSufficient,
    /// The check passes and fails intermittently with the same settings.
    #[serde(rename_all = "camelCase")]
    Unsteady {
        /// The settings that were exchanged then.
        exchanged: Vec<String>,
    },
    /// There was no answer, and why.
    #[serde(rename_all = "camelCase")]
    Undecided {
        /// Why.
        why: String,
    },
    /// The runs that it may take are used up.
    Spent,
}

/// A setting that was proven to take part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProvenSetting {
    /// The name of its file in `suites/settings`; absent for a fact that no file knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setting: Option<String>,
    /// What people call it.
    pub label: String,
    /// The fact that shows it.
    pub fact: String,
    /// Its value on the variant's nodes; absent if they have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Its value on the reference; absent if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The controls of the variant's benchmark that require it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<ControlId>,
}

/// One configuration in which the check was run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrialRecord {
    /// Whose nodes were changed.
    pub side: Side,
    /// Whether nodes of the variant, with the necessary settings put back, were the other end of connections.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub with_peers: bool,
    /// How many settings were exchanged.
    pub exchanged: usize,
    /// Their names, if they are few.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<String>,
    /// What each run said: `pass`, `fail`, or why there was no answer.
    pub answers: Vec<String>,
}

/// A fact that differs and was not exchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotExchanged {
    /// The fact, or the setting.
    pub fact: String,
    /// Why, as a clause.
    pub why: String,
}

impl ProvenSetting {
    /// Its name in sentences: `nftables forward policy (3.4.2.7)`.
    pub fn headline(&self) -> String {
        let numbers: Vec<&str> = self.controls.iter().map(ControlId::number).collect();
        if numbers.is_empty() { self.label.clone() } else { format!("{} ({})", self.label, numbers.join(", ")) }
    }

    /// Both values: `net.ipv4.ip_forward is 0, on the reference 1`.
    pub fn values(&self) -> String {
        let word = |value: &Option<String>| value.clone().unwrap_or_else(|| "not there".to_owned());
        format!("{} is {}, on the reference {}", self.fact, word(&self.value), word(&self.reference))
    }
}

impl Proof {
    /// Whether it proves that a setting breaks its check.
    pub fn proves(&self, setting: &str) -> bool {
        self.end == ProofEnd::Proven && self.necessary.iter().any(|one| one.setting.as_deref() == Some(setting))
    }

    /// What was found, in one or two sentences.
    pub fn sentence(&self) -> String {
        let Self { variant, reference, check, necessary, sufficient, settings, runs, .. } = self;
        let names = |all: &[ProvenSetting]| joined(all.iter().map(ProvenSetting::headline).collect());
        match &self.end {
            ProofEnd::Proven => match (necessary.as_slice(), sufficient.as_slice()) {
                ([one], [all]) if all.len() == 1 => format!(
                    "{} breaks {check}: the check passes on {variant} once this setting is put back, and fails on {reference} once only this setting is \
                     applied",
                    one.headline()
                ),
                ([_], [all]) => format!(
                    "{} break {check} together: the check fails on {reference} once all of them are applied, but not with {} alone; it passes on \
                     {variant} once {} is put back",
                    names(all),
                    names(necessary),
                    names(necessary)
                ),
                (several, sets) if sets.iter().all(|set| set.len() == 1) => format!(
                    "{} break {check}, each on its own: the check passes on {variant} only once all of them are put back",
                    names(several)
                ),
                (several, sets) => format!(
                    "{} must be put back on {variant} before {check} passes; it fails on {reference} once these are applied: {}",
                    names(several),
                    sets.iter().map(|set| names(set)).collect::<Vec<_>>().join("; or ")
                ),
            },
            ProofEnd::NotReproduced => {
                format!("{check} passes on {variant} as it is: there is nothing to find, or it fails only now and then")
            }
            ProofEnd::ReferenceFails => {
                format!("{check} fails on {reference}, too, so what differs between the two says nothing about it")
            }
            ProofEnd::OutOfReach if *settings == 0 => {
                format!(
                    "{check} fails on {variant}, and nothing differs from {reference} that can be changed on a running node"
                )
            }
            ProofEnd::OutOfReach => format!(
                "{check} fails on {variant} although {} exchanged: the cause is something that cannot be changed on a running node",
                count(*settings, "the one setting that differs is", "settings that differ are")
            ),
            ProofEnd::NotSufficient => format!(
                "putting {} back lets {check} pass on {variant}, but nothing that could be exchanged makes it fail on {reference}: something that \
                 cannot be changed on a running node is part of the cause",
                names(necessary)
            ),
            ProofEnd::Unsteady { exchanged } => {
                let with = match exchanged.as_slice() {
                    [] => "on unchanged nodes".to_owned(),
                    few => format!("with {} exchanged", joined(few.to_vec())),
                };
                format!("{check} passes and fails intermittently {with}, so nothing can be proven with it")
            }
            ProofEnd::Undecided { why } => format!("nothing was found for {check}: {why}"),
            ProofEnd::Spent => {
                format!("nothing was found for {check} within {runs} runs; allow more with --max-runs")
            }
        }
    }
}

fn count(number: usize, one: &str, many: &str) -> String {
    if number == 1 { one.to_owned() } else { format!("all {number} {many}") }
}

/// `a`, `a and b`, `a, b and c`.
fn joined(mut words: Vec<String>) -> String {
    match (words.pop(), words.is_empty()) {
        (None, _) => "nothing".to_owned(),
        (Some(last), true) => last,
        (Some(last), false) => format!("{} and {last}", words.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(label: &str) -> ProvenSetting {
        ProvenSetting {
            setting: Some(label.to_owned()),
            label: label.to_owned(),
            fact: format!("sysctl.{label}"),
            value: Some("0".to_owned()),
            reference: None,
            controls: Vec::new(),
        }
    }

    fn proof(end: ProofEnd, necessary: &[&str], sufficient: &[&[&str]]) -> Proof {
        Proof {
            variant: "l2".parse().unwrap(),
            reference: "stock".parse().unwrap(),
            check: "workload/web-service".parse().unwrap(),
            end,
            necessary: necessary.iter().map(|label| setting(label)).collect(),
            sufficient: sufficient.iter().map(|set| set.iter().map(|label| setting(label)).collect()).collect(),
            settings: 40,
            runs: 9,
            trials: Vec::new(),
            out_of_reach: Vec::new(),
            not_restored: Vec::new(),
        }
    }

    #[test]
    fn every_end_is_a_sentence() {
        let all: Vec<String> = [
            proof(ProofEnd::Proven, &["a"], &[&["a"]]),
            proof(ProofEnd::Proven, &["a"], &[&["a", "b"]]),
            proof(ProofEnd::Proven, &["a", "b"], &[&["a"], &["b"]]),
            proof(ProofEnd::Proven, &["a", "b"], &[&["a"], &["b", "c"]]),
            proof(ProofEnd::NotReproduced, &[], &[]),
            proof(ProofEnd::ReferenceFails, &[], &[]),
            proof(ProofEnd::OutOfReach, &[], &[]),
            proof(ProofEnd::NotSufficient, &["a"], &[]),
            proof(ProofEnd::Unsteady { exchanged: vec!["a".into(), "b".into(), "c".into()] }, &[], &[]),
            proof(ProofEnd::Unsteady { exchanged: Vec::new() }, &[], &[]),
            proof(ProofEnd::Undecided { why: "node 1 cannot be read".into() }, &[], &[]),
            proof(ProofEnd::Spent, &[], &[]),
        ]
        .iter()
        .map(Proof::sentence)
        .collect();
        insta::assert_snapshot!(all.join("\n"));
        assert_eq!(setting("a").values(), "sysctl.a is 0, on the reference not there");
    }
}
