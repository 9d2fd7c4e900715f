//! `node/kernel-modules`: no module that containers, the pod network or volumes need is blocked from loading.
//!
//! Benchmarks block unused file systems and protocols (CIS Amazon Linux 2023, 1.1.1 and 3.1); a longer block list breaks container
//! images, Services or volumes. Which modules those are depends on the cluster: the legacy tables of iptables
//! (`ip_tables`, `iptable_nat`) do not exist on newer systems, and nftables does not need them; NFS matters if EFS volumes are mounted.
//! Therefore the check reads the cluster first. If workloads show that everything works without the module, they decide instead of the
//! finding (`amiproof_model::prediction`).

use std::collections::BTreeSet;
use std::time::Duration;

use amiproof_core::check::{CheckError, Decision, Doing as _, linux_only};
use amiproof_core::cluster::pages;
use amiproof_core::context::Context;
use amiproof_core::probe::facts::{Collected, NodeFacts};
use amiproof_model::verdict::{Evidence, Finding, Verdict};
use futures::FutureExt as _;
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::api::storage::v1::CSIDriver;
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};

use super::{blocked_modules, judged, resource, silent};
use crate::definition::Definition;
use crate::host::decision;

/// See the module.
pub const CHECK: Definition = Definition::question(
    "node/kernel-modules",
    "no kernel module that pods of this cluster depend on is blocked",
    |context| run(context).boxed(),
)
.on(linux_only)
.within(Duration::from_secs(300));

/// The user of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// Every node.
    All,
    /// Rules in the legacy tables of iptables.
    LegacyTables,
    /// Rules of nftables, and of an iptables that writes them.
    Nftables,
    /// kube-proxy in its mode `ipvs`.
    Ipvs,
    /// One of these DaemonSets or namespaces.
    Agents(&'static [&'static str]),
    /// One of these CSI drivers.
    Csi(&'static [&'static str]),
}

/// CNI plugins that connect pods by a bridge (from their manifests).
const BRIDGED: By = By::Agents(&["kube-flannel-ds", "kube-flannel", "weave-net"]);
/// CNI plugins that may use VXLAN between nodes.
const OVERLAY: By =
    By::Agents(&["kube-flannel-ds", "kube-flannel", "weave-net", "cilium", "calico-node", "antrea-agent"]);
/// CNI plugins that may encrypt with WireGuard.
const ENCRYPTED: By = By::Agents(&["cilium", "calico-node"]);
/// Service meshes that redirect a pod's packets by iptables rules in the pod's network namespace.
const MESH: By = By::Agents(&["istio-system", "istio-cni-node", "linkerd", "linkerd-cni"]);
/// Drivers whose volumes are mounted by NFS.
const NFS: By = By::Csi(&["efs.csi.aws.com", "fsx.openzfs.csi.aws.com", "nfs.csi.k8s.io"]);
/// Mountpoint for Amazon S3.
const FUSE: By = By::Csi(&["s3.csi.aws.com"]);

/// Modules with their user and what does not work without them.
const NEEDED: [(&str, By, &str); 28] = [
    ("overlay", By::All, "containerd cannot unpack images"),
    ("veth", By::All, "pods have no network"),
    ("bridge", BRIDGED, "pods of a bridge CNI have no network"),
    ("br_netfilter", BRIDGED, "Services do not work for bridged packets"),
    ("nf_conntrack", By::All, "Services and network policies have no connection tracking"),
    ("nf_nat", By::All, "Services have no addresses"),
    ("nf_tables", By::Nftables, "rules of kube-proxy and the CNI cannot be loaded"),
    ("nft_compat", By::Nftables, "rules of an iptables that writes nftables cannot be loaded"),
    ("nft_chain_nat", By::Nftables, "Services have no addresses"),
    ("ip_tables", By::LegacyTables, "rules of kube-proxy and the CNI cannot be loaded"),
    ("iptable_nat", By::LegacyTables, "Services have no addresses"),
    ("iptable_filter", By::LegacyTables, "rules of kube-proxy and the CNI cannot be loaded"),
    ("iptable_mangle", By::LegacyTables, "the VPC CNI cannot mark connections to NodePorts"),
    ("xt_conntrack", By::All, "rules of kube-proxy cannot be loaded"),
    ("xt_comment", By::All, "rules of kube-proxy cannot be loaded"),
    ("xt_mark", By::All, "rules of kube-proxy cannot be loaded"),
    ("xt_nat", By::All, "Services have no addresses"),
    ("xt_statistic", By::All, "kube-proxy cannot choose among the pods of a Service"),
    ("xt_addrtype", By::All, "rules of kube-proxy for NodePorts cannot be loaded"),
    ("xt_MASQUERADE", By::All, "pods cannot reach what is outside of the VPC"),
    ("xt_REDIRECT", MESH, "the service mesh cannot redirect the packets of pods"),
    ("xt_owner", MESH, "the service mesh cannot distinguish its proxy's packets from the pod's"),
    ("ip_vs", By::Ipvs, "Services have no addresses"),
    ("vxlan", OVERLAY, "packets between nodes cannot be tunnelled"),
    ("wireguard", ENCRYPTED, "packets between nodes cannot be encrypted"),
    ("fuse", FUSE, "volumes of Mountpoint for Amazon S3 cannot be mounted"),
    ("nfs", NFS, "EFS and NFS volumes cannot be mounted"),
    ("nfsv4", NFS, "EFS and NFS volumes cannot be mounted"),
];

/// The parts of the cluster that use modules.
#[derive(Debug, Default)]
struct Cluster {
    /// The mode of kube-proxy; `None` for its default, `iptables`.
    proxy_mode: Option<String>,
    /// DaemonSets and namespaces, by name.
    agents: BTreeSet<String>,
    /// CSI drivers, by name.
    drivers: BTreeSet<String>,
}

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let cluster = Cluster::read(context).await?;
    let facts = context.facts.of(context).await;
    let mut decision = decision(context, assess(facts, &cluster));
    decision.evidence.extend(unused(facts, &cluster));
    Ok(decision)
}

impl Cluster {
    async fn read(context: &Context) -> Result<Self, CheckError> {
        let (client, all) = (context.cluster.client(), ListParams::default());
        let (sets, namespaces) = (Api::<DaemonSet>::all(client.clone()), Api::<Namespace>::all(client.clone()));
        let (drivers, maps) =
            (Api::<CSIDriver>::all(client.clone()), Api::<ConfigMap>::namespaced(client, "kube-system"));
        let reading =
            |what: &'static str| move |error| CheckError::api(format!("listing the {what} of the cluster"), error);
        let sets = pages::kept(&sets, &all, |set| Some(set.name_any())).await.map_err(reading("DaemonSets"))?;
        let namespaces =
            pages::kept(&namespaces, &all, |space| Some(space.name_any())).await.map_err(reading("namespaces"))?;
        let drivers = pages::kept(&drivers, &all, |driver| Some(driver.name_any())).await;
        let mut proxy_mode = None;
        for name in PROXY_MAPS {
            let map = maps.get_opt(name).await;
            let map = map.doing(format!("reading the ConfigMap kube-system/{name}"))?;
            proxy_mode = proxy_mode.or(map.and_then(|map| mode(&map)));
        }
        Ok(Self {
            proxy_mode,
            agents: sets.into_iter().chain(namespaces).collect(),
            drivers: drivers.map_err(reading("CSI drivers"))?.into_iter().collect(),
        })
    }

    /// Whether a node needs a module.
    fn needs(&self, by: By, read: &Collected) -> bool {
        let is_nftables = self.proxy_mode.as_deref() == Some("nftables") || is_loaded(read, "nf_tables");
        match by {
            By::All => true,
            // Programs with either kind use the backend of the host's iptables (iptables-wrappers of the Kubernetes project).
            By::Nftables => is_nftables || !is_loaded(read, "ip_tables"),
            By::LegacyTables => !is_nftables,
            By::Ipvs => self.proxy_mode.as_deref() == Some("ipvs"),
            By::Agents(names) => names.iter().any(|name| self.agents.contains(*name)),
            By::Csi(names) => names.iter().any(|name| self.drivers.contains(*name)),
        }
    }
}

/// The ConfigMaps of kube-proxy: that of EKS, and that of kubeadm.
const PROXY_MAPS: [&str; 2] = ["kube-proxy-config", "kube-proxy"];

/// `mode: "ipvs"` of a configuration; an empty one is the default.
fn mode(map: &ConfigMap) -> Option<String> {
    let data = map.data.as_ref()?;
    let line = data.values().flat_map(|text| text.lines()).find_map(|line| line.trim().strip_prefix("mode:"))?;
    Some(line.trim().trim_matches(['"', '\'']).to_owned()).filter(|mode| !mode.is_empty())
}

fn is_loaded(read: &Collected, module: &str) -> bool {
    read.get("modules.loaded").is_some_and(|loaded| loaded.split_whitespace().any(|own| own == module))
}

fn assess(facts: &[NodeFacts], cluster: &Cluster) -> Verdict {
    judged(facts, |node, read| {
        let Some(blocked) = blocked_modules(read) else { return Err(silent(node, "which modules are blocked")) };
        let needed = NEEDED.iter().filter(|(name, by, _)| blocked.contains(name) && cluster.needs(*by, read));
        let finding = |(name, _, why): &(&str, By, &str)| {
            let help = format!("remove `install {name} /bin/false` from /etc/modprobe.d when the image is built");
            let resource = format!("{}, {name}", resource(node));
            Finding::new(resource, format!("module {name} cannot be loaded: {why}")).with_remediation(help)
        };
        Ok(needed.map(finding).collect())
    })
}

/// The blocked modules that this cluster does not use but others may.
fn unused(facts: &[NodeFacts], cluster: &Cluster) -> Option<Evidence> {
    let mut lines = BTreeSet::new();
    for (_, read) in facts.iter().filter_map(|of_node| of_node.read.as_ref().ok()) {
        let blocked = blocked_modules(read).unwrap_or_default();
        let here = NEEDED.iter().filter(|(name, by, _)| blocked.contains(name) && !cluster.needs(*by, read));
        lines.extend(here.map(|(name, _, why)| format!("{name}: where it is used, {why}")));
    }
    let text = lines.into_iter().collect::<Vec<_>>().join("\n");
    (!text.is_empty()).then(|| Evidence { name: "blocked, and not used in this cluster".to_owned(), text, file: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::{measured, read_facts};

    fn node(blocked: &str, loaded: &str) -> NodeFacts {
        measured(1, &[("modules.blocked", blocked), ("modules.loaded", loaded)], &[("modprobe", "")])
    }

    fn named(blocked: &str, loaded: &str, cluster: &Cluster) -> Vec<String> {
        match assess(&[node(blocked, loaded)], cluster) {
            Verdict::Pass => Vec::new(),
            Verdict::Fail(findings) => {
                findings.into_iter().map(|finding| finding.resource.replace("node 1, ", "")).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_benchmarks_block_is_fine_and_what_every_pod_needs_is_not() {
        let cluster = Cluster::default();
        assert!(named("cramfs dccp rds sctp squashfs tipc udf", "", &cluster).is_empty());
        assert_eq!(named("cramfs overlay xt_statistic", "", &cluster), ["overlay", "xt_statistic"]);
        assert_eq!(assess(&[measured(1, &[], &[("modprobe", "")])], &cluster), Verdict::Pass);
        let unread = read_facts(1, &[("kernel.release", "6.12")]);
        assert!(
            matches!(assess(&[unread], &cluster), Verdict::NotEvaluated(_)),
            "a section that is missing blocks nothing"
        );
    }

    #[test]
    fn legacy_tables_matter_where_rules_are_written_into_them() {
        let legacy = "ip_tables iptable_filter iptable_nat";
        let cluster = Cluster::default();
        assert!(named(legacy, "nf_tables overlay", &cluster).is_empty(), "iptables writes nftables there");
        assert_eq!(named(legacy, "", &cluster), ["ip_tables", "iptable_nat", "iptable_filter"]);
        assert!(named("nf_tables nft_compat", "ip_tables", &cluster).is_empty(), "and the other way round");
        assert_eq!(named("nf_tables", "", &cluster), ["nf_tables"]);
        let nftables = Cluster { proxy_mode: Some("nftables".to_owned()), ..Cluster::default() };
        assert!(named(legacy, "", &nftables).is_empty());
        assert_eq!(named("nf_tables", "ip_tables", &nftables), ["nf_tables"]);
    }

    #[test]
    fn what_only_some_clusters_use_is_a_finding_there_and_a_note_elsewhere() {
        let blocked = "fuse ip_vs nfsv4 vxlan xt_owner";
        let none = Cluster::default();
        assert!(named(blocked, "", &none).is_empty());
        let note = unused(&[node(blocked, "")], &none).unwrap();
        assert_eq!(note.text.lines().count(), 5, "{}", note.text);
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let all = Cluster {
            proxy_mode: Some("ipvs".to_owned()),
            agents: names(&["cilium", "istio-system"]),
            drivers: names(&["efs.csi.aws.com", "s3.csi.aws.com"]),
        };
        assert_eq!(named(blocked, "", &all), ["xt_owner", "ip_vs", "vxlan", "fuse", "nfsv4"]);
        assert_eq!(unused(&[node(blocked, "")], &all), None);
    }

    #[test]
    fn the_mode_of_kube_proxy_is_read_from_its_configuration() {
        let of = |text: &str| {
            let map = serde_json::json!({"data": {"config": format!("kind: KubeProxyConfiguration\n{text}\n")}});
            mode(&serde_json::from_value(map).unwrap())
        };
        assert_eq!(of("mode: \"ipvs\""), Some("ipvs".to_owned()));
        assert_eq!(of("mode: nftables"), Some("nftables".to_owned()));
        assert_eq!((of("mode: \"\""), of("metricsBindAddress: 0.0.0.0:10249")), (None, None));
    }
}
