//! `amiproof workload new`: a workload file to start from, or around manifests that already exist.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Read as _;

use amiproof_model::exit::ExitCode;
use amiproof_model::matrix::ReadFile as _;
use amiproof_model::problem::Problem;
use amiproof_model::workload_file::{self, Chart};
use amiproof_model::yaml::{self, Limits, Node, Value};
use camino::{Utf8Path, Utf8PathBuf};

use crate::files::Disk;
use crate::output::{Failure, Output};
use crate::rundir::cannot;

/// Standard input may be as large as a workload file.
const MAX_BYTES: u64 = 4 << 20;

/// Writes `NAME.yaml` into a folder; an existing file is not overwritten.
pub(crate) fn run(name: &str, from: Option<&str>, folder: &Utf8Path, output: &Output) -> Result<ExitCode, Failure> {
    let path = folder.join(format!("{name}.yaml"));
    let text = match from {
        None => starter(name),
        Some("-") => around_documents(name, &standard_input()?)?,
        Some(from) => around(name, from, folder)?,
    };
    let disk = Disk::at(folder);
    let beside = workload_file::OfFiles { files: &disk, folder: Utf8Path::new(""), shown: folder };
    if let Err(problems) = workload_file::parse_beside(path.as_str(), text.as_bytes(), &beside) {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        return Err(Failure::usage(
            format!("this cannot be used as a workload yet\n\n{}", lines.join("\n")),
            "correct the manifests and try again; nothing was written",
        ));
    }
    if !folder.as_str().is_empty() {
        std::fs::create_dir_all(folder).map_err(|error| cannot("create", folder, &error))?;
    }
    let mut file = std::fs::File::create_new(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::usage(format!("{path} exists already"), "give another name, or remove the file first")
        }
        _ => cannot("write", &path, &error),
    })?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(|error| cannot("write", &path, &error))?;
    let test = format!("amiproof workload test {}", path.with_extension(""));
    output.note(format_args!(
        "wrote {path}\n\nnext: add the conditions that you expect, then\n  \
         {test} --lab                        on an emulated cluster\n  \
         {test} --kubeconfig ~/.kube/config  on the node groups of your own"
    ));
    Ok(ExitCode::Passed)
}

fn standard_input() -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().take(MAX_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::error(format!("cannot read standard input: {error}"), ""))?;
    Ok(bytes)
}

fn wrong(problem: &Problem) -> Failure {
    Failure::usage(problem.to_string(), "nothing was written")
}

/// A header for a folder of manifests or a chart, which are referenced in place.
fn around(name: &str, from: &str, folder: &Utf8Path) -> Result<String, Failure> {
    let disk = Disk::at(folder);
    let is_chart = from.contains("://") || from.ends_with(".tgz") || folder.join(from).join("Chart.yaml").is_file();
    let failed =
        |why: String| Failure::usage(format!("{from}: {why}"), "give a folder of *.yaml files, or a Helm chart");
    let files: Vec<(String, Vec<u8>)> = if is_chart {
        let chart = Chart { chart: from.to_owned(), release: name.to_owned(), values: Vec::new() };
        vec![("helm template".to_owned(), disk.chart(&chart).map_err(failed)?)]
    } else {
        let listed: Vec<Utf8PathBuf> = disk.workload_files(Utf8Path::new(from)).map_err(failed)?;
        let read = |path: Utf8PathBuf| Ok((path.to_string(), disk.read(&path)?));
        listed.into_iter().map(read).collect::<Result<_, String>>().map_err(failed)?
    };
    let mut seen = Summary::default();
    for (file, bytes) in &files {
        let documents = yaml::documents(file, bytes, Limits::WORKLOAD).map_err(|problem| wrong(&problem))?;
        documents.iter().for_each(|document| seen.add(document));
    }
    let mut source = if is_chart {
        format!("    chart: {}\n    release: {name}\n", quoted(from))
    } else {
        format!("    folder: {}\n", quoted(from))
    };
    if !seen.of_the_cluster.is_empty() {
        let kinds: Vec<&str> = seen.of_the_cluster.iter().map(String::as_str).collect();
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(
            source,
            "    # These belong to no namespace, so a run does not apply them.\n    skip: [{}]",
            kinds.join(", ")
        );
    }
    Ok(header(name, &seen, Some(&source)))
}

/// A header followed by the documents, without the fields that amiproof sets itself.
fn around_documents(name: &str, bytes: &[u8]) -> Result<String, Failure> {
    let documents = yaml::documents("standard input", bytes, Limits::WORKLOAD).map_err(|problem| wrong(&problem))?;
    let mut seen = Summary::default();
    documents.iter().for_each(|document| seen.add(document));
    let mut text = header(name, &seen, None);
    for document in documents.iter().filter(|document| !workload_file::is_cluster_scoped(text_of(document, "kind"))) {
        let mut json = document.to_json();
        if let Some(metadata) = json.get_mut("metadata").and_then(serde_json::Value::as_object_mut) {
            metadata.remove("namespace");
        }
        let object = serde_saphyr::to_string(&json).map_err(|error| {
            Failure::error(format!("an object cannot be written as YAML: {error}"), "this is a bug in amiproof")
        })?;
        let _ = write!(text, "---\n{object}");
    }
    Ok(text)
}

/// The content of manifests, as far as it matters for a header.
#[derive(Default)]
struct Summary {
    expectations: Vec<String>,
    exercises: BTreeSet<&'static str>,
    of_the_cluster: BTreeSet<String>,
}

impl Summary {
    fn add(&mut self, document: &Node) {
        let kind = text_of(document, "kind");
        let name = document.get("metadata").map_or("", |metadata| text_of(metadata, "name"));
        if workload_file::is_cluster_scoped(kind) {
            self.of_the_cluster.insert(kind.to_owned());
            return;
        }
        let ends =
            document.get("spec").is_some_and(|spec| matches!(text_of(spec, "restartPolicy"), "Never" | "OnFailure"));
        let (expectation, exercises): (Option<String>, &[&'static str]) = match kind {
            "Deployment" => (Some(format!("ready: deployment/{name}")), &["image-pull"]),
            "StatefulSet" => (Some(format!("ready: statefulset/{name}")), &["image-pull"]),
            "DaemonSet" => (Some(format!("ready: daemonset/{name}")), &["image-pull", "daemon-set"]),
            "Job" => (Some(format!("complete: job/{name}")), &["image-pull", "run-as-job"]),
            "Pod" if ends => (Some(format!("complete: pod/{name}")), &["image-pull", "run-as-job"]),
            "Pod" => (Some(format!("ready: pod/{name}")), &["image-pull"]),
            "PersistentVolumeClaim" => (Some(format!("bound: pvc/{name}")), &["persistent-volume"]),
            "Service" => (None, &["service-vip"]),
            _ => (None, &[]),
        };
        self.exercises.extend(exercises);
        self.expectations.extend(expectation);
        if mentions(document, "volumeClaimTemplates") {
            self.exercises.insert("persistent-volume");
        }
        for (key, capability) in [("livenessProbe", "probes"), ("readinessProbe", "probes"), ("hostPath", "host-path")]
        {
            if mentions(document, key) {
                self.exercises.insert(capability);
            }
        }
    }
}

fn text_of<'a>(node: &'a Node, key: &str) -> &'a str {
    node.get(key).and_then(Node::text).unwrap_or_default()
}

fn mentions(node: &Node, key: &str) -> bool {
    match &node.value {
        Value::Map(entries) => entries.iter().any(|entry| entry.key == key || mentions(&entry.value, key)),
        Value::List(items) => items.iter().any(|item| mentions(item, key)),
        _ => false,
    }
}

/// A YAML scalar that is text whatever it looks like.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn header(name: &str, seen: &Summary, source: Option<&str>) -> String {
    let exercises = if seen.exercises.is_empty() {
        "image-pull".to_owned()
    } else {
        seen.exercises.iter().copied().collect::<Vec<_>>().join(", ")
    };
    let mut text = format!(
        "{SCHEMA_LINE}\napiVersion: amiproof/v1\nkind: Workload\nmetadata: {{name: {name}}}\nspec:\n  \
         # What it shows when it passes.\n  title: {name} starts and becomes ready\n  \
         # What it needs of a node; `amiproof schema workload` lists all. A failure is explained by the controls that take these away.\n  \
         exercises: [{exercises}]\n  timeout: 5m\n"
    );
    if let Some(source) = source {
        let _ = write!(text, "  from:\n{source}");
    }
    text.push_str(
        "  # Conditions that must become true, in order. A Job that queries your app proves more than `ready`.\n  expect:\n",
    );
    for expectation in &seen.expectations {
        let _ = writeln!(text, "    - {expectation}");
    }
    text
}

const SCHEMA_LINE: &str = "# yaml-language-server: $schema=workload.schema.json";

/// A web server, its Service, and a client.
fn starter(name: &str) -> String {
    format!(
        r#"{SCHEMA_LINE}
#
# A workload: this header, then ordinary Kubernetes objects. amiproof adds the namespace, the node selector of each variant,
# tolerations and labels; `amiproof workload render {name}.yaml` shows the result. `amiproof schema workload > workload.schema.json`
# beside this file lets editors complete it.
apiVersion: amiproof/v1
kind: Workload
metadata: {{name: {name}}}
spec:
  title: {name} answers through its Service
  # What it needs of a node. A failure is explained by the controls that take these away.
  exercises: [image-pull, pod-network, cluster-dns, service-vip, probes]
  timeout: 3m
  # What must become true, in order. The client ends with 0 only when it got its answer; its last words are the termination message,
  # which arrives even from a node whose port 10250 is closed.
  expect:
    - ready: deployment/web
    - reaches: {{client: job/client, server: deployment/web}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      automountServiceAccountToken: false
      containers:
        - name: web
          image: public.ecr.aws/docker/library/busybox:1.36.1
          command: [sh, -c, "mkdir -p /tmp/www && echo hello > /tmp/www/index.html && exec httpd -f -p 8080 -h /tmp/www"]
          ports: [{{name: http, containerPort: 8080}}]
          readinessProbe: {{httpGet: {{path: /, port: http}}, periodSeconds: 2}}
          resources: {{requests: {{cpu: 10m, memory: 16Mi}}, limits: {{memory: 64Mi}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec:
  selector: {{app: web}}
  ports: [{{name: http, port: 80, targetPort: http}}]
---
apiVersion: batch/v1
kind: Job
metadata: {{name: client}}
spec:
  backoffLimit: 0
  template:
    metadata: {{labels: {{app: client}}}}
    spec:
      restartPolicy: Never
      automountServiceAccountToken: false
      containers:
        - name: client
          image: public.ecr.aws/docker/library/busybox:1.36.1
          command:
            - sh
            - -c
            - |
              for try in 1 2 3 4 5; do
                if wget -q -T 5 -O /tmp/answer http://web/ 2> /tmp/error; then
                  cat /tmp/answer > /dev/termination-log
                  exit 0
                fi
                sleep 2
              done
              echo "no answer from http://web/ in 5 tries: $(cat /tmp/error)" > /dev/termination-log
              exit 1
          resources: {{requests: {{cpu: 10m, memory: 16Mi}}, limits: {{memory: 64Mi}}}}
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> amiproof_model::workload::Workload {
        workload_file::parse("w.yaml", text.as_bytes()).unwrap_or_else(|problems| {
            panic!("{}\n{text}", problems.iter().map(ToString::to_string).collect::<String>())
        })
    }

    #[test]
    fn the_starter_is_a_workload_that_asks_its_own_app() {
        let workload = parsed(&starter("my-app"));
        assert_eq!((workload.name.as_str(), workload.objects.len(), workload.expect.len()), ("my-app", 3, 2));
    }

    #[test]
    fn manifests_from_standard_input_become_a_workload_without_what_belongs_to_no_namespace() {
        let manifests = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db, namespace: shop}\nspec: {replicas: 1}\n---\n\
            apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: db}\n---\n\
            apiVersion: batch/v1\nkind: Job\nmetadata: {name: migrate}\nspec: {template: {spec: {containers: [{name: migrate, image: migrate}]}}}\n";
        let workload = parsed(&around_documents("shop", manifests.as_bytes()).unwrap());
        let kinds: Vec<&str> = workload.objects.iter().filter_map(|object| object["kind"].as_str()).collect();
        assert_eq!(kinds, ["StatefulSet", "Job"]);
        assert_eq!(workload.objects[0]["metadata"], serde_json::json!({"name": "db"}));
        assert_eq!(workload.expect.len(), 2);
        assert_eq!(workload.exercises, ["image-pull", "run-as-job"]);
    }

    #[test]
    fn input_that_is_no_yaml_is_said_with_its_line() {
        let failure = around_documents("shop", b"kind: {\n").unwrap_err();
        assert!(failure.message.starts_with("standard input:1:7:"), "{}", failure.message);
    }
}
