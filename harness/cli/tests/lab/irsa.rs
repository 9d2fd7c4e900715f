//! IAM roles for service accounts: what a run makes for them in the account, and what it leaves alone.

use std::process::{Command, Stdio};

use amiproof_model::report::Report;

use crate::given::{Standing, ended, pairs};
use crate::process::{LabProcess, Watched, amiproof, stderr};

/// What the lab calls a provider, in [`LabProcess::resources`].
const PROVIDER: &str = "iam oidc-provider ";

/// The standing cluster by its name, with both node groups as variants.
fn command(standing: &Standing, runs: &str, more: &[&str]) -> Command {
    let variants = standing.both();
    let matrix = standing.matrix("known", "{name: pair, region: us-west-2}", &pairs(&variants));
    let mut command = amiproof(&standing.folder().join(runs));
    standing.lab.target(&mut command).args(["run", "--checks", "workload/irsa"]).args(more).arg("--file").arg(matrix);
    command
}

fn words(report: &Report) -> Vec<(&str, &str)> {
    report.results.iter().map(|result| (result.subject.as_str(), result.outcome.as_str())).collect()
}

/// How often an operation was called.
fn calls(lab: &LabProcess, operation: &str) -> u64 {
    lab.requests()[operation].as_u64().unwrap_or(0)
}

/// The issuer of the standing cluster, without its scheme.
fn issuer(lab: &LabProcess) -> String {
    let text = lab.send("GET", "/clusters/pair", "eks", "");
    let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
    let issuer = answer["cluster"]["identity"]["oidc"]["issuer"].as_str().unwrap();
    issuer.strip_prefix("https://").unwrap().to_owned()
}

fn iam(lab: &LabProcess, form: &str) -> String {
    lab.send("POST", "/", "iam", &format!("{form}&Version=2010-05-08"))
}

#[test]
fn both_variants_share_a_provider_that_goes_with_the_run() {
    let standing = Standing::new();
    let before = standing.lab.resources();
    assert!(!before.iter().any(|resource| resource.starts_with(PROVIDER)), "{before:?}");
    let run = ended(&mut command(&standing, "ours", &[]));
    assert_eq!(run.status.code(), Some(0), "{}", stderr(&run));
    let report = standing.report("ours");
    assert_eq!(words(&report), [("stock", "pass"), ("l1", "pass")]);
    assert_eq!(standing.lab.resources(), before);
    assert!(calls(&standing.lab, "sts.AssumeRoleWithWebIdentity") >= 2);
    assert!(calls(&standing.lab, "iam.DeleteOpenIDConnectProvider") >= 1, "someone removed it");
    assert!(
        report.cleanup.leftovers.is_empty() && report.cleanup.deleted == report.cleanup.created,
        "{:?}",
        report.cleanup
    );
}

#[test]
fn a_provider_that_was_there_before_is_used_and_stays() {
    let standing = Standing::new();
    let url = issuer(&standing.lab);
    let made = "Action=CreateOpenIDConnectProvider&ClientIDList.member.1=sts.amazonaws.com";
    iam(&standing.lab, &format!("{made}&Url=https://{url}&Tags.member.1.Key=team&Tags.member.1.Value=a"));
    let before = standing.lab.resources();
    assert!(before.iter().any(|resource| resource.starts_with(PROVIDER)), "{before:?}");
    let run = ended(&mut command(&standing, "ours", &[]));
    assert_eq!(run.status.code(), Some(0), "{}", stderr(&run));
    assert_eq!(words(&standing.report("ours")), [("stock", "pass"), ("l1", "pass")]);
    assert_eq!(standing.lab.resources(), before);
    assert_eq!(calls(&standing.lab, "iam.CreateOpenIDConnectProvider"), 1, "by this test");
    assert_eq!(calls(&standing.lab, "iam.DeleteOpenIDConnectProvider"), 0);
}

#[test]
fn a_provider_for_another_audience_is_said_and_not_touched() {
    let standing = Standing::new();
    let url = issuer(&standing.lab);
    iam(&standing.lab, &format!("Action=CreateOpenIDConnectProvider&ClientIDList.member.1=other&Url=https://{url}"));
    let run = ended(&mut command(&standing, "ours", &[]));
    assert_eq!(run.status.code(), Some(3), "nothing was decided: {}", stderr(&run));
    for result in &standing.report("ours").results {
        assert_eq!(result.outcome.as_str(), "not evaluated");
        let reason = result.outcome.reason();
        assert!(reason.contains("does not accept tokens for sts.amazonaws.com"), "{reason}");
        assert!(
            reason.contains("aws iam add-client-id-to-open-id-connect-provider --client-id sts.amazonaws.com"),
            "{reason}"
        );
    }
    assert!(standing.lab.resources().iter().any(|resource| resource.starts_with(PROVIDER)));
}

#[test]
fn what_a_killed_run_made_is_removed_by_destroy() {
    let standing = Standing::new();
    let before = standing.lab.resources();
    let run = Watched::start(&mut command(&standing, "killed", &["--run", "x"]));
    standing.lab.wait_for_resource(PROVIDER);
    run.signal("KILL");
    assert_eq!(run.end().0, None);
    assert_ne!(standing.lab.resources(), before, "something is left, or the kill came too late to mean anything");
    let mut destroy = amiproof(&standing.folder().join("killed"));
    let destroyed = ended(standing.lab.target(&mut destroy).args(["destroy", "--run", "x"]));
    assert_eq!(
        destroyed.status.code(),
        Some(0),
        "{}{}",
        stderr(&destroyed),
        String::from_utf8_lossy(&destroyed.stdout)
    );
    assert_eq!(standing.lab.resources(), before);
}

#[test]
fn a_provider_that_somebody_takes_away_is_no_fault_of_the_image() {
    let standing = Standing::new();
    let (before, arn) =
        (standing.lab.resources(), format!("arn:aws:iam::111122223333:oidc-provider/{}", issuer(&standing.lab)));
    let mut run = command(&standing, "ours", &["--variants", "stock"]);
    let mut child = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let code = loop {
        // As another run would that ends now and takes its provider along.
        iam(&standing.lab, &format!("Action=DeleteOpenIDConnectProvider&OpenIDConnectProviderArn={arn}"));
        match child.try_wait().unwrap() {
            Some(status) => break status.code(),
            None => std::thread::sleep(std::time::Duration::from_millis(5)),
        }
    };
    assert_eq!(code, Some(3));
    let report = standing.report("ours");
    let text = format!("{:?}", report.results[0].outcome);
    assert!(text.contains(&format!("{arn} was removed while the workload ran")), "{text}");
    assert_eq!(standing.lab.resources(), before);
}
