//! Controls that break nothing alone, two at a time.

use std::collections::{BTreeMap, BTreeSet};

use amiproof_model::bisect::search::reduce;
use amiproof_model::bisect::{Answer, End, History, Limits, Reduced, Trial};
use amiproof_model::impact::covering;
use amiproof_model::name::CheckId;
use amiproof_model::report::impact::{Pairs, Together};

use super::Bench;
use crate::check::Check;

/// How often a check is run to find what breaks it together.
const RUNS: usize = 40;

impl Bench<'_, '_> {
    /// Tries items that break nothing alone in trials in which every two of them meet.
    ///
    /// # Errors
    /// Why it ended early, as a clause.
    pub(super) async fn pairs(
        &mut self,
        checks: &[&Check],
        harmless: &[usize],
        pairs: &mut Pairs,
    ) -> Result<(), String> {
        let trials = covering(harmless.len());
        (pairs.controls, pairs.trials) = (harmless.len(), trials.len());
        for (number, trial) in trials.iter().enumerate() {
            self.may_begin().map_err(|why| format!("{why} after {number} of {} trials of pairs", trials.len()))?;
            let set: BTreeSet<usize> = trial.iter().filter_map(|at| harmless.get(*at).copied()).collect();
            let known: BTreeSet<CheckId> = pairs.broken.iter().map(|one| one.check.clone()).collect();
            let open: Vec<&Check> = checks
                .iter()
                .filter(|check| !known.contains(&check.id) && !self.useless.contains_key(&check.id))
                .copied()
                .collect();
            let answers = match self.ask(&set, &open).await? {
                Ok(answers) => answers,
                Err(why) => {
                    pairs.not_tried.push(format!("trial {} of {}: {why}", number + 1, trials.len()));
                    continue;
                }
            };
            let failed: BTreeMap<CheckId, Answer> =
                answers.into_iter().filter(|(_, answer)| *answer != Answer::Passes).collect();
            self.tell(format!(
                "impact, pairs {} of {}: {} settings together: {} of {} checks pass",
                number + 1,
                trials.len(),
                set.len(),
                open.len() - failed.len(),
                open.len()
            ));
            for check in open.into_iter().filter(|check| failed.contains_key(&check.id)) {
                if let Some(together) = self.reduced(check, &set).await? {
                    pairs.broken.push(together);
                }
            }
        }
        Ok(())
    }

    /// The fewest of these settings that break a check; `None` if it passes with them after all.
    async fn reduced(&mut self, check: &Check, set: &BTreeSet<usize>) -> Result<Option<Together>, String> {
        let mut history = History::default();
        loop {
            let trial: Trial = match reduce(set, &history, Limits { runs: RUNS }) {
                Reduced::Run(trial) => {
                    if let Err(why) = self.may_begin() {
                        let why = Some(why);
                        return Ok(Some(Together { check: check.id.clone(), controls: Vec::new(), why }));
                    }
                    trial
                }
                Reduced::Found(found) => {
                    let controls = found.iter().map(|item| self.name(*item)).collect();
                    return Ok(Some(Together { check: check.id.clone(), controls, why: None }));
                }
                Reduced::End(End::NotReproduced) => return Ok(None),
                Reduced::End(end) => {
                    let why = Some(why(&end));
                    return Ok(Some(Together { check: check.id.clone(), controls: Vec::new(), why }));
                }
            };
            let answer = match self.ask(&trial.exchanged, &[check]).await? {
                Ok(answers) => answers.into_iter().next().map(|(_, answer)| answer),
                Err(why) => Some(Answer::Unknown(why)),
            };
            history.add(trial, answer.unwrap_or_else(|| Answer::Unknown("it gave no answer".to_owned())));
        }
    }
}

fn why(end: &End) -> String {
    match end {
        End::Unsteady(_) => "it passes and fails intermittently with the same settings".to_owned(),
        End::Undecided(_, why) => why.clone(),
        End::Spent => format!("they were not found within {RUNS} runs"),
        End::ReferenceFails => "it no longer passes on the nodes as they are".to_owned(),
        _ => "it could not be determined".to_owned(),
    }
}
