use std::sync::atomic::{AtomicUsize, Ordering};

use amiproof_model::history::Location;

use super::*;
use crate::aws::Settings;
use crate::ledger::{self, Header, Ledger, Resource, ResourceKind, State};

struct World {
    guard: tempfile::TempDir,
    store: Store,
}

impl World {
    async fn new() -> Self {
        let guard = tempfile::tempdir().unwrap();
        let place = Utf8Path::from_path(guard.path()).unwrap().join("store");
        let store = Store::open(&Location::Folder(place), Settings::default()).await.unwrap();
        Self { guard, store }
    }

    fn shard(&self) -> ShardObjects {
        self.store.shard(&"tonight".parse().unwrap(), "2/3".parse().unwrap())
    }

    /// The folder of the run on a machine.
    fn machine(&self, name: &str) -> Utf8PathBuf {
        let folder = Utf8Path::from_path(self.guard.path()).unwrap().join(name);
        std::fs::create_dir_all(folder.join("evidence/l1")).unwrap();
        folder
    }

    fn objects(&self, folder: &str) -> Vec<String> {
        let folder = self.guard.path().join("store/shards/tonight/2-of-3").join(folder);
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn header() -> Header {
    let at = "2026-11-21T07:42:20Z".parse().unwrap();
    Header {
        version: ledger::VERSION,
        run: "tonight-s2".parse().unwrap(),
        matrix: "nightly".to_owned(),
        account: String::new(),
        region: "us-west-2".to_owned(),
        endpoint: None,
        kubeconfig: None,
        started: at,
        expires: at,
        keep: false,
    }
}

fn template(name: &str) -> Resource {
    Resource::new(ResourceKind::new("launch-template"), name).in_region("us-west-2")
}

async fn created(ledger: &Ledger, name: &str) -> Result<ledger::Created, ledger::Error> {
    let id = format!("lt-{name}");
    ledger.create_resource(template(name), || async move { Ok::<_, ledger::Error>(id) }).await
}

#[tokio::test]
async fn the_ledger_is_in_the_store_before_the_create_call_and_another_machine_continues_it() {
    let world = World::new().await;
    let (shard, first) = (world.shard(), world.machine("first"));
    let ledger = Ledger::create(&first, header()).unwrap();
    ledger.copy_to(shard.ledger_copy(&Left::default(), || ())).await.unwrap();
    let asked = shard.clone();
    let made = ledger.create_resource(template("one"), || async move {
        let text = String::from_utf8(asked.left().await.unwrap().ledger).unwrap();
        assert!(text.contains("\"planned\"") && text.contains("\"one\""), "{text}");
        Ok::<_, ledger::Error>("lt-one".to_owned())
    });
    made.await.unwrap();
    assert_eq!(shard.left().await.unwrap().ledger, std::fs::read(first.join(ledger::FILE_NAME)).unwrap());

    // The first machine is gone, or so it seems.
    let (left, second) = (shard.left().await.unwrap(), world.machine("second"));
    std::fs::write(second.join(ledger::FILE_NAME), &left.ledger).unwrap();
    let continued = Ledger::open(&second).unwrap();
    continued.copy_to(shard.ledger_copy(&left, || ())).await.unwrap();
    assert!(continued.has_created(ResourceKind::new("launch-template"), "one"));
    created(&continued, "two").await.unwrap();

    // It was not: it creates nothing any more, and is told why.
    let refused = created(&ledger, "three").await.unwrap_err().to_string();
    assert!(refused.contains("was written by another process") && refused.ends_with("nothing is created without it"));
    let left = shard.left().await.unwrap();
    assert_eq!(left.ledger, std::fs::read(second.join(ledger::FILE_NAME)).unwrap());
    let third = world.machine("third");
    std::fs::write(third.join(ledger::FILE_NAME), &left.ledger).unwrap();
    let (_, entries) = Ledger::replay(&third).unwrap();
    let names: Vec<_> = entries.iter().map(|entry| (entry.resource.name.as_str(), entry.state)).collect();
    assert_eq!(names, [("one", State::Created), ("two", State::Created)]);
    assert!(Ledger::open(&third).unwrap().torn().is_empty());
}

#[tokio::test]
async fn who_lost_the_shard_is_told_once_for_each_write() {
    let world = World::new().await;
    let shard = world.shard();
    let told = Arc::new(AtomicUsize::new(0));
    let [one, two] = ["one", "two"].map(|name| {
        let folder = world.machine(name);
        let own = Header { matrix: name.to_owned(), ..header() };
        Ledger::create(&folder, own).unwrap()
    });
    one.copy_to(shard.ledger_copy(&Left::default(), || ())).await.unwrap();
    let heard = Arc::clone(&told);
    let copy = shard.ledger_copy(&Left::default(), move || {
        heard.fetch_add(1, Ordering::SeqCst);
    });
    assert!(two.copy_to(copy).await.is_err());
    assert!(created(&two, "x").await.is_err());
    assert_eq!(told.load(Ordering::SeqCst), 2);
    created(&one, "x").await.unwrap();
}

#[tokio::test]
async fn a_piece_without_an_answer_is_sent_again_as_it_was() {
    let world = World::new().await;
    let folder = world.machine("first");
    let ledger = Ledger::create(&folder, header()).unwrap();
    let (calls, seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(std::sync::Mutex::new(Vec::new())));
    let (counted, noted) = (Arc::clone(&calls), Arc::clone(&seen));
    let put = move |number: u32, bytes: Vec<u8>| {
        let call = counted.fetch_add(1, Ordering::SeqCst);
        noted.lock().unwrap().push((number, bytes));
        async move { if call == 1 { Err("no answer".to_owned()) } else { Ok(()) } }.boxed()
    };
    ledger.copy_to(RemoteCopy::new("store".to_owned(), 0, 0, Arc::new(put))).await.unwrap();
    assert!(created(&ledger, "one").await.unwrap_err().to_string().contains("no answer"));
    created(&ledger, "two").await.unwrap();
    let seen = seen.lock().unwrap().clone();
    assert_eq!(seen[1], seen[2], "piece 2 is not another one the second time");
    let mut pieces = seen;
    pieces.remove(1);
    let numbers: Vec<u32> = pieces.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    let all: Vec<u8> = pieces.into_iter().flat_map(|(_, bytes)| bytes).collect();
    assert_eq!(all, std::fs::read(folder.join(ledger::FILE_NAME)).unwrap());
}

/// A line of a journal that says that a check passed, with a file of evidence.
fn line(check: &str, file: &str) -> String {
    serde_json::json!({"at": "2026-11-21T07:42:20Z", "subject": {"variant": "l1"}, "what": {"answered": {"check": check, "rows": [{
        "check": check, "title": "t", "subject": {"variant": "l1"}, "outcome": "pass", "disposition": "passed",
        "started": "2026-11-21T07:42:20Z", "seconds": 1.0, "evidence": [{"name": "output", "text": "", "file": file}]
    }]}}})
    .to_string()
        + "\n"
}

#[tokio::test]
async fn answers_are_in_the_store_with_their_evidence_and_half_a_line_is_not() {
    let world = World::new().await;
    let (shard, first) = (world.shard(), world.machine("first"));
    let mut copy = JournalCopy::default();
    shard.copy_journal(&first, &mut copy).await.unwrap();
    assert!(world.objects("journal").is_empty(), "there is no journal yet");
    std::fs::write(first.join("evidence/l1/a.json"), "a").unwrap();
    std::fs::write(first.join("secret"), "secret").unwrap();
    let one = line("node/ready", "evidence/l1/a.json");
    let path = first.join(journal::FILE_NAME);
    std::fs::write(&path, format!("{one}{{\"at\"")).unwrap();
    shard.copy_journal(&first, &mut copy).await.unwrap();
    shard.copy_journal(&first, &mut copy).await.unwrap();
    assert_eq!(world.objects("journal"), ["000001.json"]);
    let two = line("node/ami", "evidence/../secret") + &line("node/boot-time", "evidence/l1/never.json");
    std::fs::write(&path, format!("{one}{two}")).unwrap();
    shard.copy_journal(&first, &mut copy).await.unwrap();
    let left = shard.left().await.unwrap();
    assert_eq!(String::from_utf8(left.journal.clone()).unwrap(), format!("{one}{two}"));
    assert_eq!(left.files.keys().collect::<Vec<_>>(), ["evidence/l1/a.json"], "what is below the evidence, and exists");
    let second = world.machine("second");
    shard.fetch(&left.files, &second).await.unwrap();
    assert_eq!(std::fs::read_to_string(second.join("evidence/l1/a.json")).unwrap(), "a");
    // The second machine adds to it; the first one would, and may not.
    let mut continued = left.journal_copy();
    std::fs::write(second.join(journal::FILE_NAME), format!("{one}{two}{one}")).unwrap();
    shard.copy_journal(&second, &mut continued).await.unwrap();
    assert_eq!(world.objects("journal"), ["000001.json", "000002.json", "000003.json"]);
    std::fs::write(&path, format!("{one}{two}{}", line("node/other", "evidence/l1/a.json"))).unwrap();
    let refused = shard.copy_journal(&first, &mut copy).await.unwrap_err();
    assert!(matches!(refused, Error::Taken { .. }), "{refused}");
}

#[tokio::test]
async fn a_finished_shard_is_fetched_whole_and_what_was_changed_is_not_taken() {
    let world = World::new().await;
    let (shard, first) = (world.shard(), world.machine("first"));
    let evidence: Vec<Utf8PathBuf> = vec!["evidence/l1/a.xml".into(), "evidence/none".into(), "../secret".into()];
    assert!(shard.finish(&first, evidence.clone()).await.is_err(), "there is no report");
    std::fs::write(first.join(REPORT), "{}").unwrap();
    std::fs::write(first.join("evidence/l1/a.xml"), [0xff, 0, 1]).unwrap();
    assert_eq!(shard.finished().await.unwrap(), None);
    assert!(shard.finish(&first, evidence.clone()).await.unwrap());
    std::fs::write(first.join(REPORT), "{\"later\": true}").unwrap();
    assert!(!shard.finish(&first, evidence).await.unwrap(), "the first one stays");
    let files = shard.finished().await.unwrap().unwrap();
    assert_eq!(files.keys().collect::<Vec<_>>(), ["evidence/l1/a.xml", REPORT]);
    let second = world.machine("second");
    shard.fetch(&files, &second).await.unwrap();
    assert_eq!(std::fs::read(second.join("evidence/l1/a.xml")).unwrap(), [0xff, 0, 1]);
    assert_eq!(std::fs::read_to_string(second.join(REPORT)).unwrap(), "{}");
    let run = "tonight".parse().unwrap();
    assert_eq!(world.store.shards(&run).await.unwrap(), ["2/3".parse().unwrap()]);
    assert_eq!(world.store.runs_in_shards().await.unwrap(), ["tonight"]);

    let digest = &files[Utf8Path::new(REPORT)];
    let outside = Files::from([("../escaped".into(), digest.clone())]);
    let object = world.guard.path().join("store/shards/tonight/2-of-3/files").join(format!("{digest}.gz"));
    assert!(
        shard.fetch(&outside, &second).await.unwrap_err().to_string().contains("is not the name of a file of a run")
    );
    std::fs::write(&object, compressed(b"{\"forged\": true}").unwrap()).unwrap();
    assert!(shard.fetch(&files, &second).await.unwrap_err().to_string().contains("its content has another SHA-256"));
    std::fs::remove_file(&object).unwrap();
    assert!(shard.fetch(&files, &second).await.unwrap_err().to_string().contains("it is missing"));
}

#[tokio::test]
async fn a_ledger_with_a_piece_missing_is_no_ledger() {
    let world = World::new().await;
    let (shard, first) = (world.shard(), world.machine("first"));
    let ledger = Ledger::create(&first, header()).unwrap();
    ledger.copy_to(shard.ledger_copy(&Left::default(), || ())).await.unwrap();
    created(&ledger, "one").await.unwrap();
    let piece = world.guard.path().join("store/shards/tonight/2-of-3/ledger/000002.jsonl");
    std::fs::remove_file(piece).unwrap();
    let refused = shard.left().await.unwrap_err().to_string();
    assert!(refused.contains("000002.jsonl, is missing"), "{refused}");
}
