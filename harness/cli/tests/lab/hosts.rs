//! Results of the suites `node`, `host` and `windows` for nodes in an account, and the facts in their failures.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use amiproof_model::facts;
use amiproof_model::report::{Report, Subject};
use amiproof_model::verdict::Outcome;

use crate::process::{amiproof, finish, matrix, report, root, stderr};

fn run(file: &str, variants: &str, checks: &str) -> Report {
    let dir = tempfile::tempdir().unwrap();
    let mut command = amiproof(dir.path());
    command.args(["run", "--lab", "--no-fail", "--variants", variants, "--checks", checks, "--file"]).arg(matrix(file));
    let output = finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    report(dir.path())
}

fn words<'a>(report: &'a Report, variant: &str) -> BTreeMap<&'a str, &'a Outcome> {
    let subject = Subject::Variant(variant.parse().unwrap());
    let own = report.results.iter().filter(|result| result.subject == subject && result.check.suite() != "gate");
    own.map(|result| (result.check.as_str(), &result.outcome)).collect()
}

#[test]
fn hosts_of_an_account_are_judged_by_what_aws_and_they_themselves_say() {
    let report = run("demo.yaml", "eks-al2023,windows-2022-core", "node,host,windows");
    let stock = words(&report, "eks-al2023");
    let windows = words(&report, "windows-2022-core");
    for (check, word, on_windows) in [
        ("node/kernel-defaults", "pass", "not applicable"),
        ("node/audit", "pass", "not applicable"),
        ("node/boot-time", "pass", "pass"),
        ("node/newest-ami", "pass", "pass"),
        ("host/no-ssh", "not applicable", "not applicable"),
        ("host/no-public-address", "not applicable", "not applicable"),
        ("host/private-subnets", "not applicable", "not applicable"),
        ("host/imds", "not applicable", "not applicable"),
        ("host/imds-answers", "pass", "not applicable"),
        ("host/ssm-managed", "pass", "pass"),
        ("host/run-command", "pass", "not applicable"),
        ("host/ssm-permissions", "not applicable", "not applicable"),
        ("host/encrypted-root", "not applicable", "not applicable"),
        ("host/inspector-coverage", "pass", "pass"),
        ("host/vulnerabilities", "pass", "pass"),
        ("host/selinux", "pass", "not applicable"),
        ("windows/server-core", "not applicable", "pass"),
        ("windows/no-remote-access", "not applicable", "pass"),
        ("windows/guard-duty", "not applicable", "pass"),
        ("windows/guard-duty-findings", "not applicable", "pass"),
        ("windows/inspector-cis", "not applicable", "pass"),
    ] {
        assert_eq!(stock[check].as_str(), word, "{check}: {:?}", stock[check]);
        assert_eq!(windows[check].as_str(), on_windows, "{check} on Windows: {:?}", windows[check]);
    }
    let actual = report.results.iter().find(|result| result.check.as_str() == "host/vulnerabilities").unwrap();
    assert!(actual.evidence.iter().any(|one| one.text.contains("3 others")), "{:?}", actual.evidence);
}

#[test]
fn every_failure_carries_the_facts_of_its_nodes_that_matter_to_it() {
    let variants = "eks-al2023,al2023-no-10250,al2023-ip-forward-off";
    let checks = "node,host,kubelet-path,workload/pod-to-pod,workload/web-service,workload/host-network";
    let report = run("broken-hosts.yaml", variants, checks);
    let failed: Vec<_> =
        report.results.iter().filter(|result| matches!(result.outcome, Outcome::Fail { .. })).collect();
    let facts_of = |check: &str, variant: &str| {
        let of = |result: &&&_| -> bool {
            let result: &amiproof_model::report::CheckResult = result;
            result.check.as_str() == check && result.subject.as_str() == variant
        };
        let result = failed.iter().find(of).unwrap_or_else(|| panic!("{check} did not fail on {variant}"));
        let facts = result.evidence.iter().find(|one| one.name == facts::TITLE);
        facts.map(|one| one.text.clone()).unwrap_or_default()
    };
    for result in &failed {
        assert!(result.evidence.iter().any(|one| one.name == facts::TITLE), "{} on {:?}", result.check, result.subject);
    }
    let closed = facts_of("kubelet-path/logs", "al2023-no-10250");
    assert!(closed.contains("firewall.nft.input = drop"), "{closed}");
    let off = facts_of("workload/pod-to-pod", "al2023-ip-forward-off");
    assert!(off.contains("sysctl.net.ipv4.ip_forward = 0  (reference: 1)"), "{off}");
    let named = report.variants.iter().flat_map(|variant| &variant.nodes);
    assert!(named.into_iter().all(|node| node.facts.len() > 30), "every node's facts are in the report");
}

#[test]
fn a_folder_of_host_profiles_is_a_set_of_images_that_a_matrix_may_name() {
    let dir = tempfile::tempdir().unwrap();
    let profiles = dir.path().join("profiles");
    std::fs::create_dir(&profiles).unwrap();
    let built_in = std::fs::read_to_string(root().join("fixtures/profiles/al2023-ip-forward-off.yaml")).unwrap();
    let id = built_in.lines().find_map(|line| line.strip_prefix("  id: ")).unwrap().trim_matches('"');
    std::fs::write(profiles.join("own.yaml"), built_in.replace(id, "ami-0123456789abcdef9")).unwrap();
    let file = dir.path().join("amiproof.yaml");
    let text = "apiVersion: amiproof/v1\nkind: Matrix\nmetadata: {name: own}\n\
                cluster: {name: own, region: us-west-2, kubernetesVersion: \"1.35\", create: true}\n\
                variants:\n  - {name: own, family: al2023, ami: {id: ami-0123456789abcdef9}}\n";
    std::fs::write(&file, text).unwrap();
    let asked = |folder: &Path| {
        let mut command = amiproof(dir.path());
        command.args(["run", "--lab", "--checks", "node/ready,workload/pod-to-pod", "--host-profiles"]).arg(folder);
        command.arg("--file").arg(&file);
        finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    };

    let output = asked(&profiles);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let report = report(dir.path());
    let words = words(&report, "own");
    assert_eq!(words["node/ready"].as_str(), "pass");
    assert_eq!(words["workload/pod-to-pod"].as_str(), "fail", "packets are not forwarded on such an image");

    std::fs::remove_file(profiles.join("own.yaml")).unwrap();
    let output = asked(&profiles);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("holds no host profile"), "{}", stderr(&output));
    std::fs::write(profiles.join("broken.yaml"), "name: [").unwrap();
    let output = asked(&profiles);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("broken.yaml is not a host profile"), "{}", stderr(&output));
}

#[test]
fn a_host_is_read_whole_and_two_nodes_of_one_image_have_the_same_facts() {
    let report = run("demo.yaml", "eks-al2023,eks-al2,bottlerocket,cis-al2023-l2,windows-2022-core", "node/facts");
    let of_every_linux = [
        "sysctl.kernel.pid_max",
        "sysctl.kernel.kptr_restrict",
        "sysctl.net.ipv4.conf.default.rp_filter",
        "mount./proc",
        "fstype./",
        "disk./",
        "module.overlay",
        "fips.enabled",
        "umask.kubelet",
        "limits.containerd.nofile",
        "limits.nofile",
        "time.synchronized",
        "containerd.root",
        "containerd.version",
        "service.systemd-networkd",
        "file./etc/kubernetes/pki/ca.crt",
        "firewall.iptables.digest",
        "cgroup.version",
    ];
    let of_amazon_linux = [
        "time.sources",
        "audit.enabled",
        "audit.backlog_limit",
        "auditd.admin_space_left_action",
        "password.maxDays",
        "account.root.expires",
        "account.ec2-user.passwordExpires",
        "firewall.nft.rules",
        "packages",
    ];
    for variant in &report.variants {
        let [first, second] = &variant.nodes[..] else { panic!("{} has {} nodes", variant.name, variant.nodes.len()) };
        let differs: Vec<&String> = first
            .facts
            .iter()
            .filter(|(name, value)| second.facts.get(*name) != Some(value))
            .map(|(name, _)| name)
            .collect();
        assert!(differs.is_empty() && first.facts.len() == second.facts.len(), "{}: {differs:?}", variant.name);
        let is_linux = variant.name.as_str() != "windows-2022-core";
        let is_bottlerocket = variant.name.as_str() == "bottlerocket";
        let wanted = of_every_linux.iter().filter(|_| is_linux);
        for name in wanted.chain(of_amazon_linux.iter().filter(|_| is_linux && !is_bottlerocket)) {
            assert!(first.facts.contains_key(*name), "{} has no {name}", variant.name);
        }
        assert!(!is_linux || first.facts.len() > 800, "{}: {}", variant.name, first.facts.len());
        assert_eq!(first.facts.get("facts.cut"), None, "{}", variant.name);
    }
    let of = |variant: &str, name: &str| {
        let variant = report.variants.iter().find(|own| own.name.as_str() == variant).unwrap();
        variant.nodes[0].facts.get(name).cloned().unwrap_or_default()
    };
    for (variant, name, value) in [
        ("cis-al2023-l2", "firewall.nft.forward", "drop (inet filter forward)"),
        ("cis-al2023-l2", "password.maxDays", "365"),
        ("cis-al2023-l2", "audit.enabled", "2"),
        ("cis-al2023-l2", "module.udf", "blocked"),
        ("eks-al2023", "account.root.passwordExpires", "never"),
        ("eks-al2023", "crypto.policy", "DEFAULT"),
        ("eks-al2023", "time.sources", "169.254.169.123"),
        ("eks-al2023", "disk./", "20.0 GiB, 20-29% used"),
        ("eks-al2", "crypto.policy", ""),
        ("bottlerocket", "containerd.enable_selinux", "true"),
        ("bottlerocket", "settings.kernel.lockdown", "none"),
    ] {
        assert_eq!(of(variant, name), value, "{name} of {variant}");
    }
}

#[test]
fn a_host_whose_agent_gives_no_result_is_read_through_a_pod() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = dir.path().join("no-result.yaml");
    let text = "name: no-result\ntitle: Systems Manager takes commands and never gives a result\nfaults:\n  - serverErrors: {every: 1, \
                burst: 1, status: 503, service: ssm, operation: GetCommandInvocation}\n";
    std::fs::write(&scenario, text).unwrap();
    let mut command = amiproof(dir.path());
    command.args([
        "run",
        "--lab",
        "--variants",
        "eks-al2023",
        "--checks",
        "node/facts,node/kernel-defaults",
        "--scenario",
    ]);
    command.arg(&scenario).arg("--file").arg(matrix("demo.yaml"));
    let output = finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let report = report(dir.path());
    let words = words(&report, "eks-al2023");
    assert_eq!((words["node/facts"].as_str(), words["node/kernel-defaults"].as_str()), ("pass", "pass"));
    assert!(report.variants[0].nodes.iter().all(|node| node.facts.len() > 800));
}
