//! However a check ends, everything that it created is deleted. Against a fake API server that knows namespaces and
//! roles.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use amiproof_model::matrix::Family;
use amiproof_model::report::Subject;
use amiproof_time::watch;
use camino::Utf8PathBuf;
use http::{Method, Request, Response};
use kube::client::Body;
use serde_json::json;

use super::*;
use crate::context::Peers;
use crate::ledger::{Header, State};

/// What exists, by path.
#[derive(Clone, Default)]
struct Fake {
    objects: Arc<Mutex<BTreeSet<String>>>,
    /// Those of them that carry the label of another run.
    theirs: Arc<Mutex<BTreeSet<String>>>,
    changed: Arc<tokio::sync::Notify>,
}

impl Fake {
    fn objects(&self) -> Vec<String> {
        self.objects.lock().unwrap().iter().cloned().collect()
    }

    /// Waits until nothing exists.
    async fn empty(&self) {
        loop {
            let changed = self.changed.notified();
            if self.objects().is_empty() {
                return;
            }
            changed.await;
        }
    }

    fn answer(&self, request: &Request<Body>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        let mut objects = self.objects.lock().unwrap();
        let there = objects.contains(&path);
        let name = path.rsplit('/').next().unwrap_or_default();
        let (code, body) = match *request.method() {
            Method::PATCH => {
                objects.insert(path.clone());
                (200, json!({"metadata": {"name": name}}))
            }
            Method::DELETE if there => {
                objects.remove(&path);
                (200, json!({"kind": "Status", "status": "Success"}))
            }
            Method::GET if path.ends_with("/rbac.authorization.k8s.io/v1") => (
                200,
                json!({"groupVersion": "rbac.authorization.k8s.io/v1", "resources": [
                    {"name": "clusterroles", "singularName": "", "kind": "ClusterRole", "namespaced": false, "verbs": ["list"]}]}),
            ),
            Method::GET if path.ends_with("/serviceaccounts") => {
                (200, json!({"metadata": {"resourceVersion": "1"}, "items": [{"metadata": {"name": "default"}}]}))
            }
            Method::GET if path.ends_with("s") && !path.ends_with("claims") => {
                let selected = request.uri().query().unwrap_or_default();
                let listed = objects.iter().filter_map(|object| object.strip_prefix(&format!("{path}/")));
                let listed = listed.filter(|name| selected.contains(&format!("metadata.name%3D{name}")));
                let items: Vec<_> = listed.map(|name| json!({"metadata": {"name": name}})).collect();
                (200, json!({"metadata": {"resourceVersion": "1"}, "items": items}))
            }
            Method::GET if path.ends_with("claims") => (200, json!({"metadata": {}, "items": []})),
            Method::GET if there => {
                let run = if self.theirs.lock().unwrap().contains(&path) { "r-2" } else { "r-1" };
                (200, json!({"metadata": {"name": name, "labels": {"amiproof.dev/run": run}}}))
            }
            _ => (
                404,
                json!({"kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound", "message": path}),
            ),
        };
        drop(objects);
        self.changed.notify_waiters();
        let body = Body::from(body.to_string().into_bytes());
        Response::builder().status(code).header("content-type", "application/json").body(body).unwrap()
    }

    fn access(&self) -> Access {
        let fake = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let response = fake.answer(&request);
            async move { Ok::<_, Infallible>(response) }
        });
        Access::of_client(kube::Client::new(service, "default"), "fake")
    }
}

fn context(fake: &Fake, folder: &tempfile::TempDir) -> Context {
    let folder = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
    let variant = crate::fixture::variant("al2023", Family::Al2023);
    let header = Header {
        version: crate::ledger::VERSION,
        run: "r-1".parse().unwrap(),
        matrix: "test".into(),
        account: String::new(),
        region: String::new(),
        endpoint: None,
        kubeconfig: None,
        started: jiff::Timestamp::UNIX_EPOCH,
        expires: jiff::Timestamp::UNIX_EPOCH,
        keep: false,
    };
    Context {
        run: "r-1".parse().unwrap(),
        matrix: Arc::new(crate::fixture::matrix(vec![variant.clone()])),
        subject: Subject::Variant(variant.name.clone()),
        variant: Arc::new(variant),
        selector: "pool=l1".parse().unwrap(),
        nodes: Arc::default(),
        peers: watch::channel(Peers::None).1,
        facts: Default::default(),
        cluster: fake.access(),
        kubernetes: "1.36".parse().unwrap(),
        aws: None,
        ledger: Ledger::create(&folder, header).unwrap(),
        evidence: folder,
        image_registry: None,
        pull_secret: None,
        pods: Default::default(),
        cancel: CancellationToken::new(),
    }
}

const NAMESPACE: &str = "/api/v1/namespaces/ap-r-1-al2023-check";

fn wanted() -> CheckNamespace {
    let role =
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "reader"}});
    CheckNamespace { what: "check".into(), privileged: true, cluster_wide: vec![role] }
}

fn all_gone(context: &Context) -> bool {
    let entries = context.ledger.entries();
    entries.len() == 2 && entries.iter().all(|entry| entry.state == State::Gone)
}

#[tokio::test]
async fn what_a_check_makes_is_there_while_it_works_and_gone_afterwards() {
    let (fake, folder) = (Fake::default(), tempfile::tempdir().unwrap());
    let context = context(&fake, &folder);
    let during = fake.clone();
    let seen =
        within(&context, wanted(), |_, namespace| async move { Ok((namespace, during.objects())) }).await.unwrap();
    assert_eq!(seen.0, "ap-r-1-al2023-check");
    assert_eq!(seen.1, [NAMESPACE, "/apis/rbac.authorization.k8s.io/v1/clusterroles/reader"]);
    assert!(fake.objects().is_empty(), "{:?}", fake.objects());
    assert!(all_gone(&context), "{:?}", context.ledger.entries());
}

#[tokio::test]
async fn an_error_and_a_panic_leave_nothing_behind() {
    for panics in [false, true] {
        let (fake, folder) = (Fake::default(), tempfile::tempdir().unwrap());
        let context = context(&fake, &folder);
        let ended = within(&context, wanted(), move |_, _| async move {
            if panics {
                panic!("boom");
            }
            Err::<(), _>(CheckError::Undecided("no".into()))
        });
        let error = ended.await.unwrap_err();
        assert_eq!(matches!(error, CheckError::Panicked(_)), panics, "{error}");
        assert!(fake.objects().is_empty() && all_gone(&context), "{:?}", fake.objects());
    }
}

#[tokio::test]
async fn an_interrupted_run_leaves_nothing_behind() {
    let (fake, folder) = (Fake::default(), tempfile::tempdir().unwrap());
    let context = context(&fake, &folder);
    let cancel = context.cancel.clone();
    let ended = within(&context, wanted(), move |_, _| async move {
        cancel.cancel();
        std::future::pending::<Result<(), CheckError>>().await
    });
    assert!(matches!(ended.await, Err(CheckError::Cancelled)));
    assert!(fake.objects().is_empty() && all_gone(&context), "{:?}", fake.objects());
}

#[tokio::test]
async fn a_check_that_is_dropped_at_its_deadline_leaves_nothing_behind() {
    let (fake, folder) = (Fake::default(), tempfile::tempdir().unwrap());
    let context = context(&fake, &folder);
    let (started, begins) = tokio::sync::oneshot::channel();
    let work = within(&context, wanted(), move |_, _| async move {
        started.send(()).unwrap();
        std::future::pending::<Result<(), CheckError>>().await
    });
    tokio::select! {
        biased;
        _ = work => panic!("the work never ends"),
        begun = begins => begun.unwrap(),
    }
    assert!(!fake.objects().is_empty(), "dropped in the middle");
    fake.empty().await;
}

#[tokio::test]
async fn a_namespace_that_an_earlier_attempt_left_behind_goes_first() {
    let (fake, folder) = (Fake::default(), tempfile::tempdir().unwrap());
    fake.objects.lock().unwrap().insert(NAMESPACE.to_owned());
    let context = context(&fake, &folder);
    within(&context, wanted(), |_, _| async move { Ok(()) }).await.unwrap();
    assert!(fake.objects().is_empty(), "{:?}", fake.objects());
}

#[tokio::test]
async fn a_namespace_of_the_same_name_that_another_run_made_is_left_alone() {
    let (fake, folder) = (Fake::default(), tempfile::tempdir().unwrap());
    fake.objects.lock().unwrap().insert(NAMESPACE.to_owned());
    fake.theirs.lock().unwrap().insert(NAMESPACE.to_owned());
    let context = context(&fake, &folder);
    let error = within(&context, wanted(), |_, _| async move { Ok(()) }).await.unwrap_err().to_string();
    assert!(error.contains("so it was left alone"), "{error}");
    assert_eq!(fake.objects(), [NAMESPACE]);
}
