//! The history of a matrix in S3, by the clients and the credentials of a run.

use amiproof_core::aws::Settings;
use amiproof_core::store::Store;
use amiproof_model::history::{Keep, Location};
use futures::StreamExt as _;
use serde_json::json;

use super::World;

/// The text of a report of a run on a day.
fn report(run: &str, day: u32, disposition: &str) -> String {
    json!({
        "schemaVersion": 1, "tool": {"name": "amiproof", "version": "0.1.0"},
        "run": {"id": run, "matrix": "nightly", "started": format!("2026-11-{day:02}T03:00:00Z"), "seconds": 1.0,
                "criticalPathSeconds": 1.0, "interrupted": false},
        "cluster": {"name": "c"}, "variants": [{"name": "l1", "family": "al2023"}],
        "results": [{"check": "node/ready", "title": "t", "subject": {"variant": "l1"}, "outcome": "pass",
                     "disposition": disposition, "started": "2026-11-01T00:00:00Z", "seconds": 1.0}],
        "cleanup": {"ran": true, "created": 0, "deleted": 0, "leftovers": []},
    })
    .to_string()
}

/// What the SDK for S3 would do: moto asks only for the name of the service in the header.
async fn put(world: &World, path: &str, body: &str) {
    let authorization =
        "AWS4-HMAC-SHA256 Credential=test/20261130/us-west-2/s3/aws4_request, SignedHeaders=host, Signature=0";
    let request = reqwest::Client::new().put(format!("{}/{path}", world.endpoint));
    let answer = request.header("authorization", authorization).body(body.to_owned()).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

async fn bucket(world: &World, name: &str) {
    let there = "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                 <LocationConstraint>us-west-2</LocationConstraint></CreateBucketConfiguration>";
    put(world, name, there).await;
}

async fn store(world: &World, location: &str) -> Store {
    let location: Location = location.parse().unwrap();
    let settings = Settings {
        region: Some("us-west-2".to_owned()),
        endpoint: Some(world.endpoint.clone()),
        credentials: Some(("test".to_owned(), "test".to_owned())),
        ..Settings::default()
    };
    Store::open(&location, settings).await.unwrap()
}

async fn runs(store: &Store) -> Vec<String> {
    let found = store.nights("nightly", None).await.unwrap();
    found.nights.iter().map(|night| night.run.to_string()).collect()
}

/// A whole life: added once, listed by time, never replaced, and deleted by age, with what is of others left alone.
pub(crate) async fn nights_are_kept_in_a_bucket(world: &World) {
    bucket(world, "nights").await;
    let store = store(world, "s3://nights/team-a").await;
    assert_eq!(runs(&store).await, [""; 0]);
    assert!(store.baseline("nightly", None).await.unwrap().report.is_none());
    for (run, day, disposition) in [("r-b", 2, "passed"), ("r-c", 3, "error"), ("r-a", 1, "failed")] {
        assert!(store.append(&report(run, day, disposition)).await.unwrap());
    }
    assert_eq!(runs(&store).await, ["r-a", "r-b", "r-c"]);
    assert_eq!(store.matrices().await.unwrap(), ["nightly"]);
    let baseline = store.baseline("nightly", None).await.unwrap();
    assert_eq!(baseline.report.unwrap().run.id.as_str(), "r-b", "nothing was decided in r-c");
    assert!(!store.append(&report("r-a", 1, "failed")).await.unwrap());
    let refused = store.append(&report("r-a", 1, "passed")).await.unwrap_err().to_string();
    assert!(refused.contains("is another report of run r-a"), "{refused}");

    put(world, "nights/team-a/index/nightly/notes.txt", "mine").await;
    put(world, "nights/team-a/index/nightly/20261104T030000Z-r-d.json", "{").await;
    let found = store.nights("nightly", None).await.unwrap();
    let named: Vec<&str> = found.passed_over.iter().map(|what| what.name.as_str()).collect();
    assert_eq!(named, ["index/nightly/notes.txt", "index/nightly/20261104T030000Z-r-d.json"]);
    let now = "2026-12-31T00:00:00Z".parse().unwrap();
    let deleted = store.prune("nightly", Keep::Nights(1), now).await.unwrap();
    let deleted: Vec<String> = deleted.iter().map(|key| key.run().to_string()).collect();
    assert_eq!(deleted, ["r-a", "r-c"]);
    let found = store.nights("nightly", None).await.unwrap();
    assert_eq!((found.nights.len(), found.passed_over.len()), (1, 2));
    assert_eq!(found.nights[0].run.as_str(), "r-b", "the newest that can be compared with");
    assert!(store.baseline("nightly", None).await.unwrap().report.is_some());
}

/// More than the 1,000 names of one answer.
pub(crate) async fn nights_of_a_decade_are_all_listed(world: &World) {
    bucket(world, "decade").await;
    let name = |number: u32| format!("decade/index/nightly/20261101T03{:02}{:02}Z-r-x.json", number / 60, number % 60);
    let puts = futures::stream::iter(0..1100).map(|number| async move { put(world, &name(number), "{}").await });
    puts.buffer_unordered(8).collect::<Vec<()>>().await;
    let found = store(world, "s3://decade").await.nights("nightly", None).await.unwrap();
    assert_eq!((found.nights.len(), found.passed_over.len()), (0, 1100));
}

/// Two writers at once, one night of which both add.
pub(crate) async fn two_writers_of_a_bucket_lose_nothing(world: &World) {
    bucket(world, "shared").await;
    let (one, other) = (store(world, "s3://shared").await, store(world, "s3://shared").await);
    let write = async |store: &Store, own: &str| {
        for day in 1..=6 {
            store.append(&report(&format!("r-{day}-{own}"), day, "passed")).await.unwrap();
            store.append(&report(&format!("r-{day}"), day, "passed")).await.unwrap();
        }
    };
    tokio::join!(write(&one, "a"), write(&other, "b"));
    let found = one.nights("nightly", None).await.unwrap();
    assert_eq!((found.nights.len(), found.passed_over), (18, vec![]));
}

/// Errors say what to do.
pub(crate) async fn a_bucket_that_is_not_there_is_named(world: &World) {
    let store = store(world, "s3://nobodys-bucket/x").await;
    let error = store.nights("nightly", None).await.unwrap_err();
    let said = error.to_string();
    assert!(said.starts_with("ListObjectsV2 for s3://nobodys-bucket/x: NoSuchBucket: "), "{said}");
    assert!(error.help().starts_with("create the bucket"), "{}", error.help());
    let said = store.append(&report("r-a", 1, "passed")).await.unwrap_err().to_string();
    assert!(said.contains("NoSuchBucket"), "{said}");
}
