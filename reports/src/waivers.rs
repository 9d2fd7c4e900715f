//! Waivers to review after a run: those that have expired, and those that are unused, a line each.

use amiproof_model::report::Report;
use amiproof_model::waiver::{WaiverRecord, WaiverState};

use crate::text;

/// A waiver to review.
pub(crate) struct Line {
    /// `expired` or `unused`.
    pub(crate) state: &'static str,
    /// Its scope.
    pub(crate) scope: String,
    /// Its owner, with the ticket if there is one, and its last day.
    pub(crate) owner: String,
    /// The consequence.
    pub(crate) note: String,
}

/// Expired ones first, because what they waived fails again, then unused ones, which are warnings. Waivers that were applied, and those
/// whose scope was not evaluated, are not included.
pub(crate) fn lines(report: &Report) -> Vec<Line> {
    let of = |state| report.waivers.iter().filter(move |record| record.state == state);
    of(WaiverState::Expired).chain(of(WaiverState::Unused)).map(line).collect()
}

fn line(record: &WaiverRecord) -> Line {
    let WaiverRecord { waiver, state, failures } = record;
    let ticket = waiver.ticket.as_deref().map(|ticket| format!(", {ticket}")).unwrap_or_default();
    let note = match (state, failures) {
        (WaiverState::Expired, 0) => "nothing that it waived fails: remove it".to_owned(),
        (WaiverState::Expired, 1) => "1 failure is no longer waived: fix it, or renew the waiver".to_owned(),
        (WaiverState::Expired, count) => {
            format!("{count} failures are no longer waived: fix them, or renew the waiver")
        }
        _ => "nothing that it waives fails: remove it, or correct its scope".to_owned(),
    };
    Line {
        state: state.as_str(),
        scope: text::line(&waiver.scope()),
        owner: text::line(&format!("{}{ticket}, until {}", waiver.owner, waiver.expires)),
        note,
    }
}
