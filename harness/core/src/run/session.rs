//! What the parts of a run share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use amiproof_model::matrix::Variant;
use amiproof_model::name::{CheckId, VariantName};
use amiproof_model::report::{Phase, Subject};

use super::budget::Budget;
use super::checks;
use super::event::{self, Events, PhaseError};
use super::plan::{Plan, Stop, Tools, cluster_check_candidates};
use crate::aws::Clients;
use crate::aws::node_group::takes_controllers;
use crate::check::{Check, Scope};
use crate::finish;

/// Runs a step until the user interrupts; a create call that is in progress then is answered and recorded first. The step has its own
/// deadline.
pub(crate) async fn guarded<T>(
    session: &Session,
    work: impl Future<Output = Result<T, PhaseError>>,
) -> Result<T, PhaseError> {
    let done = finish::until_stopped(&session.stop.cancel, &session.stop.abort, work).await;
    done.unwrap_or(Err(PhaseError::Cancelled))
}

/// Everything that the parts of a run share.
pub(crate) struct Session {
    pub(crate) plan: Plan,
    pub(crate) tools: Tools,
    pub(crate) stop: Stop,
    pub(crate) events: Events,
    pub(crate) budget: Budget,
    /// The variants whose nodes failed by themselves, with the check that says so.
    pub(crate) failures: Mutex<BTreeMap<VariantName, CheckId>>,
}

impl Session {
    /// Marks the nodes of a variant as failed by themselves.
    pub(crate) fn failed(&self, variant: &VariantName, check: &CheckId) {
        self.locked().insert(variant.clone(), check.clone());
    }

    /// The check by which a variant's nodes failed by themselves.
    pub(crate) fn failed_at(&self, variant: &VariantName) -> Option<CheckId> {
        self.locked().get(variant).cloned()
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<VariantName, CheckId>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// AWS.
    ///
    /// # Errors
    /// When the run has no account.
    pub(crate) fn aws(&self) -> Result<&Clients, event::PhaseError> {
        let why = "this needs an AWS account, and a run by kubeconfig has none: add --profile";
        self.tools.clients.as_ref().ok_or_else(|| event::PhaseError::other(why.to_owned()))
    }

    /// Settings for running checks.
    pub(crate) fn runner_config(&self) -> checks::RunnerConfig {
        checks::RunnerConfig {
            retries: self.plan.retries,
            budget: self.budget.clone(),
            events: self.events.clone(),
            abort: self.stop.abort.clone(),
        }
    }

    /// The selected checks for a subject that belong to the steps of this run and are not answered.
    pub(crate) fn checks(&self, subject: &Subject) -> Vec<Check> {
        let scope = match subject {
            Subject::Cluster => Scope::Cluster,
            Subject::Variant(_) => Scope::Variant,
        };
        let is_meant = |check: &&Check| match check.phase {
            Phase::Test => self.plan.steps.test,
            _ => self.plan.steps.scan,
        };
        let is_open = |check: &&Check| !self.plan.answers.has(subject, &check.id);
        if !self.plan.tests(subject) {
            return Vec::new();
        }
        let checks = self.plan.checks.iter().filter(|check| check.scope == scope);
        checks.filter(is_meant).filter(is_open).cloned().collect()
    }

    /// Whether earlier commands of the run have answered everything.
    pub(crate) fn is_answered(&self) -> bool {
        !self.plan.steps.network_only && !self.plan.answers.answered.is_empty() && self.needed().is_empty()
    }

    /// The variants whose nodes are needed: those with open checks, the references that these are compared with, and in a run that is resumed
    /// also one for the checks of the whole cluster and one for the controllers of add-ons.
    pub(crate) fn needed(&self) -> BTreeSet<VariantName> {
        let variants = &self.plan.matrix.variants;
        if self.plan.answers.answered.is_empty() {
            return variants.iter().map(|variant| variant.name.clone()).collect();
        }
        let is_open = |variant: &&Variant| !self.checks(&event::of_variant(&variant.name)).is_empty();
        let mut needed: BTreeSet<VariantName> = BTreeSet::new();
        for variant in variants.iter().filter(is_open) {
            needed.insert(variant.name.clone());
            needed.extend(variant.reference.clone());
        }
        if needed.is_empty() && !self.checks(&Subject::Cluster).is_empty() {
            needed.extend(cluster_check_candidates(&self.plan.matrix).first().map(|variant| variant.name.clone()));
        }
        let carries = |variant: &&Variant| takes_controllers(variant);
        if !needed.is_empty() && !variants.iter().any(|variant| carries(&variant) && needed.contains(&variant.name)) {
            needed.extend(variants.iter().find(carries).map(|variant| variant.name.clone()));
        }
        needed
    }
}
