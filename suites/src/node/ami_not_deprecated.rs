//! `node/ami-not-deprecated`: the image's deprecation time has not passed (EC2 user guide, "Deprecate an AMI"; EKS keeps Windows images
//! public for four months).

use amiproof_core::aws::ami::{self, Standing};
use amiproof_core::check::{CheckError, Decision, Scope, always};
use amiproof_core::context::Context;
use amiproof_model::report::Phase;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;
use jiff::Timestamp;

use super::placements;
use crate::definition::{Definition, Work};
use crate::host::no_account;

/// See the module.
pub const CHECK: Definition = Definition {
    id: "node/ami-not-deprecated",
    title: "the image is not one that its owner advises against",
    scope: Scope::Variant,
    phase: Phase::Test,
    timeout: None,
    applies: always,
    work: Work::Question(|context| run(context).boxed()),
};

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let Some(clients) = &context.aws else { return Ok(no_account()) };
    let Some(id) = context.nodes.first().and_then(|node| node.ami_id.as_ref()) else {
        return Ok(Verdict::NotEvaluated("it is not known which image the nodes booted".to_owned()).into());
    };
    let image = ami::standing(clients, id).await;
    let image = image.map_err(|error| CheckError::api(format!("reading the image {id}"), error))?;
    Ok(Decision { placements: placements(&context.nodes), ..assess(&image, Timestamp::now()).into() })
}

/// An image without a deprecation time is not deprecated.
fn assess(image: &Standing, now: Timestamp) -> Verdict {
    match image.deprecated {
        Some(time) if time <= now => {
            let day = time.strftime("%Y-%m-%d");
            let mend = "build from, or name, a newer image: a deprecated one gets no fixes and may be gone tomorrow";
            Verdict::Fail(vec![Finding::new("image", format!("is deprecated since {day}")).with_remediation(mend)])
        }
        _ => Verdict::Pass,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_deprecated_from_its_time_on() {
        let now: Timestamp = "2026-11-21T08:00:00Z".parse().unwrap();
        let image =
            |time: Option<&str>| Standing { deprecated: time.map(|time| time.parse().unwrap()), ..Standing::default() };
        assert_eq!(assess(&image(None), now), Verdict::Pass);
        assert_eq!(assess(&image(Some("2026-11-21T08:00:01Z")), now), Verdict::Pass);
        let Verdict::Fail(findings) = assess(&image(Some("2026-11-20T00:00:00Z")), now) else { panic!("a finding") };
        assert_eq!(findings[0].summary, "is deprecated since 2026-11-20");
    }
}
