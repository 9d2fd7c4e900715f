//! The last nights beside the rows of the grid.

use std::collections::HashMap;

use amiproof_model::history::{Track, Trend};

use crate::history::{History, since};
use crate::sheet::{self, Row, Sheet};

/// The tracks of a history by subject and check, without those that were the same in every night.
pub(super) struct Tracks<'a> {
    by_cell: HashMap<(&'a str, &'a str), &'a Track>,
    last: usize,
}

impl<'a> Tracks<'a> {
    pub(super) fn of(history: Option<&'a History<'a>>) -> Self {
        let tracks = history.into_iter().flat_map(|history| history.tracks);
        let changing = tracks.filter(|track| track.trend != Trend::Steady);
        Self {
            by_cell: changing.map(|track| ((track.subject.as_str(), track.check.as_str()), track)).collect(),
            last: history.map_or(0, |history| history.last),
        }
    }

    /// Column, letters and the beginning of the failure for each cell of a row that has a track.
    pub(super) fn of_row(&self, sheet: &Sheet<'_>, row: &Row<'_>) -> Vec<(usize, String, String)> {
        if self.by_cell.is_empty() {
            return Vec::new();
        }
        let cells = row.cells.iter().zip(&sheet.columns).enumerate();
        cells
            .filter_map(|(at, (results, column))| {
                let check = sheet::decisive(results).map_or(row.check, |result| &result.check);
                let track = self.by_cell.get(&(column.subject.as_str(), check.as_str()))?;
                Some((at, track.strip(self.last), since(track)))
            })
            .collect()
    }
}
