//! Shards that are kept in a store: each on a machine of its own, one of them lost in the middle and continued elsewhere.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use amiproof_model::report::Report;

use crate::given::{Standing, ended, pairs};
use crate::moto::Moto;
use crate::process::{LabProcess, Watched, amiproof, finish, matrix, run, stderr};
use crate::shards::{CHECKS, read, said};

/// A command of a run whose shards are kept in a store.
struct Machines<'a> {
    standing: &'a Standing,
    matrix: PathBuf,
    store: String,
    environment: Vec<(String, String)>,
}

impl Machines<'_> {
    /// A shard, or the whole run, on a machine of this name.
    fn command(&self, machine: &str, shard: Option<&str>) -> Command {
        let mut command = self.standing.given(machine, "run", &self.matrix);
        command.args(["--verbose", "--run", "tonight", "--checks", CHECKS]).envs(self.environment.iter().cloned());
        shard.map(|shard| command.args(["--shard", shard, "--store", &self.store]));
        command
    }

    fn merge(&self, more: &[&str]) -> std::process::Output {
        let mut command = amiproof(&self.standing.folder().join("merging"));
        command.args(["merge", "--region", "us-west-2", "--store", &self.store, "--run", "all", "tonight"]);
        ended(command.args(more).envs(self.environment.iter().cloned()))
    }

    /// Three shards, of which the second one's machine is lost, are what one run is.
    fn meet(&self) {
        let before = self.standing.lab.resources();
        let whole = ended(&mut self.command("whole", None));
        assert!(matches!(whole.status.code(), Some(0 | 1)), "{}", stderr(&whole));
        let start =
            |shard: usize| Watched::start(&mut self.command(&format!("machine-{shard}"), Some(&format!("{shard}/3"))));
        let shards = [1, 2, 3].map(start);
        shards[1].wait_for(&["node/", ": pass"]);
        shards[1].signal("KILL");
        for (at, shard) in shards.into_iter().enumerate() {
            let (code, progress) = shard.end();
            assert!(if at == 1 { code.is_none() } else { matches!(code, Some(0 | 1)) }, "shard {}: {progress}", at + 1);
        }
        let partly = self.merge(&[]);
        assert_eq!(partly.status.code(), Some(3), "{}", stderr(&partly));
        assert!(stderr(&partly).contains("shard 2/3 of run tonight is not finished"), "{}", stderr(&partly));

        // Another machine, on which nothing is.
        let (code, progress) = Watched::start(&mut self.command("machine-4", Some("2/3"))).end();
        assert!(matches!(code, Some(0 | 1)), "{progress}");
        assert!(
            progress.contains("continuing shard 2/3 of run tonight, which an earlier process started"),
            "{progress}"
        );
        assert_eq!(self.standing.lab.resources(), before, "what was there is there, and nothing else");
        // Once more: there is nothing to do, and the verdict is the same.
        let (again, progress) = Watched::start(&mut self.command("machine-5", Some("2/3"))).end();
        assert_eq!(again, code, "{progress}");
        assert!(progress.contains("is finished in") && progress.contains("nothing is run"), "{progress}");

        let merged = self.merge(&[]);
        assert_eq!(merged.status.code(), whole.status.code(), "{}", stderr(&merged));
        let (all, one) = (read(&self.folder("merging"), "all"), read(&self.folder("whole"), "tonight"));
        assert_eq!(said(&all), said(&one));
        let files: Vec<String> =
            all.results.into_iter().flat_map(|row| row.evidence).filter_map(|piece| piece.file).collect();
        let there = |file: &String| self.folder("merging").join("runs/all").join(file).is_file();
        assert!(!files.is_empty() && files.iter().all(there), "{files:?}");
        let bytes = || std::fs::read(self.folder("merging").join("runs/all/report.json")).unwrap();
        let first = bytes();
        let added = self.merge(&["--add"]);
        assert_eq!(added.status.code(), whole.status.code(), "{}", stderr(&added));
        assert!(stderr(&added).contains("run all added to "), "{}", stderr(&added));
        assert!(bytes() == first, "merging again changes nothing");
    }

    fn folder(&self, machine: &str) -> PathBuf {
        self.standing.folder().join(machine)
    }
}

/// A matrix of three variants, each on hosts of its own.
fn three(standing: &Standing) -> PathBuf {
    let theirs = standing.report("theirs");
    let host = |node: usize| format!("kubernetes.io/hostname={}", theirs.variants[1].nodes[node].name);
    let variants = [("stock", standing.both()[0].1.clone()), ("one", host(0)), ("other", host(1))];
    standing.matrix("three", "{name: somebodys}", &pairs(&variants))
}

#[test]
fn three_shards_meet_in_a_folder_and_another_machine_continues_the_lost_one() {
    let standing = Standing::new();
    let store = standing.folder().join("store").to_str().unwrap().to_owned();
    Machines { matrix: three(&standing), store, environment: Vec::new(), standing: &standing }.meet();
}

#[test]
fn three_shards_meet_in_a_bucket_and_another_machine_continues_the_lost_one() {
    let Some(moto) = Moto::start() else { return };
    moto.make_bucket("nights");
    let standing = Standing::new();
    let endpoint = format!("http://127.0.0.1:{}", moto.port);
    let environment = [
        ("AWS_ENDPOINT_URL_S3", endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", "us-west-2"),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let store = "s3://nights/team-a".to_owned();
    Machines { matrix: three(&standing), store, environment, standing: &standing }.meet();
}

#[test]
fn of_two_processes_with_one_shard_the_first_stops_and_leaves_everything_to_the_second() {
    let standing = Standing::new();
    let matrix = standing.matrix("pair", "{name: somebodys}", &pairs(&standing.both()));
    let before = standing.lab.resources();
    let start = |machine: &str| {
        let mut command = standing.given(machine, "run", &matrix);
        command.args(["--verbose", "--run", "tonight", "--checks", "node,workload", "--shard", "1/1", "--store"]);
        Watched::start(command.arg(standing.folder().join("store")))
    };
    let first = start("first");
    first.wait_for(&["node/", ": pass"]);
    // As a machine that is cut off for a while.
    first.signal("STOP");
    let second = start("second");
    second.wait_for(&["node/", ": pass"]);
    first.signal("CONT");
    let (code, progress) = first.end();
    assert_eq!(code, Some(130), "{progress}");
    assert!(progress.contains("shard 1/1 of run tonight is continued by another process"), "{progress}");
    let (code, progress) = second.end();
    assert!(matches!(code, Some(0 | 1)), "{progress}");
    assert_eq!(standing.lab.resources(), before, "{progress}");
    let report = read(&standing.folder().join("second"), "tonight-s1");
    assert!(report.cleanup.is_verified() && report.cleanup.leftovers.is_empty(), "{:?}", report.cleanup);
}

/// The only shard of a run that makes node groups of its own in a cluster that exists.
fn shard(lab: &LabProcess, dir: &Path, file: &Path, store: &Path) -> Command {
    let mut command = amiproof(dir);
    lab.target(&mut command).args(["run", "-v", "--run", "tonight", "--shard", "1/1", "--checks", "node"]);
    command.arg("--file").arg(file).arg("--store").arg(store);
    command
}

#[test]
fn node_groups_of_a_lost_machine_are_adopted_and_deleted_by_the_next_one() {
    let lab = LabProcess::start(None);
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    // The cluster is somebody's: a run that makes it cannot be divided.
    let mut apply = amiproof(&at("theirs"));
    lab.target(&mut apply).args(["apply", "--checks", "node/joined", "--file"]).arg(matrix("pair.yaml"));
    let applied = ended(&mut apply);
    assert_eq!(applied.status.code(), Some(0), "{}", stderr(&applied));
    let text = std::fs::read_to_string(matrix("pair.yaml")).unwrap();
    let file = at("existing.yaml");
    let existing = text.replace("create: true", "create: false");
    assert_ne!(existing, text);
    std::fs::write(&file, existing).unwrap();
    let (before, store) = (lab.resources(), at("store"));

    let lost = Watched::start(&mut shard(&lab, &at("first"), &file, &store));
    lost.wait_for(&["node group done"]);
    lost.signal("KILL");
    lost.end();
    assert_ne!(lab.resources(), before, "it was killed too early");
    let made: Vec<String> = lab.resources().into_iter().filter(|line| line.contains("tonight-s1")).collect();
    assert!(made.iter().any(|line| line.contains("nodegroup") || line.contains("node-group")), "{made:?}");

    let partly = run(&at("merging"), &["merge", "--store", store.to_str().unwrap(), "tonight"]);
    assert_eq!(partly.status.code(), Some(3), "{}", stderr(&partly));
    assert!(stderr(&partly).contains("resources of it may still exist"), "{}", stderr(&partly));
    let (code, progress) = Watched::start(&mut shard(&lab, &at("second"), &file, &store)).end();
    assert!(matches!(code, Some(0 | 1)), "{progress}");
    assert_eq!(lab.resources(), before, "{progress}");
    let report = read(&at("second"), "tonight-s1");
    assert!(report.cleanup.is_verified() && report.cleanup.leftovers.is_empty(), "{:?}", report.cleanup);

    // What has another selection is not taken for this one.
    let mut wrong = shard(&lab, &at("third"), &file, &store);
    let refused = ended(wrong.args(["--variants", "eks-al2023"]));
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("give this run another name with --run"), "{}", stderr(&refused));
}

#[test]
fn what_a_store_of_shards_cannot_do_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let pair = matrix("pair.yaml");
    let (file, store) = (pair.to_str().unwrap(), dir.path().join("store"));
    let store = store.to_str().unwrap();
    let lab = ["run", "--lab", "--file", file, "--checks", "node/joined", "--store", store];
    let shard = finish(
        amiproof(dir.path())
            .args([&lab[..], &["--run", "tonight", "--shard", "1/2"]].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    assert_eq!(shard.status.code(), Some(0), "{}", stderr(&shard));
    for (arguments, code, wanted) in [
        ([&lab[..], &["--run", "tonight"]].concat(), 2, "name the shard with --shard"),
        ([&lab[..], &["--shard", "1/2"]].concat(), 2, "name it with --run, for example the number"),
        (vec!["apply", "--lab", "--file", file, "--store", store], 2, "name the shard with --shard"),
        (vec!["merge", "--store", store, "tonigth"], 2, "did you mean 'tonight'?"),
        (vec!["merge", "--store", store, "Tonight"], 2, "give the run ID that the shards were started with"),
        (vec!["merge", "--region", "us-west-2", "tonight"], 2, "--store"),
        ([&lab[..], &["--run", "tonight", "--shard", "job/2"]].concat(), 2, "elsewhere write the shard as I/2"),
    ] {
        let refused = run(dir.path(), &arguments);
        assert_eq!(refused.status.code(), Some(code), "{arguments:?}: {}", stderr(&refused));
        assert!(stderr(&refused).contains(wanted), "{arguments:?}: {}", stderr(&refused));
    }
    // The pair is one shard, so nothing is missing without the other one.
    let merged = run(dir.path(), &["merge", "--store", store, "--run", "all", "tonight"]);
    assert_eq!(merged.status.code(), Some(0), "{}", stderr(&merged));
    let all: Report = read(dir.path(), "all");
    assert_eq!(all.variants.len(), 2);
}
