//! How scanners are run.

use serde::{Deserialize, Serialize};

use crate::name::{Benchmark, VariantName};

/// How scanners are run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanSettings {
    /// kube-bench.
    pub kube_bench: KubeBench,
    /// Settings of OpenSCAP; the first entry that applies to a variant counts.
    pub openscap: Vec<OpenScap>,
    /// Registries, or repositories below them, that people's own images may come from; empty if the matrix file says nothing.
    pub approved_registries: Vec<String>,
}

impl ScanSettings {
    /// How OpenSCAP is run on a variant; `None` if no entry is for it.
    pub fn openscap_of(&self, variant: &VariantName) -> Option<&OpenScap> {
        self.openscap.iter().find(|entry| entry.variants.is_empty() || entry.variants.contains(variant))
    }
}

/// How OpenSCAP is run on some variants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenScap {
    /// The variants; empty for all.
    pub variants: Vec<VariantName>,
    /// The SCAP content on the nodes, an absolute path; `None` for what the SCAP Security Guide has for their operating system.
    pub content: Option<String>,
    /// The id of a profile of that content; `None` for the CIS profile of the variant's level.
    pub profile: Option<String>,
    /// The benchmark that its numbers belong to, where the content itself does not say so.
    pub benchmark: Option<Benchmark>,
}

/// How kube-bench is run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KubeBench {
    /// On which nodes of a variant.
    pub nodes: ScannedNodes,
    /// By which benchmark; `None` for the newest that fits the cluster's Kubernetes version.
    pub benchmark: Option<Benchmark>,
    /// Its image with registry and tag; `None` for the one that amiproof pins.
    pub image: Option<String>,
    /// Whose runs are read; `None` for amiproof's own.
    pub from: Option<Runs>,
}

/// The nodes that a scanner runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ScannedNodes {
    /// The first node of each variant: all nodes of a variant boot the same image.
    #[default]
    One,
    /// Every node.
    All,
}

/// Runs of kube-bench that are in the cluster already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runs {
    /// Their namespace.
    pub namespace: String,
    /// What made them.
    pub by: RunsBy,
}

/// What made a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunsBy {
    /// A Job, all pods of it.
    Job(String),
    /// A pod.
    Pod(String),
}

impl std::fmt::Display for Runs {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.by {
            RunsBy::Job(name) => write!(out, "Job {}/{name}", self.namespace),
            RunsBy::Pod(name) => write!(out, "pod {}/{name}", self.namespace),
        }
    }
}
