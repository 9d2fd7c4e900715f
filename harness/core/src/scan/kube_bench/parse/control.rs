//! The result of kube-bench for one control, independent of the format of its output.

use serde::Deserialize;
use serde_json::Value;

/// Everything that one run of kube-bench said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// `eks-1.8.0`; empty in the compact form.
    pub benchmark: String,
    /// Every control in the order of the output.
    pub controls: Vec<Control>,
    /// Whether the output ended early: the compact form may be cut at the size of a termination message.
    pub cut: bool,
}

/// One control as kube-bench judged it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// `3.2.1`.
    pub number: String,
    /// Its title, as kube-bench words it; empty if the compact form leaves it out.
    pub title: String,
    /// `node`, `policies`, `managedservices`, `controlplane`; empty in the compact form.
    pub target: String,
    /// How it ended.
    pub status: Status,
    /// `manual`, `skip`; mostly empty.
    pub kind: String,
    /// Why, where kube-bench says: the control is manual, or its audit command broke.
    pub reason: String,
    /// The command that looked.
    pub audit: String,
    /// What it found.
    pub actual: String,
    /// What it should have found.
    pub expected: String,
    /// What to do about it, as kube-bench words it.
    pub remediation: String,
}

/// How a control ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// Met.
    Pass,
    /// Not met, and it counts.
    Fail,
    /// Not evaluated, or not met and not scored.
    Warn,
    /// Skipped.
    Info,
    /// No status, or one that this build does not know.
    #[default]
    Missing,
    /// A word that this build does not know.
    Unknown(String),
}

impl Status {
    pub(super) fn of(word: &str) -> Self {
        match word {
            "PASS" => Self::Pass,
            "FAIL" => Self::Fail,
            "WARN" => Self::Warn,
            "INFO" => Self::Info,
            "" => Self::Missing,
            other => Self::Unknown(other.to_owned()),
        }
    }
}

/// Why an output cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// There is nothing.
    #[error("kube-bench wrote nothing")]
    Empty,
    /// There is no JSON in it.
    #[error("kube-bench wrote no JSON; its output begins with '{begins}'")]
    NoJson {
        /// The first line, cut to 200 characters.
        begins: String,
    },
    /// The JSON ends in the middle.
    #[error("kube-bench's JSON is cut off after {bytes} bytes; the log was truncated or the pod ended early")]
    Truncated {
        /// How much there was.
        bytes: usize,
    },
    /// The JSON is not kube-bench's.
    #[error("kube-bench's JSON has a format that this build cannot read: {reason}")]
    Form {
        /// What is wrong, with its place.
        reason: String,
    },
    /// The JSON is not kube-bench's.
    #[error(
        "is JSON, but not kube-bench's, which is an object with Controls, or a section with node_type and tests; it begins with '{begins}'"
    )]
    OtherJson {
        /// The first line, cut to 200 characters.
        begins: String,
    },
    /// The report for people.
    #[error("is kube-bench's text output; run kube-bench with --json")]
    Text,
    /// The JSON holds no control.
    #[error("kube-bench ran no check")]
    NoControls,
    /// It contains fewer or more checks than it declares.
    #[error("kube-bench's totals declare {total} checks, but its output contains {found}")]
    Incomplete {
        /// What it says.
        total: u64,
        /// What it holds.
        found: u64,
    },
    /// It contains fewer or more checks with a status than it declares.
    #[error(
        "kube-bench's totals declare {total} checks with {word}, but its output contains {found}; import the file as kube-bench wrote it"
    )]
    Disagrees {
        /// The status.
        word: &'static str,
        /// What it says.
        total: u64,
        /// What it holds.
        found: u64,
    },
    /// One of several runs holds no control.
    #[error(
        "one of its runs contains no check, so nothing is known about that node: run kube-bench there again, or remove that run from the file"
    )]
    EmptyRun,
    /// There are results beside those that can be read.
    #[error(
        "contains both results that can be read and others that cannot: '{begins}'; import each output of kube-bench as it was written"
    )]
    Unread {
        /// The line, cut to 200 characters.
        begins: String,
    },
}

#[derive(Deserialize)]
pub(super) struct RawControl {
    test_number: String,
    #[serde(default)]
    test_desc: String,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    audit: Value,
    #[serde(default)]
    remediation: String,
    #[serde(default)]
    pub(super) status: String,
    #[serde(default)]
    actual_value: String,
    #[serde(default)]
    expected_result: String,
    #[serde(default)]
    reason: String,
}

impl Output {
    pub(super) fn add(&mut self, other: Self) {
        if !self.benchmark.split(", ").any(|known| known == other.benchmark) {
            // Two are never requested together; the caller notices if this is not the one that it requested.
            self.benchmark = format!("{}, {}", self.benchmark, other.benchmark);
        }
        self.cut |= other.cut;
        for control in other.controls {
            match self.controls.iter_mut().find(|known| known.number == control.number) {
                Some(known) if control.badness() > known.badness() => *known = control,
                Some(_) => {}
                None => self.controls.push(control),
            }
        }
    }
}

impl Control {
    /// Whether a WARN means that the audit did not run. For a manual control, a control without tests, which
    /// kube-bench's configuration also leaves to a human (eks-1.5.0, 2.1.1), and an unscored control that is not met,
    /// the reason has other words or is empty.
    pub(in crate::scan::kube_bench) fn broke(&self) -> bool {
        let reason = self.reason.trim().to_ascii_lowercase();
        let is_manual = self.kind.eq_ignore_ascii_case("manual")
            || ["test marked as a manual test", "no tests defined"].iter().any(|known| reason.starts_with(known));
        !reason.is_empty() && (reason.contains("failed to run") || !is_manual)
    }

    /// Which of two answers to the same question counts: the higher.
    fn badness(&self) -> u8 {
        let broke = self.broke();
        match self.status {
            Status::Pass => 0,
            Status::Warn if !broke => 1,
            Status::Fail if self.reason.is_empty() => 3,
            _ => 2,
        }
    }
}

pub(super) fn control(raw: RawControl, target: &str) -> Control {
    Control {
        number: raw.test_number,
        title: raw.test_desc,
        target: target.to_owned(),
        status: Status::of(&raw.status),
        kind: raw.kind.unwrap_or_default(),
        reason: raw.reason,
        audit: raw.audit.as_str().unwrap_or_default().trim().to_owned(),
        actual: raw.actual_value.trim().to_owned(),
        expected: raw.expected_result,
        remediation: raw.remediation.trim().to_owned(),
    }
}
