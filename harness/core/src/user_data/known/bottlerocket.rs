//! The settings of Bottlerocket's aws-k8s variants, by name and type.
//!
//! From bottlerocket-os/bottlerocket-settings-sdk, `bottlerocket-settings-models/settings-extensions/*/src/lib.rs` (every model there
//! refuses unknown fields), and bottlerocket-os/bottlerocket-project-website, `data/settings/*` up to release 1.54. Values that the models
//! check beyond their type are left to them.

use super::Shape::{Any, Bool, Integer, Keys, List, Map, OneOrMore, Scalar, Table, Text, Word};
use super::{Shape, TEXTS};

/// The whole of user data.
pub(in super::super) const USER_DATA: Shape = Table(&[("settings", Table(SETTINGS))]);

const RUN_MODES: Shape = Word(&["always", "off", "once"]);

const SETTINGS: &[(&str, Shape)] = &[
    ("autoscaling", Table(&[("should-wait", Bool)])),
    ("aws", Table(&[("config", Text), ("credentials", Text), ("profile", Text), ("region", Text)])),
    (
        "boot",
        Table(&[
            ("init-parameters", Map(&OneOrMore(&Text))),
            ("kernel-parameters", Map(&OneOrMore(&Text))),
            ("reboot-to-reconcile", Bool),
        ]),
    ),
    ("bootstrap-commands", Map(&Table(&[("commands", List(&TEXTS)), ("essential", Bool), ("mode", RUN_MODES)]))),
    (
        "bootstrap-containers",
        Map(&Table(&[("essential", Bool), ("mode", RUN_MODES), ("source", Text), ("user-data", Text)])),
    ),
    ("cloudformation", Table(&[("logical-resource-id", Text), ("should-signal", Bool), ("stack-name", Text)])),
    ("container-registry", Table(&[("credentials", List(&Any)), ("mirrors", Any)])),
    (
        "container-runtime",
        Table(&[
            ("concurrent-download-chunk-size", Scalar),
            ("concurrent-layer-fetch-buffer", Scalar),
            ("enable-unprivileged-icmp", Bool),
            ("enable-unprivileged-ports", Bool),
            ("log-level", Word(&["trace", "debug", "info", "warn", "error", "fatal", "panic"])),
            ("max-concurrent-downloads", Integer),
            ("max-concurrent-unpacks", Integer),
            ("max-container-log-line-size", Integer),
            ("snapshotter", Word(&["overlayfs", "soci"])),
        ]),
    ),
    ("container-runtime-plugins", Any),
    ("dns", Table(&[("name-servers", TEXTS), ("search-list", TEXTS)])),
    (
        "host-containers",
        Map(&Table(&[
            ("command", TEXTS),
            ("enabled", Bool),
            ("source", Text),
            ("superpowered", Bool),
            ("user-data", Text),
        ])),
    ),
    ("image-verifier-plugins", Any),
    (
        "kernel",
        Table(&[
            ("drivers", Any),
            ("hugepages", Any),
            ("lockdown", Word(&["none", "integrity", "confidentiality"])),
            ("modules", Map(&Table(&[("allowed", Bool), ("autoload", Bool)]))),
            ("sysctl", Map(&Text)),
        ]),
    ),
    ("kubelet-device-plugins", Any),
    ("kubelet-dra-drivers", Any),
    ("kubernetes", Table(KUBERNETES)),
    ("metrics", Table(&[("metrics-url", Text), ("send-metrics", Bool), ("service-checks", TEXTS)])),
    ("motd", Text),
    (
        "network",
        Table(&[
            ("disable-ipv6", TEXTS),
            ("hostname", Text),
            ("hosts", Any),
            ("https-proxy", Text),
            ("no-proxy", TEXTS),
        ]),
    ),
    ("ntp", Table(&[("logging", TEXTS), ("options", TEXTS), ("time-servers", Any)])),
    ("nvidia-container-runtime", Any),
    ("oci-defaults", Table(&[("capabilities", Map(&Bool)), ("resource-limits", Map(&Any))])),
    ("oci-hooks", Table(&[("log4j-hotpatch-enabled", Bool)])),
    ("pki", Map(&Table(&[("data", Text), ("trusted", Bool)]))),
    (
        "updates",
        Table(&[
            ("ignore-waves", Bool),
            ("metadata-base-url", Text),
            ("seed", Integer),
            ("targets-base-url", Text),
            ("version-lock", Text),
        ]),
    ),
];

const SIGNALS: Shape = Keys(
    &[
        "memory.available",
        "nodefs.available",
        "nodefs.inodesFree",
        "imagefs.available",
        "imagefs.inodesFree",
        "pid.available",
    ],
    &Scalar,
);

const RESERVED: Shape = Keys(&["cpu", "memory", "ephemeral-storage", "pid"], &Scalar);

const KUBERNETES: &[(&str, Shape)] = &[
    ("allowed-unsafe-sysctls", TEXTS),
    ("api-server", Text),
    ("authentication-mode", Word(&["aws", "tls"])),
    ("bootstrap-token", Text),
    ("cloud-provider", Text),
    ("cluster-certificate", Text),
    ("cluster-dns-ip", OneOrMore(&Text)),
    ("cluster-domain", Text),
    ("cluster-name", Text),
    ("container-log-max-files", Integer),
    ("container-log-max-size", Scalar),
    ("container-log-max-workers", Integer),
    ("container-log-monitor-interval", Text),
    ("cpu-cfs-quota-enforced", Bool),
    ("cpu-manager-policy", Word(&["none", "static"])),
    ("cpu-manager-policy-options", TEXTS),
    ("cpu-manager-reconcile-period", Text),
    ("credential-providers", Map(&Any)),
    ("device-ownership-from-security-context", Bool),
    ("event-burst", Integer),
    ("event-qps", Integer),
    ("eviction-hard", SIGNALS),
    ("eviction-max-pod-grace-period", Integer),
    ("eviction-soft", SIGNALS),
    ("eviction-soft-grace-period", SIGNALS),
    ("hostname-override", Text),
    ("hostname-override-source", Word(&["private-dns-name", "instance-id"])),
    ("image-gc-high-threshold-percent", Scalar),
    ("image-gc-low-threshold-percent", Scalar),
    ("kube-api-burst", Integer),
    ("kube-api-qps", Integer),
    ("kube-reserved", RESERVED),
    ("log-level", Integer),
    ("max-pods", Integer),
    ("memory-manager-policy", Text),
    ("memory-manager-reserved-memory", Map(&Any)),
    ("memory-swap-behavior", Text),
    ("node-ip", Text),
    ("node-labels", Map(&Text)),
    ("node-taints", Map(&OneOrMore(&Text))),
    ("pod-infra-container-image", Text),
    ("pod-pids-limit", Integer),
    ("provider-id", Text),
    ("registry-burst", Integer),
    ("registry-qps", Integer),
    ("reserved-cpus", Scalar),
    ("seccomp-default", Bool),
    ("server-certificate", Text),
    ("server-key", Text),
    ("server-tls-bootstrap", Bool),
    ("shutdown-grace-period", Text),
    ("shutdown-grace-period-for-critical-pods", Text),
    ("single-process-oom-kill", Bool),
    ("standalone-mode", Bool),
    ("static-pods", Map(&Table(&[("enabled", Bool), ("manifest", Text)]))),
    ("static-pods-enabled", Bool),
    ("system-reserved", RESERVED),
    ("topology-manager-policy", Word(&["none", "restricted", "best-effort", "single-numa-node"])),
    ("topology-manager-scope", Word(&["container", "pod"])),
];
