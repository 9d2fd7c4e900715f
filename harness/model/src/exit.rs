//! What the process answers: a documented, closed set of exit codes.

use crate::report::Report;
use crate::threshold;

/// The exit codes of amiproof. A script may rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// 0: everything that was asked passed or was waived.
    Passed = 0,
    /// 1: a check failed.
    Failed = 1,
    /// 2: the command line, the matrix or another input is wrong; nothing was created.
    Usage = 2,
    /// 3: amiproof could not decide something, or a scan has a gap that no threshold allows.
    Error = 3,
    /// 4: the selection matches no variant or no check, or none that applies.
    NothingSelected = 4,
    /// 5: something that passed in the baseline fails now.
    Regression = 5,
    /// 6: something was left behind in the account.
    LeftBehind = 6,
    /// 130: interrupted by SIGINT or SIGTERM; cleanup ran.
    Interrupted = 130,
}

impl ExitCode {
    /// Every code with what it means, in the order of the README's table.
    pub const ALL: [(Self, &'static str); 8] = [
        (Self::Passed, "all passed or waived"),
        (Self::Failed, "a check failed"),
        (Self::Usage, "usage or configuration; nothing was created"),
        (Self::Error, "amiproof could not decide something, or a scan has a gap that no threshold allows"),
        (Self::NothingSelected, "nothing selected"),
        (Self::Regression, "regression against the baseline"),
        (Self::LeftBehind, "something was left behind in the account"),
        (Self::Interrupted, "interrupted"),
    ];

    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The code that a finished run answers. What costs money comes first (6), then what the user did (130), then what says
    /// least about the image (3), then what says something about it (1).
    pub fn of(report: &Report) -> Self {
        let counts = report.counts();
        if !report.cleanup.leftovers.is_empty() {
            Self::LeftBehind
        } else if report.run.interrupted {
            Self::Interrupted
        } else if counts.error > 0 || report.has_broken_pipeline() || threshold::gaps(report).next().is_some() {
            // No evidence is never green: a scan with a gap has not decided everything.
            Self::Error
        } else if counts.failed > 0 {
            Self::Failed
        } else if counts.total() == counts.not_applicable {
            Self::NothingSelected
        } else if counts.total() == counts.not_applicable + counts.not_evaluated + counts.manual {
            // A run that evaluated nothing at all has decided nothing.
            Self::Error
        } else {
            Self::Passed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::Disposition;
    use crate::report::{
        CheckResult, Cleanup, ClusterRecord, Leftover, Phase, PhaseEnd, PhaseRecord, RunRecord, SCHEMA_VERSION,
    };
    use crate::report::{Subject, Tool};
    use crate::verdict::Outcome;

    fn result(disposition: Disposition) -> CheckResult {
        CheckResult {
            check: "node/ready".parse().unwrap(),
            title: "nodes are Ready".into(),
            subject: Subject::Cluster,
            control: None,
            level: None,
            severity: None,
            scanner: None,
            outcome: Outcome::Pass,
            disposition,
            origin: None,
            disagreement: None,
            started: jiff::Timestamp::UNIX_EPOCH,
            seconds: 1.0,
            earlier_attempts: Vec::new(),
            placements: Vec::new(),
            traffic: Vec::new(),
            exercises: Vec::new(),
            evidence: Vec::new(),
        }
    }

    fn report(dispositions: &[Disposition]) -> Report {
        Report {
            schema_version: SCHEMA_VERSION,
            tool: Tool { name: "amiproof".into(), version: "0".into() },
            run: RunRecord {
                id: "r-1".parse().unwrap(),
                matrix: "nightly".into(),
                started: jiff::Timestamp::UNIX_EPOCH,
                seconds: 1.0,
                critical_path_seconds: 1.0,
                interrupted: false,
                phases: Vec::new(),
            },
            cluster: ClusterRecord {
                name: "c".into(),
                region: String::new(),
                account: String::new(),
                kubernetes_version: "1.36".parse().ok(),
                lab: true,
            },
            variants: Vec::new(),
            results: dispositions.iter().cloned().map(result).collect(),
            scans: Vec::new(),
            waivers: Vec::new(),
            thresholds: Vec::new(),
            cleanup: Cleanup::default(),
        }
    }

    fn broken(phase: Phase) -> PhaseRecord {
        let ended = PhaseEnd::Broken { message: "throttled".into(), evidence: Vec::new() };
        PhaseRecord { phase, started: jiff::Timestamp::UNIX_EPOCH, seconds: 1.0, ended }
    }

    #[test]
    fn the_code_follows_from_the_worst_that_happened() {
        use Disposition as D;
        let waived = D::Waived { owner: "o".into(), reason: "r".into(), until: jiff::civil::date(2027, 1, 31) };
        for (dispositions, code) in [
            (vec![D::Passed, waived, D::Known, D::Flaky, D::NotApplicable, D::NotEvaluated], ExitCode::Passed),
            (vec![D::Passed, D::Failed], ExitCode::Failed),
            (vec![D::Passed, D::Failed, D::Error], ExitCode::Error),
            (vec![], ExitCode::NothingSelected),
            (vec![D::NotApplicable], ExitCode::NothingSelected),
            (vec![D::NotApplicable, D::NotEvaluated], ExitCode::Error),
        ] {
            assert_eq!(ExitCode::of(&report(&dispositions)), code, "{dispositions:?}");
        }
    }

    #[test]
    fn leftovers_come_before_the_interruption_and_that_before_every_verdict() {
        let mut report = report(&[Disposition::Failed]);
        report.run.phases = vec![broken(Phase::Teardown)];
        assert_eq!(ExitCode::of(&report), ExitCode::Failed, "leftovers say what a broken teardown means");
        report.run.phases.push(broken(Phase::NodeGroup));
        assert_eq!(ExitCode::of(&report), ExitCode::Error);
        report.run.interrupted = true;
        assert_eq!(ExitCode::of(&report), ExitCode::Interrupted);
        report.cleanup.leftovers.push(Leftover {
            kind: "node group".into(),
            id: "ng".into(),
            variant: None,
            reason: "r".into(),
            mend: "m".into(),
        });
        assert_eq!(ExitCode::of(&report), ExitCode::LeftBehind);
    }

    #[test]
    fn every_code_is_documented_once() {
        let codes: Vec<u8> = ExitCode::ALL.iter().map(|(code, _)| code.code()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 130]);
    }
}
