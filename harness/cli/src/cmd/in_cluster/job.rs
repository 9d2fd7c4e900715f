//! The objects of a run in Kubernetes: the Job of `harness/deploy/shards/job.yaml` with what differs from run to run, and a ConfigMap with the
//! files that the run reads.

use std::collections::BTreeMap;

use amiproof_core::cluster::shard_job::CONTAINER;
use amiproof_core::cluster::{FIELD_MANAGER, MANAGED_BY, RUN_LABEL};
use amiproof_model::name::RunId;
use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use k8s_openapi::ByteString;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, ConfigMapVolumeSource, EnvFromSource, KeyToPath, SecretEnvSource};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

use crate::output::Failure;

/// The manifest that users apply by hand.
const TEMPLATE: &str = include_str!("../../../../deploy/shards/job.yaml");
/// Where the files are in a pod.
const FILES: &str = "/matrix";
/// The kubeconfig in a pod whose own cluster is tested.
const KUBECONFIG: &str = "kubeconfig.of-this-cluster";
/// What the files may have together, bytes: a ConfigMap has at most 1 MiB
/// ([ConfigMap](https://kubernetes.io/docs/concepts/configuration/configmap/#motivation)), with its metadata.
const MAX_BYTES: usize = 1_000_000;

/// What differs from run to run.
pub(super) struct Wanted<'a> {
    pub(super) run: &'a RunId,
    pub(super) shards: u32,
    pub(super) image: &'a str,
    pub(super) namespace: &'a str,
    pub(super) service_account: &'a str,
    /// The files that the run reads, by their paths beside the matrix file.
    pub(super) files: &'a BTreeMap<Utf8PathBuf, Vec<u8>>,
    /// The name of the matrix file.
    pub(super) matrix: &'a Utf8Path,
    /// What each shard is told, beside where its files, its runs and its store are.
    pub(super) arguments: &'a [String],
    pub(super) store: &'a str,
    /// A Secret whose keys are environment variables of the pods.
    pub(super) env_from: Option<&'a str>,
    /// Whether the pods test the cluster that they are in, with the rights of their service account.
    pub(super) tests_its_cluster: bool,
}

/// The name of the Job and of the ConfigMap of a run.
pub(super) fn name(run: &RunId) -> String {
    format!("amiproof-{run}")
}

/// The kubeconfig of a pod for the cluster that it is in, by its service account
/// ([Accessing the API from a Pod](https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/#directly-accessing-the-rest-api)).
fn kubeconfig() -> &'static str {
    "apiVersion: v1\n\
     kind: Config\n\
     current-context: in-cluster\n\
     contexts: [{name: in-cluster, context: {cluster: in-cluster, user: service-account}}]\n\
     clusters:\n\
     - name: in-cluster\n  \
       cluster: {server: \"https://kubernetes.default.svc\", certificate-authority: /var/run/secrets/kubernetes.io/serviceaccount/ca.crt}\n\
     users: [{name: service-account, user: {tokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token}}]\n"
}

impl Wanted<'_> {
    fn metadata(&self) -> ObjectMeta {
        let labels =
            [(RUN_LABEL, self.run.as_str()), (MANAGED_BY, FIELD_MANAGER), ("app.kubernetes.io/name", "amiproof")];
        ObjectMeta {
            name: Some(name(self.run)),
            namespace: Some(self.namespace.to_owned()),
            labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
            ..ObjectMeta::default()
        }
    }

    /// The files by their keys, which have no slashes.
    fn keyed(&self) -> Vec<(String, Utf8PathBuf, Vec<u8>)> {
        let own = self.tests_its_cluster.then(|| (Utf8PathBuf::from(KUBECONFIG), kubeconfig().as_bytes().to_vec()));
        let files = self.files.iter().map(|(path, bytes)| (path.clone(), bytes.clone())).chain(own);
        let keyed = files.enumerate().map(|(number, (path, bytes))| {
            let legal = |c: char| if c.is_ascii_alphanumeric() || c == '.' || c == '-' { c } else { '_' };
            let name: String = path.file_name().unwrap_or_default().chars().map(legal).take(100).collect();
            (format!("{number:03}-{name}"), path, bytes)
        });
        keyed.collect()
    }

    /// The ConfigMap.
    ///
    /// # Errors
    /// When a file is not beside or below the matrix file, or all of them are too large.
    pub(super) fn config_map(&self) -> Result<ConfigMap, Failure> {
        let outside = |path: &Utf8PathBuf| {
            path.components().any(|part| !matches!(part, Utf8Component::Normal(_) | Utf8Component::CurDir))
        };
        if let Some(path) = self.files.keys().find(|path| outside(path)) {
            return Err(Failure::usage(
                format!("{path} is not in the folder of the matrix file, so the pods cannot have it under that path"),
                "move it into the folder of the matrix file, or below it",
            ));
        }
        let size: usize = self.files.values().map(Vec::len).sum();
        if size > MAX_BYTES {
            return Err(Failure::usage(
                format!("the matrix and the files that it names have {size} bytes, and a ConfigMap has at most 1 MiB"),
                "put them into an image of your own, and start the Job of harness/deploy/shards with it",
            ));
        }
        let mut map = ConfigMap { metadata: self.metadata(), immutable: Some(true), ..ConfigMap::default() };
        for (key, _, bytes) in self.keyed() {
            match String::from_utf8(bytes) {
                Ok(text) => {
                    map.data.get_or_insert_default().insert(key, text);
                }
                Err(binary) => {
                    map.binary_data.get_or_insert_default().insert(key, ByteString(binary.into_bytes()));
                }
            }
        }
        Ok(map)
    }

    /// The Job.
    ///
    /// # Errors
    /// When the manifest in this program cannot be read.
    pub(super) fn job(&self) -> Result<Job, Failure> {
        let broken =
            |why: String| Failure::error(format!("the manifest of the shards: {why}"), "this is a bug in amiproof");
        let mut job: Job = serde_saphyr::from_str(TEMPLATE).map_err(|error| broken(error.to_string()))?;
        let labels = job.metadata.labels.take().unwrap_or_default();
        job.metadata = self.metadata();
        job.metadata.labels.get_or_insert_default().extend(labels);
        let spec = job.spec.as_mut().ok_or_else(|| broken("there is no spec".to_owned()))?;
        let count = i32::try_from(self.shards).map_err(|error| broken(error.to_string()))?;
        (spec.completions, spec.parallelism) = (Some(count), Some(count));
        let labels = spec.template.metadata.get_or_insert_default().labels.get_or_insert_default();
        labels.insert(RUN_LABEL.to_owned(), self.run.to_string());
        let pod = spec.template.spec.as_mut().ok_or_else(|| broken("there is no pod".to_owned()))?;
        pod.service_account_name = Some(self.service_account.to_owned());
        pod.automount_service_account_token = Some(self.tests_its_cluster);
        let volume = pod.volumes.iter_mut().flatten().find(|volume| volume.name == "matrix");
        let volume = volume.ok_or_else(|| broken("there is no volume for the matrix".to_owned()))?;
        let item = |(key, path, _): (String, Utf8PathBuf, Vec<u8>)| {
            // Without `./`, which Kubernetes does not take.
            let parts = path.components().filter(|part| matches!(part, Utf8Component::Normal(_)));
            KeyToPath { key, path: parts.collect::<Utf8PathBuf>().into_string(), ..KeyToPath::default() }
        };
        let items = self.keyed().into_iter().map(item);
        volume.config_map = Some(ConfigMapVolumeSource {
            name: name(self.run),
            items: Some(items.collect()),
            ..ConfigMapVolumeSource::default()
        });
        let container = pod.containers.iter_mut().find(|container| container.name == CONTAINER);
        let container = container.ok_or_else(|| broken(format!("there is no container {CONTAINER}")))?;
        container.image = Some(self.image.to_owned());
        container.env_from = self.env_from.map(|name| {
            let secret = SecretEnvSource { name: name.to_owned(), ..SecretEnvSource::default() };
            vec![EnvFromSource { secret_ref: Some(secret), ..EnvFromSource::default() }]
        });
        let mut arguments = vec![
            "run".to_owned(),
            format!("--file={FILES}/{}", self.matrix),
            "--dir=/runs".to_owned(),
            format!("--shard=job/{}", self.shards),
            format!("--run={}", self.run),
            format!("--store={}", self.store),
        ];
        if self.tests_its_cluster {
            arguments.push(format!("--kubeconfig={FILES}/{KUBECONFIG}"));
        }
        arguments.extend_from_slice(self.arguments);
        container.args = Some(arguments);
        Ok(job)
    }
}

/// An object as it is applied.
pub(super) fn applied<T: serde::Serialize>(object: &T) -> Result<Value, Failure> {
    serde_json::to_value(object).map_err(|error| Failure::error(error.to_string(), "this is a bug in amiproof"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted<'a>(run: &'a RunId, files: &'a BTreeMap<Utf8PathBuf, Vec<u8>>, arguments: &'a [String]) -> Wanted<'a> {
        Wanted {
            run,
            shards: 4,
            image: "registry.example.com/amiproof@sha256:00",
            namespace: "conformance",
            service_account: "tester",
            files,
            matrix: Utf8Path::new("amiproof.yaml"),
            arguments,
            store: "s3://bucket/prefix",
            env_from: None,
            tests_its_cluster: false,
        }
    }

    fn files(files: &[(&str, &[u8])]) -> BTreeMap<Utf8PathBuf, Vec<u8>> {
        files.iter().map(|(path, bytes)| (Utf8PathBuf::from(*path), bytes.to_vec())).collect()
    }

    #[test]
    fn the_job_is_the_manifest_with_what_differs_from_run_to_run() {
        let run = "tonight".parse().unwrap();
        let files = files(&[("amiproof.yaml", b"kind: Matrix"), ("./apps/web.yaml", b"kind: Workload")]);
        let arguments = ["--checks=node".to_owned(), "--retries=1".to_owned()];
        let job = wanted(&run, &files, &arguments).job().unwrap();
        let manifest: Job = serde_saphyr::from_str(TEMPLATE).unwrap();
        let (made, given) = (applied(&job).unwrap(), applied(&manifest).unwrap());
        let mut differs = Vec::new();
        differences("", &given, &made, &mut differs);
        insta::assert_snapshot!(differs.join("\n"));
    }

    #[test]
    fn a_pod_that_tests_its_own_cluster_has_a_kubeconfig_and_the_token_of_its_account() {
        let (run, files) = ("tonight".parse().unwrap(), files(&[("amiproof.yaml", b"kind: Matrix")]));
        let wanted = Wanted { tests_its_cluster: true, env_from: Some("aws"), ..wanted(&run, &files, &[]) };
        let pod = wanted.job().unwrap().spec.unwrap().template.spec.unwrap();
        assert_eq!(pod.automount_service_account_token, Some(true));
        let secret = pod.containers[0].env_from.clone().unwrap().remove(0).secret_ref;
        assert_eq!(secret.map(|secret| secret.name), Some("aws".to_owned()));
        let arguments = pod.containers[0].args.clone().unwrap();
        assert!(arguments.contains(&"--kubeconfig=/matrix/kubeconfig.of-this-cluster".to_owned()), "{arguments:?}");
        let map = wanted.config_map().unwrap();
        let text = &map.data.unwrap()["001-kubeconfig.of-this-cluster"];
        let config: Value = serde_saphyr::from_str(text).unwrap();
        assert_eq!(config["clusters"][0]["cluster"]["server"], "https://kubernetes.default.svc");
        assert_eq!(config["users"][0]["user"]["tokenFile"], "/var/run/secrets/kubernetes.io/serviceaccount/token");
    }

    #[test]
    fn every_file_has_a_key_and_what_cannot_be_one_is_refused() {
        let run: RunId = "tonight".parse().unwrap();
        let odd = files(&[("a/x y.yaml", b"1"), ("b/x y.yaml", b"2"), ("blob", &[0xff])]);
        let map = wanted(&run, &odd, &[]).config_map().unwrap();
        let keys: Vec<String> = map.data.unwrap().into_keys().collect();
        assert_eq!(keys, ["000-x_y.yaml", "001-x_y.yaml"]);
        assert_eq!(map.binary_data.unwrap()["002-blob"].0, [0xff]);
        for (path, size, meant) in
            [("../a", 1, "is not in the folder"), ("/a", 1, "is not in the folder"), ("a", MAX_BYTES + 1, "1 MiB")]
        {
            let files = files(&[(path, &vec![b'x'; size])]);
            let refused = wanted(&run, &files, &[]).config_map().unwrap_err();
            assert!(refused.message.contains(meant), "{path}: {}", refused.message);
        }
    }

    /// The leaves in which two documents differ.
    fn differences(path: &str, one: &Value, two: &Value, found: &mut Vec<String>) {
        match (one, two) {
            (Value::Object(one), Value::Object(two)) => {
                let keys: std::collections::BTreeSet<&String> = one.keys().chain(two.keys()).collect();
                for key in keys {
                    let of = |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or_default();
                    differences(&format!("{path}/{key}"), &of(one), &of(two), found);
                }
            }
            (Value::Array(one), Value::Array(two)) if one.len() == two.len() && one.iter().all(Value::is_object) => {
                for (at, (one, two)) in one.iter().zip(two).enumerate() {
                    differences(&format!("{path}/{at}"), one, two, found);
                }
            }
            _ if one == two => {}
            _ => found.push(format!("{path}: {one} -> {two}")),
        }
    }
}
