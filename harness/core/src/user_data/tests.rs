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
fn what_cannot_be_merged_is_refused_with_the_mend() {
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
