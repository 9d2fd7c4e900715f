//! What goes wrong in one run, and when: a list that can be printed, read again and cut down.

use std::fmt;
use std::str::FromStr;

use amiproof_lab::inject::Fault;

/// Something that happens to more than one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    /// Somebody terminates an instance of a node group, which replaces it.
    NodeDies,
    /// No API server answers for some minutes; open connections break.
    ClustersAway,
    /// The credentials run out, and somebody logs in again after half an hour.
    CredentialsExpire,
    /// The credentials run out for good.
    CredentialsGone,
    /// The disk is full for some minutes.
    DiskFull,
    /// The clock of the machine is set two hours ahead.
    ClockAhead,
    /// The clock of the machine is set two hours back.
    ClockBehind,
    /// INT or TERM.
    Interrupt,
    /// INT, and INT again a while later.
    InterruptTwice,
    /// The process is killed, and another one resumes the run.
    KilledAndResumed,
}

impl Event {
    pub(crate) const ALL: [Self; 10] = [
        Self::NodeDies,
        Self::ClustersAway,
        Self::CredentialsExpire,
        Self::CredentialsGone,
        Self::DiskFull,
        Self::ClockAhead,
        Self::ClockBehind,
        Self::Interrupt,
        Self::InterruptTwice,
        Self::KilledAndResumed,
    ];
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    Fault(Fault),
    Event(Event),
}

impl What {
    /// Whether it must change nothing when it is all that happens.
    pub(crate) fn changes_nothing(self) -> bool {
        matches!(self, Self::Fault(_) | Self::Event(Event::KilledAndResumed))
    }

    pub(crate) fn all() -> impl Iterator<Item = Self> {
        Fault::OF_A_CALL.map(Self::Fault).into_iter().chain(Event::ALL.map(Self::Event))
    }
}

impl fmt::Display for What {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => write!(out, "{fault:?}"),
            Self::Event(event) => write!(out, "{event:?}"),
        }
    }
}

/// Which call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum At {
    /// By its number in the run, from 0.
    Number(usize),
    /// By what it asks, and how often that was asked by then, from 1. Survives changes of the calls before it.
    Name(String, usize),
}

/// One thing that goes wrong, at one call: `LostAfter@117`, `NodeDies@eks CreateNodegroup#2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) what: What,
    pub(crate) at: At,
}

impl Point {
    pub(crate) fn new(number: usize, what: What) -> Self {
        Self { what, at: At::Number(number) }
    }

    /// Its number among the calls of a run; `None` if there was no such call.
    pub(crate) fn position(&self, calls: &[String]) -> Option<usize> {
        match &self.at {
            At::Number(number) => Some(*number).filter(|number| *number < calls.len()),
            At::Name(name, turn) => {
                let mut same = calls.iter().enumerate().filter(|(_, call)| *call == name);
                same.nth(turn.checked_sub(1)?).map(|(number, _)| number)
            }
        }
    }

    /// The same with the call's name, given the calls of the run in which it happened.
    pub(crate) fn named(&self, calls: &[String]) -> Self {
        let at = match &self.at {
            At::Number(number) if *number < calls.len() => {
                let name = &calls[*number];
                At::Name(name.clone(), calls[..=*number].iter().filter(|call| *call == name).count())
            }
            other => other.clone(),
        };
        Self { what: self.what, at }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            At::Number(number) => write!(out, "{}@{number}", self.what),
            At::Name(name, turn) => write!(out, "{}@{name}#{turn}", self.what),
        }
    }
}

impl FromStr for Point {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?} is not a fault at a call: write LostAfter@117 or NodeDies@eks CreateNodegroup#2");
        let (name, at) = text.trim().split_once('@').ok_or_else(wrong)?;
        let what = What::all().find(|what| what.to_string() == name).ok_or_else(wrong)?;
        let at = match at.rsplit_once('#') {
            Some((call, turn)) => At::Name(call.to_owned(), turn.parse().map_err(|_| wrong())?),
            None => At::Number(at.parse().map_err(|_| wrong())?),
        };
        Ok(Self { what, at })
    }
}

/// Points as one line, and back.
pub(crate) fn line(points: &[Point]) -> String {
    points.iter().map(Point::to_string).collect::<Vec<_>>().join(", ")
}

pub(crate) fn parse(line: &str) -> Result<Vec<Point>, String> {
    line.split(',').map(str::parse).collect()
}
