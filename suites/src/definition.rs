//! A check as constant data.

use std::time::Duration;

use amiproof_core::check::{Applies, Body, Check, CheckError, Decision, ScanAnswer, Scope, always};
use amiproof_core::context::Context;
use amiproof_model::matrix::Variant;
use amiproof_model::name::{CheckId, NameError};
use amiproof_model::report::Phase;
use futures::future::BoxFuture;

/// The suite whose checks disturb nodes: opt-in, and run after all others.
const DISRUPTIVE: &str = "disruptive";

/// Opt-in, because suite `eks-cis` evaluates these controls through the APIs. kube-bench does not except the roles and pods of Kubernetes
/// and EKS themselves, so every stock cluster fails it.
const OF_EKS_CIS: &str = "kube-bench/cluster";

/// One check: its static definition.
pub struct Definition {
    /// `suite/check`, which is also the file: `node/ready` is `src/node/ready.rs`.
    pub id: &'static str,
    /// A lower-case clause without full stop.
    pub title: &'static str,
    /// Per variant or once per cluster.
    pub scope: Scope,
    /// The phase of a run.
    pub phase: Phase,
    /// Deadline of one attempt; `None` for the variant's `timeouts.check`.
    pub timeout: Option<Duration>,
    /// Whether it applies to a variant.
    pub applies: fn(&Variant) -> Applies,
    /// What it does.
    pub work: Work,
}

/// What a check does.
pub enum Work {
    /// Returns one verdict.
    Question(Run<Decision>),
    /// Returns many results.
    Scan(Run<ScanAnswer>),
}

/// The asynchronous body of a check.
pub type Run<T> = for<'a> fn(&'a Context) -> BoxFuture<'a, Result<T, CheckError>>;

impl Definition {
    /// A check with one verdict for every variant, in the phase of tests, with the variant's `timeouts.check`.
    pub const fn question(id: &'static str, title: &'static str, run: Run<Decision>) -> Self {
        Self::new(id, title, Phase::Test, Work::Question(run))
    }

    /// A check with many results for every variant.
    pub const fn scan(id: &'static str, title: &'static str, phase: Phase, run: Run<ScanAnswer>) -> Self {
        Self::new(id, title, phase, Work::Scan(run))
    }

    const fn new(id: &'static str, title: &'static str, phase: Phase, work: Work) -> Self {
        Self { id, title, scope: Scope::Variant, phase, timeout: None, applies: always, work }
    }

    /// Runs once per cluster instead of once per variant.
    #[must_use]
    pub const fn per_cluster(self) -> Self {
        Self { scope: Scope::Cluster, ..self }
    }

    /// Limits the check to the variants that it applies to.
    #[must_use]
    pub const fn on(self, applies: fn(&Variant) -> Applies) -> Self {
        Self { applies, ..self }
    }

    /// Sets the deadline of one attempt.
    #[must_use]
    pub const fn within(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }

    /// The check for the runner.
    ///
    /// # Errors
    /// If the id is not valid; a test asserts that all are.
    pub fn check(&self) -> Result<Check, NameError> {
        let id: CheckId = self.id.parse()?;
        let disturbs = id.suite() == DISRUPTIVE;
        Ok(Check {
            id,
            title: self.title.to_owned(),
            scope: self.scope,
            phase: self.phase,
            // Nodes are only disturbed if the user asks for it.
            opt_in: disturbs || self.id == OF_EKS_CIS,
            disturbs,
            timeout: self.timeout,
            retries: 0,
            applies: self.applies,
            body: match self.work {
                Work::Question(run) => Body::Code(run),
                Work::Scan(run) => Body::Scan(run),
            },
        })
    }
}
