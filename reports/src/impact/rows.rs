//! What the formats of a table of controls and checks share: its rows by kind, and how they are named.

use amiproof_model::report::Impact;
use amiproof_model::report::impact::{ControlRecord, ImpactOutcome, SettingRecord};

/// `sysctl.net.ipv4.ip_forward: 1, required 0`.
pub(super) fn setting(setting: &SettingRecord) -> String {
    let own = setting.own.as_deref().unwrap_or("none");
    match &setting.not_set {
        Some(why) => format!("{}: {own}, required {} (not set: {why})", setting.fact, setting.required),
        None if setting.own.as_deref() == Some(setting.required.as_str()) => format!("{}: {own}", setting.fact),
        None => format!("{}: {own}, required {}", setting.fact, setting.required),
    }
}

/// The rows that were not measured, by reason, in the order of the first of each.
pub(super) fn not_measured(impact: &Impact) -> Vec<(&str, Vec<&ControlRecord>)> {
    let mut all: Vec<(&str, Vec<&ControlRecord>)> = Vec::new();
    for row in &impact.controls {
        let ImpactOutcome::NotMeasured { why } = &row.outcome else { continue };
        match all.iter_mut().find(|(own, _)| own == why) {
            Some((_, rows)) => rows.push(row),
            None => all.push((why, vec![row])),
        }
    }
    all
}

/// Several numbers: `3.2.1 ipv4, 3.2.2`.
pub(super) fn numbers(rows: &[&ControlRecord]) -> String {
    rows.iter().map(|row| row.number()).collect::<Vec<_>>().join(", ")
}

/// What kind of row it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It breaks something.
    Breaks,
    /// It breaks nothing that is known, but of some checks nothing can be said.
    Unclear,
    /// All checks pass.
    Harmless,
    /// The nodes meet it.
    AsItIs,
    /// Neither.
    NotMeasured,
}

pub(super) fn kind(row: &ControlRecord) -> Kind {
    match &row.outcome {
        ImpactOutcome::AsItIs => Kind::AsItIs,
        ImpactOutcome::NotMeasured { .. } => Kind::NotMeasured,
        ImpactOutcome::Measured { .. } if row.broken().next().is_some() => Kind::Breaks,
        ImpactOutcome::Measured { .. } if row.affected().next().is_some() => Kind::Unclear,
        ImpactOutcome::Measured { .. } => Kind::Harmless,
    }
}

pub(super) fn of_kind(impact: &Impact, wanted: Kind) -> Vec<&ControlRecord> {
    impact.controls.iter().filter(|row| kind(row) == wanted).collect()
}
