//! Variants for unit tests.

use std::time::Duration;

use amiproof_model::matrix::{AmiSource, Architecture, Capacity, Family, Hardening, Timeouts, UserData, Variant};
use amiproof_model::name::Level;

/// A variant with everything as the matrix' defaults say.
pub(crate) fn variant(name: &str, family: Family) -> Variant {
    Variant {
        name: name.parse().unwrap(),
        family,
        reference: None,
        hardening: None,
        ami: AmiSource::Recommended,
        architecture: Architecture::X86_64,
        user_data: None,
        nodes: 2,
        instance_types: vec!["m6i.large".to_owned()],
        capacity: Capacity::OnDemand,
        kubernetes_version: "1.36".parse().unwrap(),
        imds_hop_limit: 2,
        volume_gib: 40,
        timeouts: Timeouts {
            nodes_ready: Duration::from_secs(480),
            check: Duration::from_secs(300),
            os_scan: Duration::from_secs(2700),
        },
    }
}

/// Level 1 of a benchmark.
pub(crate) fn hardening(benchmark: &str) -> Hardening {
    Hardening { benchmark: benchmark.parse().unwrap(), level: Level::One }
}

/// User data of the user's own.
pub(crate) fn user_data(path: &str, text: &str) -> UserData {
    UserData { path: path.into(), text: text.to_owned() }
}
