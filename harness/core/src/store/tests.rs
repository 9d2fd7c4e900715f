use std::sync::Barrier;

use camino::Utf8Path;
use serde_json::json;

use super::*;

/// The text of a report of a run on a day, with a number of passed and of undecided rows.
fn report(run: &str, day: u32, passed: usize, open: usize) -> String {
    let row = |number: usize, disposition: &str| {
        json!({"check": format!("node/{disposition}-{number}"), "title": "t", "subject": {"variant": "l1"}, "outcome": "pass",
               "disposition": disposition, "started": "2026-11-01T00:00:00Z", "seconds": 1.0})
    };
    let rows = (0..passed).map(|number| row(number, "passed")).chain((0..open).map(|number| row(number, "error")));
    json!({
        "schemaVersion": 1, "tool": {"name": "amiproof", "version": "0.1.0"},
        "run": {"id": run, "matrix": "nightly", "started": format!("2026-11-{day:02}T03:00:00Z"), "seconds": 1.0,
                "criticalPathSeconds": 1.0, "interrupted": false},
        "cluster": {"name": "c"}, "variants": [{"name": "l1", "family": "al2023"}], "results": rows.collect::<Vec<_>>(),
        "cleanup": {"ran": true, "created": 0, "deleted": 0, "leftovers": []},
    })
    .to_string()
}

struct World {
    folder: tempfile::TempDir,
    store: Store,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().join("nights");
        let store = Store::open(&Location::Folder(path), Settings::default()).await.unwrap();
        Self { folder, store }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join("nights").join(name)
    }

    async fn baseline(&self, except: Option<&str>) -> Option<String> {
        let except = except.map(|run| run.parse().unwrap());
        let found = self.store.baseline("nightly", except.as_ref()).await.unwrap();
        found.report.map(|report| report.run.id.to_string())
    }

    async fn runs(&self, last: Option<usize>) -> Vec<String> {
        let nights = self.store.nights("nightly", last).await.unwrap().nights;
        nights.iter().map(|night| night.run.to_string()).collect()
    }
}

#[tokio::test]
async fn nights_are_listed_by_time_in_whatever_order_they_came() {
    let world = World::new().await;
    assert_eq!((world.runs(None).await, world.baseline(None).await), (vec![], None));
    for (run, day) in [("r-b", 2), ("r-c", 3), ("r-a", 1)] {
        assert!(world.store.append(&report(run, day, 1, 0)).await.unwrap());
    }
    assert_eq!(world.runs(None).await, ["r-a", "r-b", "r-c"]);
    assert_eq!(world.runs(Some(2)).await, ["r-b", "r-c"]);
    assert_eq!(world.baseline(None).await.as_deref(), Some("r-c"));
    assert_eq!(world.baseline(Some("r-c")).await.as_deref(), Some("r-b"));
    assert_eq!(world.store.matrices().await.unwrap(), ["nightly"]);
    assert!(world.store.nights("../x", None).await.is_err());
}

#[tokio::test]
async fn a_night_is_added_once_and_never_replaced() {
    let world = World::new().await;
    let text = report("r-a", 1, 1, 0);
    assert!(world.store.append(&text).await.unwrap());
    let name = "runs/nightly/20261101T030000Z-r-a/report.json.gz";
    let before = std::fs::read(world.path(name)).unwrap();
    assert!(!world.store.append(&text).await.unwrap());
    let refused = world.store.append(&report("r-a", 1, 2, 0)).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        format!("{name} exists already and is another report of run r-a: a history store is never overwritten")
    );
    assert_eq!(std::fs::read(world.path(name)).unwrap(), before);
    // A writer that was killed between the two writes is completed by the next one.
    std::fs::remove_file(world.path("index/nightly/20261101T030000Z-r-a.json")).unwrap();
    assert_eq!(world.runs(None).await, [""; 0]);
    assert!(world.store.append(&text).await.unwrap());
    assert_eq!(world.runs(None).await, ["r-a"]);
    let interrupted = report("r-b", 2, 1, 0).replace("\"interrupted\":false", "\"interrupted\":true");
    let refused = world.store.append(&interrupted).await.unwrap_err().to_string();
    assert_eq!(refused, "the report cannot be added: run r-b was interrupted");
}

#[tokio::test]
async fn what_decided_too_little_is_no_baseline_and_still_a_night() {
    let world = World::new().await;
    world.store.append(&report("r-a", 1, 2, 1)).await.unwrap();
    world.store.append(&report("r-b", 2, 1, 2)).await.unwrap();
    world.store.append(&report("r-c", 3, 0, 2)).await.unwrap();
    assert_eq!(world.baseline(None).await.as_deref(), Some("r-a"));
    assert_eq!(world.store.baseline("nightly", None).await.unwrap().nights, 3);
    assert_eq!(world.runs(None).await.len(), 3);
}

#[tokio::test]
async fn what_is_broken_or_of_others_is_named_passed_over_and_left_alone() {
    let world = World::new().await;
    for (run, day) in [("r-a", 1), ("r-b", 2), ("r-c", 3), ("r-d", 4)] {
        world.store.append(&report(run, day, 1, 0)).await.unwrap();
    }
    let broken = [
        ("index/nightly/20261104T030000Z-r-d.json", "{"),
        ("index/nightly/notes.txt", "mine"),
        ("runs/nightly/20261103T030000Z-r-c/report.json.gz", "no gzip"),
        ("runs/nightly/20261101T030000Z-r-a/mine.txt", "mine"),
    ];
    for (name, text) in broken {
        std::fs::write(world.path(name), text).unwrap();
    }
    let found = world.store.baseline("nightly", None).await.unwrap();
    assert_eq!(found.report.unwrap().run.id.as_str(), "r-b");
    let named: Vec<&str> = found.passed_over.iter().map(|what| what.name.as_str()).collect();
    assert_eq!(named, [broken[1].0, broken[0].0, broken[2].0]);
    let why: Vec<&str> = found.passed_over.iter().map(|what| what.why.as_str()).collect();
    assert_eq!(why[0], "its name is not that of a nightly run");
    assert!(
        why[1].starts_with("not the entry of a nightly run: ") && why[2].starts_with("it is not a compressed report: "),
        "{why:?}"
    );

    let now = "2027-11-30T00:00:00Z".parse().unwrap();
    let gone = world.store.prune("nightly", Keep::Nights(1), now).await.unwrap();
    let gone: Vec<String> = gone.iter().map(|key| key.run().to_string()).collect();
    // r-d is the newest, and its entry is broken; r-c is the newest that the index calls good.
    assert_eq!(gone, ["r-a", "r-b"]);
    for (name, text) in broken {
        assert_eq!(std::fs::read_to_string(world.path(name)).unwrap(), text, "{name}");
    }
    assert!(!world.path("runs/nightly/20261102T030000Z-r-b").exists());
}

#[tokio::test]
async fn an_old_night_that_is_broken_is_not_deleted() {
    let world = World::new().await;
    for (run, day) in [("r-a", 1), ("r-b", 2)] {
        world.store.append(&report(run, day, 1, 0)).await.unwrap();
    }
    std::fs::write(world.path("index/nightly/20261101T030000Z-r-a.json"), "{}").unwrap();
    let now = "2027-11-30T00:00:00Z".parse().unwrap();
    assert_eq!(world.store.prune("nightly", Keep::Days(1), now).await.unwrap(), []);
    assert!(world.path("runs/nightly/20261101T030000Z-r-a/report.json.gz").exists());
}

#[test]
fn two_writers_lose_nothing() {
    const EACH: u32 = 12;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let world = runtime.block_on(World::new());
    let barrier = Barrier::new(2);
    std::thread::scope(|scope| {
        for writer in ["a", "b"] {
            let (store, barrier) = (&world.store, &barrier);
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                barrier.wait();
                for day in 1..=EACH {
                    // One of every two is the same night, written by both.
                    let run = if day % 2 == 0 { format!("r-{day}") } else { format!("r-{day}-{writer}") };
                    runtime.block_on(store.append(&report(&run, day, 1, 0))).unwrap();
                }
            });
        }
    });
    let found = runtime.block_on(world.store.nights("nightly", None)).unwrap();
    assert_eq!((found.nights.len(), found.passed_over), ((EACH + EACH / 2) as usize, vec![]));
}
