//! One row of the table: an action, who needs it, on what, and why.

use super::scope::Scope;

/// A command that needs permissions. The documentation of a variant is its help text.
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
    strum::VariantArray,
    strum::EnumMessage,
)]
#[strum(serialize_all = "lowercase")]
pub enum Goal {
    /// Create network, cluster and node groups, and run smoke tests
    Apply,
    /// Run smoke tests on what 'apply' created
    Test,
    /// Run scans on what 'apply' created
    Scan,
    /// Delete what a run created
    Destroy,
    /// Delete expired resources of any run
    Sweep,
    /// Check an account; reads only
    Doctor,
    /// Promote and revoke images, and tag the images that 'build' creates; for the people who release images; runs do not need it
    Promote,
    /// Read and write the history store of the matrix, if it is in S3
    Nightly,
    /// Send findings to Security Hub ('report --output asff --send')
    Report,
}

impl Goal {
    /// Every goal. `amiproof run` needs the first four.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// What whoever runs amiproof needs. Releasing images and keeping findings may be duties of others.
    pub const OF_RUNS: &'static [Self] =
        &[Self::Apply, Self::Test, Self::Scan, Self::Destroy, Self::Sweep, Self::Doctor, Self::Nightly];

    /// The command's name.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Commands that run checks.
pub(crate) const CHECKS: &[Goal] = &[Goal::Apply, Goal::Test, Goal::Scan];
/// Commands that run workloads.
pub(crate) const WORKLOADS: &[Goal] = &[Goal::Apply, Goal::Test];
/// Commands that delete.
pub(crate) const REMOVES: &[Goal] = &[Goal::Destroy, Goal::Sweep];

/// Why `destroy` and `sweep` of the lab do not reach what is in a cluster that stays.
pub(crate) const WITH_CLUSTER: &str = "it is deleted with the cluster, which the run created";
/// Why `sweep` of the lab does not reach what is in other clusters.
pub(crate) const NO_OTHER_CLUSTER: &str = "every cluster of the lab has expired";
/// Why `apply` of the lab does not reach what checks of hosts ask.
pub(crate) const OF_HOSTS: &str =
    "hosts that the run created are not asked about what it set itself; `test` asks those that existed";
/// Why not every command of the lab reaches what follows a lost answer.
pub(crate) const LOST: &str = "in the lab an answer is lost while `apply` runs";

/// Whose call it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// amiproof calls the operation of the same name.
    Amiproof,
    /// AWS requires it in addition to the called operation, or a service calls it on the caller's behalf; amiproof sends no operation of
    /// that name.
    Service,
}

/// An IAM action that amiproof needs.
#[derive(Clone, Copy, Debug)]
pub struct Action {
    /// `eks:CreateNodegroup`.
    pub name: &'static str,
    /// Whose call it is.
    pub by: By,
    /// The commands that need it.
    pub goals: &'static [Goal],
    /// The commands that only test it with an EC2 dry run and do not need it.
    pub dry_run: &'static [Goal],
    /// The `goals` whose runs against the lab never call it, with the reason.
    pub unreached: Option<(&'static [Goal], &'static str)>,
    /// What it is allowed on.
    pub scope: &'static Scope,
    /// What it is needed for.
    pub why: &'static str,
}

impl Action {
    /// A call of amiproof.
    pub(crate) const fn call(
        name: &'static str,
        goals: &'static [Goal],
        scope: &'static Scope,
        why: &'static str,
    ) -> Self {
        Self { name, by: By::Amiproof, goals, dry_run: &[], unreached: None, scope, why }
    }

    /// An action that AWS requires in addition to the call itself.
    pub(crate) const fn behind(
        name: &'static str,
        goals: &'static [Goal],
        scope: &'static Scope,
        why: &'static str,
    ) -> Self {
        Self { name, by: By::Service, goals, dry_run: &[], unreached: None, scope, why }
    }

    /// Adds commands that only test it with a dry run.
    pub(crate) const fn asked_by(self, goals: &'static [Goal]) -> Self {
        Self { dry_run: goals, ..self }
    }

    /// Marks goals whose runs against the lab never call it.
    pub(crate) const fn unreached(self, goals: &'static [Goal], reason: &'static str) -> Self {
        Self { unreached: Some((goals, reason)), ..self }
    }

    /// The prefix of the service: `eks`.
    pub fn service(&self) -> &'static str {
        self.name.split_once(':').map_or("", |(service, _)| service)
    }

    /// The name without the service's prefix: `CreateNodegroup`.
    pub fn operation(&self) -> &'static str {
        self.name.split_once(':').map_or(self.name, |(_, operation)| operation)
    }

    /// Whether a run against the lab calls it for this goal.
    pub fn is_reached(&self, goal: Goal) -> bool {
        let asked = self.goals.contains(&goal) || self.dry_run.contains(&goal);
        self.by == By::Amiproof && asked && !self.unreached.is_some_and(|(goals, _)| goals.contains(&goal))
    }
}
