//! `windows/image-age`: Windows nodes are replaced from a fresh image instead of patched (guide: "Patching Windows Servers and
//! containers": replace within 45 days of a release). `node/age` is the same check for nodes.

use amiproof_core::aws::ami::{self, ImageDetails};
use amiproof_core::check::{CheckError, Decision, Doing as _};
use amiproof_core::context::Context;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;
use jiff::{SignedDuration, Timestamp};

use super::windows_only;
use crate::definition::Definition;
use crate::host::{decision, no_account};

/// See the module.
pub const CHECK: Definition =
    Definition::question("windows/image-age", "the image is not older than 45 days", |context| run(context).boxed())
        .on(windows_only);

const OLDEST_DAYS: i64 = 45;

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let Some(clients) = &context.aws else { return Ok(no_account()) };
    let Some(id) = context.nodes.first().and_then(|node| node.ami_id.as_ref()) else {
        return Ok(Verdict::NotEvaluated("it is not known which image the nodes booted".to_owned()).into());
    };
    let image = ami::standing(clients, id).await.doing(format!("reading the image {id}"))?;
    Ok(decision(context, assess(&image, amiproof_time::now())))
}

fn assess(image: &ImageDetails, now: Timestamp) -> Verdict {
    let Some(created) = image.created else {
        return Verdict::NotEvaluated("EC2 does not report when the image was created".to_owned());
    };
    let age = now.duration_since(created);
    if age <= SignedDuration::from_hours(24 * OLDEST_DAYS) {
        return Verdict::Pass;
    }
    let summary = format!("was made {} days ago, the limit is {OLDEST_DAYS}", age.as_hours() / 24);
    let help = "build from the newest EKS-optimised Windows image: fixes come with it, monthly";
    Verdict::Fail(vec![Finding::new("image", summary).with_remediation(help)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forty_five_days_are_allowed_and_an_hour_more_is_not() {
        let now: Timestamp = "2026-11-21T08:00:00Z".parse().unwrap();
        let image = |hours: i64| ImageDetails {
            created: Some(now - SignedDuration::from_hours(hours)),
            ..ImageDetails::default()
        };
        assert_eq!(assess(&image(45 * 24), now), Verdict::Pass);
        assert!(matches!(assess(&image(45 * 24 + 1), now), Verdict::Fail(_)));
        assert!(matches!(assess(&ImageDetails::default(), now), Verdict::NotEvaluated(_)));
    }
}
