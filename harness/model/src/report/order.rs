//! The order of rows: that in which checks are registered, and within a scan that of its controls.

use std::collections::BTreeMap;

use super::result::CheckResult;

/// The order of the selected checks.
#[derive(Clone, Debug, Default)]
pub struct Order {
    places: BTreeMap<String, usize>,
}

/// Where a row stands among the rows of other checks.
pub type Place = (usize, Vec<(u64, String)>);

impl Order {
    /// The order of these checks.
    pub fn of(checks: impl IntoIterator<Item = String>) -> Self {
        Self { places: checks.into_iter().enumerate().map(|(at, check)| (check, at)).collect() }
    }

    /// The place of a result: that of its check, or of its suite for rows of a scan.
    pub fn place(&self, result: &CheckResult) -> Place {
        let suite = result.check.suite();
        let of_suite = || {
            let own = self.places.iter().filter(|(check, _)| check.split('/').next() == Some(suite));
            own.map(|(_, at)| *at).max().unwrap_or(usize::MAX)
        };
        let rank = self.places.get(result.check.as_str()).copied().unwrap_or_else(of_suite);
        (rank, natural(result.check.as_str()))
    }
}

/// A key that sorts `3.2.10` after `3.2.9`.
pub fn natural(text: &str) -> Vec<(u64, String)> {
    text.split(['.', '/', '-'])
        .map(|part| match part.parse::<u64>() {
            Ok(number) => (number, String::new()),
            Err(_) => (u64::MAX, part.to_owned()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_numbers_sort_as_people_count() {
        let mut ids =
            vec!["os-cis/cis-al2023-1.0.0/3.10", "os-cis/cis-al2023-1.0.0/3.9", "os-cis/cis-al2023-1.0.0/1.1.1.1"];
        ids.sort_by_cached_key(|id| natural(id));
        assert_eq!(
            ids,
            ["os-cis/cis-al2023-1.0.0/1.1.1.1", "os-cis/cis-al2023-1.0.0/3.9", "os-cis/cis-al2023-1.0.0/3.10"]
        );
    }
}
