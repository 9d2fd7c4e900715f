//! Folders of runs: names, what is alive, links, and what cannot be read.

use amiproof_core::ledger::{self, Header, Resource};
use amiproof_core::resource::stack;

use super::*;

fn dir() -> (tempfile::TempDir, Utf8PathBuf) {
    let guard = tempfile::tempdir().unwrap();
    let dir = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
    (guard, dir)
}

/// A run that made one thing, and has it still or not.
async fn made(dir: &Utf8Path, run: &str, minute: u8, keep: bool, is_gone: bool) {
    let folder = RunDir::create(dir, Some(run)).unwrap();
    let started: Timestamp = format!("2026-11-21T07:{minute:02}:00Z").parse().unwrap();
    let header = Header {
        version: ledger::VERSION,
        run: run.parse().unwrap(),
        matrix: "nightly".to_owned(),
        account: "111122223333".to_owned(),
        region: "us-west-2".to_owned(),
        endpoint: None,
        kubeconfig: None,
        started,
        expires: started,
        keep,
    };
    let ledger = Ledger::create(folder.path(), header).unwrap();
    let resource = Resource::new(stack::KIND, "amiproof-c");
    let made = ledger.create_resource(resource, || async { Ok::<_, ledger::Error>("id".to_owned()) }).await.unwrap();
    if is_gone {
        ledger.gone(made.key).await.unwrap();
    }
}

#[tokio::test]
async fn the_run_that_is_meant_is_the_newest_one_with_something_left() {
    let (_guard, dir) = dir();
    made(&dir, "network-c", 1, true, false).await;
    made(&dir, "r-old", 2, false, true).await;
    made(&dir, "r-live", 3, false, false).await;
    // It came later, and failed before it made anything.
    RunDir::create(&dir, Some("r-empty")).unwrap();
    let (meant, live) = RunDir::open_live(&dir, None).unwrap();
    assert_eq!((meant.id.as_str(), live.unwrap().resources), ("r-live", 1));
    let (named, live) = RunDir::open_live(&dir, Some("r-old")).unwrap();
    assert_eq!((named.id.as_str(), live), ("r-old", None));

    made(&dir, "r-second", 4, false, false).await;
    let refused = RunDir::open_live(&dir, None).unwrap_err();
    insta::assert_snapshot!(refused.message, @r"
    2 runs may still have resources:
      r-second started 2026-11-21T07:04:00Z, 1 resource may still exist
      r-live started 2026-11-21T07:03:00Z, 1 resource may still exist
    ");
}

#[test]
fn the_folder_of_a_run_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_guard, dir) = dir();
    let run = RunDir::create(&dir, Some("r-1")).unwrap();
    for folder in [run.path(), &run.evidence()] {
        assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700, "{folder}");
    }
}

#[test]
fn a_report_that_is_too_large_is_refused_and_never_taken_for_none() {
    let (_guard, dir) = dir();
    let run = RunDir::create(&dir, Some("r-1")).unwrap();
    assert_eq!(report_text(&run.report()).unwrap(), None);
    std::fs::File::create(run.report()).unwrap().set_len(bounded::REPORT + 1).unwrap();
    let refused = read_report(&dir, Some("r-1")).unwrap_err();
    assert!(refused.message.ends_with("it is larger than 512 MiB, the limit for this kind of file"));
    assert!(report_text(&run.report()).is_err());
}

#[test]
fn links_in_a_runs_folder_are_not_followed() {
    let (guard, dir) = dir();
    let run = RunDir::create(&dir, Some("r-1")).unwrap();
    let victim = guard.path().join("victim");
    std::fs::write(&victim, "mine").unwrap();
    std::fs::create_dir(run.evidence().join("l1")).unwrap();
    std::os::unix::fs::symlink(&victim, run.evidence().join("l1/import-arf.xml")).unwrap();
    let refused = RunDir::open(&dir, Some("r-1")).unwrap_err();
    assert!(refused.message.contains("import-arf.xml is a symbolic link"), "{refused:?}");

    std::fs::remove_file(dir.join("latest")).unwrap();
    std::os::unix::fs::symlink(&victim, dir.join("latest")).unwrap();
    RunDir::create(&dir, Some("r-2")).unwrap();
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "mine");
    assert_eq!(read_latest(&dir).unwrap(), "r-2");
}

#[test]
fn a_run_that_is_under_way_is_known_by_its_lock() {
    let (_guard, dir) = dir();
    let run = RunDir::create(&dir, Some("r-1")).unwrap();
    assert_eq!(runs_under_way(&dir), BTreeSet::new());
    let _lock = run.lock("run").unwrap();
    assert_eq!(runs_under_way(&dir), BTreeSet::from(["r-1".to_owned()]));
}

#[test]
fn a_night_is_compared_with_the_matrix_and_not_with_releases() {
    let (_guard, dir) = dir();
    for (id, minute, releases) in [("night", 1, &[][..]), ("bisected", 2, &["l2-r1", "l2-r2"])] {
        let started = format!("2026-11-21T07:{minute:02}:00Z").parse().unwrap();
        let run = amiproof_model::report::RunRecord::new(id.parse().unwrap(), "nightly", started);
        let cluster = amiproof_model::report::ClusterRecord::new("c");
        let mut report = Report::new("0", run, cluster);
        report.run.releases = releases.iter().map(|name| name.parse().unwrap()).collect();
        let folder = RunDir::create(&dir, Some(id)).unwrap();
        std::fs::write(folder.report(), serde_json::to_string(&report).unwrap()).unwrap();
    }
    let found = previous(&dir, "nightly", &"tonight".parse().unwrap()).unwrap();
    assert_eq!(found.run.id.as_str(), "night");
}
