//! Provisioning and cleanup against the lab: the same bodies as against moto, and what only the lab can do: things that go wrong.

mod provisioning;

use std::sync::Arc;

use amiproof_lab::aws::Aws;
use amiproof_lab::aws::world::{ClusterEndpoint, ClusterHook, World as Account, WorldSettings};
use amiproof_lab::clock::Clock;
use amiproof_lab::profile;
use amiproof_lab::scenario::Scenario;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures::future::BoxFuture;

use provisioning::World;

/// An emulated minute takes 60 ms.
const SPEED: f64 = 1000.0;

/// A Kubernetes half that nobody asks anything: provisioning ends where nodes join.
struct Kubernetes;

impl ClusterHook for Kubernetes {
    fn open<'a>(&'a self, _cluster: &'a str, _version: &'a str) -> BoxFuture<'a, Result<ClusterEndpoint, String>> {
        let certificate_authority = BASE64_STANDARD.encode("-----BEGIN CERTIFICATE-----\n");
        let endpoint = "https://127.0.0.1:6443".to_owned();
        Box::pin(async move { Ok(ClusterEndpoint { endpoint, certificate_authority }) })
    }

    fn close<'a>(&'a self, _cluster: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async {})
    }
}

struct Lab {
    aws: Aws,
    world: World,
}

impl Lab {
    async fn with(scenario: Scenario) -> Self {
        let profiles = profile::builtin().unwrap().into_iter().map(Arc::new).collect();
        let settings = WorldSettings { clock: Clock::new(SPEED), profiles, scenario, ..WorldSettings::default() };
        let account = Account::new(settings);
        account.set_cluster_hook(Arc::new(Kubernetes));
        let aws = Aws::serve(account, Aws::ANY_PORT).await.unwrap();
        let world = World {
            endpoint: aws.endpoint(),
            speed: SPEED,
            parameter: "/aws/service/eks/optimized-ami/1.36/amazon-linux-2023/x86_64/standard/recommended/image_id"
                .to_owned(),
            is_moto: false,
        };
        Self { aws, world }
    }

    /// Asks the lab itself what exists beyond what it starts with.
    async fn assert_empty(self) {
        let left = self.aws.resources();
        assert!(left.is_empty(), "{left:#?}");
        self.aws.stop().await;
    }
}

fn scenario(name: &str) -> Scenario {
    Scenario::find(name).unwrap()
}

#[tokio::test]
async fn everything_that_is_made_is_removed() {
    let lab = Lab::with(Scenario::default()).await;
    provisioning::everything_that_is_made_is_removed(&lab.world).await;
    lab.assert_empty().await;
}

#[tokio::test]
async fn a_ledger_without_a_single_answer_is_enough() {
    let lab = Lab::with(Scenario::default()).await;
    provisioning::a_ledger_without_a_single_answer_is_enough(&lab.world).await;
    lab.assert_empty().await;
}

#[tokio::test]
async fn a_cluster_of_the_same_name_that_another_run_made_is_left_alone() {
    let lab = Lab::with(Scenario::default()).await;
    provisioning::a_cluster_of_the_same_name_that_another_run_made_is_left_alone(&lab.world).await;
    lab.assert_empty().await;
}

#[tokio::test]
async fn what_has_expired_is_swept_by_its_tags_alone() {
    let lab = Lab::with(Scenario::default()).await;
    provisioning::what_has_expired_is_swept_by_its_tags_alone(&lab.world).await;
    lab.assert_empty().await;
}

#[tokio::test]
async fn what_is_missing_is_said_with_the_mend() {
    let lab = Lab::with(Scenario::default()).await;
    provisioning::what_is_missing_is_said_with_the_mend(&lab.world).await;
    lab.assert_empty().await;
}

#[tokio::test]
async fn throttling_changes_nothing() {
    let lab = Lab::with(scenario("throttling")).await;
    provisioning::everything_that_is_made_is_removed(&lab.world).await;
    lab.assert_empty().await;
}

#[tokio::test]
async fn bursts_of_server_errors_change_nothing() {
    let lab = Lab::with(scenario("server-errors")).await;
    provisioning::everything_that_is_made_is_removed(&lab.world).await;
    lab.assert_empty().await;
}

#[tokio::test]
async fn deletes_that_fail_at_first_are_asked_for_again() {
    let lab = Lab::with(scenario("delete-fails")).await;
    provisioning::everything_that_is_made_is_removed(&lab.world).await;
    lab.assert_empty().await;
}

#[tokio::test]
async fn nodes_that_never_join_are_given_up_with_evidence() {
    let never = "name: never\nfaults:\n  - neverJoins: {nodeGroup: '*', reason: 'kubelet.service: Failed to determine user credentials'}\n";
    let lab = Lab::with(Scenario::parse("never", never).unwrap()).await;
    provisioning::nodes_that_never_join_are_given_up_with_evidence(&lab.world).await;
    lab.assert_empty().await;
}

#[tokio::test]
async fn a_node_group_that_aws_throttled_is_made_anew() {
    let throttled = "name: iam\nfaults:\n  - nodeGroupFails: {nodeGroup: '*', phase: create, issue: IamThrottling, message: Rate exceeded, times: 1}\n";
    let lab = Lab::with(Scenario::parse("iam", throttled).unwrap()).await;
    provisioning::a_node_group_that_aws_throttled_is_made_anew(&lab.world).await;
    lab.assert_empty().await;
}

#[tokio::test]
async fn inspector_answers_every_control() {
    let lab = Lab::with(Scenario::default()).await;
    let rows = provisioning::inspector_answers_every_control(&lab.world).await;
    assert!(rows.len() > 50, "{} rows", rows.len());
    assert!(rows.iter().all(|row| row.check.as_str().starts_with("os-cis/cis-al2023-1.0.0/")));
    lab.assert_empty().await;
}
