//! Problems of a set of waivers: expired, about to expire, unused in a run, too broad. Pure.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::Serialize;

use crate::report::Report;
use crate::waiver::records::records;
use crate::waiver::{Circumstances, Waiver, WaiverState};

/// Maximum duration of a waiver in days; a longer one should be reviewed in between.
const MAX_DAYS: i64 = 400;

/// A waiver that waives failures of more checks than this is too broad.
const MAX_CHECKS: usize = 10;

/// A remark about a waiver that a person should review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Remark {
    /// Index of the waiver in the file, from 0.
    pub index: usize,
    /// Its scope in one line.
    pub scope: String,
    /// Person or team responsible for it.
    pub owner: String,
    /// Its last day.
    pub expires: jiff::civil::Date,
    /// The kind of remark.
    pub kind: RemarkKind,
    /// The message, lower case, no full stop.
    pub message: String,
}

/// The kinds of remarks, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, strum::IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum RemarkKind {
    /// It has expired and no longer counts.
    Expired,
    /// It is too broad.
    #[strum(serialize = "too broad")]
    TooBroad,
    /// It expires soon.
    Expiring,
    /// Nothing in the run needs it.
    Unused,
    /// It names no ticket.
    #[strum(serialize = "no ticket")]
    NoTicket,
}

impl RemarkKind {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether it is a failure of the audit, not only a warning.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Expired | Self::TooBroad)
    }
}

/// Checks every waiver, with the results of a run if there is one. `within` is in days.
pub fn audit(waivers: &[Waiver], report: Option<&Report>, within: u32, now: Timestamp) -> Vec<Remark> {
    let in_run = report.map(|report| records(report, waivers, now)).unwrap_or_default();
    let mut remarks = Vec::new();
    for (index, waiver) in waivers.iter().enumerate() {
        let mut remark = |kind, message: String| {
            let (owner, expires) = (waiver.owner.clone(), waiver.expires);
            remarks.push(Remark { index, scope: waiver.scope(), owner, expires, kind, message });
        };
        let record = in_run.get(index);
        if let Some(message) = dates(waiver, within, now) {
            let again = record.map_or(0, |record| record.failures);
            match message {
                Ending::Over if again == 1 => {
                    remark(RemarkKind::Expired, "1 failure of the run is no longer waived".to_owned())
                }
                Ending::Over if again > 0 => {
                    remark(RemarkKind::Expired, format!("{again} failures of the run are no longer waived"))
                }
                Ending::Over => remark(RemarkKind::Expired, "it no longer applies: renew or remove it".to_owned()),
                Ending::In(1) => remark(RemarkKind::Expiring, "it expires in 1 day".to_owned()),
                Ending::In(days) => remark(RemarkKind::Expiring, format!("it expires in {days} days")),
            }
        }
        if let Some(message) = too_wide(waiver, now).or_else(|| blanket(waiver, report?)) {
            remark(RemarkKind::TooBroad, message);
        }
        if record.is_some_and(|record| record.state == WaiverState::Unused) {
            let message = match report {
                Some(report) if !is_known(waiver, report) => "the run has no check or control that it names",
                _ => "what it waives does not fail: remove it",
            };
            remark(RemarkKind::Unused, message.to_owned());
        }
        if waiver.ticket.is_none() {
            remark(RemarkKind::NoTicket, "no ticket is given".to_owned());
        }
    }
    remarks.sort_by_key(|remark| (remark.kind, remark.index));
    remarks
}

enum Ending {
    Over,
    In(i32),
}

fn dates(waiver: &Waiver, within: u32, now: Timestamp) -> Option<Ending> {
    if waiver.is_expired(now) {
        return Some(Ending::Over);
    }
    let days = now.to_zoned(TimeZone::UTC).date().until(waiver.expires).ok()?.get_days();
    (days <= i32::try_from(within).unwrap_or(i32::MAX)).then_some(Ending::In(days))
}

fn too_wide(waiver: &Waiver, now: Timestamp) -> Option<String> {
    let today = now.to_zoned(TimeZone::UTC).date();
    if !waiver.is_narrow() && waiver.variants.is_empty() {
        let on = waiver.level.map_or("every variant".to_owned(), |level| format!("every variant at {level}"));
        return Some(format!("a whole suite or benchmark on {on}: name checks or controls, or variants"));
    }
    let last = today.checked_add(MAX_DAYS.days()).ok()?;
    (waiver.expires > last).then(|| format!("it ends more than {MAX_DAYS} days from now: choose an earlier day"))
}

/// Whether it waives failures of many checks in a run, whatever its scope.
fn blanket(waiver: &Waiver, report: &Report) -> Option<String> {
    let covered = report.results.iter().filter(|result| {
        let level = report.variant_of(&result.subject).and_then(|variant| variant.level);
        !result.outcome.findings().is_empty() && waiver.covers(&Circumstances::of(result, level))
    });
    let checks: BTreeSet<&str> = covered.map(|result| result.check.as_str()).collect();
    (checks.len() > MAX_CHECKS).then(|| format!("it waives failures of {} checks of the run", checks.len()))
}

fn is_known(waiver: &Waiver, report: &Report) -> bool {
    report.results.iter().any(|result| waiver.is_about(&result.check, result.control.as_ref()))
}

#[cfg(test)]
mod tests;
