//! Folds the events of a run into its report. Synchronous and pure but for the events it is given.

use std::collections::BTreeMap;
use std::time::Duration;

use amiproof_model::duration::short;
use amiproof_model::matrix::{Matrix, Variant};
use amiproof_model::name::{Benchmark, CheckId, RunId, VariantName};
use amiproof_model::report::order::Order;
use amiproof_model::report::{
    CheckResult, ClusterRecord, Phase, PhaseEnd, PhaseRecord, Proof, Report, RunRecord, ScanRecord, Shards, Subject,
    VariantRecord,
};
use amiproof_model::settle::settle;
use amiproof_model::shard;
use amiproof_model::verdict::Outcome;
use amiproof_model::waiver::Waiver;
use jiff::Timestamp;

use super::critical;
use super::event::{Event, EventKind};
use crate::check::{Body, Check, definition};
use crate::user_data;

/// Collects the results of a run.
#[derive(Debug)]
pub struct Recorder {
    report: Report,
    started: BTreeMap<(Subject, Phase), Timestamp>,
    /// Index of the result of each check, subject and scanner: a run has thousands.
    places: BTreeMap<(CheckId, Subject, Option<String>), usize>,
    /// The order of checks in the registry: results are sorted by it.
    order: Order,
    /// Expected rows without a result so far: one per check and subject.
    open: BTreeMap<(Subject, CheckId), CheckResult>,
    /// The deadline of the run, if it was exceeded.
    exceeded: Option<Duration>,
}

impl Recorder {
    /// The empty report of a run that starts now.
    pub fn new(
        run: RunId,
        matrix: &Matrix,
        lab: bool,
        order: impl IntoIterator<Item = String>,
        now: Timestamp,
    ) -> Self {
        let report = Report {
            variants: matrix.variants.iter().map(blank).collect(),
            thresholds: matrix.thresholds.clone(),
            ..Report::new(
                env!("CARGO_PKG_VERSION"),
                RunRecord::new(run, matrix.name.clone(), now),
                ClusterRecord {
                    region: matrix.cluster.region.clone().unwrap_or_default(),
                    kubernetes_version: matrix.cluster.kubernetes_version.clone(),
                    lab,
                    ..ClusterRecord::new(matrix.cluster.name.clone())
                },
            )
        };
        let order = Order::of(order);
        Self { report, started: BTreeMap::new(), places: BTreeMap::new(), order, open: BTreeMap::new(), exceeded: None }
    }

    /// Notes that the run is one shard of several.
    pub fn divide(&mut self, shards: Shards) {
        self.report.run.shards = Some(Box::new(shards));
    }

    /// Continues a report that an earlier command of the same run wrote: results that come again replace the old ones.
    pub fn resume(&mut self, mut earlier: Report) {
        shard::restore(&mut earlier);
        self.report.results.clear();
        self.places.clear();
        earlier.results.iter().for_each(|result| self.add_result(result));
        self.report.scans = earlier.scans;
        self.report.proofs = earlier.proofs;
        self.report.impacts = earlier.impacts;
        self.report.cluster = earlier.cluster;
        self.report.run.phases = earlier.run.phases;
        self.report.run.definitions = earlier.run.definitions;
        // Columns of variants that this command does not touch stay, in their order.
        let is_new = |record: &VariantRecord| earlier.variants.iter().all(|known| known.name != record.name);
        let new: Vec<VariantRecord> = self.report.variants.drain(..).filter(is_new).collect();
        self.report.variants = earlier.variants.into_iter().chain(new).collect();
    }

    /// Records the definitions of the workloads among these checks. Those of an earlier command stay unless they ran
    /// again.
    pub fn define(&mut self, checks: &[Check]) {
        let defined = checks.iter().filter_map(|check| match &check.body {
            Body::Workload(workload) => Some((check.id.to_string(), definition::digest(workload))),
            Body::Code(_) | Body::Scan(_) => None,
        });
        self.report.run.definitions.extend(defined);
    }

    /// Forgets what an earlier command proved about checks that are bisected again.
    pub fn forget_proofs(&mut self, variant: &VariantName, checks: &[CheckId]) {
        self.report.proofs.retain(|proof| proof.variant != *variant || !checks.contains(&proof.check));
    }

    /// Forgets what an earlier command measured that is measured again.
    pub fn forget_impact(&mut self, variant: &VariantName, benchmark: &Benchmark) {
        self.report.impacts.retain(|known| (&known.variant, &known.benchmark) != (variant, benchmark));
    }

    /// Adds expected rows: one per check and subject, which stays unless an event ends that check. So no selected check disappears,
    /// whatever happens to the work.
    pub fn expect(&mut self, rows: impl IntoIterator<Item = CheckResult>) {
        self.open.extend(rows.into_iter().map(|row| ((row.subject.clone(), row.check.clone()), row)));
    }

    /// Records one event.
    pub fn record(&mut self, event: &Event) {
        match &event.kind {
            EventKind::PhaseStarted(phase) => {
                self.started.insert((event.subject.clone(), *phase), event.at);
            }
            EventKind::PhaseEnded(phase, end) => self.end_phase(event, *phase, end),
            EventKind::Cluster(cluster) => self.report.cluster = cluster.clone(),
            EventKind::Ami(ami) => self.on_variant(&event.subject, |record| record.ami = Some(ami.clone())),
            EventKind::NodeGroup(name) => {
                self.on_variant(&event.subject, |record| record.node_group = Some(name.clone()));
            }
            EventKind::Nodes(nodes) => self.on_variant(&event.subject, |record| {
                record.nodes.clone_from(nodes);
                record.never_joined.clear();
            }),
            EventKind::NeverJoined(instances) => {
                self.on_variant(&event.subject, |record| record.never_joined.clone_from(instances));
            }
            EventKind::Scanned(scan) => self.add_scan(scan),
            EventKind::Facts(facts) => self.on_variant(&event.subject, |record| {
                for node in &mut record.nodes {
                    if let Some((_, facts)) = facts.iter().find(|(index, _)| *index == node.index) {
                        node.facts.clone_from(facts);
                    }
                }
            }),
            EventKind::Result(result) => {
                self.open.remove(&(result.subject.clone(), result.check.clone()));
                self.add_result(result);
            }
            EventKind::CheckEnded { check, .. } => {
                if let Ok(check) = check.parse() {
                    self.open.remove(&(event.subject.clone(), check));
                }
            }
            EventKind::Proof(proof) => {
                let is_same = |known: &Proof| (&known.variant, &known.check) == (&proof.variant, &proof.check);
                self.report.proofs.retain(|known| !is_same(known));
                self.report.proofs.push((**proof).clone());
            }
            EventKind::Impact(impact) => {
                self.forget_impact(&impact.variant, &impact.benchmark);
                self.report.impacts.push((**impact).clone());
            }
            EventKind::Interrupted => self.report.run.interrupted = true,
            EventKind::DeadlineExceeded(limit) => self.exceeded = Some(*limit),
            EventKind::CleanedUp(cleanup) => self.report.cleanup = cleanup.clone(),
            EventKind::Progress(..)
            | EventKind::Waiting(..)
            | EventKind::CheckStarted { .. }
            | EventKind::CheckRetried { .. } => {}
        }
    }

    /// The finished report: traffic failures attributed, dispositions and origins judged, results in the order of the registry.
    pub fn finish(mut self, waivers: &[Waiver], now: Timestamp) -> Report {
        self.close();
        self.report.run.seconds = seconds_between(self.report.run.started, now);
        self.report.run.critical_path_seconds = critical::path(&self.report);
        let position: BTreeMap<&VariantName, usize> =
            self.report.variants.iter().enumerate().map(|(at, record)| (&record.name, at)).collect();
        let column = |subject: &Subject| match subject {
            Subject::Cluster => usize::MAX,
            Subject::Variant(name) => position.get(name).copied().unwrap_or(usize::MAX),
        };
        let order = &self.order;
        self.report.results.sort_by_cached_key(|result| (order.place(result), column(&result.subject)));
        self.report.scans.sort_by_cached_key(|scan| (column(&scan.subject), scan.suite.clone(), scan.scanner.clone()));
        settle(&mut self.report, waivers, now);
        self.report
    }

    /// Adds the missing rows; a result of an earlier command of the same run stays.
    fn close(&mut self) {
        for ((subject, check), mut row) in std::mem::take(&mut self.open) {
            let is_answered = |result: &CheckResult| result.subject == subject && result.check == check;
            if self.report.results.iter().any(is_answered) {
                continue;
            }
            if let Outcome::NotEvaluated { .. } = row.outcome {
                row.outcome = self.why_unanswered(&subject);
            }
            self.add_result(&row);
        }
    }

    /// Why a subject's work left rows without results.
    fn why_unanswered(&self, subject: &Subject) -> Outcome {
        let phases = match subject {
            Subject::Cluster => Some(&self.report.run.phases),
            Subject::Variant(name) => {
                self.report.variants.iter().find(|record| record.name == *name).map(|record| &record.phases)
            }
        };
        let broken = phases.into_iter().flatten().rev().find_map(|phase| match &phase.ended {
            PhaseEnd::Error { message, .. } if phase.phase != Phase::Teardown => Some(message.clone()),
            _ => None,
        });
        if let Some(limit) = self.exceeded {
            let reason = format!("the deadline of {} was exceeded before this check finished", short(limit));
            return Outcome::NotEvaluated { reason };
        }
        if self.report.run.interrupted {
            return Outcome::NotEvaluated { reason: "the run was interrupted before this check finished".to_owned() };
        }
        match broken {
            Some(message) => Outcome::NotEvaluated { reason: format!("the run failed before this check could start: {message}") },
            None => Outcome::Error {
                message:
                    "this check was started and returned no result, which is a bug in amiproof: report it with the folder of the run"
                        .to_owned(),
            },
        }
    }

    fn end_phase(&mut self, event: &Event, phase: Phase, end: &PhaseEnd) {
        let started = self.started.remove(&(event.subject.clone(), phase)).unwrap_or(event.at);
        let record = PhaseRecord { phase, started, seconds: seconds_between(started, event.at), ended: end.clone() };
        match &event.subject {
            Subject::Cluster => self.report.run.phases.push(record),
            Subject::Variant(_) => self.on_variant(&event.subject, |variant| variant.phases.push(record)),
        }
    }

    fn add_scan(&mut self, scan: &ScanRecord) {
        let same = |known: &ScanRecord| {
            (&known.subject, &known.suite, &known.scanner) == (&scan.subject, &scan.suite, &scan.scanner)
        };
        match self.report.scans.iter_mut().find(|known| same(known)) {
            Some(known) => *known = scan.clone(),
            None => self.report.scans.push(scan.clone()),
        }
    }

    fn add_result(&mut self, result: &CheckResult) {
        // Two scanners may answer the same control of the same subject, and both answers count.
        let key = (result.check.clone(), result.subject.clone(), result.scanner.clone());
        match self.places.get(&key).and_then(|at| self.report.results.get_mut(*at)) {
            Some(known) => *known = result.clone(),
            None => {
                self.places.insert(key, self.report.results.len());
                self.report.results.push(result.clone());
            }
        }
    }

    fn on_variant(&mut self, subject: &Subject, change: impl FnOnce(&mut VariantRecord)) {
        let Subject::Variant(name) = subject else { return };
        if let Some(record) = self.report.variants.iter_mut().find(|record| record.name == *name) {
            change(record);
        }
    }
}

fn blank(variant: &Variant) -> VariantRecord {
    VariantRecord {
        reference: variant.reference.clone(),
        benchmark: variant.hardening.as_ref().map(|hardening| hardening.benchmark.clone()),
        level: variant.hardening.as_ref().map(|hardening| hardening.level),
        user_data: variant.made().and_then(|made| user_data::record(variant, made.user_data.as_ref())),
        ..VariantRecord::new(variant.name.clone(), variant.family)
    }
}

/// Seconds from one time stamp to another; never negative.
pub(crate) fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64().max(0.0)
}

#[cfg(test)]
mod tests {
    use amiproof_model::matrix::Family;

    use super::*;

    fn recorder(interrupted: bool, broken: Option<&str>) -> Recorder {
        let variants = vec![crate::fixture::variant("l1", Family::Al2023)];
        let matrix = crate::fixture::matrix(variants);
        let run = "r-1".parse().unwrap();
        let mut recorder = Recorder::new(run, &matrix, true, std::iter::empty(), Timestamp::UNIX_EPOCH);
        let subject = Subject::Variant("l1".parse().unwrap());
        let event = |kind| Event { at: Timestamp::UNIX_EPOCH, subject: subject.clone(), kind };
        if interrupted {
            recorder.record(&event(EventKind::Interrupted));
        }
        if let Some(message) = broken {
            let end = PhaseEnd::Error { message: message.to_owned(), evidence: Vec::new() };
            recorder.record(&event(EventKind::PhaseEnded(Phase::Test, end)));
        }
        recorder.expect(["node/ready", "node/joined", "os-cis/inspector"].map(|check| row(check, &subject)));
        recorder.record(&event(EventKind::Result(Box::new(CheckResult {
            outcome: Outcome::Pass,
            ..row("node/joined", &subject)
        }))));
        // A scan's rows have other ids than its check.
        recorder.record(&event(EventKind::CheckEnded { check: "os-cis/inspector".to_owned(), rows: Vec::new() }));
        recorder
    }

    fn row(check: &str, subject: &Subject) -> CheckResult {
        let row = serde_json::json!({
            "check": check, "title": "t", "subject": serde_json::to_value(subject).unwrap(),
            "outcome": {"notEvaluated": {"reason": "open"}}, "disposition": "notEvaluated",
            "started": "2026-11-21T00:00:00Z", "seconds": 0.0,
        });
        serde_json::from_value(row).unwrap()
    }

    #[test]
    fn what_nobody_answered_is_a_row_that_says_why_and_what_was_answered_stays() {
        let mut late = recorder(false, None);
        let kind = EventKind::DeadlineExceeded(Duration::from_secs(5400));
        late.record(&Event { at: Timestamp::UNIX_EPOCH, subject: Subject::Cluster, kind });
        let late = late.finish(&[], Timestamp::UNIX_EPOCH);
        let ready = late.results.iter().find(|row| row.check.as_str() == "node/ready");
        assert_eq!(
            ready.map(|row| row.outcome.reason()),
            Some("the deadline of 1h30m was exceeded before this check finished")
        );
        for (interrupted, broken, word, part) in [
            (true, None, "not evaluated", "interrupted"),
            (false, Some("its pipeline panicked"), "not evaluated", "its pipeline panicked"),
            (false, None, "error", "returned no result"),
        ] {
            let report = recorder(interrupted, broken).finish(&[], Timestamp::UNIX_EPOCH);
            let actual: Vec<_> = report
                .results
                .iter()
                .map(|result| (result.check.as_str(), result.outcome.as_str(), result.outcome.reason()))
                .collect();
            let of = |check: &str| actual.iter().find(|(own, ..)| *own == check);
            assert_eq!(of("node/joined").map(|row| row.1), Some("pass"), "{actual:?}");
            assert!(of("node/ready").is_some_and(|row| row.1 == word && row.2.contains(part)), "{actual:?}");
            assert!(of("os-cis/inspector").is_none(), "a scan that was answered has rows of its own: {actual:?}");
        }
    }
}
