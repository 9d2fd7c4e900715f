mod kubernetes;

use amiproof_model::name::VariantName;
use jiff::Timestamp;

use super::*;
use crate::ledger::{ConfigMapKey, Header, ObjectRef, Resource};

fn header() -> Header {
    Header {
        version: ledger::VERSION,
        run: "r-1".parse().unwrap(),
        matrix: "nightly".to_owned(),
        account: "111122223333".to_owned(),
        region: "us-west-2".to_owned(),
        endpoint: Some("http://127.0.0.1:4566".to_owned()),
        kubeconfig: None,
        started: Timestamp::UNIX_EPOCH,
        expires: Timestamp::UNIX_EPOCH,
        keep: false,
    }
}

async fn ledger_with(resources: &[Resource]) -> (tempfile::TempDir, Ledger) {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::create(camino::Utf8Path::from_path(folder.path()).unwrap(), header()).unwrap();
    for resource in resources {
        let id = format!("id-{}", resource.name);
        ledger.create_resource(resource.clone(), || async move { Ok::<_, ledger::Error>(id) }).await.unwrap();
    }
    (folder, ledger)
}

fn cluster_role() -> ResourceKind {
    let (api_version, kind) = ("rbac.authorization.k8s.io/v1".to_owned(), "ClusterRole".to_owned());
    ResourceKind::KubernetesObject(ObjectRef { api_version, kind, namespace: None })
}

fn windows_ipam() -> ResourceKind {
    let (namespace, key) = ("kube-system".to_owned(), "enable-windows-ipam".to_owned());
    ResourceKind::ConfigMapKey(ConfigMapKey { namespace, key, value: "true".to_owned(), before: None })
}

fn one_of_each() -> Vec<Resource> {
    let of = |kind, name: &str| Resource::new(kind, name).in_region("us-west-2").in_cluster("c");
    vec![
        of(ResourceKind::Stack, "amiproof-c"),
        of(ResourceKind::Role, "role"),
        of(ResourceKind::OidcProvider, "oidc.eks.us-west-2.amazonaws.com/id/A"),
        of(ResourceKind::Cluster, "c"),
        of(ResourceKind::Addon, "vpc-cni"),
        of(ResourceKind::AccessEntry, "arn:aws:iam::111122223333:role/x"),
        of(ResourceKind::LaunchTemplate, "amiproof-r-1-v"),
        of(ResourceKind::NodeGroup, "v-r-1").for_variant(&"v".parse().unwrap()),
        of(ResourceKind::CisScanConfiguration, "amiproof-r-1-v"),
        of(ResourceKind::Namespace, "ap-r-1-v"),
        of(ResourceKind::StorageClass, "amiproof"),
        of(cluster_role(), "readers"),
        of(windows_ipam(), "amazon-vpc-cni"),
    ]
}

#[tokio::test(start_paused = true)]
async fn what_uses_goes_before_what_is_used() {
    let (_folder, ledger) = ledger_with(&one_of_each()).await;
    let targets = ledger.entries().iter().map(|entry| Target::of_entry(entry, &header())).collect();
    let tiers = order::tiers(targets);
    let words: Vec<String> = tiers
        .iter()
        .map(|tier| tier.iter().map(|target| target.kind.as_str()).collect::<Vec<_>>().join(", "))
        .collect();
    insta::assert_snapshot!(words.join("\n"), @r"
    namespace
    config map change, Kubernetes object, storage class
    Inspector CIS scan configuration, EKS add-on
    node group
    launch template, EKS access entry
    EKS cluster
    CloudFormation stack
    IAM OpenID Connect provider, IAM role
    ");
    assert!(order::needs_free_interfaces(&tiers[5]) && !order::needs_free_interfaces(&tiers[3]));
}

#[tokio::test(start_paused = true)]
async fn every_leftover_names_the_one_command_that_removes_it() {
    let (_folder, ledger) = ledger_with(&one_of_each()).await;
    let commands: Vec<String> =
        ledger.entries().iter().map(|entry| Target::of_entry(entry, &header()).help()).collect();
    insta::assert_snapshot!(commands.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn without_access_everything_is_a_leftover_and_nothing_is_forgotten() {
    let (_folder, ledger) = ledger_with(&one_of_each()).await;
    let plan = Plan {
        ledger: &ledger,
        clients: None,
        access: None,
        what: What::Everything,
        deadlines: Deadlines::default(),
        progress: &ProgressSink::silent(),
    };
    let cleanup = destroy(&plan).await.unwrap();
    // What lives in the cluster would go with it, and the cluster itself is listed.
    assert_eq!((cleanup.created, cleanup.deleted), (13, 0));
    assert_eq!(cleanup.leftovers.len(), 7);
    assert!(cleanup.leftovers.iter().all(|leftover| leftover.reason.contains("no access")), "{cleanup:?}");
    let again = destroy(&plan).await.unwrap();
    assert_eq!((again.created, again.leftovers.len()), (13, 7));
    assert!(ledger.entries().iter().all(|entry| entry.state == State::Created));
}

#[tokio::test(start_paused = true)]
async fn a_namespace_of_a_cluster_that_stays_is_a_leftover() {
    let namespace = Resource::new(ResourceKind::Namespace, "ap-r-1-v").in_cluster("theirs");
    let (_folder, ledger) = ledger_with(&[namespace]).await;
    let deadlines = Deadlines::default();
    let progress = &ProgressSink::silent();
    let plan = Plan { ledger: &ledger, clients: None, access: None, what: What::Everything, deadlines, progress };
    let cleanup = destroy(&plan).await.unwrap();
    assert_eq!(cleanup.leftovers[0].help, "kubectl delete namespace ap-r-1-v");
}

#[tokio::test(start_paused = true)]
async fn one_variant_goes_alone() {
    let (_folder, ledger) = ledger_with(&one_of_each()).await;
    let variant: VariantName = "v".parse().unwrap();
    let deadlines = Deadlines::default();
    let progress = &ProgressSink::silent();
    let what = What::Variant(&variant);
    let plan = Plan { ledger: &ledger, clients: None, access: None, what, deadlines, progress };
    let cleanup = destroy(&plan).await.unwrap();
    let kinds: Vec<&str> = cleanup.leftovers.iter().map(|leftover| leftover.kind.as_str()).collect();
    assert_eq!(kinds, ["node group"]);
}
