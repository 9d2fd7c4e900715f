//! The nights of a row as bars: one for each night, the oldest first, and the higher the worse, so that it is readable without colours.

use amiproof_model::history::Mark;

/// Width of a night, in units of the drawing.
const STEP: usize = 4;
/// Height of the drawing.
pub(crate) const HEIGHT: usize = 12;

/// The bar of one night.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bar {
    /// The class of its colour.
    pub(crate) class: &'static str,
    pub(crate) x: usize,
    pub(crate) y: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// The nights of a row as a drawing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Strip {
    pub(crate) bars: Vec<Bar>,
    /// Width of the drawing.
    pub(crate) width: usize,
    /// What it shows, in words: `30 nightly runs: 2 failed, 1 not decided, 27 passed; newest: failed`.
    pub(crate) label: String,
}

impl Strip {
    /// The drawing of these letters; see [`Mark`].
    pub(crate) fn of(letters: &str) -> Self {
        let marks: Vec<Mark> = letters.bytes().map(Mark::from_letter).collect();
        let bars = marks.iter().enumerate().filter_map(|(at, mark)| {
            let (class, height) = look(*mark)?;
            Some(Bar { class, x: at * STEP, y: HEIGHT - height, width: STEP - 1, height })
        });
        Self { bars: bars.collect(), width: marks.len() * STEP, label: label(&marks) }
    }
}

/// Class and height of a bar; none where there is nothing to judge.
fn look(mark: Mark) -> Option<(&'static str, usize)> {
    match mark {
        Mark::Failed => Some(("failed", HEIGHT)),
        Mark::Undecided => Some(("not-evaluated", 8)),
        Mark::Flaky => Some(("flaky", 6)),
        Mark::Waived => Some(("waived", 4)),
        Mark::Passed => Some(("passed", 3)),
        Mark::Informational | Mark::NotApplicable => Some(("not-applicable", 1)),
        Mark::Absent => None,
    }
}

/// Letter, class, height and meaning of every mark, in the order in which the worst of several is chosen.
pub(crate) fn marks() -> Vec<(char, &'static str, usize, &'static str)> {
    let all = Mark::ALL.iter().map(|(mark, letter, meaning)| {
        let (class, height) = look(*mark).unwrap_or_default();
        (*letter, class, height, *meaning)
    });
    all.collect()
}

fn label(marks: &[Mark]) -> String {
    let words: Vec<String> = Mark::ALL
        .iter()
        .rev()
        .filter_map(|(mark, _, meaning)| {
            let number = marks.iter().filter(|own| *own == mark).count();
            (number > 0).then(|| format!("{number} {meaning}"))
        })
        .collect();
    let nights = crate::text::count(marks.len(), "nightly run");
    let newest = marks.last().and_then(|newest| Mark::ALL.iter().find(|(mark, ..)| mark == newest));
    newest
        .map_or_else(|| nights.clone(), |(_, _, meaning)| format!("{nights}: {}; newest: {meaning}", words.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strip_has_a_bar_for_each_night_with_a_row_and_says_what_it_shows() {
        let strip = Strip::of("-.F?~wn");
        let bars: Vec<_> = strip.bars.iter().map(|bar| (bar.class, bar.x, bar.y + bar.height, bar.height)).collect();
        assert_eq!(
            bars,
            [
                ("passed", 4, 12, 3),
                ("failed", 8, 12, 12),
                ("not-evaluated", 12, 12, 8),
                ("flaky", 16, 12, 6),
                ("waived", 20, 12, 4),
                ("not-applicable", 24, 12, 1),
            ]
        );
        assert_eq!(strip.width, 28);
        assert_eq!(
            strip.label,
            "7 nightly runs: 1 failed, 1 not decided, 1 waived, 1 passed on a retry, 1 passed, 1 not applicable, \
             1 without this check; newest: not applicable"
        );
        assert_eq!(Strip::of("").label, "0 nightly runs");
    }
}
