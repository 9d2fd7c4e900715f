//! `host/imds-answers`: on the host itself the metadata service rejects requests without a token and accepts them with one (guide:
//! "Restrict access to the instance profile assigned to the worker node"). `host/imds` reads the setting; this check sends requests.

use std::time::Duration;

use amiproof_core::check::{Applies, CheckError, Decision};
use amiproof_core::context::Context;
use amiproof_core::probe::facts::NodeFacts;
use amiproof_model::matrix::{Family, Variant};
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;

use super::decision;
use crate::definition::Definition;
use crate::node::{judged, resource};

/// See the module.
pub const CHECK: Definition = Definition::question(
    "host/imds-answers",
    "on the host, the metadata service answers requests with a token and rejects those without",
    |context| run(context).boxed(),
)
.on(has_shell)
.within(Duration::from_secs(300));

fn has_shell(variant: &Variant) -> Applies {
    match variant.family {
        Family::Al2023 | Family::Al2 => Applies::Yes,
        Family::Bottlerocket => Applies::No("the host has no HTTP client; host/imds checks the setting instead"),
        Family::Windows => Applies::No("Linux only"),
    }
}

async fn run(context: &Context) -> Result<Decision, CheckError> {
    Ok(decision(context, assess(context.facts.of(context).await, context.aws.is_some())))
}

/// Without an account it is unknown whether the nodes are instances.
fn assess(facts: &[NodeFacts], has_account: bool) -> Verdict {
    judged(facts, |node, read| {
        let answers = read.measured("imds").unwrap_or_default();
        let code = |name: &str| answers.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u16>().ok());
        let (summary, help) = match (code("plain "), code("token ")) {
            (Some(401), Some(200)) => return Ok(Vec::new()),
            (Some(200), _) => {
                ("answers a request without a token".to_owned(), "set HttpTokens to required in the launch template")
            }
            (Some(401 | 403), Some(other)) => (
                format!("answers {other} to a request with a token"),
                "check what blocks 169.254.169.254 on the host: nodeadm and drivers need it",
            ),
            _ if !has_account => {
                let why = "no metadata service answers, and without an AWS account it is unknown whether there is one";
                return Err(Verdict::NotApplicable(why.to_owned()));
            }
            _ => {
                let why = "the host is not an EC2 instance, has no curl or cannot reach the service";
                return Err(Verdict::NotEvaluated(format!("no metadata service answers on {}: {why}", resource(node))));
            }
        };
        Ok(vec![Finding::new(resource(node), summary).with_remediation(help)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::measured;

    #[test]
    fn a_question_without_a_token_must_be_refused_and_one_with_it_answered() {
        let asked = |answers: &str| assess(&[measured(1, &[], &[("imds", answers)])], true);
        assert_eq!(asked("plain 401\ntoken 200\n"), Verdict::Pass);
        assert!(matches!(asked("plain 200\ntoken 200\n"), Verdict::Fail(_)));
        assert!(matches!(asked("plain 401\ntoken 401\n"), Verdict::Fail(_)));
        assert!(matches!(asked("plain 000\ntoken 000\n"), Verdict::NotEvaluated(_)));
        assert!(matches!(asked("plain \ntoken \n"), Verdict::NotEvaluated(_)));
        assert!(matches!(assess(&[], true), Verdict::NotEvaluated(_)));
        let elsewhere = [measured(1, &[], &[("imds", "plain 000\ntoken 000\n")])];
        assert!(matches!(assess(&elsewhere, false), Verdict::NotApplicable(_)));
    }
}
