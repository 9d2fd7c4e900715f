//! What the controls of a benchmark require of a running host: facts with the values that a host has if it meets them.
//!
//! The files are in `suites/controls`, one per benchmark and version. [`crate::impact`] gives a node these values, one control at a time.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde::Deserialize;

use crate::name::{Benchmark, ControlId, Level};
use crate::setting::Change;
use crate::{benchmark, document};

/// The controls of one benchmark.
#[derive(Clone, Debug, PartialEq)]
pub struct Controls {
    /// The benchmark.
    pub benchmark: Benchmark,
    /// Its controls, in the order of the file.
    pub entries: Vec<Entry>,
    /// Where numbers and values come from.
    pub sources: Vec<String>,
}

/// One control, several that require the same, or a part of one that requires several things.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The controls.
    pub controls: Vec<ControlId>,
    /// Which part of the control, where it has several.
    pub part: Option<String>,
    /// What it requires, as a clause.
    pub title: String,
    /// The lowest level that requires it.
    pub level: Level,
    /// What that means for a host.
    pub demand: Demand,
}

/// What a control means for a running host.
#[derive(Clone, Debug, PartialEq)]
pub enum Demand {
    /// These facts have these values.
    Set(IndexMap<String, Requirement>),
    /// It cannot be met on a running host, and why, as a clause.
    Cannot(String),
}

/// A value that a control requires.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Requirement {
    /// Exactly this value.
    Is(String),
    /// The host's own list, with these options in it.
    Adds {
        /// The options.
        adds: Vec<String>,
    },
    /// At most this mode, whoever the owner is.
    Mode {
        /// The mode, in octal digits.
        mode: String,
    },
}

impl Requirement {
    /// The value that a host with its own value has if it meets the control; `None` if it meets it already.
    pub fn instead_of(&self, own: &str) -> Option<String> {
        match self {
            Self::Is(value) => (value != own).then(|| value.clone()),
            Self::Adds { adds } => {
                let has = |option: &String| own.split([',', ' ']).any(|one| one == option);
                let missing: Vec<&str> = adds.iter().filter(|option| !has(option)).map(String::as_str).collect();
                (!missing.is_empty()).then(|| format!("{},{own}", missing.join(",")))
            }
            Self::Mode { mode } => {
                let (own_mode, owner) = own.split_once(' ').unwrap_or((own, ""));
                let bits = |text: &str| u32::from_str_radix(text, 8).ok();
                let (has, most) = (bits(own_mode)?, bits(mode)?);
                (has & !most != 0).then(|| format!("{:04o} {owner}", has & most).trim_end().to_owned())
            }
        }
    }

    /// Whether a host meets it whose fact of that name has this value; `None` if that is unknown, because the host does not have the fact.
    pub fn is_met(&self, fact: &str, own: Option<&str>) -> Option<bool> {
        match (Change::of_fact(fact), own) {
            // What is not installed does not run.
            (Some(Change::Service), own) => match (own, runs(&self.example())) {
                (None, true) => None,
                (own, wanted) => Some(own.is_some_and(runs) == wanted),
            },
            // A module that nobody named can be loaded.
            (Some(Change::Module), None) => Some(false),
            (_, None) => None,
            // The first word of a policy says whether it drops.
            (Some(Change::NftPolicy | Change::IptablesPolicy), Some(own)) => {
                Some(policy(own) == policy(&self.example()))
            }
            (_, Some(own)) => Some(self.instead_of(own).is_none()),
        }
    }

    /// A value of a host that meets the control, whatever else it has.
    pub fn example(&self) -> String {
        match self {
            Self::Is(value) => value.clone(),
            Self::Adds { adds } => format!("rw,{}", adds.join(",")),
            Self::Mode { mode } => mode.clone(),
        }
    }
}

/// Whether the state of a service says that it runs.
fn runs(state: &str) -> bool {
    state.split_whitespace().any(|word| word == "active")
}

fn policy(value: &str) -> &str {
    value.split([' ', '(']).next().unwrap_or_default()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spec {
    controls: Vec<Row>,
    sources: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    controls: Vec<String>,
    #[serde(default)]
    part: Option<String>,
    title: String,
    #[serde(default)]
    set: IndexMap<String, Requirement>,
    #[serde(default)]
    cannot: Option<String>,
}

/// Reads the file of a benchmark. Every control of the benchmark is in it: once, or in several parts.
///
/// # Errors
/// The first thing that is wrong with it, as a sentence.
pub fn parse(text: &str) -> Result<Controls, String> {
    let (name, spec): (Benchmark, Spec) = document::read(text, "Controls")?;
    let known: IndexMap<&str, Level> = benchmark::controls(&name.to_string())
        .ok_or_else(|| format!("the controls of {name} are not known"))?
        .collect();
    let mut seen: BTreeSet<(String, Option<String>)> = BTreeSet::new();
    let mut entries = Vec::new();
    for row in spec.controls {
        let entry = entry(&name, row, &known)?;
        for control in &entry.controls {
            let number = control.number().to_owned();
            let is_whole_known = seen.contains(&(number.clone(), None));
            if is_whole_known || !seen.insert((number.clone(), entry.part.clone())) {
                return Err(format!("control {number} is listed twice"));
            }
        }
        entries.push(entry);
    }
    let is_missing = |number: &&str| !seen.iter().any(|(own, _)| own == number);
    match known.keys().find(|number| is_missing(number)) {
        Some(number) => Err(format!("control {number} of {name} is missing")),
        None => Ok(Controls { benchmark: name, entries, sources: spec.sources }),
    }
}

fn entry(benchmark: &Benchmark, row: Row, known: &IndexMap<&str, Level>) -> Result<Entry, String> {
    let Row { controls, part, title, set, cannot } = row;
    let first = controls.first().cloned().ok_or_else(|| format!("an entry has no control: {title}"))?;
    let mut level = Level::Two;
    for number in &controls {
        let own = known.get(number.as_str()).ok_or_else(|| format!("{benchmark} has no control {number}"))?;
        level = level.min(*own);
    }
    let controls: Result<Vec<ControlId>, _> =
        controls.iter().map(|number| ControlId::new(benchmark, number).map_err(|error| error.to_string())).collect();
    let demand = match (set.is_empty(), cannot) {
        (false, None) => Demand::Set(set),
        (true, Some(why)) => Demand::Cannot(why),
        _ => return Err(format!("control {first} needs either 'set' or 'cannot'")),
    };
    Ok(Entry { controls: controls?, part, title, level, demand })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_what_the_host_has_with_what_is_required() {
        let adds = Requirement::Adds { adds: vec!["nodev".to_owned(), "noexec".to_owned()] };
        let mode = Requirement::Mode { mode: "0640".to_owned() };
        for (requirement, own, wanted) in [
            (&Requirement::Is("0".to_owned()), "1", Some("0")),
            (&Requirement::Is("0".to_owned()), "0", None),
            (&adds, "rw,nosuid,nodev", Some("noexec,rw,nosuid,nodev")),
            (&adds, "rw,nodev,noexec", None),
            (&mode, "0644 root:root", Some("0640 root:root")),
            (&mode, "0755 root:root", Some("0640 root:root")),
            (&mode, "0600 root:root", None),
            (&mode, "unknown", None),
        ] {
            assert_eq!(requirement.instead_of(own).as_deref(), wanted, "{requirement:?} {own}");
        }
    }

    #[test]
    fn a_file_is_whole_or_refused() {
        let all: Vec<&str> = benchmark::controls("cis-bottlerocket-1.0.0").unwrap().map(|(number, _)| number).collect();
        let file = |first: &str| {
            format!(
                "apiVersion: amiproof/v1\nkind: Controls\nmetadata: {{name: cis-bottlerocket-1.0.0}}\nspec:\n  controls:\n{first}    \
                 - {{controls: [{}], title: the rest, cannot: it is not of this test}}\n  sources: [this test]\n",
                all[1..].iter().map(|number| format!("{number:?}")).collect::<Vec<_>>().join(", ")
            )
        };
        let row = |controls: &str, rest: &str| format!("    - {{controls: [{controls}], title: one, {rest}}}\n");
        let first = format!("{:?}", all[0]);
        let whole = parse(&file(&row(
            &first,
            "set: {sysctl.a: \"1\", mount./tmp: {adds: [nodev]}, file./x: {mode: \"0640\"}}",
        )))
        .unwrap();
        assert_eq!(whole.entries.len(), 2);
        assert_eq!(whole.entries[0].level, benchmark::controls("cis-bottlerocket-1.0.0").unwrap().next().unwrap().1);
        let parts = row(&first, "part: a, set: {x.y: z}") + &row(&first, "part: b, cannot: no");
        assert_eq!(parse(&file(&parts)).unwrap().entries.len(), 3);
        for (text, problem) in [
            (String::new(), format!("control {} of cis-bottlerocket-1.0.0 is missing", all[0])),
            (row("\"9.9.9\"", "cannot: no"), "cis-bottlerocket-1.0.0 has no control 9.9.9".to_owned()),
            (
                row(&first, "cannot: no") + &row(&first, "part: b, cannot: no"),
                format!("control {} is listed twice", all[0]),
            ),
            (row(&first, "cannot: no, set: {x.y: z}"), format!("control {} needs either 'set' or 'cannot'", all[0])),
            (row("", "cannot: no"), "an entry has no control: one".to_owned()),
        ] {
            assert_eq!(parse(&file(&text)).unwrap_err(), problem);
        }
    }
}
