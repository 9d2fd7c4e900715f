//! The critical path of a run: what it could at best have taken, as the report's own phase times give it.

use amiproof_model::report::{Phase, PhaseRecord, Report, VariantRecord};

/// Seconds of the phases that all variants share, plus those of the longest single variant.
///
/// Within a variant everything up to the nodes is a chain, tests and scans run beside each other (the longest of them counts), and
/// teardown follows. Scans of the whole cluster come when all variants are done. Of the shared phases, add-ons go on beside the node groups and count only where they take longer.
pub fn path(report: &Report) -> f64 {
    let shared = |phase| seconds(&report.run.phases, phase);
    let before = shared(Phase::Network) + shared(Phase::Cluster);
    let longest = report.variants.iter().map(variant_seconds).fold(shared(Phase::Addons), f64::max);
    before + longest + shared(Phase::KubeBench) + shared(Phase::Teardown)
}

/// Seconds that one variant needs by itself.
fn variant_seconds(variant: &VariantRecord) -> f64 {
    let of = |phase| seconds(&variant.phases, phase);
    let chain: f64 =
        [Phase::Ami, Phase::LaunchTemplate, Phase::NodeGroup, Phase::Nodes, Phase::Teardown].map(of).iter().sum();
    let beside = [Phase::Test, Phase::KubeBench, Phase::OsScan].map(of).into_iter().fold(0.0, f64::max);
    chain + beside
}

fn seconds(phases: &[PhaseRecord], phase: Phase) -> f64 {
    phases.iter().filter(|record| record.phase == phase).map(|record| record.seconds).sum()
}
