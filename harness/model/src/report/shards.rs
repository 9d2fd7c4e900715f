//! Which part of a run a report covers, if the run was divided into shards.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cleanup::Cleanup;
use super::cost::Cost;
use super::phase::PhaseRecord;
use super::subject::Subject;
use crate::matrix::spec::Family;
use crate::name::{Benchmark, CheckId, Level, RunId, VariantName};
use crate::verdict::Outcome;

/// The shards of a run, and which of them a report covers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Shards {
    /// The number of shards.
    pub count: u32,
    /// A digest of what all of them check: the matrix, its waivers and workloads, the selected variants and checks, and what changes their
    /// results. Reports with different digests do not belong to one run.
    pub inputs: String,
    /// The selected checks, in the order in which they are registered.
    pub checks: Vec<CheckId>,
    /// Every variant of all shards, in the order of the matrix file.
    pub columns: Vec<ShardColumn>,
    /// The number of the shard that the report covers, from 1; absent in a merged report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<u32>,
    /// The shards in a merged report, by number; empty in the report of one shard.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<ShardPart>,
    /// The results as the checks returned them, where a comparison with other variants changed them: merging evaluates these again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsettled: Vec<Unsettled>,
}

/// One variant of a run in shards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShardColumn {
    /// The name in the matrix.
    pub name: VariantName,
    /// How it boots.
    pub family: Family,
    /// Its unhardened counterpart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<VariantName>,
    /// The benchmark it is hardened to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub benchmark: Option<Benchmark>,
    /// The level it is hardened to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// The number of the shard that tests it.
    pub shard: u32,
}

/// One shard in a merged report: what concerns the shard as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShardPart {
    /// Its number, from 1.
    pub shard: u32,
    /// Its run, which is in the tags of everything that it created.
    pub run: RunId,
    /// When it started.
    pub started: Timestamp,
    /// Its wall clock, seconds.
    pub seconds: f64,
    /// Its critical path, seconds.
    pub critical_path_seconds: f64,
    /// Whether it ended early.
    pub interrupted: bool,
    /// Its phases that belong to no variant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<PhaseRecord>,
    /// What it created, and what happened to it.
    pub cleanup: Cleanup,
    /// What the shard cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
}

/// A result as its check returned it, before it was compared with those of other variants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Unsettled {
    /// The check.
    pub check: CheckId,
    /// What it is about.
    pub subject: Subject,
    /// The scanner of the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scanner: Option<String>,
    /// What it decided, where that was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// How many pieces of evidence are its own: the first ones.
    pub evidence: usize,
}

impl Shards {
    /// The shards that a report lacks, by number, each with its variants. A shard without variants has nothing to report.
    pub fn missing(&self) -> Vec<(u32, Vec<&ShardColumn>)> {
        let is_here = |shard: u32| self.shard == Some(shard) || self.parts.iter().any(|part| part.shard == shard);
        let of = |shard: u32| self.columns.iter().filter(|column| column.shard == shard).collect::<Vec<_>>();
        let absent = (1..=self.count).filter(|shard| !is_here(*shard)).map(|shard| (shard, of(shard)));
        absent.filter(|(_, columns)| !columns.is_empty()).collect()
    }

    /// The shard that tests a subject: that of the variant, and the first for what is about the cluster.
    pub fn of(&self, subject: &Subject) -> Option<u32> {
        match subject {
            Subject::Cluster => Some(1),
            Subject::Variant(name) => {
                self.columns.iter().find(|column| column.name == *name).map(|column| column.shard)
            }
        }
    }
}
