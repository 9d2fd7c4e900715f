//! A run in shards: `--shard` and `merge`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use amiproof_model::report::{CheckResult, Report, Subject};

use crate::given::{Standing, ended, pairs};
use crate::process::{Watched, amiproof, finish, matrix, run, stderr};

/// What is checked: on nodes, by pods, between variants and of the cluster as a whole. Without `kube-bench/cluster`, which counts the pods
/// of other shards, too, and leaves undecided what they may have caused.
pub(crate) const CHECKS: &str = "node,kubelet-path,kube-bench/node,eks-cis,workload/pod-to-pod,workload/web-service";

/// The report of a run in a folder.
pub(crate) fn read(dir: &Path, run: &str) -> Report {
    let path = dir.join("runs").join(run).join("report.json");
    Report::parse(&std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        .unwrap()
}

/// What a report says, without times and the names that a run gives: each row in its order, and what follows from all of them.
pub(crate) fn said(report: &Report) -> Vec<String> {
    let row = |row: &CheckResult| {
        format!(
            "{} {} by {:?}: {} {} {:?} {:?}",
            row.subject.as_str(),
            row.check,
            row.scanner,
            row.outcome.as_str(),
            row.disposition.as_str(),
            row.origin,
            row.disagreement
        )
    };
    let mut said: Vec<String> = report.results.iter().map(row).collect();
    for variant in &report.variants {
        said.push(format!("{} {:?} {:?} {}", variant.name, variant.ami, variant.reference, variant.nodes.len()));
    }
    for explanation in &report.explanations {
        let causes: Vec<_> = explanation.causes.iter().map(|cause| (&cause.setting, &cause.cells)).collect();
        said.push(format!("{} {causes:?}", explanation.variant));
    }
    said.extend(
        report.scans.iter().map(|scan| format!("{} {} {:?}", scan.subject.as_str(), scan.suite, scan.expected)),
    );
    said.push(format!("{:?}", report.run.definitions));
    said
}

/// The only merged run of a folder.
fn merged_run(dir: &Path) -> String {
    let names =
        std::fs::read_dir(dir.join("runs")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names: Vec<String> = names.filter(|name| name.starts_with("merged-")).collect();
    assert_eq!(names.len(), 1, "{names:?}");
    names[0].clone()
}

#[test]
fn three_shards_of_one_cluster_one_of_them_killed_are_the_run_in_one_piece() {
    let standing = Standing::new();
    let theirs = standing.report("theirs");
    let hosts = |variant: usize| {
        theirs.variants[variant]
            .nodes
            .iter()
            .map(|node| format!("kubernetes.io/hostname={}", node.name))
            .collect::<Vec<_>>()
    };
    let hardened = hosts(1);
    let variants =
        [("stock", standing.both()[0].1.clone()), ("one", hardened[0].clone()), ("other", hardened[1].clone())];
    let matrix = standing.matrix("three", "{name: somebodys}", &pairs(&variants));
    let (dir, before) = (standing.folder().join("ours"), standing.lab.resources());
    let command = |name: &str, shard: Option<&str>| {
        let mut command = standing.given("ours", "run", &matrix);
        command.args(["--verbose", "--run", name, "--checks", CHECKS]);
        shard.map(|shard| command.args(["--shard", shard]));
        command
    };
    let whole = ended(&mut command("whole", None));
    assert!(matches!(whole.status.code(), Some(0 | 1)), "{}", stderr(&whole));

    let shards: Vec<_> = ["1/3", "2/3", "3/3"].map(|shard| Watched::start(&mut command("part", Some(shard)))).into();
    shards[1].wait_for(&["node/", ": pass"]);
    shards[1].signal("KILL");
    for (at, shard) in shards.into_iter().enumerate() {
        let (code, progress) = shard.end();
        assert!(if at == 1 { code.is_none() } else { matches!(code, Some(0 | 1)) }, "shard {}: {progress}", at + 1);
    }
    // What is missing is said, and nothing is green without it.
    let merge = |runs: &[&str]| run(&dir, &[&["merge"], runs].concat());
    let killed = merge(&["part-s1", "part-s2"]);
    assert_eq!(killed.status.code(), Some(2), "{}", stderr(&killed));
    assert!(stderr(&killed).contains("continue it with `amiproof resume part-s2`"), "{}", stderr(&killed));
    let partly = merge(&["part-s3", "part-s1"]);
    assert_eq!(partly.status.code(), Some(3), "{}", stderr(&partly));
    let lost =
        read(&dir, "part-s1").run.shards.unwrap().columns.iter().find(|column| column.shard == 2).cloned().unwrap();
    let note = format!("shard 2/3 is missing: variant {} is undecided", lost.name);
    assert!(stderr(&partly).contains(&note), "{}", stderr(&partly));
    let incomplete = merged_run(&dir);
    let row = read(&dir, &incomplete).results.into_iter().find(|row| row.check.as_str() == "gate/shard").unwrap();
    assert_eq!(row.subject, Subject::Variant(lost.name));

    let resumed = run(&dir, &["resume", "part-s2"]);
    assert!(matches!(resumed.status.code(), Some(0 | 1)), "{}", stderr(&resumed));
    assert_eq!(standing.lab.resources(), before, "what was there is there, and nothing else");
    // An incomplete one is completed by what was missing.
    let complete = merge(&[&incomplete, "part-s2"]);
    assert_eq!(complete.status.code(), whole.status.code(), "{}", stderr(&complete));
    std::fs::remove_dir_all(dir.join("runs").join(&incomplete)).unwrap();
    let name = merged_run(&dir);
    assert_eq!(said(&read(&dir, &name)), said(&read(&dir, "whole")));
    let of_cluster = read(&dir, &name).results.iter().filter(|row| row.subject == Subject::Cluster).count();
    assert!(of_cluster > 0, "the cluster is checked once, by the first shard");

    // Again, in another order, with parts of it twice: the same bytes.
    let bytes = || std::fs::read(dir.join("runs").join(&name).join("report.json")).unwrap();
    let first = bytes();
    let paths = dir.join("runs/part-s3/report.json");
    for runs in [
        vec!["part-s3", "part-s2", "part-s1"],
        vec![name.as_str(), "part-s1", paths.to_str().unwrap()],
        vec![name.as_str()],
    ] {
        assert_eq!(merge(&runs).status.code(), whole.status.code());
        assert!(bytes() == first, "{runs:?}");
    }
    let quiet = run(&dir, &["merge", "--quiet", &name]);
    assert_eq!(String::from_utf8_lossy(&quiet.stdout).lines().count(), 1, "only the verdict: {quiet:?}");
    let files = read(&dir, &name).results.into_iter().flat_map(|row| row.evidence).filter_map(|piece| piece.file);
    let files: Vec<String> = files.collect();
    assert!(
        !files.is_empty() && files.iter().all(|file| dir.join("runs").join(&name).join(file).is_file()),
        "{files:?}"
    );
    let destroyed = run(&dir, &["destroy", "--dry-run", "--run", "part-s2"]);
    assert_eq!(destroyed.status.code(), Some(0), "{}", stderr(&destroyed));
}

#[test]
fn shards_in_labs_of_their_own_are_the_run_in_one_piece_and_a_shard_too_many_does_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = matrix("demo.yaml");
    let lab = |more: &[&str]| {
        let arguments =
            ["run", "--lab", "--file", file.to_str().unwrap(), "--checks", "node,workload/web-service,os-cis,eks-cis"];
        run(dir.path(), &[&arguments[..], more].concat())
    };
    let id = |output: &std::process::Output| {
        let text = stderr(output);
        let start = text.find("run lab-").unwrap_or_else(|| panic!("{text}")) + 4;
        text[start..].split_whitespace().next().unwrap().to_owned()
    };
    let whole = lab(&[]);
    let shards = ["1/3", "2/3", "3/3"].map(|shard| id(&lab(&["--shard", shard])));
    let merged = run(dir.path(), &[&["merge"][..], &shards.each_ref().map(String::as_str)].concat());
    assert_eq!(merged.status.code(), whole.status.code(), "{}", stderr(&merged));
    let (all, one) = (read(dir.path(), &merged_run(dir.path())), read(dir.path(), &id(&whole)));
    assert_eq!(said(&all), said(&one));
    let (of_shards, of_one) = (all.cost.unwrap(), one.cost.unwrap());
    let of_variants = |cost: &amiproof_model::report::Cost| {
        all.variants
            .iter()
            .map(|variant| cost.lines.iter().filter(|line| line.variant.as_ref() == Some(&variant.name)).count())
            .collect::<Vec<_>>()
    };
    assert_eq!(of_variants(&of_shards), of_variants(&of_one), "each variant is paid for once");

    // A reference that is created stays with its candidates, so a pair is one shard.
    let pair = matrix("pair.yaml");
    let empty = run(dir.path(), &["run", "--lab", "--file", pair.to_str().unwrap(), "--shard", "2/2"]);
    assert_eq!(empty.status.code(), Some(0), "{}", stderr(&empty));
    assert!(stderr(&empty).contains("shard 2/2 has nothing to do: shard 1 has all variants"), "{}", stderr(&empty));
}

#[test]
fn what_cannot_be_divided_or_merged_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let pair = matrix("pair.yaml");
    let file = pair.to_str().unwrap();
    let aws = ["--endpoint-url", "http://127.0.0.1:1", "--file", file];
    let whole = run(dir.path(), &["run", "--lab", "--run", "whole", "--file", file, "--checks", "node/joined"]);
    assert_eq!(whole.status.code(), Some(0), "{}", stderr(&whole));
    for (arguments, wanted) in [
        (
            [&["run", "--shard", "1/2"], &aws[..]].concat(),
            "every shard would create cluster pair, and the first to end would delete it",
        ),
        ([&["apply", "--shard", "1/2"], &aws[..]].concat(), "use 'amiproof run --shard'"),
        (
            [&["test", "--shard", "1/2"], &aws[..]].concat(),
            "the nodes that a run created are tested and scanned by that run",
        ),
        (
            vec!["run", "--lab", "--file", file, "--shard", "1/2", "--checks", "disruptive"],
            "shards do not wait for each other",
        ),
        (vec!["run", "--lab", "--file", file, "--shard", "3/2"], "such as 1/3"),
        (vec!["merge", "whole"], "run whole is not a shard: it was not started with --shard"),
        (vec!["merge", "nowhere"], "there is no run 'nowhere'"),
    ] {
        let refused = run(dir.path(), &arguments);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {}", stderr(&refused));
        assert!(stderr(&refused).contains(wanted), "{arguments:?}: {}", stderr(&refused));
    }
}

#[test]
fn two_hundred_variants_in_eight_shards() {
    let dir = tempfile::tempdir().unwrap();
    let mut text = "apiVersion: amiproof/v1\nkind: Matrix\nmetadata: {name: many}\n\
                    cluster: {name: many, region: us-west-2, kubernetesVersion: '1.35', create: true}\n\
                    defaults: {nodes: 1}\nvariants:\n"
        .to_owned();
    for stock in 0..40 {
        writeln!(text, "  - {{name: stock-{stock}, family: al2023, ami: {{ssm: recommended}}}}").unwrap();
        for hardened in 0..4 {
            let hardening = "hardening: {benchmark: cis-al2023-1.0.0, level: 1}";
            let ami = "ami: {filter: {owner: self, name: 'al2023-cis-l1-eks-*'}}";
            let name = format!("l1-{stock}-{hardened}");
            writeln!(text, "  - {{name: {name}, family: al2023, reference: stock-{stock}, {hardening}, {ami}}}")
                .unwrap();
        }
    }
    std::fs::write(dir.path().join("many.yaml"), text).unwrap();
    let start = |shard: usize| -> Command {
        let mut command = amiproof(dir.path());
        command.args(["run", "--lab", "--checks", "node/joined", "--shard", &format!("{shard}/8"), "--run", "many"]);
        command.arg("--file").arg(dir.path().join("many.yaml")).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    };
    // Two at a time, as on two machines.
    for pair in [[1, 2], [3, 4], [5, 6], [7, 8]] {
        for child in pair.map(|shard| start(shard).spawn().unwrap()) {
            let output = finish(child);
            assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        }
    }
    let shards: Vec<String> = (1..=8).map(|shard| format!("many-s{shard}")).collect();
    let runs: Vec<&str> = shards.iter().map(String::as_str).collect();
    let merged = run(dir.path(), &[&["merge", "--run", "all"], &runs[..]].concat());
    assert_eq!(merged.status.code(), Some(0), "{}", stderr(&merged));
    let all = read(dir.path(), "all");
    assert_eq!((all.variants.len(), all.results.len()), (200, 200));
    assert!(all.cleanup.ran && all.cleanup.leftovers.is_empty() && all.cleanup.created == all.cleanup.deleted);
    let mut of_shard: BTreeMap<u32, usize> = BTreeMap::new();
    for column in &all.run.shards.unwrap().columns {
        *of_shard.entry(column.shard).or_default() += 1;
    }
    assert!(of_shard.values().all(|variants| *variants == 25), "{of_shard:?}");
}
