//! One `testsuite`: its tests, and its self-description.

use amiproof_model::verdict::Verdict;

use super::case::{Case, Outcome};
use crate::scan::import::ImportError;
use crate::scan::import::document::{Answer, Document, Index, fail, line, title};
use crate::scan::import::xml::Tag;

/// Numbers of tests by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    tests: usize,
    /// Failures and errors together: tools distinguish them differently.
    bad: usize,
    skipped: usize,
}

impl Count {
    fn less(self, other: Self) -> Self {
        Self {
            tests: self.tests.saturating_sub(other.tests),
            bad: self.bad.saturating_sub(other.bad),
            skipped: self.skipped.saturating_sub(other.skipped),
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            tests: self.tests.saturating_add(other.tests),
            bad: self.bad.saturating_add(other.bad),
            skipped: self.skipped.saturating_add(other.skipped),
        }
    }
}

/// What a suite adds to the one around it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    held: Count,
    missing: Count,
}

/// A suite that is being read.
#[derive(Debug, Default)]
pub(super) struct Suite {
    pub(super) name: String,
    /// The numbers in its header.
    promised: Count,
    /// The numbers of the nested suites, with those that they lack.
    inner: Totals,
    pub(super) cases: Vec<Case>,
    /// Errors outside of all tests.
    errors: Vec<String>,
    failures: Vec<(String, String)>,
    skipped: Option<String>,
    ginkgo: bool,
    /// Ginkgo's SuiteSucceeded.
    succeeded: Option<bool>,
    /// Ginkgo's SpecialSuiteFailureReason.
    special: String,
    /// Ginkgo's DryRun.
    dry_run: bool,
}

impl Suite {
    /// A suite by its own tag.
    pub(super) fn of(tag: &Tag<'_>) -> Self {
        let count = |name: &str| tag.attribute(name).and_then(|text| text.trim().parse::<usize>().ok()).unwrap_or(0);
        let name = tag.attribute("name").unwrap_or_default();
        Self {
            // Suites of Ginkgo list tests that a filter left out; in other files a bare `skipped` means not evaluated.
            ginkgo: name == "Kubernetes e2e suite",
            promised: Count {
                tests: count("tests"),
                bad: count("failures").saturating_add(count("errors")),
                // Ginkgo and GoogleTest count disabled tests in addition to skipped ones; others write one of the two.
                skipped: count("skipped").max(count("skips")).saturating_add(count("disabled")),
            },
            name,
            ..Self::default()
        }
    }

    /// Keeps properties that change the meaning of the tests.
    pub(super) fn learn(&mut self, name: &str, value: &str) {
        let is_true = value.trim().eq_ignore_ascii_case("true");
        match name {
            "SuiteSucceeded" => (self.ginkgo, self.succeeded) = (true, Some(is_true)),
            "SpecialSuiteFailureReason" => {
                self.ginkgo = true;
                value.trim().clone_into(&mut self.special);
            }
            "SuiteHasProgrammaticFocus" => self.ginkgo = true,
            "DryRun" => self.dry_run = is_true,
            _ => {}
        }
    }

    /// Keeps a `failure`, `error` or `skipped` that belongs to no test.
    pub(super) fn end(&mut self, kind: &[u8], message: String, text: String) {
        let why = [line(&message), line(&text)].into_iter().find(|why| !why.is_empty());
        let why = why.unwrap_or_else(|| "the file gives no reason".to_owned());
        match kind {
            b"failure" => self.failures.push((why, text)),
            b"error" => self.errors.push(why),
            _ => self.skipped = Some(why),
        }
    }

    /// Counts the outcome of a nested suite.
    pub(super) fn add(&mut self, totals: &Totals) {
        self.inner.held = self.inner.held.plus(totals.held);
        self.inner.missing = self.inner.missing.plus(totals.missing);
    }

    /// Adds its results to the document, and one about the suite itself if it does not contain what it declares.
    pub(super) fn close(self, document: &mut Document, index: &mut Index) -> Result<Totals, ImportError> {
        let bad = |case: &&Case| case.is_failure() || case.is_error();
        let own = Count {
            tests: self.cases.len(),
            bad: self.cases.iter().filter(bad).count() + self.errors.len() + self.failures.len(),
            skipped: self.cases.iter().filter(|case| case.is_skipped()).count() + usize::from(self.skipped.is_some()),
        };
        let held = own.plus(self.inner.held);
        let missing = self.promised.less(held);
        // What a nested suite lacks was reported there.
        let unreported = missing.less(self.inner.missing);
        let mut reasons = self.reasons(unreported, held, own.bad > 0);
        let mut left_out = 0;
        for case in &self.cases {
            match case.outcome(self.ginkgo) {
                Outcome::Answer(mut answer) => {
                    if self.dry_run {
                        answer.verdict = Verdict::NotEvaluated("a dry run: the test was not run".to_owned());
                    }
                    document.add(index, answer)?;
                }
                Outcome::LeftOut => left_out += 1,
            }
        }
        document.left_out += left_out;
        if left_out > 0 && !self.special.is_empty() {
            reasons.push(format!("{left_out} of its tests were not run"));
        }
        let name = if self.name.is_empty() { "all suites" } else { &self.name };
        if !reasons.is_empty() {
            let verdict = Verdict::NotEvaluated(reasons.join("; "));
            document.add(
                index,
                Answer::new(format!("suite.{name}"), format!("the suite {} completed", title(name)), verdict),
            )?;
        }
        if let Some((why, text)) = self.failures.first() {
            let verdict = fail("suite", why.clone(), text.clone(), "");
            let heading = format!("the suite {} has no failure outside of its tests", title(name));
            document.add(index, Answer::new(format!("suite-itself.{name}"), heading, verdict))?;
        }
        Ok(Totals { held, missing: self.inner.missing.plus(unreported) })
    }

    /// Why the suite is incomplete.
    fn reasons(&self, missing: Count, held: Count, has_bad: bool) -> Vec<String> {
        let mut reasons: Vec<String> = self.errors.iter().map(|error| format!("the suite errored: {error}")).collect();
        if let Some(why) = &self.skipped {
            reasons.push(format!("the suite was skipped: {why}"));
        }
        if missing.tests > 0 {
            let promised = self.promised.tests;
            reasons.push(format!("its header declares {promised} tests, but the file contains {}", held.tests));
        }
        if missing.bad > 0 {
            let promised = self.promised.bad;
            reasons.push(format!(
                "its header declares {promised} failures and errors, but the file contains {}",
                held.bad
            ));
        }
        if missing.skipped > 0 {
            let promised = self.promised.skipped;
            reasons
                .push(format!("its header declares {promised} skipped tests, but the file contains {}", held.skipped));
        }
        if self.dry_run {
            reasons.push("it was a dry run, in which no test is run".to_owned());
        }
        if !self.special.is_empty() {
            reasons.push(format!("it reports that it did not succeed: {}", line(&self.special)));
        } else if self.succeeded == Some(false) && !has_bad {
            reasons.push("it reports that it did not succeed, and no test gives a reason".to_owned());
        }
        reasons
    }
}
