//! Whether EKS still supports the Kubernetes version of the matrix.

use amiproof_model::matrix::Matrix;
use aws_sdk_eks::types::{ClusterVersionInformation, VersionStatus};

use super::Finding;
use crate::aws::Clients;
use crate::aws::error::{AwsError, Class, Explain as _};

const CHECK: &str = "kubernetes";

/// Looks the version up with DescribeClusterVersions (a read, so retried); `None` if the matrix names none.
pub async fn examine(clients: &Clients, matrix: &Matrix) -> Option<Finding> {
    let version = matrix.cluster.kubernetes_version.as_ref()?.to_string();
    let ask = || async {
        let request = clients.eks.describe_cluster_versions().cluster_versions(&version);
        request.send().await.explain("DescribeClusterVersions", format!("Kubernetes {version}"))
    };
    let answer = clients.read(ask).await.map(|answer| answer.cluster_versions.unwrap_or_default().into_iter().next());
    Some(judge(&version, matrix.cluster.create, answer))
}

fn judge(version: &str, creates: bool, answer: Result<Option<ClusterVersionInformation>, AwsError>) -> Finding {
    let other = "set cluster.kubernetesVersion to a version that EKS offers: `aws eks describe-cluster-versions`";
    let found = match answer {
        Ok(found) => found,
        Err(error) if error.class == Class::Request => {
            return Finding::problem(CHECK, format!("EKS does not offer Kubernetes {version}: {error}"), other);
        }
        Err(error) => {
            let message = format!("cannot determine whether EKS supports Kubernetes {version}: {error}");
            return Finding::unknown(
                CHECK,
                message,
                "attach the policy that `amiproof iam-policy --for doctor` prints",
            );
        }
    };
    let Some(found) = found else {
        return Finding::problem(CHECK, format!("EKS does not offer Kubernetes {version}"), other);
    };
    let until = |date: Option<&aws_sdk_eks::primitives::DateTime>| {
        let date = date.and_then(|date| jiff::Timestamp::from_second(date.secs()).ok());
        date.map_or_else(String::new, |date| format!(" until {}", date.strftime("%Y-%m-%d")))
    };
    match found.version_status() {
        Some(VersionStatus::StandardSupport) => Finding::ok(
            CHECK,
            format!("Kubernetes {version} is in standard support{}", until(found.end_of_standard_support_date())),
        ),
        Some(VersionStatus::ExtendedSupport) => Finding::warning(
            CHECK,
            format!(
                "Kubernetes {version} is in extended support{}, for which EKS charges more",
                until(found.end_of_extended_support_date())
            ),
            other,
        ),
        Some(VersionStatus::Unsupported) if creates => {
            Finding::problem(CHECK, format!("EKS no longer supports Kubernetes {version}"), other)
        }
        Some(VersionStatus::Unsupported) => {
            Finding::warning(CHECK, format!("EKS no longer supports Kubernetes {version}"), other)
        }
        other_status => {
            let status = other_status.map_or("nothing", VersionStatus::as_str);
            Finding::unknown(
                CHECK,
                format!("EKS reports the unknown support status '{status}' for Kubernetes {version}"),
                other,
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_eks_says_of_a_version_decides() {
        let info = |status: VersionStatus| {
            let end = aws_sdk_eks::primitives::DateTime::from_secs(1_806_192_000);
            let info = ClusterVersionInformation::builder().cluster_version("1.35").version_status(status);
            Ok(Some(info.end_of_standard_support_date(end).end_of_extended_support_date(end).build()))
        };
        let error = |class| Err(AwsError::new(class, "DescribeClusterVersions", "Kubernetes 1.35", "no"));
        let message: Vec<String> = [
            judge("1.35", true, info(VersionStatus::StandardSupport)),
            judge("1.35", true, info(VersionStatus::ExtendedSupport)),
            judge("1.35", true, info(VersionStatus::Unsupported)),
            judge("1.35", false, info(VersionStatus::Unsupported)),
            judge("1.35", true, info(VersionStatus::from("LATER"))),
            judge("1.35", true, Ok(None)),
            judge("1.35", true, error(Class::Request)),
            judge("1.35", true, error(Class::AccessDenied)),
        ]
        .iter()
        .map(|finding| format!("{} {}", finding.status.as_str(), finding.message))
        .collect();
        insta::assert_snapshot!(message.join("\n"), @r"
        ok Kubernetes 1.35 is in standard support until 2027-03-28
        warning Kubernetes 1.35 is in extended support until 2027-03-28, for which EKS charges more
        problem EKS no longer supports Kubernetes 1.35
        warning EKS no longer supports Kubernetes 1.35
        unknown EKS reports the unknown support status 'LATER' for Kubernetes 1.35
        problem EKS does not offer Kubernetes 1.35
        problem EKS does not offer Kubernetes 1.35: DescribeClusterVersions for Kubernetes 1.35: no
        unknown cannot determine whether EKS supports Kubernetes 1.35: DescribeClusterVersions for Kubernetes 1.35: no (allow the caller the IAM action DescribeClusterVersions, or use other credentials)
        ");
    }
}
