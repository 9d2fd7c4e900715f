//! The account's own container registry: what it scans, and who may change its images.

use aws_sdk_ecr::types::ScanFrequency;
use wildmatch::WildMatch;

use super::Clients;
use super::error::{AwsError, Explain as _};
use super::pages;

/// How the registry scans images (API page GetRegistryScanningConfiguration).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scanning {
    /// `BASIC` or `ENHANCED`.
    pub kind: String,
    /// Patterns of repository names that are scanned without being asked: on push or forever. `*` stands for any text.
    pub patterns: Vec<String>,
}

/// A repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Its name.
    pub name: String,
    /// Whether it scans on push by its own, older setting.
    pub scans_on_push: bool,
}

/// Reads how the registry scans.
///
/// # Errors
/// [`AwsError`] of
/// [GetRegistryScanningConfiguration](https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetRegistryScanningConfiguration.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn scanning(clients: &Clients) -> Result<Scanning, AwsError> {
    let answer = clients
        .read(|| async {
            let request = clients.ecr.get_registry_scanning_configuration();
            request.send().await.explain("GetRegistryScanningConfiguration", "the account's registry")
        })
        .await?;
    let Some(configuration) = answer.scanning_configuration else { return Ok(Scanning::default()) };
    let rules = configuration.rules().iter().filter(|rule| *rule.scan_frequency() != ScanFrequency::Manual);
    Ok(Scanning {
        patterns: rules.flat_map(|rule| rule.repository_filters()).map(|filter| filter.filter().to_owned()).collect(),
        kind: configuration.scan_type().map_or("BASIC", |kind| kind.as_str()).to_owned(),
    })
}

impl Scanning {
    /// Whether images of a repository are scanned by the registry's rules. Filters are parts of names without `*`, and whole
    /// names with it (ECR user guide, image scanning filters).
    pub fn covers(&self, repository: &str) -> bool {
        self.patterns.iter().any(|pattern| {
            let is_whole = pattern.contains('*');
            if is_whole { WildMatch::new(pattern).matches(repository) } else { repository.contains(pattern.as_str()) }
        })
    }
}

/// Every repository of the account's registry in this region.
///
/// # Errors
/// [`AwsError`] of [DescribeRepositories](https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeRepositories.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn repositories(clients: &Clients) -> Result<Vec<Repository>, AwsError> {
    pages::every(clients, async |token| {
        let request = clients.ecr.describe_repositories().set_next_token(token);
        let answer = request.send().await.explain("DescribeRepositories", "the account's registry")?;
        let repositories = answer.repositories.unwrap_or_default().into_iter().map(|repository| Repository {
            scans_on_push: repository.image_scanning_configuration().is_some_and(|scanning| scanning.scan_on_push()),
            name: repository.repository_name.unwrap_or_default(),
        });
        Ok((repositories.collect(), answer.next_token))
    })
    .await
}

/// The policy of a repository, as JSON text; `None` if it has none and only IAM counts.
///
/// # Errors
/// [`AwsError`] of [GetRepositoryPolicy](https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetRepositoryPolicy.html).
/// Transient errors (throttling, 5xx, broken connections) are retried; a denied request is not.
pub async fn policy(clients: &Clients, repository: &str) -> Result<Option<String>, AwsError> {
    let answer = clients
        .read(|| async {
            let _permit = clients.read_permit().await;
            let request = clients.ecr.get_repository_policy().repository_name(repository);
            request.send().await.explain("GetRepositoryPolicy", format!("repository {repository}"))
        })
        .await;
    match answer {
        Ok(answer) => Ok(answer.policy_text),
        Err(error) if error.is_not_found() || error.code.as_deref() == Some("RepositoryPolicyNotFoundException") => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_fit_parts_of_names_and_patterns_fit_whole_names() {
        let covers = |pattern: &str, repository| {
            Scanning { kind: "BASIC".to_owned(), patterns: vec![pattern.to_owned()] }.covers(repository)
        };
        for (pattern, repository) in [
            ("*", "team/app"),
            ("team", "a-team/app"),
            ("team/*", "team/app"),
            ("*app", "team/app-app"),
            ("a*c*e", "abcde"),
        ] {
            assert!(covers(pattern, repository), "{pattern} covers {repository}");
        }
        for (pattern, repository) in [("team/*", "a-team/app"), ("*app", "apps"), ("prod", "team/app"), ("a*c", "acd")]
        {
            assert!(!covers(pattern, repository), "{pattern} does not cover {repository}");
        }
        assert!(!Scanning::default().covers("team/app"));
    }
}
