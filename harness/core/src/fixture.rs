//! Variants for unit tests.

use std::time::Duration;

use amiproof_model::matrix::{
    AmiSource, Architecture, Capacity, ClusterSpec, Family, Hardening, MadeNodes, Matrix, NodeSource, SuiteSelection,
    Timeouts, UserData, Variant,
};
use amiproof_model::name::Level;

/// A variant with everything as the matrix' defaults say.
pub(crate) fn variant(name: &str, family: Family) -> Variant {
    Variant {
        name: name.parse().unwrap(),
        family,
        reference: None,
        hardening: None,
        architecture: Architecture::X86_64,
        nodes: NodeSource::Made(made()),
        imds_hop_limit: 2,
        timeouts: Timeouts {
            nodes_ready: Duration::from_secs(480),
            check: Duration::from_secs(300),
            os_scan: Duration::from_secs(2700),
        },
    }
}

/// A matrix of these variants for a cluster that exists.
pub(crate) fn matrix(variants: Vec<Variant>) -> Matrix {
    let cluster = ClusterSpec {
        name: "test".to_owned(),
        region: Some("us-west-2".to_owned()),
        kubernetes_version: Some("1.36".parse().unwrap()),
        create: false,
        subnet_ids: Vec::new(),
        role_arn: None,
        node_role_arn: None,
        windows_node_role_arn: None,
        max_pods: None,
        addons: Vec::new(),
        governance: amiproof_model::matrix::Governance::default(),
    };
    Matrix {
        name: "test".to_owned(),
        cluster,
        variants,
        suites: SuiteSelection::default(),
        scans: amiproof_model::matrix::ScanSettings::default(),
        thresholds: Vec::new(),
        workloads: Vec::new(),
        waivers: None,
    }
}

/// Two nodes with everything as the matrix' defaults say.
pub(crate) fn made() -> MadeNodes {
    MadeNodes {
        count: 2,
        ami: AmiSource::Recommended,
        build: None,
        user_data: None,
        instance_types: vec!["m6i.large".to_owned()],
        capacity: Capacity::OnDemand,
        kubernetes_version: "1.36".parse().unwrap(),
        volume_gib: 40,
        kms_key: None,
        security_groups: Vec::new(),
        tags: std::collections::BTreeMap::new(),
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
