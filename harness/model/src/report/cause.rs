//! Why cells of a variant failed: the settings that explain them, and how sure that is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::{CheckId, ControlId, VariantName};

/// What explains the failures of one variant that its hardening caused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The variant.
    pub variant: VariantName,
    /// The causes, the one that explains most cells first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
    /// The cells that no known setting explains.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unexplained: Vec<CheckId>,
    /// Controls that the reference meets and the variant does not, with the facts that decide it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<LostControl>,
    /// Settings that may break some of the same cells as well: their effect shows only once the causes are gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<Hidden>,
    /// Settings that changed and could have been the cause, but a check that they would have broken passed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ruled_out: Vec<RuledOut>,
    /// Why nothing could be explained, as a clause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A control that is lost: the reference meets it, or an earlier run did, and the variant does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LostControl {
    /// The control.
    pub control: ControlId,
    /// The row of the scanner.
    pub check: CheckId,
    /// A fact that the control requires.
    pub fact: String,
    /// Its value on the variant's nodes; absent if they have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Its value on the reference, or in the earlier run; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// A value that meets the control.
    pub required: String,
}

impl LostControl {
    /// What is the matter: `sysctl.net.ipv4.ip_forward is 1, required 0; it is 0 where the control is met`.
    pub fn evidence(&self) -> String {
        let word = |value: &Option<String>| value.clone().unwrap_or_else(|| "not there".to_owned());
        let Self { fact, value, reference, required, .. } = self;
        format!("{fact} is {}, required {required}; it is {} where the control is met", word(value), word(reference))
    }
}

/// A setting that explains failed cells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    /// The setting, by the name of its file in `suites/settings`.
    pub setting: String,
    /// What is the matter: `forwarded packets are dropped`.
    pub title: String,
    /// The usual name of the setting: `nftables forward policy`.
    pub label: String,
    /// The fact that shows the setting: `firewall.nft.forward`.
    pub fact: String,
    /// Its value on the variant's nodes.
    pub value: String,
    /// Its value on the reference; absent if it has none there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The nodes that have it, by index; empty if all have it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<u32>,
    /// The controls of the variant's benchmark that require it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<ControlId>,
    /// How sure it is.
    pub certainty: Certainty,
    /// The cells that it explains.
    pub cells: Vec<CheckId>,
    /// Other settings, by name, that would explain the same cells.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<String>,
    /// What argues against it: checks that passed although it could have broken them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub against: Vec<CheckId>,
    /// What to do, as clauses in the imperative.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub help: Vec<String>,
}

/// How sure a cause is.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    JsonSchema,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "camelCase")]
#[strum(serialize_all = "kebab-case")]
pub enum Certainty {
    /// It changed and could have caused the failures; but so could something else that changed, or some checks that it breaks passed.
    Possible,
    /// It is the only changed setting that fits.
    Likely,
    /// The cells passed once this setting alone was put back.
    Proven,
}

impl Certainty {
    /// Its name in reports.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A setting that may break cells that a cause explains already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hidden {
    /// The setting, by name.
    pub setting: String,
    /// What is the matter: `packets to the node are dropped`.
    pub title: String,
    /// The usual name of the setting.
    pub label: String,
    /// The controls of the variant's benchmark that require it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<ControlId>,
    /// The cells that it may break.
    pub cells: Vec<CheckId>,
}

impl Hidden {
    /// One line: `packets to the node are dropped (nftables input policy, 3.4.2.5): 3 workloads`.
    pub fn headline(&self) -> String {
        headline(&self.title, &self.label, &self.controls, &self.cells)
    }
}

/// A setting that changed and is not the cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuledOut {
    /// The setting, by name.
    pub setting: String,
    /// What it would be: `packets to the node are dropped`.
    pub title: String,
    /// A check that passed on a node that has it.
    pub by: CheckId,
}

impl Cause {
    /// One line: `forwarded packets are dropped (nftables forward policy, 3.4.2.7): 16 workloads, 1 add-on`.
    pub fn headline(&self) -> String {
        headline(&self.title, &self.label, &self.controls, &self.cells)
    }

    /// Both values, where the other is that of an earlier run: `firewall.nft.forward is drop, was accept`.
    pub fn change(&self) -> String {
        let was = self.reference.as_deref().unwrap_or("not there");
        format!("{} is {}, was {was}", self.fact, self.value)
    }

    /// Both values: `firewall.nft.forward is drop, on the reference accept`.
    pub fn evidence(&self) -> String {
        let on = match self.nodes.as_slice() {
            [] => String::new(),
            [one] => format!(" on node {one}"),
            many => format!(" on nodes {}", many.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")),
        };
        match &self.reference {
            Some(value) => format!("{} is {}{on}, on the reference {value}", self.fact, self.value),
            None => format!("{} is {}{on}, the reference has none", self.fact, self.value),
        }
    }
}

fn headline(title: &str, label: &str, controls: &[ControlId], cells: &[CheckId]) -> String {
    let numbers: String = controls.iter().map(|control| format!(", {}", control.number())).collect();
    format!("{title} ({label}{numbers}): {}", counted(cells))
}

/// Numbers of cells by what they are: `16 workloads, 1 add-on`.
pub fn counted(cells: &[CheckId]) -> String {
    let noun = |suite: &str| match suite {
        "workload" => ("workload", "workloads"),
        "addon" => ("add-on", "add-ons"),
        "node" => ("node check", "node checks"),
        "host" => ("host check", "host checks"),
        "kubelet-path" => ("kubelet check", "kubelet checks"),
        "os-cis" | "kube-bench" | "eks-cis" => ("control", "controls"),
        _ => ("other check", "other checks"),
    };
    let mut counts: Vec<((&str, &str), usize)> = Vec::new();
    for cell in cells {
        let noun = noun(cell.suite());
        match counts.iter_mut().find(|(known, _)| *known == noun) {
            Some((_, number)) => *number += 1,
            None => counts.push((noun, 1)),
        }
    }
    counts.sort_by_key(|(_, number)| std::cmp::Reverse(*number));
    let words =
        counts.iter().map(|((one, many), number)| format!("{number} {}", if *number == 1 { one } else { many }));
    words.collect::<Vec<_>>().join(", ")
}
