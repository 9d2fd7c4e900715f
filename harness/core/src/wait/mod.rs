//! The conditions that a workload waits for: one per file, each a pure function of the objects in one namespace.

pub mod bound;
pub mod complete;
pub mod evicted;
pub mod fired;
pub mod no_slower;
pub mod observed;
pub mod oom_killed;
pub mod pods;
pub mod reaches;
pub mod ready;
pub mod replaced;
pub mod scaled;
pub mod target;

use std::fmt;

use amiproof_model::workload::Expectation;

pub use self::observed::{Eviction, Observed, Progress};
pub use self::target::{Kind, Target};
use crate::act::reschedule::MARK as RESCHEDULED_MARK;
use crate::act::update::MARK as REVISION_MARK;

/// One expectation with its parsed targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// See [`ready`].
    Ready(Target),
    /// See [`complete`].
    Complete(Target),
    /// See [`reaches`].
    Reaches {
        /// The client Job or Pod.
        client: Target,
        /// Where its answer comes from.
        server: Target,
    },
    /// See [`bound`].
    Bound(Target),
    /// See [`fired`].
    Fired(Target),
    /// See [`scaled`].
    Scaled(Target),
    /// See [`oom_killed`].
    OomKilled(Target),
    /// See [`no_slower`].
    NoSlower {
        /// The Job on the variant's nodes.
        target: Target,
        /// The Job that it is compared with.
        than: Target,
    },
    /// See [`replaced`] and [`crate::act::update`].
    Updated(Target),
    /// See [`replaced`] and [`crate::act::roll_back`].
    RolledBack(Target),
    /// See [`replaced`] and [`crate::act::reschedule`].
    Rescheduled(Target),
    /// See [`evicted`] and [`crate::act::evict`].
    Evicted {
        /// Whose pods.
        target: Target,
        /// The PodDisruptionBudget.
        budget: Target,
    },
}

impl Condition {
    /// Parses an expectation.
    ///
    /// # Errors
    /// When a target is not of the form `kind/name`, or of a kind that cannot meet the condition.
    pub fn of(expectation: &Expectation) -> Result<Self, String> {
        let of_kind = |text: &str, kinds: &[Kind]| {
            let target: Target = text.parse()?;
            if kinds.contains(&target.kind) {
                return Ok(target);
            }
            Err(format!(
                "'{text}' must be one of {}",
                kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ")
            ))
        };
        let servers = [Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet, Kind::Pod];
        let clients = [Kind::Job, Kind::Pod];
        let templates = [Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet];
        let scheduled = [Kind::Deployment, Kind::StatefulSet];
        Ok(match expectation {
            Expectation::Ready(target) => Self::Ready(of_kind(target, &servers)?),
            Expectation::Complete(target) => Self::Complete(of_kind(target, &clients)?),
            Expectation::Reaches { client, server } => {
                Self::Reaches { client: of_kind(client, &clients)?, server: of_kind(server, &servers)? }
            }
            Expectation::Bound(target) => Self::Bound(of_kind(target, &[Kind::Claim])?),
            Expectation::Fired(target) => Self::Fired(of_kind(target, &[Kind::CronJob])?),
            Expectation::Scaled(target) => Self::Scaled(of_kind(target, &[Kind::Autoscaler])?),
            Expectation::OomKilled(target) => Self::OomKilled(of_kind(target, &clients)?),
            Expectation::NoSlower { target, than } => {
                Self::NoSlower { target: of_kind(target, &[Kind::Job])?, than: of_kind(than, &[Kind::Job])? }
            }
            Expectation::Updated(target) => Self::Updated(of_kind(target, &templates)?),
            Expectation::RolledBack(target) => Self::RolledBack(of_kind(target, &templates)?),
            Expectation::Rescheduled(target) => Self::Rescheduled(of_kind(target, &scheduled)?),
            Expectation::Evicted { target, budget } => {
                Self::Evicted { target: of_kind(target, &scheduled)?, budget: of_kind(budget, &[Kind::Budget])? }
            }
        })
    }

    /// Its progress.
    pub fn progress(&self, observed: &Observed) -> Progress {
        match self {
            Self::Ready(target) => ready::ready(target, observed),
            Self::Complete(target) => complete::complete(target, observed),
            Self::Reaches { client, server } => reaches::reaches(client, server, observed),
            Self::Bound(target) => bound::bound(target, observed),
            Self::Fired(target) => fired::fired(target, observed),
            Self::Scaled(target) => scaled::scaled(target, observed),
            Self::OomKilled(target) => oom_killed::oom_killed(target, observed),
            Self::NoSlower { target, than } => no_slower::no_slower(target, than, observed),
            Self::Updated(target) => replaced::with_mark(target, REVISION_MARK, observed),
            Self::RolledBack(target) => replaced::without_mark(target, REVISION_MARK, observed),
            Self::Rescheduled(target) => replaced::with_mark(target, RESCHEDULED_MARK, observed),
            Self::Evicted { target, budget } => evicted::evicted(target, budget, observed),
        }
    }

    /// The kinds of objects that it looks at, besides pods.
    pub fn kinds(&self) -> Vec<Kind> {
        match self {
            // A CronJob shows what it started, not how that ended.
            Self::Fired(_) => vec![Kind::CronJob, Kind::Job],
            // The autoscaler counts replicas, its target counts ready ones.
            Self::Scaled(_) => vec![Kind::Autoscaler, Kind::Deployment, Kind::StatefulSet],
            Self::Evicted { target, .. } => vec![target.kind],
            _ => self.targets().into_iter().map(|target| target.kind).collect(),
        }
    }

    /// The objects that it looks at, besides pods.
    pub fn targets(&self) -> Vec<&Target> {
        let other = match self {
            Self::Reaches { server, .. } => Some(server),
            Self::Evicted { budget, .. } => Some(budget),
            Self::NoSlower { than, .. } => Some(than),
            _ => None,
        };
        [self.subject()].into_iter().chain(other).collect()
    }

    /// The object whose pods it is about.
    pub fn subject(&self) -> &Target {
        match self {
            Self::Ready(target)
            | Self::Complete(target)
            | Self::Bound(target)
            | Self::Fired(target)
            | Self::Scaled(target)
            | Self::OomKilled(target)
            | Self::NoSlower { target, .. }
            | Self::Updated(target)
            | Self::RolledBack(target)
            | Self::Rescheduled(target)
            | Self::Evicted { target, .. }
            | Self::Reaches { client: target, .. } => target,
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(target) => write!(out, "{target} ready"),
            Self::Complete(target) => write!(out, "{target} complete"),
            Self::Reaches { client, server } => write!(out, "{client} reaches {server}"),
            Self::Bound(target) => write!(out, "{target} bound"),
            Self::Fired(target) => write!(out, "{target} fired"),
            Self::Scaled(target) => write!(out, "{target} scaled"),
            Self::OomKilled(target) => write!(out, "{target} OOM-killed"),
            Self::NoSlower { target, than } => write!(out, "{target} starts as fast as {than}"),
            Self::Updated(target) => write!(out, "{target} updated"),
            Self::RolledBack(target) => write!(out, "{target} rolled back"),
            Self::Rescheduled(target) => write!(out, "{target} rescheduled"),
            Self::Evicted { target, budget } => write!(out, "{target} evicted within {budget}"),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
