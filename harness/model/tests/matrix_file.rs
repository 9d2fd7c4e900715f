//! Matrix files, good and bad, as users write them: `fixtures/matrices`.

use std::time::{Duration, Instant};

use amiproof_model::matrix::{AmiSource, Capacity, Family, Files, Resolved, Variant, WorkloadSource, init, resolve};
use amiproof_model::problem::Problem;
use amiproof_model::yaml::{self, Limits};
use proptest::prelude::*;

const SUITES: [&str; 10] =
    ["node", "host", "workload", "addon", "kubelet-path", "kube-bench", "os-cis", "eks-cis", "windows", "disruptive"];

fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/../../fixtures/matrices/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn resolved(bytes: &[u8]) -> Resolved {
    let beside = Files::from([("demo-waivers.yaml".into(), fixture("demo-waivers.yaml"))]);
    resolve("amiproof.yaml", bytes, &beside, &SUITES).unwrap_or_else(|problems| panic!("{}", printed(&problems)))
}

fn printed(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

#[test]
fn every_bad_matrix_is_answered_with_all_its_problems() {
    insta::glob!("../../../fixtures/matrices/bad", "*.yaml", |path| {
        let bytes = std::fs::read(path).unwrap();
        let problems = resolve("amiproof.yaml", &bytes, &Files::new(), &SUITES).expect_err("the matrix is bad");
        for problem in &problems {
            assert!(problem.place.is_some(), "has a place: {problem}");
            assert!(!problem.help.is_empty(), "says what to do: {problem}");
        }
        insta::assert_snapshot!(printed(&problems));
    });
}

#[test]
fn the_demo_resolves_to_eight_variants_with_every_default_filled_in() {
    let Resolved { matrix, warnings, .. } = resolved(&fixture("demo.yaml"));
    assert_eq!(printed(&warnings), "");
    let names: Vec<&str> = matrix.variants.iter().map(|variant| variant.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "eks-al2",
            "eks-al2023",
            "bottlerocket",
            "cis-al2-kernel-4-14-l1",
            "cis-al2-l2",
            "cis-al2023-l1",
            "cis-al2023-l2",
            "windows-2022-core"
        ]
    );
    let [.., cis, windows] = matrix.variants.as_slice() else { unreachable!() };
    let made = cis.made().unwrap();
    assert_eq!((made.count, cis.imds_hop_limit, made.volume_gib, made.capacity), (2, 2, 30, Capacity::OnDemand));
    assert_eq!(made.kubernetes_version.as_str(), "1.35", "the cluster's, where the variant says nothing");
    assert_eq!(cis.timeouts.os_scan, Duration::from_mins(45));
    let ready = [cis, windows].map(|variant| variant.timeouts.nodes_ready);
    assert_eq!(ready, [8, 20].map(Duration::from_mins), "Windows takes its time");
    let made = windows.made().unwrap();
    assert_eq!((made.volume_gib, &made.ami, windows.family), (80, &AmiSource::Recommended, Family::Windows));
    assert_eq!(matrix.variants[0].made().unwrap().kubernetes_version.as_str(), "1.32");
    let addons: Vec<String> = matrix.cluster.addons.iter().map(ToString::to_string).collect();
    let six = ["eks-pod-identity-agent", "vpc-cni", "kube-proxy", "coredns", "aws-ebs-csi-driver", "metrics-server"];
    assert_eq!(addons, six);
    assert_eq!(matrix.workloads, [WorkloadSource::Builtin]);
}

#[test]
fn the_bench_matrix_has_thirty_variants_with_two_nodes() {
    let Resolved { matrix, warnings, .. } = resolved(&fixture("thirty.yaml"));
    assert_eq!(printed(&warnings), "");
    assert_eq!(
        (matrix.variants.len(), matrix.variants.iter().filter_map(Variant::made).map(|made| made.count).sum::<u32>()),
        (30, 60)
    );
}

#[test]
fn the_starter_file_of_init_resolves_without_a_warning() {
    let text = init::starter("./amiproof.schema.json");
    assert!(text.starts_with("# yaml-language-server: $schema=./amiproof.schema.json\n"));
    let Resolved { matrix, warnings, .. } = resolved(text.as_bytes());
    assert_eq!((matrix.variants.len(), warnings.len()), (2, 0));
    assert_eq!(matrix.variants[1].reference.as_ref(), Some(&matrix.variants[0].name));
}

#[test]
fn what_a_variant_says_beats_the_defaults_and_these_beat_the_built_in_ones() {
    let text = r#"
apiVersion: amiproof/v1
kind: Matrix
metadata: {name: nightly}
cluster: {name: c, region: us-gov-west-1, kubernetesVersion: "1.36", subnetIds: [subnet-1], roleArn: "arn:aws-us-gov:iam::111122223333:role/x"}
defaults: {nodes: 3, capacity: spot, imdsHopLimit: 1, volumeGib: 50, timeouts: {check: 90s}}
variants:
  - {name: plain, family: al2023, ami: {ssm: /our/ami}}
  - name: own
    family: al2023
    architecture: arm64
    ami: {id: ami-0123456789abcdef0}
    nodes: 1
    capacity: on-demand
    imdsHopLimit: 64
    volumeGib: 100
    timeouts: {nodesReady: 1h30m}
"#;
    let matrix = resolved(text.as_bytes()).matrix;
    let [plain, own] = matrix.variants.as_slice() else { unreachable!() };
    let times = |variant: &Variant| {
        [variant.timeouts.nodes_ready, variant.timeouts.check, variant.timeouts.os_scan].map(|time| time.as_secs())
    };
    assert_eq!((times(plain), times(own)), ([480, 90, 2700], [5400, 90, 2700]));
    assert_eq!((plain.imds_hop_limit, own.imds_hop_limit), (1, 64));
    let (plain, own) = (plain.made().unwrap(), own.made().unwrap());
    assert_eq!((plain.count, plain.capacity, plain.volume_gib), (3, Capacity::Spot, 50));
    assert_eq!((own.count, own.capacity, own.volume_gib), (1, Capacity::OnDemand, 100));
    assert_eq!(
        (plain.instance_types.as_slice(), own.instance_types.as_slice()),
        (&["m6i.large".to_owned()][..], &["m6g.large".to_owned()][..])
    );
    assert_eq!(plain.ami, AmiSource::SsmParameter("/our/ami".into()));
    assert!(matrix.cluster.addons.is_empty(), "an existing cluster keeps the add-ons it has");
}

#[test]
fn nodes_that_are_there_need_no_image_and_a_cluster_of_such_nodes_no_region() {
    let text = r#"
apiVersion: amiproof/v1
kind: Matrix
metadata: {name: nightly}
cluster: {name: kind}
variants:
  - {name: stock, family: al2023, nodes: {selector: pool=stock}}
  - {name: l1, family: al2023, reference: stock, nodes: {selector: "pool in (l1, l1-b), !spot"}, timeouts: {check: 90s}}
"#;
    let matrix = resolved(text.as_bytes()).matrix;
    assert_eq!((&matrix.cluster.region, &matrix.cluster.kubernetes_version), (&None, &None));
    let selectors: Vec<_> = matrix.variants.iter().map(|variant| variant.selector().unwrap().as_str()).collect();
    assert_eq!(selectors, ["pool=stock", "pool in (l1, l1-b), !spot"]);
    assert!(matrix.variants.iter().all(|variant| variant.made().is_none()));
    let mixed = text.replace("nodes: {selector: pool=stock}", "ami: {ssm: recommended}");
    let problems = resolve("m.yaml", mixed.as_bytes(), &Files::new(), &SUITES).unwrap_err();
    insta::assert_snapshot!(printed(&problems), @r#"
    m.yaml:5:10: cluster: the key 'region' is missing
      = help: add it, like region: "us-west-2"
    m.yaml:5:10: cluster: the key 'kubernetesVersion' is missing
      = help: add it, like kubernetesVersion: "1.35"
    "#);
}

#[test]
fn anchors_and_merge_keys_save_typing_and_their_values_are_checked_where_they_are_written() {
    let text = r#"
apiVersion: amiproof/v1
kind: Matrix
metadata: {name: nightly}
cluster: {name: c, region: us-west-2, kubernetesVersion: "1.36"}
variants:
  - &stock {name: plain, family: al2023, ami: {ssm: recommended}}
  - {<<: *stock, name: other, nodes: 4}
"#;
    let matrix = resolved(text.as_bytes()).matrix;
    assert_eq!(
        (matrix.variants[1].name.as_str(), matrix.variants[1].made().unwrap().count, matrix.variants[1].family),
        ("other", 4, Family::Al2023)
    );
    let wrong = text.replace("family: al2023", "family: al2024");
    let problems = resolve("m.yaml", wrong.as_bytes(), &Files::new(), &SUITES).unwrap_err();
    assert!(problems.iter().all(|problem| problem.place.unwrap().line == 7), "{}", printed(&problems));
}

fn beside(matrix: &str, files: &[(&str, &str)]) -> Result<Resolved, Vec<Problem>> {
    let head = "apiVersion: amiproof/v1\nkind: Matrix\nmetadata: {name: nightly}\n\
                cluster: {name: c, region: us-west-2, kubernetesVersion: \"1.36\"}\n";
    let files: Files = files.iter().map(|(path, text)| ((*path).into(), text.as_bytes().to_vec())).collect();
    resolve("ci/amiproof.yaml", format!("{head}{matrix}").as_bytes(), &files, &SUITES)
}

const APP: &str = "apiVersion: amiproof/v1\nkind: Workload\nmetadata: {name: our-app}\n\
    spec: {title: our app runs, exercises: [image-pull], expect: [ready: pod/app]}\n---\n\
    apiVersion: v1\nkind: Pod\nmetadata: {name: app}\nspec: {containers: [{name: app, image: app}]}\n";

#[test]
fn files_beside_the_matrix_are_read_with_it() {
    let resolved = beside(
        "variants: [{name: a, family: al2023, ami: {packerManifest: m.json, select: Level_1}, userData: {merge: u.yaml}}]\n\
         workloads: [builtin, our-apps]\nwaivers: waivers.yaml\n",
        &[
            ("m.json", r#"{"builds": [{"name": "AL2023_Level_1", "artifact_id": "us-west-2:ami-0123456789abcdef0"}]}"#),
            ("u.yaml", "apiVersion: node.eks.aws/v1alpha1\n"),
            ("our-apps/app.yaml", APP),
            ("our-apps/README.md", "not a workload"),
            ("waivers.yaml", "apiVersion: amiproof/v1\nkind: Waivers\nwaivers:\n  - {variants: [b], check: node/ready, reason: r, owner: o, expires: 2020-01-01}\n"),
        ],
    )
    .unwrap_or_else(|problems| panic!("{}", printed(&problems)));
    assert_eq!(resolved.matrix.workloads, [WorkloadSource::Builtin, WorkloadSource::Folder("our-apps".into())]);
    assert_eq!(resolved.own_workloads[0].name, "our-app");
    assert_eq!(
        resolved.matrix.variants[0].made().unwrap().user_data.as_ref().unwrap().text,
        "apiVersion: node.eks.aws/v1alpha1\n"
    );
    assert_eq!(resolved.waivers.len(), 1);
    insta::assert_snapshot!(printed(&resolved.warnings), @r"
    ci/amiproof.yaml:7:10: waivers: waivers.yaml has a waiver for the variant 'b', which is not in this matrix
      = help: did you mean 'a'?
    ");
}

#[test]
fn problems_of_files_beside_the_matrix_name_those_files() {
    let problems = beside(
        "variants:\n  - {name: a, family: al2023, ami: {packerManifest: m.json}}\n  - {name: b, family: al2023, ami: {packerManifest: ok.json, select: Level_2}, userData: {merge: big.sh}}\n\
         workloads: [our-apps, empty]\nwaivers: waivers.yaml\n",
        &[
            ("m.json", "{\"builds\": ["),
            ("ok.json", r#"{"builds": [{"name": "Level_1"}]}"#),
            ("big.sh", &"x".repeat(16 * 1024 + 1)),
            ("our-apps/app.yaml", APP),
            ("our-apps/copy.yaml", APP),
            ("our-apps/wrong.yaml", "kind: Pod\n"),
            ("empty/README.md", ""),
            ("waivers.yaml", "apiVersion: amiproof/v1\nkind: Waivers\nwaivers:\n  - {reason: r, owner: '', expires: tomorrow}\n"),
        ],
    )
    .unwrap_err();
    insta::assert_snapshot!(printed(&problems));
}

#[test]
fn hostile_files_end_early() {
    let start = Instant::now();
    let mut bomb = String::from("a: &a [x, x, x, x, x, x, x, x, x]\n");
    for (name, below) in ('b'..='z').zip('a'..) {
        bomb.push_str(&format!("{name}: &{name} [{}]\n", [format!("*{below}").as_str(); 9].join(", ")));
    }
    let big = bomb.repeat(10 * 1024 * 1024 / bomb.len());
    for (text, says) in [
        (bomb, "aliases"),
        (big, "more than the limit of 1048576"),
        ("- ".repeat(400_000), "nested lists and maps"),
        ("[".repeat(400_000), "nested lists and maps"),
        (format!("a: {}", "&a ".repeat(100_000)), "not valid YAML"),
        ("---\n".repeat(200_000), "documents"),
        ("a: 1\n---\n".repeat(100_000), "documents"),
        (format!("[{}]", "x,".repeat(400_000)), "more values than any real file needs"),
        (format!("a: &a {}\nb: [{}]\n", "x".repeat(900_000), ["*a"; 1_900].join(", ")), "aliases"),
    ] {
        let problems = resolve("amiproof.yaml", text.as_bytes(), &Files::new(), &SUITES).unwrap_err();
        assert!(problems.len() == 1 && problems[0].message.contains(says), "{says}: {}", printed(&problems));
    }
    assert!(start.elapsed() < Duration::from_secs(20), "{:?} for all of them", start.elapsed());
}

#[test]
fn a_file_of_nothing_but_mistakes_is_answered_soon_and_not_at_full_length() {
    let keys: String = (0..40_000).map(|index| format!("verisons{index}: x\n")).collect();
    let long = format!("? {}\n: x\nkind: {}\n", "k".repeat(400_000), "v".repeat(400_000));
    for text in [keys, long] {
        let start = Instant::now();
        let problems = resolve("amiproof.yaml", text.as_bytes(), &Files::new(), &SUITES).unwrap_err();
        assert!(problems.len() > 2 && problems.len() <= 1_100, "{} problems", problems.len());
        assert!(problems.iter().all(|problem| problem.to_string().len() < 3_000));
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    }
}

/// Half a matrix in fragments: arbitrary text rarely gets past the parser, recombined fragments do.
fn fragments() -> impl Strategy<Value = String> {
    let lines = [
        "apiVersion: amiproof/v1\n",
        "kind: Matrix\n",
        "metadata: {name: x}\n",
        "cluster: {name: c, region: us-west-2, kubernetesVersion: \"1.35\"}\n",
        "cluster:\n",
        "variants:\n",
        "  - {name: a, family: al2023, ami: {ssm: recommended}}\n",
        "  - name: b\n",
        "    family: windows\n",
        "    reference: a\n",
        "    nodes: 99999999999999999999\n",
        "    nodes: {selector: \"a in (b\"}\n",
        "    nodes: {selector: a=b}\n",
        "    nodes: [1]\n",
        "    ami: {id: ami-ü}\n",
        "    ami: {packerManifest: \"\"}\n",
        "  - *a\n",
        "  - &a\n",
        "    instanceTypes: [.., \"\", g.x]\n",
        "suites: {include: [/], exclude: [~]}\n",
        "workloads: [\"\", builtin]\n",
        "waivers: ..\n",
        "    timeouts: {check: ms}\n",
        "    <<: *a\n",
        "? [a]\n",
        ": b\n",
        "\t",
        "---\n",
        "...\n",
        "1: 2\n",
        "\"1\": 2\n",
        "    hardening: {benchmark: -, level: -1}\n",
    ];
    prop::collection::vec(prop::sample::select(lines.to_vec()), 0..24).prop_map(|lines| lines.concat())
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), text in "\\PC{0,200}", lines in fragments()) {
        for input in [bytes.as_slice(), text.as_bytes(), lines.as_bytes()] {
            if let Err(problems) = resolve("amiproof.yaml", input, &Files::new(), &SUITES) {
                prop_assert!(!problems.is_empty());
                prop_assert!(problems.iter().all(|problem| !problem.message.contains("for an unknown reason")), "{}", printed(&problems));
                prop_assert!(problems.iter().all(|problem| !problem.message.contains("wrong format")), "{}", printed(&problems));
            }
        }
    }
}

/// Whether a name matches a pattern of EC2's filters: `*` for any text, `?` for one character.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, rest) => rest.is_none(),
        (Some((b'*', pattern)), None) => matches(pattern, name),
        (Some((b'*', after)), Some((_, rest))) => matches(after, name) || matches(pattern, rest),
        (Some((b'?', pattern)), Some((_, rest))) => matches(pattern, rest),
        (Some((wanted, pattern)), Some((found, rest))) => wanted == found && matches(pattern, rest),
        (Some(_), None) => false,
    }
}

#[test]
fn every_image_that_the_matrices_ask_for_is_one_host_profile_of_the_lab() {
    let folder = format!("{}/../../fixtures/profiles", env!("CARGO_MANIFEST_DIR"));
    let mut profiles = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder}: {error}")) {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let shown = path.display().to_string();
            let tree = yaml::document(&shown, &std::fs::read(&path).unwrap(), Limits::MATRIX);
            profiles.push(tree.unwrap_or_else(|problem| panic!("{problem}")).to_json());
        }
    }
    for file in ["demo.yaml", "thirty.yaml", "broken-hosts.yaml"] {
        for variant in resolved(&fixture(file)).matrix.variants {
            let fits = |profile: &&serde_json::Value| {
                let image = &profile["image"];
                let text = |key: &str| image[key].as_str().unwrap_or_default();
                profile["os"]["family"] == variant.family.as_str()
                    && match &variant.made().unwrap().ami {
                        AmiSource::Filter { owner, name } => {
                            let owner = if owner == "self" { "111122223333" } else { owner.as_str() };
                            [text("ownerAlias"), text("owner")].contains(&owner)
                                && matches(name.as_bytes(), text("name").as_bytes())
                        }
                        AmiSource::Recommended => {
                            image["ssmParameters"].as_array().is_some_and(|parameters| !parameters.is_empty())
                        }
                        other => panic!("{other:?}"),
                    }
            };
            let names: Vec<&str> =
                profiles.iter().filter(fits).filter_map(|profile| profile["name"].as_str()).collect();
            assert_eq!(names.len(), 1, "{file}: {} boots one of {names:?}", variant.name);
        }
    }
}

#[test]
fn security_groups_of_nodes_are_of_a_network_that_is_there() {
    let text = |cluster: &str, groups: &str| {
        format!(
            "apiVersion: amiproof/v1\nkind: Matrix\nmetadata: {{name: m}}\n\
             cluster: {{name: c, region: us-west-2, kubernetesVersion: '1.35', {cluster}}}\n\
             defaults: {{securityGroups: [sg-0123456789abcdef0]}}\nvariants:\n\
             - {{name: stock, family: al2023, ami: {{ssm: recommended}}}}\n\
             - {{name: own, family: al2023, ami: {{ssm: recommended}}, securityGroups: {groups}}}\n"
        )
    };
    let Resolved { matrix, .. } = resolved(text("create: false", "[sg-01234567, sg-89abcdef]").as_bytes());
    let groups: Vec<_> = matrix.variants.iter().filter_map(|variant| variant.made()).collect();
    assert_eq!(groups[0].security_groups, ["sg-0123456789abcdef0"]);
    assert_eq!(groups[1].security_groups, ["sg-01234567", "sg-89abcdef"]);
    let sentences = |cluster: &str, groups: &str| -> String {
        let problems = resolve("amiproof.yaml", text(cluster, groups).as_bytes(), &Files::new(), &SUITES).unwrap_err();
        problems.iter().map(|problem| format!("{}: {}\n", problem.path, problem.message)).collect()
    };
    insta::assert_snapshot!(sentences("create: true", "[sg-01234567]"), @r"
    defaults.securityGroups: the VPC that amiproof creates contains none of your security groups
    variants[1].securityGroups: the VPC that amiproof creates contains none of your security groups
    ");
    insta::assert_snapshot!(sentences("create: false", "[sg-0123, web]"), @r"
    variants[1].securityGroups[0]: 'sg-0123' is not a valid security group id
    variants[1].securityGroups[1]: 'web' is not a valid security group id
    ");
}

#[test]
fn what_a_governed_account_demands_is_read() {
    let text = r#"
apiVersion: amiproof/v1
kind: Matrix
metadata: {name: governed}
cluster:
  name: c
  region: us-west-2
  kubernetesVersion: "1.35"
  create: true
  tags: {CostCenter: "4711"}
  permissionsBoundary: arn:aws:iam::111122223333:policy/boundary
  endpoint: {publicAccessCidrs: [203.0.113.0/24]}
  logging: [audit, authenticator]
  secretsKey: arn:aws:kms:us-west-2:111122223333:key/1234abcd
  nodePolicies: [arn:aws:iam::111122223333:policy/golden-image]
defaults: {tags: {Team: images, Stage: test}, kmsKey: arn:aws:kms:us-west-2:111122223333:alias/nodes, timeouts: {nodesReady: 8m}}
variants:
  - {name: stock, family: al2023, ami: {ssm: recommended}, tags: {Stage: stock}}
  - {name: windows, family: windows, ami: {ssm: recommended}, kmsKey: arn:aws:kms:us-west-2:111122223333:key/2}
"#;
    let Resolved { matrix, warnings, .. } = resolved(text.as_bytes());
    let governance = &matrix.cluster.governance;
    assert_eq!(governance.tags.get("CostCenter").map(String::as_str), Some("4711"));
    assert_eq!(governance.permissions_boundary.as_deref(), Some("arn:aws:iam::111122223333:policy/boundary"));
    assert_eq!((governance.endpoint.public, governance.endpoint.public_access_cidrs.len()), (true, 1));
    assert_eq!(governance.logging.as_ref().map(Vec::len), Some(2));
    let made: Vec<_> = matrix.variants.iter().filter_map(|variant| variant.made()).collect();
    assert_eq!(
        made[0].tags.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>(),
        ["Stage=stock", "Team=images"]
    );
    assert!(
        made[0].kms_key.as_ref().unwrap().ends_with("alias/nodes")
            && made[1].kms_key.as_ref().unwrap().ends_with("key/2")
    );
    let warned: Vec<&str> = warnings.iter().map(|warning| warning.path.as_str()).collect();
    assert_eq!(warned, ["defaults.timeouts.nodesReady"], "8m is short for Windows");
}
