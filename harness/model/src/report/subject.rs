//! What a result is about.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::VariantName;

/// What a result is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Subject {
    /// The cluster as a whole; evaluated once per run.
    Cluster,
    /// One AMI variant.
    Variant(VariantName),
}

impl Subject {
    /// `cluster`, or the variant's name.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Cluster => "cluster",
            Self::Variant(name) => name.as_str(),
        }
    }
}
