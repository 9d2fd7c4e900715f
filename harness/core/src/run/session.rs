//! What the parts of a run share.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use amiproof_model::name::{CheckId, VariantName};
use amiproof_model::report::Phase;

use super::budget::Budget;
use super::checks;
use super::event::{self, Events, PhaseError};
use super::plan::{Plan, Stop, Tools};
use crate::aws::Clients;
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

    /// The selected checks of a scope that belong to the steps of this run.
    pub(crate) fn checks(&self, scope: Scope) -> Vec<Check> {
        let wanted = |check: &&Check| match check.phase {
            Phase::Test => self.plan.steps.test,
            _ => self.plan.steps.scan,
        };
        self.plan.checks.iter().filter(|check| check.scope == scope).filter(wanted).cloned().collect()
    }
}
