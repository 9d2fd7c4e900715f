use amiproof_model::matrix::{MadeNodes, NodeSource};

use super::*;
use crate::fixture;

fn cluster() -> ClusterFacts {
    ClusterFacts {
        name: "ami-conformance".to_owned(),
        endpoint: "https://ABC.gr7.us-west-2.eks.amazonaws.com".to_owned(),
        certificate_authority: "LS0tLS1CRUdJTg==".to_owned(),
        service_cidr: "172.20.0.0/16".to_owned(),
    }
}

fn labels() -> BTreeMap<String, String> {
    [("amiproof/variant", "v"), ("eks.amazonaws.com/nodegroup", "v-r-1")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

fn of(family: Family, user: Option<&str>) -> Result<String, Error> {
    let user = user.map(|text| fixture::user_data("user-data", text));
    generate(&cluster(), &fixture::variant("v", family), user.as_ref(), &labels())
}

#[test]
fn every_family_is_told_how_to_join() {
    insta::assert_snapshot!("al2023", of(Family::Al2023, None).unwrap());
    insta::assert_snapshot!("al2", of(Family::Al2, None).unwrap());
    insta::assert_snapshot!("bottlerocket", of(Family::Bottlerocket, None).unwrap());
    insta::assert_snapshot!("windows", of(Family::Windows, None).unwrap());
}

#[test]
fn a_shell_script_follows_nodeadm_on_al2023_and_precedes_bootstrap_on_al2() {
    let script = "#!/bin/bash\nsysctl -w net.ipv4.ip_forward=0\n";
    insta::assert_snapshot!("al2023_script", of(Family::Al2023, Some(script)).unwrap());
    insta::assert_snapshot!("al2_script", of(Family::Al2, Some(script)).unwrap());
}

#[test]
fn parts_of_a_multipart_document_are_taken_over_one_by_one() {
    let user = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"==X==\"\r\n\r\n--==X==\r\n\
                Content-Type: text/cloud-config; charset=\"utf-8\"\r\nContent-Disposition: attachment; filename=\"a\"\r\n\r\n\
                #cloud-config\r\nruncmd: [ls]\r\n\r\n--==X==\r\nContent-Type: application/node.eks.aws\r\n\r\n\
                apiVersion: node.eks.aws/v1alpha1\r\nkind: NodeConfig\r\n--==X==--\r\n";
    insta::assert_snapshot!("al2023_multipart", of(Family::Al2023, Some(user)).unwrap());
}

#[test]
fn a_boundary_is_never_part_of_a_body() {
    let text = of(Family::Al2023, Some("#!/bin/bash\necho --==amiproof-0==\n")).unwrap();
    assert!(text.contains("boundary=\"==amiproof-1==\""), "{text}");
    let nested = of(Family::Al2023, Some(&text)).unwrap();
    assert_eq!(nested.matches("Content-Type: application/node.eks.aws").count(), 2, "{nested}");
}

#[test]
fn bottlerocket_settings_of_the_user_win_except_for_the_cluster() {
    let user = r#"
        [settings.kernel]
        lockdown = "integrity"
        [settings.kernel.sysctl]
        "net.ipv4.conf.all.send_redirects" = "0"
        [settings.kubernetes]
        cluster-name = "another"
        max-pods = 30
        [settings.kubernetes.node-labels]
        "amiproof/variant" = "theirs"
        team = "blue"
    "#;
    insta::assert_snapshot!("bottlerocket_merged", of(Family::Bottlerocket, Some(user)).unwrap());
}

#[test]
fn powershell_of_the_user_joins_the_one_block() {
    let bare = of(Family::Windows, Some("Write-Host 'hello'\r\n")).unwrap();
    let wrapped = of(Family::Windows, Some("<powershell>\nWrite-Host 'hello'\n</powershell>\n")).unwrap();
    assert_eq!(bare, wrapped);
    assert!(bare.ends_with("6>&1\nWrite-Host 'hello'\n</powershell>\n"), "{bare}");
}

#[test]
fn what_cannot_be_merged_is_refused_with_the_help() {
    let messages: Vec<String> = [
        (Family::Al2023, ""),
        (Family::Al2023, "echo hello"),
        (Family::Al2, "Content-Type: multipart/mixed\n\nx"),
        (Family::Al2, "Content-Type: multipart/mixed; boundary=\"b\"\n\n--b\nContent-Type: text/plain\n\nx"),
        (Family::Bottlerocket, "[settings.kernel"),
        (Family::Bottlerocket, "kernel = 1"),
        (Family::Bottlerocket, "settings = 1"),
        (Family::Windows, "<powershell>x</powershell> y"),
        (Family::Windows, "<script>dir</script>"),
    ]
    .into_iter()
    .map(|(family, text)| of(family, Some(text)).unwrap_err().to_string())
    .collect();
    insta::assert_snapshot!(messages.join("\n---\n"));
}

#[test]
fn more_than_ec2_takes_is_refused_before_anything_is_made() {
    let long = format!("#!/bin/bash\n{}", "# padding\n".repeat(2000));
    let error = of(Family::Al2023, Some(&long)).unwrap_err();
    assert!(matches!(&error, Error::TooLong { bytes, .. } if *bytes > MAX_BYTES), "{error}");
    let placeholder = ClusterFacts::placeholder("ami-conformance");
    let text = generate(&placeholder, &fixture::variant("v", Family::Al2), None, &labels()).unwrap();
    assert!(text.len() < 4096, "{}", text.len());
}

#[test]
fn the_dns_service_is_the_tenth_address() {
    let dns = |cidr: &str| ClusterFacts { service_cidr: cidr.to_owned(), ..cluster() }.dns_ip();
    assert_eq!(dns("10.100.0.0/16").unwrap(), "10.100.0.10");
    assert_eq!(dns("fd30:1c53:5f8a::/108").unwrap(), "fd30:1c53:5f8a::a");
    assert!(dns("10.100.0.0").is_err());
}

#[test]
fn amazon_linux_2_is_told_of_an_ipv6_cluster() {
    let ipv6 = ClusterFacts { service_cidr: "fd30:1c53:5f8a::/108".to_owned(), ..cluster() };
    let text = generate(&ipv6, &fixture::variant("v", Family::Al2), None, &labels()).unwrap();
    assert!(text.contains("--ip-family ipv6"), "{text}");
    assert!(text.contains("--service-ipv6-cidr 'fd30:1c53:5f8a::/108'"), "{text}");
    assert!(!of(Family::Al2, None).unwrap().contains("--ip-family"));
}

#[test]
fn which_cluster_a_node_joins_is_not_the_users_to_say() {
    let user = "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n  cluster: {name: other}\n";
    let text = of(Family::Al2023, Some(user)).unwrap();
    let (theirs, ours) = (text.find("name: other").unwrap(), text.find("name: 'ami-conformance'").unwrap());
    assert!(theirs < ours, "nodeadm takes the last one:\n{text}");
}

/// Every problem and warning of some user data, one a line.
fn reviewed(family: Family, text: &str) -> String {
    let mut variant = fixture::variant("v", family);
    let made = MadeNodes { user_data: Some(fixture::user_data("ud/file", text)), ..fixture::made() };
    variant.nodes = NodeSource::Made(made);
    let review = review("matrices/amiproof.yaml", &fixture::matrix(vec![variant]));
    let problems = review.problems.iter().map(|problem| format!("problem {problem}"));
    let warnings = review.warnings.iter().map(|warning| format!("warning {warning}"));
    problems.chain(warnings).collect::<Vec<_>>().join("\n")
}

#[test]
fn toml_that_bottlerocket_would_refuse_is_said_with_its_line() {
    let cases = [
        "[settings.kubernetes]\nmax-pods = 30\n\n[settings.kubernetes]\nregistry-qps = 5\n",
        "garbage [[[",
        "[kubernetes]\nmax-pods = 30\n",
        "[settings.kernal]\nlockdown = \"integrity\"\n",
        "[settings.kernel]\nlockdwon = \"integrity\"\n[settings.bootstrap-containers.cis]\nsource = \"r/i:1\"\nmode = \"allways\"\n",
        "[settings.kernel.sysctl]\nnet.ipv4.conf.all.send_redirects = \"0\"\n\"net.ipv4.conf.all.log_martians\" = 1\n\
         [settings.kernel.modules.udf]\nallowed = \"false\"\n",
        "[settings.kubernetes]\nmax-pods = \"thirty\"\nseccomp-default = 1\nallowed-unsafe-sysctls = \"net.core.somaxconn\"\n",
        "[settings.kubernetes]\ncluster-name = \"other\"\nsome-new-setting-of-tomorrow = 1\n",
    ];
    insta::assert_snapshot!(cases.map(|text| reviewed(Family::Bottlerocket, text)).join("\n---\n"));
}

#[test]
fn bottlerocket_settings_that_are_right_pass() {
    let text = r#"
        [settings.kernel]
        lockdown = "integrity"
        [settings.kernel.sysctl]
        "user.max_user_namespaces" = "0"
        [settings.kernel.modules.udf]
        allowed = false
        [settings.kubernetes]
        max-pods = 30
        cluster-dns-ip = ["10.100.0.10", "10.100.0.11"]
        [settings.kubernetes.eviction-hard]
        "memory.available" = "15%"
        [settings.kubernetes.node-taints]
        dedicated = ["cis:NoSchedule"]
        [settings.ntp]
        time-servers = ["169.254.169.123"]
        [settings.oci-defaults.resource-limits.max-open-files]
        soft-limit = 100
        hard-limit = 200
        [settings.bootstrap-containers.cis]
        source = "111122223333.dkr.ecr.us-west-2.amazonaws.com/cis:1"
        mode = "always"
        essential = true
    "#;
    let found = reviewed(Family::Bottlerocket, text);
    assert!(found.lines().all(|line| line.contains("cluster-dns-ip") || line.starts_with("  = help")), "{found}");
}

fn node_config_of(spec: &str) -> String {
    format!("apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n{spec}")
}

#[test]
fn what_nodeadm_would_drop_or_refuse_is_said_with_its_line() {
    let nested = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"A\"\n\n--A\nContent-Type: multipart/mixed; boundary=\"B\"\n\n\
                  --B\nContent-Type: application/node.eks.aws\n\napiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\n--B--\n--A--\n";
    let wrong_type = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"A\"\n\n--A\nContent-Type: text/yaml\n\n\
                      apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\n--A--\n";
    let late = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"A\"\n\n--A\nContent-Type: text/x-shellscript\n\n\
                #!/bin/bash\ntrue\n--A\nContent-Type: application/node.eks.aws\n\n---\napiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\n\
                spec:\n  kubelet:\n    flag: [--v=2]\n--A--\n";
    let cases = [
        node_config_of("  kublet:\n    flags: [--v=2]\n"),
        node_config_of("  kubelet:\n    flags: \"--max-pods=30\"\n"),
        node_config_of(
            "  kubelet:\n    flags: [max-pods=30, 7]\n    config:\n      maxPods: \"thirty\"\n      seccompDefult: true\n      ofTomorrow: 1\n",
        ),
        node_config_of(
            "  containerd:\n    config: |\n      [plugins]\n      x = [\n  instance: {localStorage: {strategy: raid0}}\n",
        ),
        node_config_of("  cluster:\n    name: other\n    certificateAuthority: '%%%'\n    enableOutpost: \"no\"\n"),
        node_config_of("  kubelet: {}\n---\nkind: NodeConfig\n"),
        "apiVersion: node.eks.aws/v1\nkind: NodeConfig\nspec: {}\n".to_owned(),
        "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec: {kubelet: [\n".to_owned(),
        nested.to_owned(),
        wrong_type.to_owned(),
        late.to_owned(),
        "#cloud-config\nruncmd: [\n".to_owned(),
        "#cloud-config\n- runcmd\n".to_owned(),
    ];
    insta::assert_snapshot!(cases.map(|text| reviewed(Family::Al2023, &text)).join("\n---\n"));
}

#[test]
fn node_configs_that_nodeadm_takes_pass() {
    let yaml = node_config_of(
        "  kubelet:\n    flags:\n      - --v=2\n    config:\n      maxPods: 30\n      evictionHard: {memory.available: 5%}\n",
    );
    let json =
        r#"{"apiVersion": "node.eks.aws/v1alpha1", "kind": "NodeConfig", "spec": {"kubelet": {"flags": ["--v=2"]}}}"#;
    let encoded = format!(
        "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"A\"\n\n--A\nContent-Type: application/node.eks.aws\n\
         Content-Transfer-Encoding: base64\n\n{}\n--A--\n",
        base64::Engine::encode(&base64::prelude::BASE64_STANDARD, &yaml)
    );
    for text in [
        yaml.as_str(),
        json,
        encoded.as_str(),
        "---\napiVersion: \"node.eks.aws/v1alpha1\"\nkind: \"NodeConfig\"\n",
        "#!/bin/bash\nsysctl -w net.ipv4.ip_forward=0\n",
        "#cloud-config\nruncmd: [ls]\n",
        "#cloud-config\n",
    ] {
        assert_eq!(reviewed(Family::Al2023, text), "", "{text}");
    }
    let text = of(Family::Al2023, Some(json)).unwrap();
    assert_eq!(text.matches("Content-Type: application/node.eks.aws").count(), 2, "{text}");
}

#[test]
fn what_would_run_twice_or_not_at_all_is_said() {
    let cases = [
        (Family::Al2, "#!/bin/bash\n/etc/eks/bootstrap.sh ami-conformance\n".to_owned()),
        (Family::Al2, node_config_of("  kubelet: {}\n")),
        (Family::Windows, "<powershell>\n& Start-EKSBootstrap.ps1 -EKSClusterName c\n</powershell>\n".to_owned()),
        (Family::Windows, "<powershell>\ndir\n</powershell>\n<persist>true</persist>\n".to_owned()),
        (Family::Al2023, format!("#!/bin/bash\n{}", "# padding\n".repeat(1700))),
    ];
    insta::assert_snapshot!(cases.map(|(family, text)| reviewed(family, &text)).join("\n---\n"));
}
