//! What each control of a benchmark breaks, as measured on nodes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::{Benchmark, CheckId, ControlId, Level, VariantName};

/// The measurement of one benchmark on nodes of one variant: a table of controls and checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Impact {
    /// The variant whose nodes were changed.
    pub variant: VariantName,
    /// The benchmark.
    pub benchmark: Benchmark,
    /// The level up to which its controls were tried.
    pub level: Level,
    /// What ran on the nodes: operating system, kernel, kubelet and container runtime, as far as they say it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub host: Vec<String>,
    /// The checks that pass on the nodes as they are: the columns.
    pub checks: Vec<CheckId>,
    /// Checks that do not pass on the nodes as they are, and so could show nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// One entry for each control, several that require the same, or a part of one: the rows.
    pub controls: Vec<ControlRecord>,
    /// Checks that two controls break only together; absent if pairs were not tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pairs: Option<Pairs>,
    /// Number of runs of checks in total.
    pub runs: usize,
    /// Why it ended before the last control; absent if it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<String>,
    /// Nodes that are not as they were before, each with what differs. Empty if every node was read again and has its own settings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_restored: Vec<String>,
}

/// A check that could show nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut {
    /// The check.
    pub check: CheckId,
    /// What it says of the nodes as they are.
    pub why: String,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ControlRecord {
    /// The controls.
    pub controls: Vec<ControlId>,
    /// Which part of the control, where it has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// What it requires, as a clause.
    pub title: String,
    /// The lowest level that requires it.
    pub level: Level,
    /// Its settings on these nodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<SettingRecord>,
    /// What was found.
    pub outcome: ImpactOutcome,
}

/// A setting of a control on the measured nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SettingRecord {
    /// The fact.
    pub fact: String,
    /// The value that the nodes have; absent if they have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<String>,
    /// The value that the control requires.
    pub required: String,
    /// Why it was not set; absent if it was, or the nodes have the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_set: Option<String>,
}

/// What was found out about a control.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ImpactOutcome {
    /// It was set, and these checks were run.
    #[serde(rename_all = "camelCase")]
    Measured {
        /// The cells, in the order of the checks.
        cells: Vec<ImpactCell>,
    },
    /// The nodes meet it as they are: the checks that pass are its measurement.
    AsItIs,
    /// It was not measured, and why, as a clause.
    #[serde(rename_all = "camelCase")]
    NotMeasured {
        /// Why.
        why: String,
    },
}

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImpactCell {
    /// The check.
    pub check: CheckId,
    /// What the control does to it.
    pub effect: Effect,
}

/// What a control does to a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// The check passes.
    Works,
    /// It fails every time, and passes again once the setting is put back.
    Breaks,
    /// It passes and fails intermittently.
    Unsteady,
    /// Nothing can be said, and why, as a clause.
    #[serde(rename_all = "camelCase")]
    Undecided {
        /// Why.
        why: String,
    },
}

/// What was found out about pairs of controls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pairs {
    /// How many controls took part: those that break nothing alone.
    pub controls: usize,
    /// In how many trials every two of them met.
    pub trials: usize,
    /// What breaks a check together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub broken: Vec<Together>,
    /// Trials that could not be made, each with the reason. Pairs that were together in no other trial are unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_tried: Vec<String>,
}

/// Controls that break a check together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Together {
    /// The check.
    pub check: CheckId,
    /// The controls: all of them, and no fewer, break it. More than two where a pair is not enough.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<String>,
    /// Why they are not known; absent if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl ControlRecord {
    /// Its numbers: `3.4.2.7 forward`, `3.3.2 (in part)`.
    pub fn number(&self) -> String {
        let numbers: Vec<&str> = self.controls.iter().map(ControlId::number).collect();
        let mut text = numbers.join(", ");
        if let Some(part) = &self.part {
            text.push_str(&format!(" {part}"));
        }
        if self.is_partial() {
            text.push_str(" (in part)");
        }
        text
    }

    /// Whether some of its settings could not be set on these nodes, so that its cells are about the others.
    pub fn is_partial(&self) -> bool {
        matches!(self.outcome, ImpactOutcome::Measured { .. }) && self.settings.iter().any(|one| one.not_set.is_some())
    }

    /// The checks with an effect other than [`Effect::Works`].
    pub fn affected(&self) -> impl Iterator<Item = &ImpactCell> {
        let cells = match &self.outcome {
            ImpactOutcome::Measured { cells } => cells.as_slice(),
            ImpactOutcome::AsItIs | ImpactOutcome::NotMeasured { .. } => &[],
        };
        cells.iter().filter(|cell| cell.effect != Effect::Works)
    }

    /// The checks that it breaks.
    pub fn broken(&self) -> impl Iterator<Item = &CheckId> {
        self.affected().filter(|cell| cell.effect == Effect::Breaks).map(|cell| &cell.check)
    }
}

impl Impact {
    /// What was found, in one or two sentences.
    pub fn sentence(&self) -> String {
        let count = |is: fn(&ControlRecord) -> bool| self.controls.iter().filter(|row| is(row)).count();
        let measured = count(|row| matches!(row.outcome, ImpactOutcome::Measured { .. }));
        let breaking = count(|row| row.broken().next().is_some());
        let affected = self.controls.iter().flat_map(ControlRecord::affected);
        let undecided = affected.filter(|cell| cell.effect != Effect::Breaks).count();
        let as_it_is = count(|row| row.outcome == ImpactOutcome::AsItIs);
        let not = count(|row| matches!(row.outcome, ImpactOutcome::NotMeasured { .. }));
        let be = |number: usize| if number == 1 { "is" } else { "are" };
        let mut text = format!(
            "{breaking} of {measured} settings that {} level {} requires {} something on {}; {as_it_is} more {} met already, and {not} \
             cannot be changed on a running node or {} not there",
            self.benchmark,
            u8::from(self.level),
            if breaking == 1 { "breaks" } else { "break" },
            self.variant,
            be(as_it_is),
            be(not)
        );
        match undecided {
            0 => {}
            1 => text.push_str("; 1 cell is undecided"),
            more => text.push_str(&format!("; {more} cells are undecided")),
        }
        if let Some(pairs) = &self.pairs {
            let found = match pairs.broken.len() {
                0 => "break nothing".to_owned(),
                1 => "break 1 check".to_owned(),
                more => format!("break {more} checks"),
            };
            text.push_str(&format!(
                ". Two at a time, {} that break nothing alone {found} ({} trial{})",
                pairs.controls,
                pairs.trials,
                if pairs.trials == 1 { "" } else { "s" }
            ));
        }
        text
    }

    /// Whether every cell is decided: all controls were tried, and so were all trials of pairs.
    pub fn is_decided(&self) -> bool {
        let is_known = |cell: &ImpactCell| matches!(cell.effect, Effect::Works | Effect::Breaks);
        let pairs = self.pairs.iter();
        self.unfinished.is_none()
            && self.controls.iter().flat_map(ControlRecord::affected).all(is_known)
            && pairs.clone().all(|pairs| pairs.not_tried.is_empty() && pairs.broken.iter().all(|one| one.why.is_none()))
    }
}
