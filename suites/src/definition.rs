//! A check as constant data.

use std::time::Duration;

use amiproof_core::check::{Applies, Body, Check, CheckError, Decision, ScanAnswer, Scope};
use amiproof_core::context::Context;
use amiproof_model::matrix::Variant;
use amiproof_model::name::{CheckId, NameError};
use amiproof_model::report::Phase;
use futures::future::BoxFuture;

/// The suite whose checks disturb nodes: opt-in, and run after all others.
const DISRUPTIVE: &str = "disruptive";

/// Controls of the cluster that suite `eks-cis` answers from the APIs themselves: by kube-bench too they are run by whoever names them.
/// kube-bench counts roles and pods of Kubernetes and EKS as anyone's, so that it fails stock clusters forever.
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
    Question(for<'a> fn(&'a Context) -> BoxFuture<'a, Result<Decision, CheckError>>),
    /// Returns many results.
    Scan(for<'a> fn(&'a Context) -> BoxFuture<'a, Result<ScanAnswer, CheckError>>),
}

impl Definition {
    /// The check for the runner.
    ///
    /// # Errors
    /// When the id is not a valid one; a test keeps that from happening.
    pub fn check(&self) -> Result<Check, NameError> {
        let id: CheckId = self.id.parse()?;
        let disturbs = id.suite() == DISRUPTIVE;
        Ok(Check {
            id,
            title: self.title.to_owned(),
            scope: self.scope,
            phase: self.phase,
            // What disturbs nodes is nothing to be surprised by.
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
