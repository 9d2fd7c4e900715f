//! A year of nightly runs in a history store.

use std::path::Path;

use amiproof_model::history::Night;
use jiff::SignedDuration;

use crate::process::{command, median};
use crate::row::{Failure, Row};
use crate::sized;

const NIGHTS: usize = 365;

/// `amiproof history --check` over a year of nights with 15,000 cells each.
pub(crate) fn rows() -> Result<Vec<Row>, Failure> {
    let folder = tempfile::tempdir()?;
    let bytes = stored(folder.path())?;
    let store = folder.path().to_string_lossy().into_owned();
    let seconds = median(5, || {
        command(&["history", "--store", &store, "--matrix", "nightly", "--last", "365", "--check", "workload"])
    })?;
    Ok(vec![
        Row::new("history --check over 365 nights of 15,000 cells", seconds * 1000.0, 1000.0, "ms"),
        Row::new("one of those nights in the index", f64::from(u32::try_from(bytes / NIGHTS)?) / 1000.0, 64.0, "kB"),
    ])
}

/// Writes the index of a store, which is all that a query reads, and says how large it is, bytes.
fn stored(store: &Path) -> Result<usize, Failure> {
    let index = store.join("index/nightly");
    std::fs::create_dir_all(&index)?;
    let days: Vec<Night> =
        (0..10).map(|day| Ok(Night::of(&sized::report(30, 500, day)?))).collect::<Result<_, Failure>>()?;
    let mut bytes = 0;
    for (number, day) in (0..NIGHTS).zip(days.iter().cycle()) {
        let mut night = day.clone();
        night.run = format!("r-night-{number}").parse()?;
        night.started = day.started + SignedDuration::from_hours(24 * i64::try_from(number)?);
        let text = serde_json::to_vec(&night)?;
        bytes += text.len();
        std::fs::write(index.join(format!("{}.json", night.key())), text)?;
    }
    Ok(bytes)
}
