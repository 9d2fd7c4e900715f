//! Each kind of pod template gets what it needs and keeps what it says.

use super::*;

const ROLE: &str = "arn:aws:iam::111122223333:role/amiproof/reader";

fn nodes(group: &str) -> Nodes {
    let taint =
        Taint { key: "hardened".into(), value: Some("yes".into()), effect: "NoSchedule".into(), time_added: None };
    Nodes {
        selector: NodeSelector::label("eks.amazonaws.com/nodegroup", group),
        taints: if group == "own" { vec![taint] } else { Vec::new() },
        windows_release: None,
    }
}

fn injected(objects: Value, registry: Option<&str>) -> Value {
    let (run, variant) = ("r-1".parse().unwrap(), "al2023-l1".parse().unwrap());
    let (own, peer) = (nodes("own"), nodes("reference"));
    let injection = Injection {
        run: &run,
        variant: &variant,
        workload: "web",
        namespace: "ap-r-1-al2023-l1-web",
        own: &own,
        peer: &peer,
        image_registry: registry,
        capacity: None,
        variables: &[],
        shared_class: Some("efs-sc"),
        roles: &[("reader".to_owned(), ROLE.to_owned())],
    };
    Value::Array(inject(objects.as_array().unwrap(), &injection))
}

#[test]
fn every_kind_of_pod_template_is_pinned_labelled_and_made_to_speak() {
    let template = json!({"metadata": {"labels": {"app": "web"}},
                          "spec": {"containers": [{"name": "web", "image": "registry.k8s.io/pause:3.10"}]}});
    let mut objects: Vec<Value> = ["Deployment", "DaemonSet", "StatefulSet", "Job"]
        .iter()
        .map(|kind| json!({"apiVersion": "x/v1", "kind": kind, "metadata": {"name": "a"}, "spec": {"template": template}}))
        .collect();
    objects.push(json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "a"},
                        "spec": {"jobTemplate": {"spec": {"template": template}}}}));
    objects.push(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": template["spec"]}));
    for mut object in injected(Value::Array(objects), None).as_array().unwrap().clone() {
        let kind = object["kind"].to_string();
        assert_eq!(object["metadata"]["namespace"], "ap-r-1-al2023-l1-web", "{kind}");
        let template = pod_template(&mut object).unwrap();
        assert_eq!(template["spec"]["nodeSelector"]["eks.amazonaws.com/nodegroup"], "own", "{kind}");
        assert_eq!(template["spec"]["tolerations"][0]["key"], "hardened", "{kind}");
        assert_eq!(template["metadata"]["labels"]["amiproof.dev/run"], "r-1", "{kind}");
        let container = &template["spec"]["containers"][0];
        assert_eq!(container["terminationMessagePolicy"], "FallbackToLogsOnError", "{kind}");
    }
}

#[test]
fn a_whole_workload_is_injected_as_recorded() {
    let objects = json!([
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "server"}, "spec": {
            "selector": {"matchLabels": {"app": "server"}},
            "template": {
                "metadata": {"labels": {"app": "server"}, "annotations": {"amiproof.dev/place": "peer"}},
                "spec": {"containers": [{"name": "server", "image": "public.ecr.aws/docker/library/busybox:1.36.1"}]}}}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "server"},
         "spec": {"selector": {"app": "server"}, "ports": [{"port": 80}]}},
        {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"}, "spec": {
            "template": {"spec": {
                "tolerations": [{"key": "mine", "operator": "Exists"}],
                "nodeSelector": {"kubernetes.io/os": "linux"},
                "containers": [{"name": "db", "image": "busybox", "terminationMessagePolicy": "File"}]}},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"storageClassName": "amiproof-gp3"}}]}}
    ]);
    insta::assert_json_snapshot!(injected(objects, Some("mirror.example.com/amiproof/")));
}

#[test]
fn a_mirror_replaces_the_registry_and_keeps_the_path() {
    let table = [
        ("public.ecr.aws/docker/library/busybox:1.36.1", "m.io/x/docker/library/busybox:1.36.1"),
        ("busybox:1.36", "m.io/x/busybox:1.36"),
        ("library/busybox", "m.io/x/library/busybox"),
        ("localhost:5000/a/b", "m.io/x/a/b"),
        ("localhost/a@sha256:0", "m.io/x/a@sha256:0"),
    ];
    for (image, mirrored_image) in table {
        assert_eq!(mirrored(image, "m.io/x"), mirrored_image);
    }
}

#[test]
fn a_variable_is_added_to_all_containers_but_never_replaces_one() {
    let job = json!({"kind": "Job", "spec": {"template": {"spec": {
        "initContainers": [{"name": "first"}],
        "containers": [{"name": "second", "env": [{"name": "A", "value": "mine"}]}]}}}});
    let job = with_variable(job, "A", "theirs", Given::Always);
    assert_eq!(job.pointer("/spec/template/spec/initContainers/0/env/0/value").unwrap(), "theirs");
    assert_eq!(job.pointer("/spec/template/spec/containers/0/env"), Some(&json!([{"name": "A", "value": "mine"}])));
}

#[test]
fn sets_and_absences_become_node_affinity_beside_what_the_workload_asks_for() {
    let selector = "pool=own,zone in (b,a),arch notin (arm64),gpu,!spot".parse().unwrap();
    let nodes = Nodes { selector, taints: Vec::new(), windows_release: None };
    let ours = json!([
        {"key": "zone", "operator": "In", "values": ["a", "b"]},
        {"key": "arch", "operator": "NotIn", "values": ["arm64"]},
        {"key": "gpu", "operator": "Exists"},
        {"key": "spot", "operator": "DoesNotExist"},
    ]);
    let mut spec = json!({"containers": []});
    place(&mut spec, &nodes);
    assert_eq!(spec["nodeSelector"], json!({"pool": "own"}));
    let terms = "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
    assert_eq!(*spec.pointer(terms).unwrap(), json!([{"matchExpressions": ours}]));

    let theirs = json!({"key": "disk", "operator": "Exists"});
    let alternatives = json!([{"matchExpressions": [theirs]},
                              {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["a"]}]}, {}]);
    let affinity = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
                                           {"nodeSelectorTerms": alternatives}}});
    let mut spec = json!({"containers": [], "affinity": affinity});
    place(&mut spec, &nodes);
    let terms = spec.pointer(terms).unwrap();
    assert_eq!(terms[0]["matchExpressions"].as_array().unwrap().len(), 5, "{terms}");
    assert_eq!(terms[0]["matchExpressions"][0], theirs);
    assert_eq!(terms[1]["matchExpressions"], ours);
    assert_eq!(terms[2]["matchExpressions"], Value::Null, "matches no node, and must not begin to");
}

#[test]
fn a_service_account_with_a_role_says_so_and_others_do_not() {
    let account = |name: &str| json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}});
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "reader"}});
    let all = injected(json!([account("reader"), account("other"), secret]), None);
    assert_eq!(all[0]["metadata"]["annotations"], json!({"eks.amazonaws.com/role-arn": ROLE}));
    assert_eq!(all[1]["metadata"].get("annotations"), None);
    assert_eq!(all[2]["metadata"].get("annotations"), None);
}
