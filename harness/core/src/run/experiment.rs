//! The last step of a variant on whose nodes something is to be tried.

use amiproof_model::report::Phase;

use super::event::EventKind;
use super::plan::Experiment;
use super::proofs;
use super::session::Session;
use super::shared::Shared;
use crate::context::Context;
use crate::impact::{self, Wanted};
use crate::run::event::PhaseError;

/// Conducts an experiment on the nodes of a variant, which are in nobody else's use by then.
pub(super) async fn conduct(session: &Session, shared: &Shared, context: &Context, wanted: &Experiment) {
    match wanted {
        Experiment::Bisect(wanted) => proofs::bisect(session, shared, context, wanted).await,
        Experiment::Impact(wanted) => measure(session, context, wanted).await,
    }
}

/// Measures what controls break.
async fn measure(session: &Session, context: &Context, wanted: &Wanted) {
    let (subject, events) = (&context.subject, &session.events);
    let work = async {
        let config = session.runner_config();
        impact::measure(context, wanted, session.plan.settings, &config).await.map_err(PhaseError::other)
    };
    match events.phase(subject, Phase::Test, work).await {
        Ok(impact) => events.send(subject, EventKind::Impact(Box::new(impact))),
        Err(broken) => tracing::warn!(variant = %context.variant.name, "nothing was measured: {}", broken.message()),
    }
}
