//! The objects that conditions are about.

use std::fmt;
use std::str::FromStr;

/// A kind of object that an expectation can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `deployment/…`
    Deployment,
    /// `statefulset/…`
    StatefulSet,
    /// `daemonset/…`
    DaemonSet,
    /// `job/…`
    Job,
    /// `pod/…`
    Pod,
    /// `pvc/…`
    Claim,
    /// `cronjob/…`
    CronJob,
    /// `hpa/…`
    Autoscaler,
    /// `pdb/…`
    Budget,
}

/// All kinds, in the order in which messages list them.
pub(super) const KINDS: [Kind; 9] = [
    Kind::Deployment,
    Kind::StatefulSet,
    Kind::DaemonSet,
    Kind::Job,
    Kind::Pod,
    Kind::Claim,
    Kind::CronJob,
    Kind::Autoscaler,
    Kind::Budget,
];

impl Kind {
    /// The word for it in workload files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::StatefulSet => "statefulset",
            Self::DaemonSet => "daemonset",
            Self::Job => "job",
            Self::Pod => "pod",
            Self::Claim => "pvc",
            Self::CronJob => "cronjob",
            Self::Autoscaler => "hpa",
            Self::Budget => "pdb",
        }
    }

    /// The kind as manifests write it.
    pub fn manifest(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::Job => "Job",
            Self::Pod => "Pod",
            Self::Claim => "PersistentVolumeClaim",
            Self::CronJob => "CronJob",
            Self::Autoscaler => "HorizontalPodAutoscaler",
            Self::Budget => "PodDisruptionBudget",
        }
    }
}

/// An object that an expectation names: `deployment/web`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (word, name) = text.split_once('/').ok_or_else(|| format!("'{text}' is not of the form kind/name"))?;
        let kind = KINDS
            .into_iter()
            .find(|kind| kind.as_str() == word)
            .ok_or_else(|| format!("'{word}' in '{text}' is none of {}", KINDS.map(Kind::as_str).join(", ")))?;
        Ok(Self { kind, name: name.to_owned() })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.kind.as_str(), self.name)
    }
}
