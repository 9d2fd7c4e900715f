//! Scaling activities of a node group, which show launch failures first.

use super::Clients;
use super::error::{AwsError, Explain as _, found};

/// One scaling activity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Activity {
    /// `Successful`, `Failed`, `Cancelled`, `InProgress` …
    pub(crate) status: String,
    pub(crate) description: String,
    /// Why it failed, in EC2's words.
    pub(crate) message: String,
    pub(crate) start: String,
}

impl Activity {
    pub(crate) fn is_failed(&self) -> bool {
        matches!(self.status.as_str(), "Failed" | "Cancelled")
    }
}

impl std::fmt::Display for Activity {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} {}: {}", self.start, self.status, self.description)?;
        if self.message.is_empty() { Ok(()) } else { write!(out, ": {}", self.message) }
    }
}

/// The latest activities of some groups
/// ([DescribeScalingActivities](https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeScalingActivities.html)), newest first
/// within each group; none for a group that does not exist (any more).
///
/// # Errors
/// [`AwsError`]; transient errors (throttling, 5xx, broken connections) are retried, a denied request is not.
pub(crate) async fn activities(clients: &Clients, groups: &[String]) -> Result<Vec<Activity>, AwsError> {
    let mut activities = Vec::new();
    for group in groups {
        let answer = clients
            .read(|| async {
                let _permit = clients.read_permit().await;
                let request = clients.autoscaling.describe_scaling_activities().auto_scaling_group_name(group);
                request
                    .max_records(50)
                    .send()
                    .await
                    .explain("DescribeScalingActivities", format!("Auto Scaling group {group}"))
            })
            .await;
        let answer = found(answer)?;
        activities.extend(answer.into_iter().flat_map(|answer| answer.activities.unwrap_or_default()).map(
            |activity| Activity {
                status: activity.status_code().map_or("unknown", |status| status.as_str()).to_owned(),
                description: activity.description().unwrap_or_default().to_owned(),
                message: activity.status_message().unwrap_or_default().to_owned(),
                start: activity.start_time().map(ToString::to_string).unwrap_or_default(),
            },
        ));
    }
    Ok(activities)
}
