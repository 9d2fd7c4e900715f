//! The runs of a folder as data.

use std::collections::BTreeMap;

use amiproof_model::cost::Usd;
use jiff::Timestamp;
use serde::Serialize;

/// The runs of a folder, the newest first.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listed {
    pub(super) dir: String,
    /// The run that commands without a name mean.
    pub(super) latest: Option<String>,
    /// The time until which costs are counted.
    pub(super) at: Timestamp,
    pub(super) runs: Vec<Run>,
    /// Older runs that are not listed.
    pub(super) older: usize,
}

/// One run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Run {
    pub(super) run: String,
    pub(super) is_latest: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) started: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) matrix: Option<String>,
    /// `run`, `apply` .., if the folder records it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) command: Option<String>,
    /// The whole command line, without the program's name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) arguments: Vec<String>,
    /// Whether it was in a lab inside its process, of which nothing exists any more.
    pub(super) in_process_lab: bool,
    pub(super) outcome: Outcome,
    pub(super) alive: Alive,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cost: Option<Spent>,
}

/// How a run ended.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase", tag = "state")]
pub(super) enum Outcome {
    /// A process works on it.
    Running { command: String, pid: u32 },
    /// It has a report.
    #[serde(rename_all = "camelCase")]
    Ended { conclusion: String, reason: String, exit_code: u8 },
    /// It created something, and has no report: it was killed, or only provisioned.
    NoReport,
    /// Its report or ledger cannot be read.
    Unreadable { why: String },
}

/// What of a run may still exist, by its ledger.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Alive {
    pub(super) resources: usize,
    /// How many of each kind.
    pub(super) kinds: BTreeMap<&'static str, usize>,
    /// When `sweep` may delete them; none for those that are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expires: Option<Timestamp>,
    /// Whether they outlive runs: the network of `apply --only network`.
    pub(super) kept: bool,
}

/// What a run cost so far.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Spent {
    pub(super) usd: Usd,
    pub(super) usd_per_hour: Usd,
    /// What has no price, and is not in the sum.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) unknown: Vec<String>,
    /// The day of the prices.
    pub(super) prices: String,
}
