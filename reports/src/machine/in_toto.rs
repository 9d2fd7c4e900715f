//! In-toto statements: what the run says about each image, with the predicate
//! [test-result v0.1](https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md). One statement per line, because tools
//! that sign take one at a time.
//!
//! They are those that `promote` signs, for an image that nobody promoted: the subject is the image's ARN with the digest of `report.json`.
//!
//! | the variant | `result` |
//! |---|---|
//! | passed without waived or otherwise accepted results | `PASSED` |
//! | passed, with waived, known, tolerated, flaky or informational results, or with gaps that a threshold allows | `WARNED` |
//! | anything else | `FAILED` |

use amiproof_model::release::statement::{self, Tested};
use amiproof_model::report::Subject;

use super::asff::Home;
use crate::context::Context;
use crate::error::RenderError;

/// The statements.
///
/// # Errors
/// When no image is known.
pub(super) fn lines(context: &Context<'_>, digest: &str) -> Result<String, RenderError> {
    let report = &*context.report;
    let home = Home::of(report);
    let mut lines = String::new();
    for variant in &report.variants {
        let Some(ami) = &variant.ami else { continue };
        let verdict = context.verdict_of(&Subject::Variant(variant.name.clone())).conclusion;
        // An image has no account in its ARN.
        let arn = home.arn("ec2", "", &format!("image/{}", ami.id));
        let tested = Tested { variant: &variant.name, arn: &arn, digest, verdict };
        lines.push_str(&serde_json::to_string(&statement::tested(report, &tested))?);
        lines.push('\n');
    }
    match lines.is_empty() {
        true => Err(RenderError::NoImage { run: report.run.id.to_string() }),
        false => Ok(lines),
    }
}
