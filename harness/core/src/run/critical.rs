//! The critical path of a run: its minimum duration, computed from the phase times of the report.

use amiproof_model::report::{Phase, PhaseRecord, Report, Subject, VariantRecord};

/// Seconds of the phases that all variants share, plus those of the longest single variant.
///
/// Within a variant everything up to the nodes is a chain, tests and scans run concurrently (the longest of them counts), and
/// teardown follows. Scans of the whole cluster come when all variants are done. Of the shared phases, add-ons run concurrently with
/// the node groups and count only if they take longer.
pub fn path(report: &Report) -> f64 {
    let beside = |variant: &VariantRecord| {
        let of = |phase| seconds(&variant.phases, phase);
        [Phase::Test, Phase::KubeBench, Phase::OsScan].map(of).into_iter().fold(0.0, f64::max)
    };
    chain(report, beside)
}

/// As [`path`], if no check had to wait for another: of a variant's checks only the longest counts, whatever its phase. The difference
/// to the real duration is the cost of the limits on pods and concurrent checks.
pub fn unhindered(report: &Report) -> f64 {
    let beside = |variant: &VariantRecord| {
        let subject = Subject::Variant(variant.name.clone());
        let own = report.results.iter().filter(|result| result.subject == subject);
        own.map(|result| result.seconds).fold(0.0, f64::max)
    };
    chain(report, beside)
}

fn chain(report: &Report, beside: impl Fn(&VariantRecord) -> f64) -> f64 {
    let shared = |phase| seconds(&report.run.phases, phase);
    let before = shared(Phase::Network) + shared(Phase::Cluster);
    let of_variant = |variant: &VariantRecord| until_nodes_and_after(variant) + beside(variant);
    let longest = report.variants.iter().map(of_variant).fold(shared(Phase::Addons), f64::max);
    before + longest + shared(Phase::KubeBench) + shared(Phase::Teardown)
}

/// Seconds of the sequential phases of one variant, without its checks.
fn until_nodes_and_after(variant: &VariantRecord) -> f64 {
    let of = |phase| seconds(&variant.phases, phase);
    // Not by `sum`, which makes -0.0 of nothing.
    [Phase::Ami, Phase::LaunchTemplate, Phase::NodeGroup, Phase::Nodes, Phase::Teardown]
        .map(of)
        .iter()
        .fold(0.0, |a, b| a + b)
}

fn seconds(phases: &[PhaseRecord], phase: Phase) -> f64 {
    phases.iter().filter(|record| record.phase == phase).map(|record| record.seconds).fold(0.0, |all, one| all + one)
}
