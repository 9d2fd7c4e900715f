mod kubernetes;

use amiproof_model::name::VariantName;
use jiff::Timestamp;

use super::*;
use crate::ledger::{Header, Resource};
use crate::resource;
use crate::resource::config_map_change::ConfigMapKey;
use crate::resource::object::ObjectRef;

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

fn cluster_role() -> Resource {
    let (api_version, kind) = ("rbac.authorization.k8s.io/v1".to_owned(), "ClusterRole".to_owned());
    ObjectRef { api_version, kind, namespace: None }.resource("readers").in_cluster("c")
}

fn windows_ipam() -> Resource {
    let (namespace, key) = ("kube-system".to_owned(), "enable-windows-ipam".to_owned());
    let change = ConfigMapKey { namespace, key, value: "true".to_owned(), before: None };
    change.resource("amazon-vpc-cni").in_cluster("c")
}

fn one_of_each() -> Vec<Resource> {
    let of = |kind, name: &str| Resource::new(kind, name).in_region("us-west-2").in_cluster("c");
    vec![
        of(resource::stack::KIND, "amiproof-c"),
        of(resource::role::KIND, "role"),
        of(resource::oidc_provider::KIND, "oidc.eks.us-west-2.amazonaws.com/id/A"),
        of(resource::cluster::KIND, "c"),
        of(resource::addon::KIND, "vpc-cni"),
        of(resource::access_entry::KIND, "arn:aws:iam::111122223333:role/x"),
        of(resource::launch_template::KIND, "amiproof-r-1-v"),
        of(resource::node_group::KIND, "v-r-1").for_variant(&"v".parse().unwrap()),
        of(resource::cis_scan_configuration::KIND, "amiproof-r-1-v"),
        of(resource::namespace::KIND, "ap-r-1-v"),
        of(resource::storage_class::KIND, "amiproof"),
        cluster_role(),
        windows_ipam(),
    ]
}

#[tokio::test(start_paused = true)]
async fn what_uses_goes_before_what_is_used() {
    let (_folder, ledger) = ledger_with(&one_of_each()).await;
    let targets = ledger.entries().iter().map(|entry| Target::of_entry(entry, &header())).collect();
    let tiers = order::tiers(targets);
    let words: Vec<String> =
        tiers.iter().map(|tier| tier.iter().map(|target| target.title()).collect::<Vec<_>>().join(", ")).collect();
    insta::assert_snapshot!(words.join("\n"), @r"
    namespace, Inspector CIS scan configuration
    config map change, Kubernetes object, storage class
    EKS add-on
    node group
    launch template, EKS access entry
    EKS cluster
    IAM OpenID Connect provider, IAM role
    CloudFormation stack
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
    let namespace = Resource::new(resource::namespace::KIND, "ap-r-1-v").in_cluster("theirs");
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
