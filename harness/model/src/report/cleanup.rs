//! What a run made, and what became of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::VariantName;

/// What a run made and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cleanup {
    /// Whether teardown ran (false after `apply`, `test` or `scan`: everything is meant to stay).
    pub ran: bool,
    /// How many resources the ledger holds.
    pub created: usize,
    /// How many of them were verified as deleted.
    #[serde(alias = "gone")]
    pub deleted: usize,
    /// What is still there although it should not be.
    pub leftovers: Vec<Leftover>,
    /// What stands under a name of the run and is someone else's. It was left alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub foreign: Vec<Foreign>,
    /// What could not be verified to be gone, one sentence each: a reading that is denied, a ledger that could not be written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unverified: Vec<String>,
}

impl Cleanup {
    /// Whether everything that the run made is accounted for: gone, or listed as left behind.
    pub fn is_verified(&self) -> bool {
        self.open() == 0
    }

    /// How much is not accounted for: neither seen to be gone nor listed as left behind.
    pub fn open(&self) -> usize {
        self.not_verified().count()
    }

    /// What is not accounted for, one sentence each.
    pub fn not_verified(&self) -> impl Iterator<Item = String> {
        let foreign = self.foreign.iter().filter(|foreign| foreign.was_made).map(ToString::to_string);
        self.unverified.iter().cloned().chain(foreign)
    }
}

/// Something that is not the run's under a name that the run used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Foreign {
    /// `EKS cluster`, `namespace` …
    pub kind: String,
    /// Its name.
    pub id: String,
    /// Whose it is, as the end of a sentence: `is of run r-2`.
    pub owner: String,
    /// Whether the run made one of that name (which has gone by other ways than this teardown), and not only meant to.
    pub was_made: bool,
}

impl std::fmt::Display for Foreign {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} {} {}: left alone", self.kind, self.id, self.owner)
    }
}

/// A resource that could not be removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Leftover {
    /// `node group`, `launch template`, `namespace` …
    pub kind: String,
    /// Its id or name.
    pub id: String,
    /// The variant it was made for; absent for what all variants share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<VariantName>,
    /// Why it is still there.
    pub reason: String,
    /// The one command that removes it.
    pub help: String,
}
