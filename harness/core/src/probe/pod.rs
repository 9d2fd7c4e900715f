//! Commands through a short-lived privileged pod.
//!
//! The result must come back from a node whose pods have no network and whose kubelet does not answer: default-deny firewalls and a
//! closed port 10250 are what this tool tests. Only the kubelet's own reports remain: termination messages, 12 KiB per pod, divided
//! equally among its containers (kubelet, `MaxPodTerminationMessageLogLength`). So an init container runs the script and packs the
//! result, and three containers return what does not fit into its own message. An even longer result is stored below `/run` of the
//! host, and further pods of the same kind fetch it.

use std::collections::BTreeMap;
use std::time::Duration;

use amiproof_model::report::NodeRecord;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::watcher;
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::hosts::Hosts;
use super::output::Attempt;
use super::{Channel, Error, Output, packed, ssm};
use crate::check::CheckError;
use crate::cluster::check_namespace::{self, CheckNamespace};
use crate::cluster::pod_template::mirrored;
use crate::cluster::{Access, namespace, objects, watch};
use crate::wait::{Progress, pods};

/// Has a shell, `nsenter`, `gzip` and `base64`, and is small.
use crate::images::BUSYBOX as IMAGE;

/// Deadline for pulling the image and starting the pod; none of it needs the pod network.
const START: Duration = Duration::from_secs(120);
/// How long pulling an image may fail before that counts as an error.
const PULL: Duration = Duration::from_secs(30);
/// Bytes of a packed result in one termination message: below 12 KiB divided by four containers.
const PIECE: usize = 3000;
/// Containers of a pod.
const CONTAINERS: usize = 4;
/// The name of the container that runs the script.
const RUN: &str = "run";

/// Memory limit of the container that runs the script: `oscap` with the content of a whole operating system takes more than a gibibyte, and
/// what a container starts on the host counts as its own.
const MAX_OF_ROOT: &str = "2Gi";
/// Memory limit of the containers that return pieces.
const MAX_OF_READER: &str = "64Mi";

pub(super) async fn run(hosts: &Hosts, node: &NodeRecord, script: &str, deadline: Duration) -> Result<Output, Attempt> {
    // Distinguishes commands that run at the same time. Errors name the namespace, so in a simulation it must follow from the seed.
    let number = amiproof_time::random::number() & 0xffff_ffff;
    let wanted = CheckNamespace {
        what: format!("probe-{}-{number:08x}", node.index),
        privileged: true,
        ..CheckNamespace::default()
    };
    let task = Task {
        node: node.name.clone(),
        image: hosts.image_registry.as_deref().map_or_else(|| IMAGE.to_owned(), |registry| mirrored(IMAGE, registry)),
        folder: format!("amiproof-{}", namespace::name(&hosts.place.run, hosts.place.subject.as_str(), &wanted.what)),
        script: script.to_owned(),
        deadline,
    };
    let cluster = hosts.place.cluster.clone();
    let text = check_namespace::within_place(hosts.place.clone(), wanted, move |namespace| async move {
        Ok(task.result(&cluster, &namespace).await)
    });
    let text = text.await.map_err(|error| match error {
        CheckError::Cancelled => Attempt::Over(Error::Cancelled),
        error => Attempt::NoWay(error.to_string()),
    })??;
    ssm::finish(&text, node, deadline, Channel::Pod).map_err(Attempt::Over)
}

/// One command on one node.
struct Task {
    node: String,
    image: String,
    /// Below `/run` of the host, for results that are too long for one pod.
    folder: String,
    script: String,
    deadline: Duration,
}

impl Task {
    /// The whole packed result.
    async fn result(&self, cluster: &Access, namespace: &str) -> Result<String, Attempt> {
        let first = self.pieces(cluster, namespace, RUN, &self.first_pod(), self.deadline).await?;
        let (size, text) = first.split_once(' ').ok_or_else(|| self.lost("it has no length"))?;
        let size: usize = size.parse().map_err(|_| self.lost("its length is not a number"))?;
        let mut text = text.to_owned();
        if size > packed::MAX_PACKED {
            return Err(self.lost(&format!("it has {size} bytes packed, the limit is {}", packed::MAX_PACKED)));
        }
        let capacity = CONTAINERS * PIECE;
        while text.len() < size {
            let is_last = text.len() + capacity >= size;
            let name = format!("fetch-{}", text.len() / capacity);
            let pod = self.fetch_pod(&name, text.len(), is_last);
            let more = self.pieces(cluster, namespace, &name, &pod, Duration::from_secs(30)).await;
            // The script has run: from here on no other channel may be tried.
            let more = more.map_err(|attempt| match attempt {
                Attempt::NoWay(why) => self.lost(&why),
                over => over,
            })?;
            if more.is_empty() {
                return Err(self.lost(&format!("it ends after {} of {size} bytes", text.len())));
            }
            text.push_str(&more);
        }
        Ok(text)
    }

    fn lost(&self, why: &str) -> Attempt {
        Attempt::Over(Error::Lost { node: self.node.clone(), way: Channel::Pod, why: why.to_owned() })
    }

    /// Applies a pod, waits for its end and puts the messages of its containers together.
    async fn pieces(
        &self,
        cluster: &Access,
        namespace: &str,
        name: &str,
        pod: &Value,
        within: Duration,
    ) -> Result<String, Attempt> {
        let no_way = |error: String| Attempt::NoWay(error);
        objects::apply(cluster, Some(namespace), pod).await.map_err(|error| no_way(error.to_string()))?;
        let api: Api<Pod> = Api::namespaced(cluster.client(), namespace);
        let of_pod = watcher::Config::default().fields(&format!("metadata.name={name}"));
        let mut last = None;
        let stream = watch::follow(api, of_pod);
        let (began, pulling) = (Instant::now(), amiproof_time::scaled(PULL));
        let ended = watch::until(stream, began + START + within, |pods: Vec<Pod>| {
            last = pods.into_iter().next().or(last.take());
            let pod = last.as_ref()?;
            let is_over = matches!(pods::phase(pod), "Succeeded" | "Failed");
            let never_starts = began.elapsed() > pulling && pods::pull_failure(pod).is_some();
            (is_over || never_starts).then(|| (pod.clone(), is_over))
        });
        match ended.await {
            Ok((pod, true)) => messages(&pod).map_err(|why| self.lost(&why)),
            Ok((pod, false)) => Err(no_way(waited_for(Some(&pod)))),
            // The init container never ran: nothing was done on the host.
            Err(_) if !last.as_ref().is_some_and(has_started) => Err(no_way(waited_for(last.as_ref()))),
            Err(watch::Stopped::Deadline { last_error: None }) => {
                Err(Attempt::Over(Error::Deadline { node: self.node.clone(), after: within, way: Channel::Pod }))
            }
            Err(error) => Err(self.lost(&error.to_string())),
        }
    }

    /// The pod that runs the script.
    fn first_pod(&self) -> Value {
        let (seconds, pack, folder, capacity) =
            (self.deadline.as_secs().max(1), packed::shell(), &self.folder, CONTAINERS * PIECE);
        // The kubelet writes $ for $$ in a command (Kubernetes, "Define a Command and Arguments"), so $$$$ is the shell's own id.
        let run = format!(
            r#"d=/result
host="nsenter -t 1 -m -u -i -n --"
path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
if $host /bin/sh -c : 2> /dev/null; then
  shell=/bin/sh
else
  own=/proc/$$$$/root/bin
  shell="$own/busybox sh"
  path=$path:$own
fi
script=$(echo "$AMIPROOF_SCRIPT" | base64 -d)
timeout -k 5 {seconds} env -i PATH="$path" HOME=/root LC_ALL=C $host $shell -c "$script" > "$d/out" 2> "$d/err" < /dev/null
code=$?
{pack}if [ "$size" -gt {capacity} ]; then mkdir -p "/host-run/{folder}" && cp "$d/packed" "/host-run/{folder}/packed"; fi
{{ echo -n "$size "; head -c {PIECE} "$d/packed"; }} > /dev/termination-log
"#
        );
        let mut pod = self.pod(RUN, |piece| {
            format!("tail -c +{} /result/packed | head -c {PIECE} > /dev/termination-log", piece * PIECE + 1)
        });
        let mut first = self.root(RUN, &run);
        first["env"] = json!([{"name": "AMIPROOF_SCRIPT", "value": BASE64_STANDARD.encode(&self.script)}]);
        pod["spec"]["initContainers"] = json!([first]);
        pod
    }

    /// A pod that hands out the next pieces of a long result; the last one removes it.
    fn fetch_pod(&self, name: &str, from: usize, is_last: bool) -> Value {
        let folder = &self.folder;
        let read = |piece: usize| {
            let at = from + piece * PIECE + 1;
            format!("tail -c +{at} /result/packed | head -c {PIECE} > /dev/termination-log")
        };
        let mut pod = self.pod(name, read);
        let remove = if is_last { format!("; rm -rf '/host-run/{folder}'") } else { String::new() };
        let copy = format!("cp '/host-run/{folder}/packed' /result/packed; {}{remove}", read(0));
        pod["spec"]["initContainers"] = json!([self.root(RUN, &copy)]);
        pod
    }

    /// A pod whose three containers hand out pieces 1 to 3.
    fn pod(&self, name: &str, read: impl Fn(usize) -> String) -> Value {
        let containers: Vec<Value> =
            (1..CONTAINERS).map(|piece| self.reader(&format!("piece-{piece}"), &read(piece))).collect();
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": {"app": "probe"}},
            "spec": {
                "nodeName": self.node,
                "hostPID": true,
                // Without a network of its own the pod starts even where the CNI plugin does not work.
                "hostNetwork": true,
                "restartPolicy": "Never",
                "terminationGracePeriodSeconds": 1,
                "activeDeadlineSeconds": (START + self.deadline).as_secs(),
                "automountServiceAccountToken": false,
                "enableServiceLinks": false,
                "tolerations": [{"operator": "Exists"}],
                "containers": containers,
                "volumes": [
                    {"name": "result", "emptyDir": {"medium": "Memory", "sizeLimit": "32Mi"}},
                    {"name": "host-run", "hostPath": {"path": "/run", "type": "Directory"}},
                ],
            },
        })
    }

    /// The one container that is root on the host.
    fn root(&self, name: &str, script: &str) -> Value {
        let mut container = self.container(name, script, MAX_OF_ROOT);
        container["securityContext"] = json!({"privileged": true});
        container["volumeMounts"] = json!([
            {"name": "result", "mountPath": "/result"},
            {"name": "host-run", "mountPath": "/host-run"},
        ]);
        container
    }

    /// A container that only reads what the first one left in the pod's own volume.
    fn reader(&self, name: &str, script: &str) -> Value {
        let mut container = self.container(name, script, MAX_OF_READER);
        container["securityContext"] = json!({
            "allowPrivilegeEscalation": false,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        });
        container["volumeMounts"] = json!([{"name": "result", "mountPath": "/result", "readOnly": true}]);
        container
    }

    fn container(&self, name: &str, script: &str, most: &str) -> Value {
        json!({
            "name": name,
            "image": self.image,
            "command": ["sh", "-c", script],
            "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": most}},
        })
    }
}

fn has_started(pod: &Pod) -> bool {
    pods::containers(pod).any(|container| {
        container.state.as_ref().is_some_and(|state| state.running.is_some() || state.terminated.is_some())
    })
}

/// Why a pod never ran, if known.
fn waited_for(pod: Option<&Pod>) -> String {
    let Some(pod) = pod else { return "its pod was never seen".to_owned() };
    match pods::waiting_for(pod) {
        Progress::Failed(why) | Progress::NotYet(why) => why,
        Progress::Met => pods::end_of(pod),
    }
}

/// The messages of a pod's containers in the order of their pieces: that of the init container first.
fn messages(pod: &Pod) -> Result<String, String> {
    let by_container: BTreeMap<&str, &str> = pods::containers(pod)
        .filter_map(|container| {
            let end = pods::last_end(container)?;
            (end.exit_code == 0).then_some((container.name.as_str(), end.message.as_deref().unwrap_or_default()))
        })
        .collect();
    let names = std::iter::once(RUN.to_owned()).chain((1..CONTAINERS).map(|piece| format!("piece-{piece}")));
    let mut text = String::new();
    for name in names {
        let message = by_container.get(name.as_str()).ok_or_else(|| {
            format!("container {name} of pod {} did not end well: {}", pod.name_any(), pods::end_of(pod))
        })?;
        // In a message that holds nothing else, the space after the length is at the end.
        text.push_str(message.trim_end_matches('\n'));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task() -> Task {
        Task {
            node: "node-a".to_owned(),
            image: IMAGE.to_owned(),
            folder: "amiproof-ap-r-1-probe".to_owned(),
            script: "sysctl -a".to_owned(),
            deadline: Duration::from_secs(30),
        }
    }

    #[test]
    fn the_pod_that_runs_a_script_is_as_recorded() {
        insta::assert_json_snapshot!(task().first_pod());
    }

    #[test]
    fn pieces_follow_each_other_over_pods_and_the_last_pod_removes_what_is_left() {
        let (next, last) = (task().fetch_pod("fetch-1", 12_000, false), task().fetch_pod("fetch-2", 24_000, true));
        let script = |pod: &Value, path: &str| pod.pointer(path).and_then(Value::as_str).unwrap().to_owned();
        assert!(script(&next, "/spec/containers/0/command/2").starts_with("tail -c +15001 "));
        let (first, end) = ("/spec/initContainers/0/command/2", "; rm -rf '/host-run/amiproof-ap-r-1-probe'");
        assert!(script(&next, first).contains("tail -c +12001 ") && !script(&next, first).contains("rm -rf"));
        assert!(script(&last, first).ends_with(end), "{}", script(&last, first));
    }

    #[test]
    fn messages_come_in_the_order_of_their_pieces_and_none_may_be_missing() {
        let end = |name: &str, code: i32, message: &str| {
            json!({"name": name, "image": "busybox", "imageID": "", "ready": false, "restartCount": 0,
                   "state": {"terminated": {"exitCode": code, "message": message}}})
        };
        let pod = |third: Value| -> Pod {
            let others = [end("piece-2", 0, "c"), end("piece-1", 0, "b"), third];
            serde_json::from_value(json!({
                "metadata": {"name": "run"},
                "status": {"phase": "Succeeded", "initContainerStatuses": [end("run", 0, "9 a")], "containerStatuses": others}
            }))
            .unwrap()
        };
        assert_eq!(messages(&pod(end("piece-3", 0, "d"))).as_deref(), Ok("9 abcd"));
        assert!(messages(&pod(end("piece-3", 137, ""))).unwrap_err().contains("piece-3"));
    }
}
