//! `node/ami-not-deprecated`: the image's deprecation time has not passed (EC2 user guide, "Deprecate an AMI"; EKS keeps Windows images
//! public for four months).

use amiproof_core::aws::ami::{self, ImageDetails};
use amiproof_core::check::{CheckError, Decision, Doing as _};
use amiproof_core::context::Context;
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;
use jiff::Timestamp;

use super::placements;
use crate::definition::Definition;
use crate::host::{no_account, verdict};

/// See the module.
pub const CHECK: Definition =
    Definition::question("node/ami-not-deprecated", "the image is not deprecated", |context| run(context).boxed());

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let Some(clients) = &context.aws else { return Ok(no_account()) };
    let Some(id) = context.nodes.first().and_then(|node| node.ami_id.as_ref()) else {
        return Ok(Verdict::NotEvaluated("it is not known which image the nodes booted".to_owned()).into());
    };
    let image = ami::standing(clients, id).await.doing(format!("reading the image {id}"))?;
    let base = match image.base.as_deref().and_then(|base| base.parse().ok()) {
        // The base may have been deleted or not been shared; then it is ignored.
        Some(base) => ami::standing(clients, &base).await.ok(),
        None => None,
    };
    let verdict = assess(&image, base.as_ref(), amiproof_time::now());
    Ok(Decision { placements: placements(&context.nodes), ..verdict.into() })
}

/// An image without a deprecation time is not deprecated. One that was built from a deprecated image is as old as that image, because
/// hardening adds no fixes.
fn assess(image: &ImageDetails, base: Option<&ImageDetails>, now: Timestamp) -> Verdict {
    let since = |image: &ImageDetails| {
        image.deprecated.filter(|time| *time <= now).map(|time| time.strftime("%Y-%m-%d").to_string())
    };
    let help = "build from, or name, a newer image: a deprecated image gets no fixes and may disappear at any time";
    let mut findings = Vec::new();
    if let Some(day) = since(image) {
        findings.push(Finding::new("image", format!("has been deprecated since {day}")).with_remediation(help));
    }
    if let Some((base, day)) = base.and_then(|base| Some((base, since(base)?))) {
        let summary = format!("was made from '{}', which has been deprecated since {day}", base.name);
        findings.push(Finding::new("source image", summary).with_remediation(help));
    }
    verdict(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_deprecated_from_its_time_on() {
        let now: Timestamp = "2026-11-21T08:00:00Z".parse().unwrap();
        let image = |time: Option<&str>| ImageDetails {
            deprecated: time.map(|time| time.parse().unwrap()),
            ..ImageDetails::default()
        };
        let asked = |own: Option<&str>, base: Option<&str>| match assess(&image(own), Some(&image(base)), now) {
            Verdict::Fail(findings) => findings.into_iter().map(|finding| finding.summary).collect::<Vec<_>>(),
            _ => Vec::new(),
        };
        let past = Some("2026-11-20T00:00:00Z");
        assert_eq!(assess(&image(None), None, now), Verdict::Pass);
        assert!(asked(None, Some("2026-11-21T08:00:01Z")).is_empty());
        assert!(asked(Some("2026-11-21T08:00:01Z"), None).is_empty());
        assert_eq!(asked(past, None), ["has been deprecated since 2026-11-20"]);
        assert_eq!(asked(None, past), ["was made from '', which has been deprecated since 2026-11-20"]);
    }
}
