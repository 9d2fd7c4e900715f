//! Workload and waiver files as users write them.

use std::time::Duration;

use amiproof_model::problem::Problem;
use amiproof_model::workload::{Expectation, Need, Os};
use amiproof_model::{waiver_file, workload_file};
use proptest::prelude::*;

fn printed(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

const HEADER: &str = "apiVersion: amiproof/v1\nkind: Workload\nmetadata: {name: web-service}\nspec:\n  \
    title: a Deployment answers\n  exercises: [image-pull, pod-network, image-pull]\n";
const DEPLOYMENT: &str = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 2}\n";
const JOB: &str = "---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: client}\nspec: {template: {metadata: {annotations: {amiproof.dev/place: peer}}}}\n";
const SET: &str = "---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\nspec: {replicas: 2, volumeClaimTemplates: [{metadata: {name: data}}]}\n";

#[test]
fn a_workload_file_is_a_header_and_objects() {
    let header = format!(
        "# a comment\n{HEADER}  needs: [{{csiDriver: ebs.csi.aws.com}}]\n  os: linux\n  timeout: 1m30s\n  expect:\n    - ready: deployment/web\n    \
         - reaches: {{client: job/client, server: deployment/web}}\n    - bound: pvc/data-db-1\n"
    );
    let text = format!("{header}{DEPLOYMENT}{JOB}{SET}---\n");
    let workload =
        workload_file::parse("web.yaml", text.as_bytes()).unwrap_or_else(|problems| panic!("{}", printed(&problems)));
    assert_eq!(
        (workload.name.as_str(), workload.os, workload.timeout),
        ("web-service", Os::Linux, Duration::from_secs(90))
    );
    assert_eq!(workload.exercises, ["image-pull", "pod-network"], "each once");
    assert_eq!(workload.needs, [Need::CsiDriver("ebs.csi.aws.com".into())]);
    assert_eq!(
        workload.expect,
        [
            Expectation::Ready("deployment/web".into()),
            Expectation::Reaches { client: "job/client".into(), server: "deployment/web".into() },
            Expectation::Bound("pvc/data-db-1".into()),
        ]
    );
    assert_eq!(workload.objects.len(), 3);
    assert_eq!(workload.objects[0]["spec"]["replicas"], 2);
}

#[test]
fn every_problem_of_a_workload_file_is_found() {
    let bad = [
        ("no workload header", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n".to_owned()),
        ("empty", String::new()),
        ("two headers", format!("{HEADER}  expect: [ready: deployment/web]\n{DEPLOYMENT}---\n{HEADER}  expect: []\n")),
        ("header behind objects", format!("{}---\n{HEADER}  expect: [ready: deployment/web]\n", &DEPLOYMENT[4..])),
        ("no objects", format!("{HEADER}  expect: [ready: deployment/web]\n")),
        (
            "wrong header",
            format!(
                "apiVersion: amiproof/v1\nkind: Workload\nmetadata: {{name: Web}}\nspec:\n  title: ''\n  exercises: [pod-netwrok, telepathy]\n  \
                 timeout: soon\n  os: macos\n  needs: [csi]\n  expect:\n    - raedy: deployment/web\n    - ready: [deployment/web]\n    - reaches: {{client: job/client}}\n    - {{ready: deployment/web, complete: job/x}}\n{DEPLOYMENT}"
            ),
        ),
        (
            "wrong targets",
            format!(
                "{HEADER}  expect:\n    - ready: deployment/wbe\n    - ready: web\n    - complete: deployment/web\n    - bound: pvc/data-db-2\n    - reaches: {{client: job/clint, server: service/web}}\n{DEPLOYMENT}{JOB}{SET}"
            ),
        ),
        (
            "wrong objects",
            format!(
                "{HEADER}  expect: [ready: deployment/web]\n{DEPLOYMENT}{DEPLOYMENT}---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: mine}}\n\
                 ---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: Config_Map, namespace: kube-system}}\n---\napiVersion: v1\nkind: Pod\nmetadata: {{generateName: x-}}\n\
                 ---\n- just\n- a list\n---\napiVersion: v1\nkind: Pod\nmetadata: {{name: far, annotations: {{amiproof.dev/place: moon, amiproof.dev/plaec: peer}}}}\n"
            ),
        ),
        (
            "wrong actions",
            format!(
                "{HEADER}  expect:\n    - rolledBack: deployment/web\n    - updated: deployment/web\n    - rolledBack: deployment/web\n    - updated: job/client\n    \
                 - evicted: {{target: deployment/web, budget: pdb/web}}\n    - fired: cronjob/tick\n    - updated: deployment/web\n{DEPLOYMENT}{JOB}"
            ),
        ),
        (
            "wrong needs",
            format!(
                "{HEADER}  needs: [irsa: reader, irsa: raeder, irsa: [reader], holds: {{job: job/way, otherwise: it is shut}}]\n  expect: [ready: deployment/web]\n\
                 {DEPLOYMENT}---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: reader}}\n"
            ),
        ),
        (
            "a role for nobody",
            format!("{HEADER}  needs: [irsa: reader]\n  expect: [ready: deployment/web]\n{DEPLOYMENT}"),
        ),
        ("not YAML", format!("{HEADER}  expect: [ready: deployment/web]\n---\nkind: {{\n")),
    ];
    let report: String = bad
        .iter()
        .map(|(name, text)| {
            let problems = workload_file::parse("web.yaml", text.as_bytes()).expect_err(name);
            format!("## {name}\n{}\n", printed(&problems))
        })
        .collect();
    insta::assert_snapshot!(report);
}

const WAIVERS: &str = "apiVersion: amiproof/v1\nkind: Waivers\n";

#[test]
fn a_waiver_file_is_read_whole_also_when_waivers_have_expired() {
    let text = format!(
        "{WAIVERS}waivers:\n  - {{variants: [al2023-l1], level: 1, control: cis-al2023-1.0.0/3.3.1, reason: pods need it, owner: platform, expires: 2020-02-29}}\n  \
         - check: os-cis/*\n    reason: >\n      scanner is\n      broken\n    owner: security\n    expires: \"2027-06-30\"\n"
    );
    let waivers =
        waiver_file::parse("waivers.yaml", text.as_bytes()).unwrap_or_else(|problems| panic!("{}", printed(&problems)));
    assert_eq!(waivers.len(), 2);
    assert_eq!(waivers[0].expires.to_string(), "2020-02-29");
    assert_eq!(waivers[0].control.as_ref().unwrap().number(), "3.3.1");
    assert_eq!((waivers[1].check.as_deref(), waivers[1].reason.as_str()), (Some("os-cis/*"), "scanner is broken"));
    assert!(waiver_file::parse("waivers.yaml", format!("{WAIVERS}waivers: []\n").as_bytes()).unwrap().is_empty());
}

#[test]
fn every_problem_of_a_waiver_file_is_found() {
    let text = format!(
        "{WAIVERS}waivers:\n  - {{reason: r, owner: o, expires: 2027-01-31}}\n  - {{check: node ready, reason: '  ', owner: o, expires: 2027-02-30}}\n  \
         - {{control: 3.3.1, owner: 7, expires: 31.01.2027}}\n  - {{check: /*, level: 3, variants: [A], reason: r, owner: o, expires: 20270131, until: x}}\n  - nothing\n"
    );
    let problems = waiver_file::parse("waivers.yaml", text.as_bytes()).unwrap_err();
    insta::assert_snapshot!(printed(&problems));
}

proptest! {
    #[test]
    fn no_text_makes_them_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), text in "(apiVersion: amiproof/v1\n|kind: Workload\n|kind: Pod\n|spec: \\{expect: \\[ready: a\\]\\}\n|---\n|metadata: \\{name: a\\}\n|waivers: \\[\\{check: a\\}\\]\n|\\PC){0,12}") {
        for input in [bytes.as_slice(), text.as_bytes()] {
            if let Err(problems) = workload_file::parse("w.yaml", input) {
                prop_assert!(!problems.is_empty());
                prop_assert!(problems.iter().all(|problem| !problem.message.contains("wrong format")), "{}", printed(&problems));
            }
            if let Err(problems) = waiver_file::parse("w.yaml", input) {
                prop_assert!(!problems.is_empty());
            }
        }
    }
}

/// Files beside a workload file, and a chart that renders to a fixed text.
struct ManifestSource(amiproof_model::matrix::Files);

impl workload_file::ManifestSource for ManifestSource {
    fn manifests(&self, from: &workload_file::From) -> Result<Vec<(String, Vec<u8>)>, String> {
        use amiproof_model::matrix::ReadFile as _;
        match from {
            workload_file::From::Folder(folder) => {
                let files = self.0.workload_files(folder)?;
                files.into_iter().map(|path| Ok((path.to_string(), self.0.read(&path)?))).collect()
            }
            workload_file::From::Chart(chart) => {
                let sentence = format!("# {} {} {:?}\n", chart.chart, chart.release, chart.values);
                Ok(vec![("helm template".into(), [sentence.as_bytes(), CHART.as_bytes()].concat())])
            }
        }
    }
}

/// As `helm template` writes: a namespace, a role of the cluster, a test that nobody asked for.
const CHART: &str = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: default}\nspec: {replicas: 1}\n\
    ---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: web}\n\
    ---\napiVersion: v1\nkind: Pod\nmetadata: {name: web-test, annotations: {helm.sh/hook: test}}\n";

fn beside(header: &str, files: &[(&str, &str)]) -> Result<amiproof_model::workload::Workload, String> {
    let files = files.iter().map(|(path, text)| ((*path).into(), text.as_bytes().to_vec())).collect();
    let text = format!("{HEADER}  expect: [ready: deployment/web]\n  from: {header}\n");
    workload_file::parse_beside("w.yaml", text.as_bytes(), &ManifestSource(files))
        .map_err(|problems| printed(&problems))
}

#[test]
fn a_header_alone_takes_a_folder_of_manifests_or_a_chart() {
    let plain = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec: {replicas: 2}\n";
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n";
    let workload = beside("{folder: k8s}", &[("k8s/web.yaml", plain), ("k8s/service.yml", service)]).unwrap();
    assert_eq!(workload.objects.len(), 2);
    let metadata = &workload.objects.iter().find(|object| object["kind"] == "Deployment").unwrap()["metadata"];
    assert_eq!(*metadata, serde_json::json!({"name": "web"}), "the namespace is amiproof's");
    let workload = beside("{chart: charts/web, values: [a.yaml], skip: [ClusterRole]}", &[]).unwrap();
    let kinds: Vec<&str> = workload.objects.iter().filter_map(|object| object["kind"].as_str()).collect();
    assert_eq!(kinds, ["Deployment"], "the role is skipped, the chart's test is not ours");
}

#[test]
fn what_is_wrong_with_manifests_elsewhere_is_said_at_their_own_lines() {
    let twice = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
    let cases = [
        ("{folder: k8s}", vec![]),
        ("{folder: k8s, chart: x}", vec![]),
        ("{}", vec![]),
        ("{folder: k8s, release: x}", vec![]),
        ("{chart: charts/web}", vec![]),
        (
            "{folder: k8s}",
            vec![("k8s/a.yaml", "kind: {\n"), ("k8s/b.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n")],
        ),
        ("{folder: k8s}", vec![("k8s/a.yaml", twice), ("k8s/b.yaml", twice)]),
        ("{folder: k8s, skip: [ConfigMap]}", vec![("k8s/a.yaml", twice)]),
    ];
    let report: String = cases
        .iter()
        .map(|(header, files)| {
            format!(
                "== {header} {:?}\n{}",
                files.iter().map(|file| file.0).collect::<Vec<_>>(),
                beside(header, files).expect_err(header)
            )
        })
        .collect();
    insta::assert_snapshot!(report);
}

#[test]
fn a_workload_file_gives_helm_no_options_and_fetches_no_values() {
    for (header, wanted) in [
        (
            "{chart: x, release: '--post-renderer=./e'}",
            "spec.from.release: '--post-renderer=./e' is not a valid name of a release",
        ),
        ("{chart: x, release: App}", "spec.from.release"),
        ("{chart: '--post-renderer=x://y'}", "spec.from.chart: '--post-renderer=x://y' is not a chart"),
        ("{chart: '-x'}", "spec.from.chart"),
        ("{chart: 'git+ssh://example.com/x'}", "spec.from.chart"),
        ("{chart: x, values: [a.yaml, 'https://example.com/v.yaml']}", "spec.from.values[1]"),
    ] {
        let sentence = beside(header, &[]).expect_err(header);
        assert!(sentence.contains(wanted), "{sentence}");
    }
    assert!(
        beside("{chart: 'oci://registry.example.com/charts/web', release: web-1, skip: [ClusterRole]}", &[]).is_ok()
    );
}

/// Remote charts are not fetched; only local ones are rendered.
struct Offline;

impl workload_file::ManifestSource for Offline {
    fn manifests(&self, from: &workload_file::From) -> Result<Vec<(String, Vec<u8>)>, String> {
        Err(format!("{from:?} was asked for"))
    }

    fn is_offline(&self) -> bool {
        true
    }
}

#[test]
fn without_the_network_a_chart_elsewhere_is_a_workload_without_objects() {
    let of = |chart: &str| {
        let text = format!("{HEADER}  expect: [ready: deployment/web]\n  from: {{chart: '{chart}'}}\n");
        workload_file::parse_beside("w.yaml", text.as_bytes(), &Offline).map_err(|problems| printed(&problems))
    };
    let workload = of("oci://registry.example.com/charts/web").unwrap();
    assert!(workload.objects.is_empty() && workload.expect.len() == 1);
    assert!(of("charts/web").unwrap_err().contains("was asked for"), "a chart beside the file is rendered");
}

#[test]
fn a_pod_without_a_container_is_found_before_there_is_a_cluster() {
    for (containers, problems) in [
        ("containers: null", 1),
        ("containers: []", 1),
        ("containers: {name: web}", 1),
        ("restartPolicy: Never", 1),
        ("containers: [{name: web, image: web}]", 0),
    ] {
        let pod = format!("---\napiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec: {{{containers}}}\n");
        let header = format!("{HEADER}  expect:\n    - ready: pod/web\n");
        let found = workload_file::parse("web.yaml", format!("{header}{pod}").as_bytes()).err().unwrap_or_default();
        assert_eq!(found.len(), problems, "{containers}: {}", printed(&found));
        assert!(found.iter().all(|problem| problem.message == "a Pod without a container"), "{}", printed(&found));
    }
}
