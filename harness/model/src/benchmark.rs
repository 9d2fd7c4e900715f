//! The controls of benchmarks, by number and level: the only source of how many answers a scan must have.
//!
//! A scanner cannot say how complete it is: a tailored profile, the wrong level or a filtered file has an answer for everything in it.
//! The lists are in `harness/model/benchmarks`, one file per benchmark and version. A benchmark without a file is unknown, and
//! the coverage of a scan by it is unknown.

use std::collections::BTreeSet;

use crate::name::Level;
use crate::report::subject::Subject;

/// The files, by benchmark.
const FILES: [(&str, &str); 9] = [
    ("cis-al2-3.0.0", include_str!("../benchmarks/cis-al2-3.0.0.txt")),
    ("cis-al2023-1.0.0", include_str!("../benchmarks/cis-al2023-1.0.0.txt")),
    ("cis-bottlerocket-1.0.0", include_str!("../benchmarks/cis-bottlerocket-1.0.0.txt")),
    ("cis-eks-1.0.1", include_str!("../benchmarks/cis-eks-1.0.1.txt")),
    ("cis-eks-1.5.0", include_str!("../benchmarks/cis-eks-1.5.0.txt")),
    ("cis-eks-1.7.0", include_str!("../benchmarks/cis-eks-1.7.0.txt")),
    ("cis-eks-1.8.0", include_str!("../benchmarks/cis-eks-1.8.0.txt")),
    ("cis-kubernetes-1.8.0", include_str!("../benchmarks/cis-kubernetes-1.8.0.txt")),
    ("cis-windows-2022-5.0.0", include_str!("../benchmarks/cis-windows-2022-5.0.0.txt")),
];

/// The sections of the EKS benchmark about nodes; all others are about the cluster.
const NODES: &str = "3.";

/// The benchmarks that this build knows.
pub fn known() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(name, _)| *name)
}

/// Every control of a benchmark with the lowest level that requires it, in the document's order; `None` for an unknown benchmark.
pub fn controls(benchmark: &str) -> Option<impl Iterator<Item = (&'static str, Level)> + use<>> {
    let (_, text) = FILES.iter().find(|(name, _)| *name == benchmark)?;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    Some(lines.filter_map(|line| {
        let (number, level) = line.split_once(' ')?;
        Some((number, Level::try_from(level.parse::<u8>().ok()?).ok()?))
    }))
}

/// The numbers of the controls that a benchmark requires of a subject at a level, or at every level if none is given. `None` for an
/// unknown benchmark.
pub fn asked(benchmark: &str, subject: &Subject, level: Option<Level>) -> Option<BTreeSet<&'static str>> {
    let of_nodes = matches!(subject, Subject::Variant(_));
    let is_asked = |number: &str, of: Level| {
        let is_part = !benchmark.starts_with("cis-eks-") || number.starts_with(NODES) == of_nodes;
        is_part && level.is_none_or(|level| of <= level)
    };
    Some(controls(benchmark)?.filter(|(number, of)| is_asked(number, *of)).map(|(number, _)| number).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_every_file_is_a_control_and_none_is_there_twice() {
        for (name, text) in FILES {
            assert!(name.parse::<crate::name::Benchmark>().is_ok(), "{name}");
            let lines = text.lines().filter(|line| !line.starts_with('#')).count();
            let numbers: BTreeSet<&str> = controls(name).unwrap().map(|(number, _)| number).collect();
            assert_eq!(numbers.len(), lines, "{name}");
            assert!(lines > 20, "{name}");
        }
    }

    #[test]
    fn a_level_holds_those_below_it_and_an_unknown_benchmark_nothing() {
        let variant = Subject::Variant("l1".parse().unwrap());
        let count =
            |benchmark: &str, subject: &Subject, level| asked(benchmark, subject, level).map(|asked| asked.len());
        assert_eq!(count("cis-al2023-1.0.0", &variant, Some(Level::One)), Some(166));
        assert_eq!(count("cis-al2023-1.0.0", &variant, Some(Level::Two)), Some(223));
        assert_eq!(count("cis-al2023-1.0.0", &variant, None), Some(223));
        assert_eq!(count("cis-al2023-9.0.0", &variant, None), None);
        assert_eq!(count("cis-eks-1.8.0", &variant, None), Some(13));
        assert_eq!(count("cis-eks-1.8.0", &Subject::Cluster, None), Some(37));
    }
}
