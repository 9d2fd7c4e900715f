//! Objects of the same name that someone else made survive, each in every state of the ledger; and what the run wrote is undone. Against
//! a fake API server that keeps objects by path.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Method, Request, Response};
use kube::client::Body;
use serde_json::{Value, json};

use super::*;
use crate::cluster::Access;

#[derive(Clone, Default)]
struct Fake {
    objects: Arc<Mutex<BTreeMap<String, Value>>>,
    /// Lists that were asked for: what of, and by which label.
    lists: Arc<Mutex<Vec<(String, String)>>>,
}

const NAMESPACE: &str = "/api/v1/namespaces/ap-r-1-v";
const CLASS: &str = "/apis/storage.k8s.io/v1/storageclasses/amiproof-gp3-r-1";
const ROLE: &str = "/apis/rbac.authorization.k8s.io/v1/clusterroles/readers";
const CONFIG_MAP: &str = "/api/v1/namespaces/kube-system/configmaps/amazon-vpc-cni";

impl Fake {
    /// Everything that the ledger of the test names, with these labels, and the config map's key at a value.
    fn with(labels: &Value, ipam: &str) -> Self {
        let fake = Self::default();
        let mut objects = fake.objects.lock().unwrap();
        for path in [NAMESPACE, CLASS, ROLE] {
            let name = path.rsplit('/').next().unwrap();
            objects.insert(path.to_owned(), json!({"metadata": {"name": name, "labels": labels}}));
        }
        let map = json!({"metadata": {"name": "amazon-vpc-cni"}, "data": {"enable-windows-ipam": ipam}});
        objects.insert(CONFIG_MAP.to_owned(), map);
        drop(objects);
        fake
    }

    fn paths(&self) -> Vec<String> {
        self.objects.lock().unwrap().keys().cloned().collect()
    }

    fn ipam(&self) -> Value {
        self.objects.lock().unwrap()[CONFIG_MAP]["data"]["enable-windows-ipam"].clone()
    }

    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let query = request.uri().query().unwrap_or_default().trim_start_matches(['&', '?']).to_owned();
        let body = request.into_body().collect_bytes().await.unwrap_or_default();
        let mut objects = self.objects.lock().unwrap();
        let kinds = |group: &str, kinds: &[(&str, &str)]| {
            let resources: Vec<Value> = kinds
                .iter()
                .map(|(plural, kind)| {
                    json!({"name": plural, "singularName": "", "kind": kind, "namespaced": false, "verbs": ["list"]})
                })
                .collect();
            json!({"groupVersion": group, "resources": resources})
        };
        let found = match method {
            Method::GET if path == "/api/v1" => Some(kinds("v1", &[("namespaces", "Namespace")])),
            Method::GET if path == "/apis/storage.k8s.io/v1" => {
                Some(kinds("storage.k8s.io/v1", &[("storageclasses", "StorageClass")]))
            }
            Method::GET if path == "/apis/rbac.authorization.k8s.io/v1" => {
                let kinds_of = [("clusterroles", "ClusterRole"), ("clusterrolebindings", "ClusterRoleBinding")];
                Some(kinds("rbac.authorization.k8s.io/v1", &kinds_of))
            }
            Method::DELETE => objects.remove(&path),
            Method::PATCH => objects.get_mut(&path).map(|object| {
                let patch: Value = serde_json::from_slice(&body).unwrap();
                for (key, value) in patch["data"].as_object().unwrap() {
                    match value {
                        Value::Null => {
                            object["data"].as_object_mut().unwrap().remove(key);
                        }
                        value => object["data"][key] = value.clone(),
                    }
                }
                object.clone()
            }),
            _ => objects.get(&path).cloned().or_else(|| {
                let plurals = ["namespaces", "storageclasses", "clusterroles", "clusterrolebindings", "claims"];
                let plural = plurals.iter().find(|plural| path.ends_with(*plural))?;
                let label =
                    query.strip_prefix("labelSelector=").map(|rest| rest.replace("%2F", "/").replace("%3D", "="));
                let (key, value) = label.as_deref().and_then(|label| label.split_once('=')).unwrap_or_default();
                self.lists.lock().unwrap().push(((*plural).to_owned(), format!("{key}={value}")));
                let in_list = |at: &String, object: &Value| {
                    at.strip_prefix(&format!("{path}/")).is_some_and(|name| !name.contains('/'))
                        && object["metadata"]["labels"][key] == value
                };
                let items: Vec<&Value> =
                    objects.iter().filter(|(at, object)| in_list(at, object)).map(|(_, object)| object).collect();
                Some(json!({"metadata": {"resourceVersion": "1"}, "items": items}))
            }),
        };
        let (code, body) = match found {
            Some(object) => (200, object),
            None => (
                404,
                json!({"kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound", "message": path}),
            ),
        };
        let body = Body::from(body.to_string().into_bytes());
        Response::builder().status(code).header("content-type", "application/json").body(body).unwrap()
    }

    fn access(&self) -> Access {
        let fake = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let fake = fake.clone();
            async move { Ok::<_, Infallible>(fake.answer(request).await) }
        });
        Access::of_client(kube::Client::new(service, "default"), "theirs")
    }
}

fn in_kubernetes() -> Vec<Resource> {
    let of = |kind, name: &str| Resource::new(kind, name).in_cluster("theirs");
    vec![
        of(resource::namespace::KIND, "ap-r-1-v"),
        of(resource::storage_class::KIND, "amiproof-gp3-r-1"),
        cluster_role().in_cluster("theirs"),
        windows_ipam().in_cluster("theirs"),
    ]
}

async fn ledger_in(is_confirmed: bool) -> (tempfile::TempDir, Ledger) {
    if is_confirmed {
        return ledger_with(&in_kubernetes()).await;
    }
    let (folder, ledger) = ledger_with(&[]).await;
    for resource in in_kubernetes() {
        let lost = || async { Err::<String, _>(ledger::Error::GivenUp) };
        ledger.create_resource(resource, lost).await.unwrap_err();
    }
    (folder, ledger)
}

async fn taken_down(ledger: &Ledger, access: &Access) -> Cleanup {
    let deadlines = Deadlines::default();
    let (what, progress) = (What::Everything, &ProgressSink::silent());
    destroy(&Plan { ledger, clients: None, access: Some(access), what, deadlines, progress }).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_others_made_under_the_same_names_survives_in_every_state_of_the_ledger() {
    for is_confirmed in [true, false] {
        for labels in [json!({"amiproof.dev/run": "r-2"}), json!({"team": "payments"}), json!({})] {
            let fake = Fake::with(&labels, "maybe");
            let (_folder, ledger) = ledger_in(is_confirmed).await;
            let before = fake.paths();
            let cleanup = taken_down(&ledger, &fake.access()).await;
            assert_eq!(fake.paths(), before, "{labels}");
            assert_eq!(fake.ipam(), "maybe");
            assert_eq!(cleanup.foreign.len(), 4, "{cleanup:?}");
            assert_eq!(cleanup.is_verified(), !is_confirmed, "{cleanup:?}");
            assert!(ledger.entries().iter().all(|entry| entry.state == State::Foreign));
            if is_confirmed && labels["team"].is_string() {
                let sentences: Vec<String> = cleanup.foreign.iter().map(ToString::to_string).collect();
                insta::assert_snapshot!(sentences.join("\n"), @r#"
                Kubernetes object readers is owned by someone else (team=payments): left alone
                config map change amazon-vpc-cni has enable-windows-ipam at "maybe" now, but the run had written "true": left alone
                namespace ap-r-1-v is owned by someone else (team=payments): left alone
                storage class amiproof-gp3-r-1 is owned by someone else (team=payments): left alone
                "#);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_run_made_goes_and_what_it_wrote_is_taken_back() {
    for is_confirmed in [true, false] {
        let fake = Fake::with(&json!({"amiproof.dev/run": "r-1"}), "true");
        let (_folder, ledger) = ledger_in(is_confirmed).await;
        let cleanup = taken_down(&ledger, &fake.access()).await;
        assert_eq!(fake.paths(), [CONFIG_MAP]);
        assert_eq!(fake.ipam(), Value::Null);
        assert_eq!((cleanup.created, cleanup.deleted), (4, 4), "{cleanup:?}");
        assert!(cleanup.leftovers.is_empty() && cleanup.is_verified());
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_ledger_lost_is_found_by_the_runs_label_and_nothing_of_other_runs_is() {
    let fake = Fake::with(&json!({"amiproof.dev/run": "r-1"}), "true");
    let lost = [
        "/api/v1/namespaces/ap-r-1-lost",
        "/apis/storage.k8s.io/v1/storageclasses/lost",
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/lost",
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/lost",
    ];
    let others = ["/api/v1/namespaces/ap-r-2-v", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/theirs"];
    for (paths, run) in [(&lost[..], "r-1"), (&others[..], "r-2")] {
        for path in paths {
            let name = path.rsplit('/').next().unwrap();
            let object = json!({"metadata": {"name": name, "labels": {"amiproof.dev/run": run}}});
            fake.objects.lock().unwrap().insert((*path).to_owned(), object);
        }
    }
    let (_folder, ledger) = ledger_in(true).await;
    let cleanup = taken_down(&ledger, &fake.access()).await;
    assert!(cleanup.leftovers.is_empty() && cleanup.is_verified(), "{cleanup:?}");
    assert_eq!(fake.paths(), [others[0], CONFIG_MAP, others[1]]);
    let asked: Vec<(String, String)> =
        fake.lists.lock().unwrap().iter().filter(|(_, label)| label != "=").cloned().collect();
    let by_label = |plural: &str| (plural.to_owned(), "amiproof.dev/run=r-1".to_owned());
    assert_eq!(asked, ["namespaces", "clusterroles", "clusterrolebindings", "storageclasses"].map(by_label));
}
