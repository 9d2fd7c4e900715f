//! Each workload of the catalogue on emulated nodes of many images: it fails where one of the capabilities that it says it
//! exercises is taken away, and nowhere else.
//!
//! Nothing here names a workload, so a file that is added to the catalogue is tested with all the others, and one that claims too
//! much or too little of `exercises` fails here.

use std::collections::{BTreeMap, BTreeSet};

use std::sync::Arc;

use amiproof_lab::profile::HostProfile;
use amiproof_model::capability::Capability;
use amiproof_model::verdict::Outcome;
use amiproof_model::workload::{Need, Os, Workload};

use super::cluster::{Lab, REFERENCE, profile, simulated};
use Capability::{
    ApiServer, ClusterDns, DaemonSet, Egress, ExecFromVolume, HostNetwork, HostPath, HostPort, HostProcesses,
    ImagePull, Inotify, InstanceMetadata, KernelTracing, KubeletApi, LogFiles, NetworkPolicy, NodePort, NonRoot,
    PersistentVolume, PodIdentity, PodNetwork, Privileged, Probes, ReadOnlyRoot, ResourceLimits, RunAsJob,
    SameNodeNetwork, ServiceVip, SharedVolume, TrafficRedirect, UserNamespaces, WebIdentity,
};

/// Everything for which packets of pods are forwarded.
const FORWARDED: [Capability; 9] =
    [PodNetwork, SameNodeNetwork, ClusterDns, ServiceVip, NodePort, HostPort, Egress, ApiServer, InstanceMetadata];

/// The capabilities that pods lack on each image.
fn taken_by(image: &str) -> BTreeSet<Capability> {
    match image {
        "eks-al2023" | "windows-2022-core" => BTreeSet::new(),
        "al2023-ip-forward-off" => FORWARDED.into(),
        // A default of drop for packets to the host, with 10250 left out of the open ports.
        "al2023-no-10250" => [KubeletApi, HostNetwork].into(),
        // A default of drop for packets to and through the host.
        "cis-al2023-l2" => FORWARDED.into_iter().chain([HostNetwork]).collect(),
        "al2023-umask-027" => [NonRoot].into(),
        "al2023-var-noexec" => [ExecFromVolume].into(),
        other => panic!("what does {other} take away from pods?"),
    }
}

fn catalogue() -> &'static [Workload] {
    amiproof_workloads::catalogue().unwrap()
}

fn id(workload: &Workload) -> String {
    format!("workload/{}", workload.name)
}

fn is_for(workload: &Workload, image: &str) -> bool {
    (workload.os == Os::Windows) == image.starts_with("windows")
}

/// Whether it needs an AWS account, a storage class or a registry, which these nodes have not: the whole run in
/// `harness/cli/tests/lab/addons.rs` and the tests below try it.
fn needs_account(workload: &Workload) -> bool {
    workload
        .needs
        .iter()
        .any(|need| matches!(need, Need::PodIdentity(_) | Need::Irsa(_) | Need::StorageClassOf(_) | Need::EcrRegistry))
}

/// Whether what it needs to be judged at all is gone with what the image takes: figures come through the kubelet's port.
fn is_undecided(workload: &Workload, image: &str) -> bool {
    workload.needs.contains(&Need::NodeMetrics) && taken_by(image).contains(&KubeletApi)
}

/// The ids of the workloads that must fail on an image.
pub(crate) fn failing_on(image: &str) -> Vec<String> {
    let taken: BTreeSet<&str> = taken_by(image).into_iter().map(Capability::as_str).collect();
    let fails = |workload: &&Workload| {
        is_for(workload, image)
            && !needs_account(workload)
            && !is_undecided(workload, image)
            && workload.exercises.iter().any(|word| taken.contains(word.as_str()))
    };
    catalogue().iter().filter(fails).map(id).collect()
}

async fn workloads_on(image: &str) -> (Lab, BTreeMap<String, Outcome>) {
    let lab = Lab::new(image).await;
    let outcomes = lab.run_those(|check| check.id.suite() == "workload").await;
    (lab, outcomes)
}

/// Runs the catalogue on nodes of an image: what must fail fails, and everything else for its system passes.
async fn fails_exactly_where_something_is_taken(image: &str) {
    let (lab, outcomes) = workloads_on(image).await;
    let failing = failing_on(image);
    let wrong: Vec<_> = catalogue()
        .iter()
        .filter_map(|workload| {
            let wanted = match failing.contains(&id(workload)) {
                _ if !is_for(workload, image) || needs_account(workload) => "not applicable",
                _ if is_undecided(workload, image) => "not evaluated",
                true => "fail",
                false => "pass",
            };
            let outcome = outcomes.get(&id(workload));
            (outcome.is_none_or(|outcome| outcome.as_str() != wanted)).then(|| (id(workload), wanted, outcome))
        })
        .collect();
    assert!(wrong.is_empty(), "{image}: {wrong:#?}");
    lab.assert_clean().await;
}

#[test]
fn a_firewall_that_drops_what_is_forwarded_and_received_fails_what_needs_either() {
    simulated(|| async {
        fails_exactly_where_something_is_taken("cis-al2023-l2").await;
    });
}

#[test]
fn a_umask_of_027_fails_what_runs_without_root() {
    simulated(|| async {
        fails_exactly_where_something_is_taken("al2023-umask-027").await;
    });
}

#[test]
fn noexec_below_var_fails_what_runs_from_a_volume() {
    simulated(|| async {
        fails_exactly_where_something_is_taken("al2023-var-noexec").await;
    });
}

#[test]
fn each_workload_passes_on_stock_nodes_of_its_system() {
    simulated(|| async {
        for image in [REFERENCE, "windows-2022-core"] {
            assert!(failing_on(image).is_empty());
            fails_exactly_where_something_is_taken(image).await;
        }
    });
}

/// The images of [`taken_by`] that take something away.
const IMAGES: [&str; 5] =
    ["al2023-ip-forward-off", "al2023-no-10250", "cis-al2023-l2", "al2023-umask-027", "al2023-var-noexec"];

/// What hardening does to a host.
type Change = fn(&mut HostProfile);

/// The capabilities that pods lose after a change of a stock host.
const CHANGES: [(Capability, Change); 9] = [
    (TrafficRedirect, |host| host.blocked_modules.extend(["xt_REDIRECT".to_owned()])),
    (TrafficRedirect, |host| host.blocked_modules.extend(["xt_owner".to_owned()])),
    (HostProcesses, |host| drop(host.facts.insert("proc.hidepid".into(), "2".into()))),
    (KernelTracing, |host| drop(host.sysctl.insert("kernel.kptr_restrict".into(), "2".into()))),
    (KernelTracing, |host| drop(host.facts.insert("kernel.lockdown".into(), "confidentiality".into()))),
    (ResourceLimits, |host| drop(host.facts.insert("limits.containerd.nofile".into(), "4096".into()))),
    (ResourceLimits, |host| drop(host.sysctl.insert("vm.overcommit_memory".into(), "2".into()))),
    (UserNamespaces, |host| drop(host.sysctl.insert("user.max_user_namespaces".into(), "0".into()))),
    (Inotify, |host| {
        host.sysctl.insert("fs.inotify.max_user_instances".into(), "1".into());
        host.sysctl.insert("fs.inotify.max_user_watches".into(), "16".into());
    }),
];

/// Capabilities that no host of the lab can lack yet, so that their workloads are only tested to pass. Remove one here once the lab models
/// it.
const NEVER_TAKEN: [Capability; 13] = [
    DaemonSet,
    HostPath,
    ImagePull,
    LogFiles,
    NetworkPolicy,
    PersistentVolume,
    PodIdentity,
    Privileged,
    Probes,
    ReadOnlyRoot,
    RunAsJob,
    SharedVolume,
    WebIdentity,
];

/// The ids of the Linux workloads that exercise a capability.
fn exercising(capability: Capability) -> Vec<String> {
    let exercises = |workload: &&Workload| {
        workload.os == Os::Linux && workload.exercises.iter().any(|word| word == capability.as_str())
    };
    catalogue().iter().filter(exercises).map(id).collect()
}

#[test]
fn every_capability_has_workloads_and_an_image_without_it_or_is_known_to_have_none() {
    let by_images: BTreeSet<Capability> = IMAGES.into_iter().flat_map(taken_by).collect();
    let by_changes: BTreeSet<Capability> = CHANGES.iter().map(|(capability, _)| *capability).collect();
    for &capability in Capability::ALL {
        let exercises = |workload: &Workload| workload.exercises.iter().any(|word| word == capability.as_str());
        assert!(catalogue().iter().any(exercises), "no workload exercises {}", capability.as_str());
        let ways = [&by_images, &by_changes].iter().filter(|taken| taken.contains(&capability)).count();
        assert_eq!(ways == 0, NEVER_TAKEN.contains(&capability), "{} is taken in {ways} ways", capability.as_str());
    }
    for image in IMAGES {
        assert!(!failing_on(image).is_empty(), "{image} fails nothing");
    }
}

#[test]
fn each_change_of_a_stock_host_fails_what_exercises_what_it_takes_and_nothing_else() {
    simulated(|| async {
        for (capability, change) in CHANGES {
            let mut host = (*profile(REFERENCE)).clone();
            change(&mut host);
            let lab = Lab::of(Arc::new(host), REFERENCE).await;
            let wanted = exercising(capability);
            // Another workload shows that the host is otherwise well.
            let asked = |name: &str| wanted.iter().any(|id| id == name) || name == "workload/web-service";
            let outcomes = lab.run_those(|check| asked(check.id.as_str())).await;
            for (id, outcome) in &outcomes {
                let word = if wanted.contains(id) { "fail" } else { "pass" };
                assert_eq!(outcome.as_str(), word, "{} without {}: {outcome:?}", id, capability.as_str());
            }
            assert_eq!(outcomes.len(), wanted.len() + 1, "{outcomes:#?}");
            lab.assert_clean().await;
        }
    });
}

/// Slowness takes no capability away: only the workload that compares with the reference notices.
#[test]
fn a_host_on_which_pods_start_late_fails_what_compares_their_starts_and_nothing_else() {
    simulated(|| async {
        let mut host = (*profile(REFERENCE)).clone();
        host.facts.insert("pod.startSeconds".into(), "20".into());
        let lab = Lab::of(Arc::new(host), REFERENCE).await;
        let asked = ["workload/pod-start", "workload/web-service", "workload/host-path", "workload/probes"];
        let outcomes = lab.run_those(|check| asked.contains(&check.id.as_str())).await;
        for (id, outcome) in &outcomes {
            let word = if id == "workload/pod-start" { "fail" } else { "pass" };
            assert_eq!(outcome.as_str(), word, "{id}: {outcome:?}");
        }
        assert_eq!(outcomes.len(), asked.len(), "{outcomes:#?}");
        lab.assert_clean().await;
    });
}

#[test]
fn a_volume_of_efs_is_tried_where_someone_made_a_storage_class_and_fails_without_nfs() {
    simulated(|| async {
        for (module, word) in [("cramfs", "pass"), ("nfsv4", "fail")] {
            let mut host = (*profile(REFERENCE)).clone();
            host.blocked_modules.insert(module.to_owned());
            let lab = Lab::of(Arc::new(host), REFERENCE).await;
            let outcome = async || {
                let mut outcomes = lab.run_those(|check| check.id.as_str() == "workload/efs-volume").await;
                outcomes.remove("workload/efs-volume").unwrap()
            };
            lab.install_efs("Retain").await;
            assert_eq!(outcome().await.as_str(), "not applicable", "a volume that is kept would be left behind");
            lab.install_efs("Delete").await;
            let decided = outcome().await;
            assert_eq!(decided.as_str(), word, "{module}: {decided:?}");
            lab.remove_efs().await;
            lab.assert_clean().await;
        }
    });
}

#[test]
fn a_node_without_a_credential_provider_is_refused_by_a_private_registry_and_a_stock_one_is_not() {
    simulated(|| async {
        for (state, word) in [("there", "pass"), ("missing", "error")] {
            let mut host = (*profile(REFERENCE)).clone();
            host.facts.insert("ecr.credentialProvider".into(), state.to_owned());
            let mut lab = Lab::of(Arc::new(host), REFERENCE).await;
            lab.image_registry = Some("111122223333.dkr.ecr.us-west-2.amazonaws.com/mirror".to_owned());
            let mut outcomes = lab.run_those(|check| check.id.as_str() == "workload/ecr-private-pull").await;
            let outcome = outcomes.remove("workload/ecr-private-pull").unwrap();
            assert_eq!(outcome.as_str(), word, "{outcome:?}");
            // A failure where the reference pulled it: `amiproof_model::pull`.
            let is_refused = outcome.reason().contains("the registry refuses an image: ");
            assert_eq!(is_refused, word == "error", "{outcome:?}");
            lab.assert_clean().await;
        }
    });
}
