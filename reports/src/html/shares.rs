//! Results as shares of a bar.

use crate::sheet::Tally;

/// One status with its part of all cells.
pub(super) struct Share {
    pub(super) class: &'static str,
    pub(super) symbol: &'static str,
    pub(super) colour: &'static str,
    pub(super) word: &'static str,
    pub(super) number: usize,
    /// Start and width in a bar of 1000 units.
    pub(super) x: String,
    pub(super) width: String,
}

/// The statuses that are there, most urgent first, each with its part of the bar.
pub(super) fn shares(tally: Tally) -> Vec<Share> {
    let total = tally.total();
    let mut before = 0;
    let shares = tally.parts().map(|(status, number)| {
        let x = units(before, total);
        before += number;
        let (class, symbol, word) = (status.key(), status.symbol(), status.as_str());
        Share { class, symbol, colour: status.colour(), word, number, x, width: units(number, total) }
    });
    shares.collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts of checks are far below 2^52")]
pub(super) fn units(part: usize, total: usize) -> String {
    format!("{:.2}", part as f64 * 1000.0 / total as f64)
}
