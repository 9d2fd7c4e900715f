//! What was tried, and what it met.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::judge::Problem;
use crate::plan::What;
use crate::run::End;

#[derive(Default)]
struct Count {
    /// Times that it happened in a run with one fault of one call, and in others.
    single: usize,
    among_others: usize,
    calls: BTreeSet<String>,
}

pub(crate) struct Coverage {
    began: Instant,
    runs: u32,
    seeds: usize,
    simulated: Duration,
    by_fault: BTreeMap<What, Count>,
    problems: BTreeMap<&'static str, usize>,
}

impl Coverage {
    pub(crate) fn begin() -> Self {
        Self {
            began: Instant::now(),
            runs: 0,
            seeds: 0,
            simulated: Duration::ZERO,
            by_fault: BTreeMap::new(),
            problems: BTreeMap::new(),
        }
    }

    pub(crate) fn add(&mut self, is_single: bool, is_twice: bool, end: Option<&End>, problem: Option<&Problem>) {
        let runs = if is_twice { 2 } else { 1 };
        self.runs += runs;
        self.seeds += usize::from(!is_single);
        if let Some(problem) = problem {
            *self.problems.entry(problem.kind).or_default() += 1;
        }
        let Some(end) = end else { return };
        self.simulated += end.simulated * runs;
        for (what, call) in &end.happened {
            let count = self.by_fault.entry(*what).or_default();
            count.single += usize::from(is_single);
            count.among_others += usize::from(!is_single);
            count.calls.insert(call.clone());
        }
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    /// The table by fault, the calls that nothing met, and what it cost.
    pub(crate) fn print(&self, calls: &[String]) {
        let different: BTreeSet<&str> = calls.iter().map(String::as_str).collect();
        println!("{:<18} {:>7} {:>7} {:>16}", "fault", "alone", "in seeds", "different calls");
        for what in What::all() {
            let none = Count::default();
            let count = self.by_fault.get(&what).unwrap_or(&none);
            let met = different.iter().filter(|call| count.calls.contains(**call)).count();
            println!(
                "{:<18} {:>7} {:>8} {met:>8} of {:>4}",
                what.to_string(),
                count.single,
                count.among_others,
                different.len()
            );
        }
        let is_met = |call: &&&str| {
            let faults = self.by_fault.iter().filter(|(what, _)| matches!(what, What::Fault(_)));
            faults.into_iter().any(|(_, count)| count.calls.contains(**call))
        };
        let missed: Vec<&&str> = different.iter().filter(|call| !is_met(call)).collect();
        println!("calls that no fault met: {} {missed:?}", missed.len());
        let (real, simulated) = (self.began.elapsed().as_secs_f64(), self.simulated.as_secs_f64());
        println!(
            "{} runs, {} seeds, {:.0} simulated hours, {:.0} simulated seconds in a second, {:.2} s for a run",
            self.runs,
            self.seeds,
            simulated / 3600.0,
            simulated / real,
            real / f64::from(self.runs.max(1)),
        );
        println!("problems: {:?}; test result: {} failed", self.problems, self.problems.values().sum::<usize>());
    }
}
