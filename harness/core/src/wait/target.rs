//! The objects that conditions are about.

use std::fmt;
use std::str::FromStr;

/// A kind of object that an expectation can name.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    strum::IntoStaticStr,
    strum::EnumString,
    strum::VariantArray,
)]
#[strum(serialize_all = "kebab-case")]
pub enum Kind {
    /// `deployment/…`
    Deployment,
    /// `statefulset/…`
    #[strum(serialize = "statefulset")]
    StatefulSet,
    /// `daemonset/…`
    #[strum(serialize = "daemonset")]
    DaemonSet,
    /// `job/…`
    Job,
    /// `pod/…`
    Pod,
    /// `pvc/…`
    #[strum(serialize = "pvc")]
    Claim,
    /// `cronjob/…`
    #[strum(serialize = "cronjob")]
    CronJob,
    /// `hpa/…`
    #[strum(serialize = "hpa")]
    Autoscaler,
    /// `pdb/…`
    #[strum(serialize = "pdb")]
    Budget,
}

/// All kinds, in the order in which messages list them.
pub(super) const KINDS: &[Kind] = <Kind as strum::VariantArray>::VARIANTS;

impl Kind {
    /// The word for it in workload files.
    pub fn as_str(self) -> &'static str {
        self.into()
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
        let (word, name) = text.split_once('/').ok_or_else(|| format!("'{text}' must have the form kind/name"))?;
        let kind = word.parse().map_err(|_| {
            let known: Vec<&str> = KINDS.iter().map(|kind| kind.as_str()).collect();
            format!("'{word}' in '{text}' is none of {}", known.join(", "))
        })?;
        Ok(Self { kind, name: name.to_owned() })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.kind.as_str(), self.name)
    }
}
