//! The account of a lab without its Kubernetes: provisioning ends when nodes join.

use std::sync::Arc;

use amiproof_core::transport::Transport;
use amiproof_lab::aws::Aws;
use amiproof_lab::aws::hooks::{ClusterEndpoint, ClusterHook, NodeShellHook, ShellOutput};
use amiproof_lab::aws::world::{World as Account, WorldSettings};
use amiproof_lab::listen::{MemoryNetwork, Network};
use amiproof_lab::profile;
use amiproof_lab::scenario::Scenario;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures::future::BoxFuture;

use crate::provisioning::World;

/// A Kubernetes part without calls: provisioning ends when nodes join.
struct Kubernetes;

impl ClusterHook for Kubernetes {
    fn open<'a>(
        &'a self,
        _cluster: &'a str,
        _version: &'a str,
        _issuer: &'a str,
    ) -> BoxFuture<'a, Result<ClusterEndpoint, String>> {
        let certificate_authority = BASE64_STANDARD.encode("-----BEGIN CERTIFICATE-----\n");
        let endpoint = "https://127.0.0.1:6443".to_owned();
        Box::pin(async move { Ok(ClusterEndpoint { endpoint, certificate_authority }) })
    }

    fn close<'a>(&'a self, _cluster: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async {})
    }
}

/// Hosts that run every script at once.
struct Shells;

impl NodeShellHook for Shells {
    fn run<'a>(&'a self, _instance_id: &'a str, script: &'a str) -> BoxFuture<'a, ShellOutput> {
        let stdout = format!("ran: {script}");
        Box::pin(async move { ShellOutput { exit_code: 0, stdout, stderr: String::new() } })
    }
}

/// The account part of a lab, with clusters and hosts that need no calls.
pub(crate) struct Lab {
    pub(crate) aws: Aws,
    pub(crate) world: World,
}

impl Lab {
    pub(crate) async fn with(scenario: Scenario) -> Self {
        let profiles = profile::builtin().unwrap().into_iter().map(Arc::new).collect();
        let network = MemoryNetwork::default();
        let settings = WorldSettings { profiles, scenario, ..WorldSettings::default() };
        let account = Account::new(settings);
        account.set_cluster_hook(Arc::new(Kubernetes));
        account.set_shell_hook(Arc::new(Shells));
        let aws = Aws::serve(account, &Network::Memory(network.clone()), Aws::ANY_PORT).await.unwrap();
        let world = World {
            endpoint: aws.endpoint(),
            transport: Transport::memory(move |authority| network.dial(authority)),
            parameter: "/aws/service/eks/optimized-ami/1.36/amazon-linux-2023/x86_64/standard/recommended/image_id"
                .to_owned(),
            is_moto: false,
        };
        Self { aws, world }
    }

    /// How often an operation was called.
    pub(crate) fn calls(&self, operation: &str) -> u64 {
        self.aws.world().requests().get(operation).copied().unwrap_or(0)
    }

    /// Asks the lab itself what exists beyond what it starts with.
    pub(crate) async fn assert_empty(self) {
        let left = self.aws.resources();
        assert!(left.is_empty(), "{left:#?}");
        self.aws.stop().await;
    }
}
