//! What a run created, and what happened to it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::VariantName;

/// What a run created, and what happened to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cleanup {
    /// Whether teardown ran (false after `apply`, `test` or `scan`, which keep everything).
    pub ran: bool,
    /// Number of resources in the ledger.
    pub created: usize,
    /// Number of resources verified as deleted.
    #[serde(alias = "gone")]
    pub deleted: usize,
    /// Resources that still exist although they should not.
    pub leftovers: Vec<Leftover>,
    /// Resources of other owners under names of the run. They were left alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub foreign: Vec<Foreign>,
    /// What could not be verified as deleted, one sentence each: a read was denied, or the ledger could not be written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unverified: Vec<String>,
}

impl Cleanup {
    /// Whether everything that the run created is accounted for: deleted, or listed as left behind.
    pub fn is_verified(&self) -> bool {
        self.open() == 0
    }

    /// Number of resources that are not accounted for: neither verified as deleted nor listed as left behind.
    pub fn open(&self) -> usize {
        self.not_verified().count()
    }

    /// What is not accounted for, one sentence each.
    pub fn not_verified(&self) -> impl Iterator<Item = String> {
        let foreign = self.foreign.iter().filter(|foreign| foreign.was_made).map(ToString::to_string);
        self.unverified.iter().cloned().chain(foreign)
    }
}

/// A resource of another owner under a name that the run used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Foreign {
    /// `EKS cluster`, `namespace` …
    pub kind: String,
    /// Its name.
    pub id: String,
    /// The owner, as the end of a sentence: `is owned by run r-2`.
    pub owner: String,
    /// Whether the run had created one of that name, which was deleted in another way, and not only planned it.
    pub was_made: bool,
}

impl std::fmt::Display for Foreign {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} {} {}: left alone", self.kind, self.id, self.owner)
    }
}

/// A resource that could not be deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Leftover {
    /// `node group`, `launch template`, `namespace` …
    pub kind: String,
    /// Its id or name.
    pub id: String,
    /// The variant it was created for; absent for shared resources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<VariantName>,
    /// Why it still exists.
    pub reason: String,
    /// The command that deletes it.
    pub help: String,
}
