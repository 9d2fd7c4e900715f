//! What a run can create, as the ledger records it. What a kind means is defined in its own file ([`crate::resource`]);
//! the ledger only keeps its name, so it also reads the entries of an amiproof that knows more kinds.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use amiproof_model::name::VariantName;
use serde::{Deserialize, Serialize};

/// The name of a kind of resource in the file: `node-group`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResourceKind(Cow<'static, str>);

impl ResourceKind {
    /// A kind by its name.
    pub const fn new(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ResourceKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// A planned resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// What it is.
    pub kind: ResourceKind,
    /// Its name, which run and variant alone decide.
    pub name: String,
    /// The AWS region; empty for a Kubernetes object.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// The cluster that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The variant that it is created for; `None` for shared resources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<VariantName>,
    /// What its kind needs beside the name to find or undo it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

impl Resource {
    /// A resource with only kind and name.
    pub fn new(kind: ResourceKind, name: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
            region: String::new(),
            cluster: None,
            variant: None,
            attributes: BTreeMap::new(),
        }
    }

    /// This resource in a region.
    #[must_use]
    pub fn in_region(mut self, region: impl Into<String>) -> Self {
        self.region = region.into();
        self
    }

    /// This resource in a cluster.
    #[must_use]
    pub fn in_cluster(mut self, cluster: impl Into<String>) -> Self {
        self.cluster = Some(cluster.into());
        self
    }

    /// This resource for a variant.
    #[must_use]
    pub fn for_variant(mut self, variant: &VariantName) -> Self {
        self.variant = Some(variant.clone());
        self
    }

    /// This resource with attributes.
    #[must_use]
    pub fn with(mut self, attributes: BTreeMap<String, String>) -> Self {
        self.attributes = attributes;
        self
    }
}
