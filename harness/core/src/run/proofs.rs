//! The last step of a variant whose failures are to be proven.

use std::sync::Arc;

use amiproof_model::report::Phase;
use amiproof_time::watch;

use super::event::{EventKind, PhaseError, of_variant};
use super::session::Session;
use super::shared::Shared;
use super::subject::{Checked, context as context_of};
use crate::bisect::{self, Wanted};
use crate::check::Check;
use crate::context::{Context, Peers};

/// Proves what breaks the checks of a variant, on its nodes and those of its reference, which are in nobody else's use by then.
pub(super) async fn bisect(session: &Session, shared: &Shared, context: &Context, wanted: &Wanted) {
    let (subject, events) = (&context.subject, &session.events);
    let work = async {
        let other = |message: &str| PhaseError::other(message.to_owned());
        let name =
            context.variant.reference.as_ref().ok_or_else(|| other("the variant has no reference to compare with"))?;
        let known = session.plan.matrix.variants.iter().find(|variant| variant.name == *name);
        let variant = Arc::new(known.ok_or_else(|| other("its reference is not in the matrix"))?.clone());
        let peers = context.peers.borrow().clone();
        let nodes = match peers {
            Peers::Ready(nodes) => nodes,
            Peers::Unavailable(why) => return Err(PhaseError::other(format!("its reference has no nodes: {why}"))),
            Peers::Pending | Peers::None => return Err(other("its reference has no nodes")),
        };
        let cluster = shared.ready(session).await?;
        let (_none, peers) = watch::channel(Peers::None);
        let checked = Checked { subject: of_variant(name), variant, nodes, peers };
        let reference = context_of(session, &cluster, checked)?;
        let checks: Vec<Check> =
            session.plan.checks.iter().filter(|check| wanted.checks.contains(&check.id)).cloned().collect();
        let config = session.runner_config();
        Ok(bisect::prove((context, &reference), &checks, wanted, session.plan.settings, &config).await)
    };
    match events.phase(subject, Phase::Test, work).await {
        Ok(proofs) => {
            for proof in proofs {
                events.send(subject, EventKind::Proof(Box::new(proof)));
            }
        }
        Err(broken) => tracing::warn!(variant = %context.variant.name, "nothing was bisected: {}", broken.message()),
    }
}
