//! amiproof's own rows in the formats of other programs (`report --output sarif`, `hdf`, `ocsf`, `asff`, `ctrf`).
//!
//! Each format keeps the column, the check, the control and amiproof's own status of a row beside the status that it
//! defines itself. The format decides whether a row passed or failed; amiproof's status only selects one of several
//! undecided states, of which formats have fewer.

use amiproof_model::name::Benchmark;
use amiproof_model::verdict::Verdict;
use amiproof_model::vocabulary::is_number;

use super::document::{Answer, fail};
use super::json::Scalar;
use super::xml::clip;

/// The name of amiproof as a tool.
pub(super) const NAME: &str = "amiproof";

/// The subject of rows about a run as a whole, such as an interruption: such a row counts for every column.
pub(super) const RUN: &str = "run";

/// One row, as a format keeps it.
#[derive(Debug)]
pub(super) struct Own {
    subject: String,
    check: String,
    word: String,
    control: Option<(Benchmark, String)>,
}

impl Own {
    /// A row that has a column, a check and a status; `None` if one of them is missing.
    pub(super) fn of(subject: &Scalar, check: &Scalar, word: &Scalar, control: &Scalar) -> Option<Self> {
        let text = |scalar: &Scalar| scalar.0.as_deref().filter(|text| !text.is_empty()).map(str::to_owned);
        let control = control.0.as_deref().and_then(|control| {
            let (benchmark, number) = control.split_once('/')?;
            Some((benchmark.parse().ok()?, number.to_owned())).filter(|(_, number)| is_number(number))
        });
        Some(Self { subject: text(subject)?, check: text(check)?, word: text(word)?, control })
    }

    /// The result of a reader with the row's own names.
    pub(super) fn answer(self, answer: Answer) -> Answer {
        let Self { subject, check, word, control } = self;
        let verdict = refined(&word, answer.verdict);
        let (benchmark, numbers) = match control {
            Some((benchmark, number)) => (Some(benchmark), vec![number]),
            None => (None, Vec::new()),
        };
        Answer { subject, id: clip(check, 500), benchmark, numbers, verdict, ..answer }
    }
}

/// Refines a verdict by amiproof's own status, never to a pass.
fn refined(word: &str, verdict: Verdict) -> Verdict {
    let is_fine = matches!(word, "passed" | "flaky");
    match verdict {
        Verdict::Pass if !is_fine => Verdict::NotEvaluated(format!(
            "the file contradicts itself: its state is a pass, but amiproof's own status in it is '{}'",
            super::document::line(word)
        )),
        // A failure where nothing is required. Without evidence it is undecided, in its format, too.
        Verdict::NotApplicable(why) if word == "informational" => Verdict::NotApplicable(why),
        Verdict::NotApplicable(why) | Verdict::Manual(why) | Verdict::NotEvaluated(why) => match word {
            "not applicable" => Verdict::NotApplicable(why),
            "manual" => Verdict::Manual(why),
            // What accepted it there does not accept it here.
            "failed" | "waived" | "tolerated" => fail("", format!("{word} in the file: {why}"), "", ""),
            // `passed` beside an undecided state contradicts it.
            _ => Verdict::NotEvaluated(why),
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_makes_nothing_green_and_no_failure_disappear() {
        let failed = fail("", "not so", "", "");
        for word in [
            "passed",
            "flaky",
            "failed",
            "waived",
            "tolerated",
            "informational",
            "not applicable",
            "manual",
            "error",
            "not evaluated",
            "blocked",
            "allowed",
            "",
            "no word of ours",
        ] {
            assert_eq!(refined(word, failed.clone()), failed, "{word}");
            for verdict in [
                Verdict::NotApplicable("w".to_owned()),
                Verdict::Manual("w".to_owned()),
                Verdict::NotEvaluated("w".to_owned()),
            ] {
                assert_ne!(refined(word, verdict), Verdict::Pass, "{word}");
            }
            let is_fine = matches!(word, "passed" | "flaky");
            assert_eq!(refined(word, Verdict::Pass) == Verdict::Pass, is_fine, "{word}");
        }
    }

    #[test]
    fn a_row_without_all_of_its_names_is_not_ours() {
        let some = |text: &str| Scalar(Some(text.to_owned()));
        let none = Scalar::default();
        assert!(Own::of(&none, &some("c"), &some("passed"), &none).is_none());
        assert!(Own::of(&some("s"), &none, &some("passed"), &none).is_none());
        assert!(Own::of(&some("s"), &some("c"), &some(""), &none).is_none());
        for (control, wanted) in [
            ("cis-al2023-1.0.0/3.3.1", true),
            ("cis-al2023/3.3.1", false),
            ("cis-al2023-1.0.0/a;b", false),
            ("3.3.1", false),
        ] {
            let own = Own::of(&some("s"), &some("c"), &some("passed"), &some(control)).unwrap();
            assert_eq!(own.control.is_some(), wanted, "{control}");
        }
    }
}
