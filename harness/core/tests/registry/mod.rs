//! Every kind of resource that runs create, against the whole lab: created twice, created without an answer, given up by a process that was
//! killed before or after the call, deleted twice, and of another owner. A kind without a row in [`rows`] fails by its name.

mod rows;
mod stage;

use amiproof_core::destroy::Deadlines;
use amiproof_core::resource;
use amiproof_lab::inject::Fault;
use amiproof_model::report::Cleanup;

use self::rows::{ROWS, Row};
use self::stage::{Run, Stage};

/// What happens to the call that creates.
const LOST: [Fault; 4] = [Fault::LostBefore, Fault::LostAfter, Fault::CutShort, Fault::ServerError];

fn simulated<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send) {
    amiproof_time::simulate(1, test).unwrap();
}

fn assert_clean(kind: &str, what: &str, cleanup: &Cleanup) {
    assert_eq!(cleanup.leftovers.as_slice(), [], "{kind}, {what}");
    assert_eq!(cleanup.unverified, Vec::<String>::new(), "{kind}, {what}");
    assert_eq!(cleanup.foreign.as_slice(), [], "{kind}, {what}");
    assert_eq!(cleanup.created, cleanup.deleted, "{kind}, {what}: {cleanup:?}");
}

/// What a row creates, once, and what destroy leaves of it: nothing.
async fn once(stage: &Stage, row: &Row) -> Vec<String> {
    let base = stage.there(&[]).await;
    let run = stage.run("r-once").await;
    row.create(stage, &run).await;
    let made = stage.there(&[&run]).await;
    assert_ne!(made, base, "{}: nothing was created", row.kind);
    let first = stage.ids();
    row.create(stage, &run).await;
    assert_eq!(stage.there(&[&run]).await, made, "{}: created twice", row.kind);
    if !row.is_replaced {
        assert_eq!(stage.ids(), first, "{}: the second finds the first", row.kind);
    }
    assert_clean(row.kind, "created twice", &stage.destroy(&run).await);
    assert_eq!(stage.there(&[]).await, base, "{}: deleted", row.kind);

    // As if no deletion had been recorded: what is gone is absent.
    let again = run.without("{\"gone\"");
    assert_clean(row.kind, "deleted twice", &stage.destroy(&again).await);
    assert_eq!(stage.there(&[]).await, base, "{}: deleted twice", row.kind);
    made
}

/// A process that was killed has written `planned`, and nothing after it: the call may have arrived or not.
async fn killed(stage: &Stage, row: &Row) {
    let base = stage.there(&[]).await;
    let run = stage.run("r-after").await;
    row.create(stage, &run).await;
    let planned = run.without("{\"created\"");
    let cleanup = stage.destroy(&planned).await;
    assert_clean(row.kind, "killed after the call", &cleanup);
    assert!(cleanup.deleted > 0, "{}: {cleanup:?}", row.kind);
    assert_eq!(stage.there(&[]).await, base, "{}: killed after the call", row.kind);

    let before = stage.run("r-before").await;
    before.plan(&run.entries_of(row.kind)).await;
    let cleanup = stage.destroy(&before).await;
    assert_clean(row.kind, "killed before the call", &cleanup);
    assert_eq!(cleanup.created, 0, "{}: nothing was ever there", row.kind);
    assert_eq!(stage.there(&[]).await, base, "{}: killed before the call", row.kind);
}

/// What another owner has under the name that the ledger says is left, and named.
async fn foreign(stage: &Stage, row: &Row) {
    let base = stage.there(&[]).await;
    let theirs = stage.run("r-theirs").await;
    row.create(stage, &theirs).await;
    let ours = stage.run("r-ours").await;
    ours.plan(&theirs.entries_of(row.kind)).await;
    if let Some(taken_over) = row.taken_over {
        taken_over(stage).await;
    }
    let (made, ids) = (stage.there(&[&theirs]).await, stage.ids());
    let cleanup = stage.destroy(&ours).await;
    assert_eq!(stage.there(&[&theirs]).await, made, "{}: someone else's", row.kind);
    assert_eq!(stage.ids(), ids, "{}: someone else's", row.kind);
    assert_eq!(cleanup.leftovers.as_slice(), [], "{}", row.kind);
    let names: Vec<String> = theirs.entries_of(row.kind).into_iter().map(|resource| resource.name).collect();
    let named: Vec<&str> = cleanup.foreign.iter().map(|foreign| foreign.id.as_str()).collect();
    assert!(
        !named.is_empty() && named.iter().all(|name| names.iter().any(|other| other == name)),
        "{}: {named:?}",
        row.kind
    );
    assert!(cleanup.foreign.iter().all(|foreign| !foreign.was_made), "{}: {:?}", row.kind, cleanup.foreign);
    if let Some(given_back) = row.given_back {
        given_back(stage).await;
    }
    assert_clean(row.kind, "their own destroy", &stage.destroy(&theirs).await);
    assert_eq!(stage.there(&[]).await, base, "{}: their own destroy", row.kind);
}

/// The answer to the call that creates does not come: it is found, or asked for again, and exists once.
async fn lost(row: &Row, fault: Fault, made: &[String]) {
    let stage = Stage::start(Some((fault, row.call))).await;
    let base = stage.there(&[]).await;
    let run = stage.run("r-lost").await;
    stage.arm();
    row.create(&stage, &run).await;
    assert!(stage.has_struck(), "{}: nothing calls {}", row.kind, row.call);
    assert_eq!(stage.there(&[&run]).await, made, "{}, {fault:?}", row.kind);
    assert_clean(row.kind, &format!("{fault:?}"), &stage.destroy(&run).await);
    assert_eq!(stage.there(&[]).await, base, "{}, {fault:?}", row.kind);
    stage.stop().await;
}

#[test]
fn every_kind_is_created_once_and_deleted_by_its_owner_alone() {
    // What is changed on nodes is nothing that exists in the account: complete bisections, also killed ones, are with the suites' lab tests.
    let mut kinds = resource::created_by_runs();
    kinds.retain(|kind| *kind != "node-change");
    for kind in &kinds {
        assert!(ROWS.iter().any(|row| row.kind == *kind), "kind {kind} has no row in tests/registry/rows.rs");
    }
    assert_eq!(ROWS.len(), kinds.len(), "two rows of one kind, or one of none");
    for row in ROWS {
        simulated(|| async move {
            let stage = Stage::start(None).await;
            let made = once(&stage, row).await;
            killed(&stage, row).await;
            foreign(&stage, row).await;
            stage.stop().await;
            for fault in LOST {
                lost(row, fault, &made).await;
            }
        });
    }
}

/// How long a teardown may take.
fn deadlines() -> Deadlines {
    Deadlines::default()
}

impl Stage {
    async fn destroy(&self, run: &Run) -> Cleanup {
        run.destroy(self, deadlines()).await
    }
}
