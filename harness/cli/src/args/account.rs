//! The commands about what an account allows and has, as data.

use amiproof_core::iam::Goal;
use camino::Utf8PathBuf;
use clap::{Args, ValueEnum};

use super::run::{OutputForm, Selection};
use super::target::Target;

/// Options of 'doctor'.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) target: Target,
    /// The registry that the run is going to pull all images from
    #[arg(long, value_name = "REGISTRY")]
    pub(crate) image_registry: Option<String>,
    /// Output format
    #[arg(long, visible_alias = "output", value_enum, default_value_t = OutputForm::Text)]
    pub(crate) format: OutputForm,
}

/// Options of 'iam-policy'.
#[derive(Debug, Args)]
pub(crate) struct IamPolicy {
    /// Only what these commands need; 'run' needs apply, test, scan and destroy [default: all]
    #[arg(long = "for", value_enum, value_delimiter = ',', value_name = "COMMAND")]
    pub(crate) goals: Vec<PolicyGoal>,
    /// Limit the policy to the cluster, region, roles, policies and keys of this matrix file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<Utf8PathBuf>,
    /// Limit the policy to this region [default: the one of the matrix, or any]
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// Limit the policy to this account [default: any]
    #[arg(long, value_name = "ACCOUNT", value_parser = account)]
    pub(crate) account: Option<String>,
    /// Print only the N-th document, where one managed policy is too small for all
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) part: Option<u16>,
}

/// A command that needs a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PolicyGoal {
    /// Create network, cluster and node groups, and run smoke tests
    Apply,
    /// Run smoke tests on what 'apply' left
    Test,
    /// Run scans on what 'apply' left
    Scan,
    /// Delete what a run created
    Destroy,
    /// Delete expired resources of any run
    Sweep,
    /// Check an account; reads only
    Doctor,
}

impl From<PolicyGoal> for Goal {
    fn from(goal: PolicyGoal) -> Self {
        match goal {
            PolicyGoal::Apply => Self::Apply,
            PolicyGoal::Test => Self::Test,
            PolicyGoal::Scan => Self::Scan,
            PolicyGoal::Destroy => Self::Destroy,
            PolicyGoal::Sweep => Self::Sweep,
            PolicyGoal::Doctor => Self::Doctor,
        }
    }
}

fn account(text: &str) -> Result<String, String> {
    if text.len() == 12 && text.chars().all(|c| c.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err("an AWS account has 12 digits".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_goal_has_its_word() {
        let words: Vec<&str> = Goal::ALL.iter().map(|goal| goal.as_str()).collect();
        let known: Vec<String> = PolicyGoal::value_variants()
            .iter()
            .map(|goal| goal.to_possible_value().unwrap().get_name().to_owned())
            .collect();
        assert_eq!(known, words);
        for goal in PolicyGoal::value_variants() {
            assert_eq!(Goal::from(*goal).as_str(), goal.to_possible_value().unwrap().get_name());
        }
    }
}
