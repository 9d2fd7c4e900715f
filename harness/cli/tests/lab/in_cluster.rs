//! `run --in-cluster`: the Job that it makes, what it says of it, and that nothing stays. The lab has no image of amiproof, so no pod starts:
//! the test runs the shards where the pods would, and says in the status of the Job that they are over.

use std::path::PathBuf;
use std::process::Command;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ServiceAccount};
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;

use crate::given::{Standing, ended, pairs};
use crate::moto::Moto;
use crate::process::{Watched, stderr};
use crate::shards::{read, said};

const CHECKS: &str = "node,workload/web-service";
/// A registry that does not exist (RFC 2606).
const IMAGE: &str = "registry.example/amiproof:0";

/// A cluster with two node groups, a bucket, and what is needed to reach both.
struct World {
    standing: Standing,
    matrix: PathBuf,
    environment: Vec<(String, String)>,
    _moto: Moto,
}

impl World {
    fn new() -> Option<Self> {
        let moto = Moto::start()?;
        moto.make_bucket("nights");
        let standing = Standing::new();
        let matrix = standing.matrix("pair", "{name: somebodys}", &pairs(&standing.both()));
        let endpoint = format!("http://127.0.0.1:{}", moto.port);
        let environment = [
            ("AWS_ENDPOINT_URL_S3", endpoint.as_str()),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", "us-west-2"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Some(Self { standing, matrix, environment, _moto: moto })
    }

    fn command(&self, machine: &str, more: &[&str]) -> Command {
        let mut command = self.standing.given(machine, "run", &self.matrix);
        command.args(["--checks", CHECKS]).args(more).envs(self.environment.iter().cloned());
        command
    }

    fn in_cluster(&self, run: &str) -> Command {
        self.command("here", &["--in-cluster", "2", "--image", IMAGE, "--store", "s3://nights/team-a", "--run", run])
    }

    async fn client(&self) -> Client {
        let file = Kubeconfig::read_from(self.standing.folder().join("kubeconfig")).unwrap();
        let config = kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap();
        Client::try_from(config).unwrap()
    }

    /// What `namespace.yaml` creates.
    async fn prepare(&self) {
        let (client, how) = (self.client().await, PostParams::default());
        let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": "amiproof"}})).unwrap();
        Api::all(client.clone()).create(&how, &namespace).await.unwrap();
        let account: ServiceAccount = serde_json::from_value(json!({"metadata": {"name": "amiproof"}})).unwrap();
        Api::namespaced(client, "amiproof").create(&how, &account).await.unwrap();
    }

    /// The names of the Jobs and ConfigMaps of amiproof.
    async fn objects(&self) -> Vec<String> {
        let client = self.client().await;
        let jobs: Api<Job> = Api::namespaced(client.clone(), "amiproof");
        let maps: Api<ConfigMap> = Api::namespaced(client, "amiproof");
        let labelled = ListParams::default().labels("app.kubernetes.io/managed-by=amiproof");
        let jobs = jobs.list(&labelled).await.unwrap().items.into_iter().map(|job| format!("job {}", job.name_any()));
        let maps = maps.list(&labelled).await.unwrap().items.into_iter().map(|map| format!("map {}", map.name_any()));
        jobs.chain(maps).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shards_of_a_job_are_followed_merged_and_deleted() {
    let Some(world) = World::new() else { return };
    let refused = ended(&mut world.in_cluster("early"));
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
    assert!(
        stderr(&refused).contains("there is no service account amiproof in namespace amiproof"),
        "{}",
        stderr(&refused)
    );
    world.prepare().await;

    let following = Watched::start(&mut world.in_cluster("tonight"));
    following.wait_for(&["shard 1/2 does not start yet: ImagePullBackOff"]);
    following.wait_for(&["shard 2/2 does not start yet: ImagePullBackOff"]);
    assert_eq!(world.objects().await, ["job amiproof-tonight", "map amiproof-tonight"]);
    let jobs: Api<Job> = Api::namespaced(world.client().await, "amiproof");
    let job = jobs.get("amiproof-tonight").await.unwrap();
    let since = serde_json::to_value(&job.metadata.creation_timestamp).unwrap();
    let pod = job.spec.unwrap().template.spec.unwrap();
    let arguments = pod.containers[0].args.clone().unwrap();
    for wanted in ["--shard=job/2", "--run=tonight", "--store=s3://nights/team-a", &format!("--checks={CHECKS}")] {
        assert!(arguments.iter().any(|argument| argument == wanted), "{wanted}: {arguments:?}");
    }

    // What the pods do, each with its index.
    for index in ["0", "1"] {
        let shard = ["--shard=job/2", "--run=tonight", "--store=s3://nights/team-a"];
        let mut pod = world.command(&format!("pod-{index}"), &shard);
        let done = ended(pod.env("JOB_COMPLETION_INDEX", index));
        assert!(matches!(done.status.code(), Some(0 | 1)), "{}", stderr(&done));
    }
    let status = json!({"status": {"completedIndexes": "0,1", "conditions": [
        {"type": "SuccessCriteriaMet", "status": "True", "lastTransitionTime": since, "lastProbeTime": since},
        {"type": "Complete", "status": "True", "lastTransitionTime": since, "lastProbeTime": since},
    ]}});
    jobs.patch_status("amiproof-tonight", &PatchParams::default(), &Patch::Merge(&status)).await.unwrap();
    let (code, progress) = following.end();
    assert!(progress.contains("shard 1/2 passed") && progress.contains("shard 2/2 passed"), "{progress}");
    assert_eq!(world.objects().await, [""; 0], "{progress}");

    let whole = ended(&mut world.command("whole", &["--run", "whole"]));
    assert_eq!(code, whole.status.code(), "{progress}");
    let folder = |machine: &str| world.standing.folder().join(machine);
    assert_eq!(said(&read(&folder("here"), "tonight-all")), said(&read(&folder("whole"), "whole")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_deletes_the_job_and_a_job_of_others_is_left_alone() {
    let Some(world) = World::new() else { return };
    world.prepare().await;
    let following = Watched::start(&mut world.in_cluster("stopped"));
    following.wait_for(&["shard 1/2 does not start yet: ImagePullBackOff"]);
    following.signal("INT");
    let (code, progress) = following.end();
    assert_eq!(code, Some(130), "{progress}");
    assert!(progress.contains("stopping: the pods clean up"), "{progress}");
    assert_eq!(world.objects().await, [""; 0], "{progress}");

    let killed = Watched::start(&mut world.in_cluster("killed"));
    killed.wait_for(&["shard 1/2 does not start yet: ImagePullBackOff"]);
    killed.signal("KILL");
    killed.end();
    assert_eq!(world.objects().await, ["job amiproof-killed", "map amiproof-killed"]);
    // The name is taken on another machine, which does not know the run.
    let mut other = world
        .command("there", &["--in-cluster", "2", "--image", IMAGE, "--store", "s3://nights/team-a", "--run", "killed"]);
    let refused = ended(&mut other);
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("that was not created from"), "{}", stderr(&refused));
    let destroyed = crate::process::run(&world.standing.folder().join("here"), &["destroy", "--run", "killed"]);
    assert_eq!(destroyed.status.code(), Some(0), "{}", stderr(&destroyed));
    assert_eq!(world.objects().await, [""; 0]);
}

#[test]
fn what_cannot_run_in_a_cluster_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let pair = crate::process::matrix("pair.yaml");
    let existing = dir.path().join("existing.yaml");
    let text = std::fs::read_to_string(&pair).unwrap().replace("create: true", "create: false");
    std::fs::write(&existing, text).unwrap();
    let (pair, existing) = (pair.to_str().unwrap(), existing.to_str().unwrap());
    let start = |file: &str, more: &[&str]| {
        let mut all = vec!["run".to_owned(), "--file".to_owned(), file.to_owned()];
        all.extend(more.iter().map(|word| (*word).to_owned()));
        all
    };
    for (arguments, wanted) in [
        (start(pair, &["--in-cluster", "2", "--image", "i"]), "--store"),
        (start(pair, &["--in-cluster", "2", "--store", "s3://nights"]), "--image"),
        (start(pair, &["--in-cluster", "2", "--image", "i", "--store", "s3://nights", "--lab"]), "cannot be used with"),
        (start(pair, &["--in-cluster", "0", "--image", "i", "--store", "s3://nights"]), "is not in 1..=1000"),
        (start(existing, &["--in-cluster", "1", "--image", "i", "--store", "folder"]), "name a store in S3"),
        (
            start(pair, &["--in-cluster", "1", "--image", "i", "--store", "s3://nights"]),
            "every shard would create cluster pair",
        ),
        (start(existing, &["--in-cluster", "2", "--image", "i", "--store", "s3://nights"]), "use --in-cluster 1"),
        (
            start(existing, &["--in-cluster", "1", "--image", "i", "--store", "s3://nights", "--checks", "disruptive"]),
            "shards do not wait for each other",
        ),
    ] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let refused = crate::process::run(dir.path(), &arguments);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {}", stderr(&refused));
        assert!(stderr(&refused).contains(wanted), "{arguments:?}: {}", stderr(&refused));
    }
}
