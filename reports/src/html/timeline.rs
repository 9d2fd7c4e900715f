//! When each phase of each variant ran: bars in one row per variant, overlapping phases in lanes below each other.

use std::fmt::Write as _;

use amiproof_model::report::{Phase, PhaseEnd, PhaseRecord, Report};

use crate::text;

/// The width of the drawing in its own units; the page stretches it.
const WIDTH: f64 = 1000.0;

/// The height of a lane in the drawing's units, with the gap below it.
const LANE: usize = 12;

/// All rows, and what the horizontal axis says.
pub(super) struct Timeline {
    pub(super) rows: Vec<TimelineRow>,
    /// Words for the axis, evenly spaced from start to end.
    pub(super) ticks: Vec<String>,
    /// The phases that appear, for the legend: class and word.
    pub(super) legend: Vec<(&'static str, &'static str)>,
}

/// One subject.
pub(super) struct TimelineRow {
    pub(super) name: String,
    /// From the start of its first phase to the end of its last one.
    pub(super) took: String,
    pub(super) height: usize,
    pub(super) bars: Vec<Bar>,
    /// The row in words.
    pub(super) summary: String,
}

/// One phase.
pub(super) struct Bar {
    pub(super) x: String,
    pub(super) y: usize,
    pub(super) width: String,
    pub(super) class: String,
    pub(super) title: String,
}

impl Timeline {
    pub(super) fn of(report: &Report) -> Self {
        let start = report.run.started;
        let mut subjects: Vec<(&str, &[PhaseRecord])> = vec![("cluster", &report.run.phases)];
        subjects.extend(report.variants.iter().map(|variant| (variant.name.as_str(), variant.phases.as_slice())));
        subjects.retain(|(_, phases)| !phases.is_empty());
        let span = |phase: &PhaseRecord| {
            let begin = (phase.started - start).total(jiff::Unit::Second).unwrap_or(0.0).max(0.0);
            (begin, begin + legal(phase.seconds))
        };
        let phases = || subjects.iter().flat_map(|(_, phases)| *phases);
        let end = phases().map(|phase| span(phase).1).fold(legal(report.run.seconds), f64::max).max(0.001);
        let rows = subjects.iter().map(|(name, phases)| row(name, phases, span, end)).collect();
        let mut seen: Vec<Phase> = phases().map(|phase| phase.phase).collect();
        seen.sort_unstable();
        seen.dedup();
        Self {
            rows,
            ticks: (0..=4).map(|quarter| text::duration(end * f64::from(quarter) / 4.0)).collect(),
            legend: seen.into_iter().map(|phase| (class(phase), phase.as_str())).collect(),
        }
    }
}

fn row(name: &str, phases: &[PhaseRecord], span: impl Fn(&PhaseRecord) -> (f64, f64), end: f64) -> TimelineRow {
    let mut lanes: Vec<f64> = Vec::new();
    let mut bars = Vec::new();
    let mut summary = String::new();
    for phase in phases {
        let (begin, finish) = span(phase);
        let lane = lanes.iter().position(|busy_until| *busy_until <= begin + 0.001).unwrap_or(lanes.len());
        match lanes.get_mut(lane) {
            Some(busy_until) => *busy_until = finish,
            None => lanes.push(finish),
        }
        let (mark, ended) = match &phase.ended {
            PhaseEnd::Done => ("", String::new()),
            PhaseEnd::Error { message, .. } => (" broken", format!(", broken: {}", text::short_line(message, 300))),
            PhaseEnd::Failed { message, .. } => (" broken", format!(", failed: {}", text::short_line(message, 300))),
            PhaseEnd::Cancelled => (" cancelled", ", cancelled".to_owned()),
        };
        let title = format!("{}: {}{ended}", phase.phase.as_str(), text::duration(phase.seconds));
        // Writing to a String cannot fail.
        let _ = write!(summary, "{}{title}", if summary.is_empty() { "" } else { "; " });
        bars.push(Bar {
            x: units(begin, end),
            y: lane * LANE,
            // A phase of no time at all must still be seen.
            width: units((finish - begin).max(end / 400.0), end),
            class: format!("{}{mark}", class(phase.phase)),
            title,
        });
    }
    let first = phases.iter().map(|phase| span(phase).0).fold(f64::INFINITY, f64::min);
    let last = phases.iter().map(|phase| span(phase).1).fold(0.0, f64::max);
    TimelineRow {
        name: name.to_owned(),
        took: text::duration(last - first),
        height: lanes.len().max(1) * LANE,
        bars,
        summary,
    }
}

fn units(seconds: f64, end: f64) -> String {
    format!("{:.2}", seconds / end * WIDTH)
}

fn legal(seconds: f64) -> f64 {
    if seconds.is_finite() { seconds.max(0.0) } else { 0.0 }
}

fn class(phase: Phase) -> &'static str {
    match phase {
        Phase::Network => "p-network",
        Phase::Cluster => "p-cluster",
        Phase::Addons => "p-addons",
        Phase::Ami => "p-ami",
        Phase::LaunchTemplate => "p-template",
        Phase::NodeGroup => "p-group",
        Phase::Nodes => "p-nodes",
        Phase::Test => "p-test",
        Phase::KubeBench => "p-bench",
        Phase::OsScan => "p-scan",
        Phase::Teardown => "p-teardown",
    }
}
