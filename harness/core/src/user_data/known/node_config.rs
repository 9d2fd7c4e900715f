//! The fields of a NodeConfig, by name and type: awslabs/amazon-eks-ami, `nodeadm/api/v1alpha1/nodeconfig_types.go` (81fec2e8).
//!
//! nodeadm decodes without strictness: a field that it does not know is dropped, one of another type makes the whole unreadable, and
//! then it continues as if there were none (`nodeadm/internal/configprovider/chain.go`).

use super::Shape::{Any, Bool, Keys, List, Map, Table, Text, Word};
use super::{Shape, TEXTS};

/// The whole of a NodeConfig. `spec.kubelet.config` is read apart ([`super::kubelet::CONFIGURATION`]).
pub(in super::super) const NODE_CONFIG: Shape =
    Table(&[("apiVersion", Text), ("kind", Text), ("metadata", Any), ("spec", Table(SPEC))]);

const SPEC: &[(&str, Shape)] = &[
    (
        "cluster",
        Table(&[
            ("apiServerEndpoint", Text),
            ("certificateAuthority", Text),
            ("cidr", Text),
            ("enableOutpost", Bool),
            ("id", Text),
            ("name", Text),
        ]),
    ),
    ("containerd", Table(&[("baseRuntimeSpec", Map(&Any)), ("config", Text)])),
    ("featureGates", Keys(&["InstanceIdNodeName", "FastImagePull"], &Bool)),
    (
        "instance",
        Table(&[
            ("environment", Map(&Map(&Text))),
            (
                "localStorage",
                Table(&[
                    ("disabledMounts", List(&Word(&["Containerd", "PodLogs", "SOCI"]))),
                    ("mountPath", Text),
                    ("strategy", Word(&["RAID0", "RAID10", "Mount"])),
                ]),
            ),
            ("network", Table(&[("domains", TEXTS), ("nameservers", TEXTS)])),
        ]),
    ),
    ("kubelet", Table(&[("config", Map(&Any)), ("flags", TEXTS), ("maxPodsExpression", Text)])),
];
