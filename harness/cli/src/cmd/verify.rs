//! `amiproof verify`: whether signed statements about an image hold, and whether the image is still promoted.

use amiproof_core::bounded;
use amiproof_core::release::{self, Envelope, Verifier};
use amiproof_model::exit::ExitCode;
use amiproof_model::name::AmiId;
use amiproof_model::release::gate::image_of;
use amiproof_model::release::statement::{PROMOTED, Predicate, STATEMENT};
use amiproof_model::release::{Status, tag};
use amiproof_model::report::Report;
use camino::Utf8Path;
use serde::Serialize;
use serde_json::Value;

use super::forms::json;
use super::promote::{failure, hex, pem};
use crate::args::{OutputForm, Verify};
use crate::output::{Failure, Output};
use crate::runtime::block_on;
use crate::session::Connection;

/// What was verified.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    /// The ARN that the statements are about; empty if none could be read.
    subject: String,
    /// The key.
    key: String,
    verified: Vec<String>,
    problems: Vec<String>,
}

/// Verifies every statement of a folder, and then the image.
pub(crate) fn run(args: &Verify, output: &Output) -> Result<ExitCode, Failure> {
    block_on(verify(args, output))?
}

async fn verify(args: &Verify, output: &Output) -> Result<ExitCode, Failure> {
    let connection = match &args.region {
        Some(region) => Some(Connection::open(&args.target, region, output).await?),
        None => None,
    };
    let verified = with(args, connection.as_ref()).await;
    if let Some(connection) = connection {
        connection.close().await;
    }
    let answer = verified?;
    if args.output == OutputForm::Json {
        output.json(json(&answer)?);
    } else {
        for line in &answer.verified {
            output.data(format_args!("verified  {line}"));
        }
        for line in &answer.problems {
            output.data(format_args!("REFUTED   {line}"));
        }
    }
    Ok(if answer.problems.is_empty() { ExitCode::Passed } else { ExitCode::Failed })
}

async fn with(args: &Verify, connection: Option<&Connection>) -> Result<Answer, Failure> {
    let verifier = verifier(&args.key, connection).await?;
    let report = read(&args.folder.join("report.json"), bounded::REPORT)?;
    let digest = hex(report.as_bytes());
    let parsed = Report::parse(&report)
        .map_err(|error| Failure::usage(format!("{}: {error}", args.folder.join("report.json")), ""))?;
    let mut answer =
        Answer { subject: String::new(), key: verifier.id().to_owned(), verified: Vec::new(), problems: Vec::new() };
    for predicate in Predicate::ALL {
        let path = args.folder.join(format!("{}.intoto.json", predicate.as_str()));
        match statement(&path, *predicate, &verifier, &digest, &parsed) {
            Ok(subject) if answer.subject.is_empty() || answer.subject == subject => {
                answer.verified.push(format!("{path}: {}", predicate.type_uri()));
                answer.subject = subject;
            }
            Ok(subject) => {
                answer
                    .problems
                    .push(format!("{path}: it is about {subject}, but another statement is about {}", answer.subject));
            }
            Err(problem) => answer.problems.push(format!("{path}: {problem}")),
        }
    }
    if parsed.cluster.lab && !(args.target.lab || connection.is_some_and(|connection| connection.is_lab)) {
        answer
            .problems
            .push("the report is from a run in the lab, which says nothing about an image in an account".to_owned());
    }
    let arn = answer.subject.split(' ').next().unwrap_or_default().to_owned();
    let image = arn.rsplit_once('/').map(|(_, id)| id.to_owned()).unwrap_or_default();
    if let Some(wanted) = args.ami.as_ref().filter(|wanted| wanted.as_str() != image) {
        let about = if image.is_empty() { "no image" } else { &image };
        answer.problems.push(format!("the statements are about {about}, not {wanted}"));
    }
    if let Some(connection) = connection {
        let id: AmiId =
            args.ami.clone().map_or_else(|| image.parse(), Ok).map_err(|error| {
                Failure::usage(format!("no statement names its image: {error}"), "name it with --ami")
            })?;
        of_account(&id, &digest, connection, &mut answer).await?;
    }
    Ok(answer)
}

/// The state of the image in AWS.
async fn of_account(id: &AmiId, digest: &str, connection: &Connection, answer: &mut Answer) -> Result<(), Failure> {
    let image = match release::image(connection.aws()?, id).await {
        Ok(image) => image,
        Err(release::Error::Refused { message, .. }) => {
            answer.problems.push(message);
            return Ok(());
        }
        Err(error) => return Err(failure(&error)),
    };
    let since = image.tags.get(tag::SINCE).map(|since| format!(" since {since}")).unwrap_or_default();
    match image.status() {
        Some(Status::Promoted) => answer.verified.push(format!("{id} is promoted{since}")),
        Some(Status::Revoked) => {
            let reason = image.tags.get(tag::REASON).map(String::as_str).unwrap_or("no reason given");
            answer.problems.push(format!("{id} is revoked{since}: {reason}"));
        }
        None => answer.problems.push(format!("{id} is not promoted: it has no tag {}", tag::STATUS)),
    }
    if image.tags.get(tag::REPORT).is_some_and(|tagged| *tagged == format!("sha256:{digest}")) {
        answer.verified.push(format!("{id} was promoted by this report"));
    } else if image.status().is_some() {
        answer.problems.push(format!("{id} was promoted by another report than this one"));
    }
    let about = answer.subject.split(' ').next().unwrap_or_default();
    if !about.is_empty() && image.arn != about {
        answer.problems.push(format!("the statements are about {about}, and the image is {}", image.arn));
    }
    Ok(())
}

async fn verifier(key: &str, connection: Option<&Connection>) -> Result<Verifier, Failure> {
    let made = match connection {
        Some(connection) if release::is_in_kms(key) => Verifier::in_kms(key, connection.aws()?).await,
        None if release::is_in_kms(key) => {
            return Err(Failure::usage("a key in KMS is read from an account", "name its region with --region"));
        }
        _ => Verifier::from_pem(&pem(key)?),
    };
    made.map_err(|error| failure(&error))
}

/// The subject of a statement, if the key signed it, it is of the expected kind, and it states that the image of this
/// report passed.
fn statement(
    path: &Utf8Path,
    predicate: Predicate,
    verifier: &Verifier,
    digest: &str,
    report: &Report,
) -> Result<String, String> {
    /// The longest statement, bytes: it names every check.
    const LONGEST: u64 = 16 * 1024 * 1024;
    let text = bounded::text(path, LONGEST).map_err(|error| format!("cannot be read: {error}"))?;
    let envelope: Envelope =
        serde_json::from_str(&text).map_err(|error| format!("is not a signed statement: {error}"))?;
    let statement = envelope.verified(verifier).map_err(|error| error.to_string())?;
    let text_of = |pointer: &str| statement.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    for (pointer, wanted) in [("/_type", STATEMENT), ("/predicateType", predicate.type_uri())] {
        if text_of(pointer) != wanted {
            return Err(format!("it states {} and not {wanted}", text_of(pointer)));
        }
    }
    let [subject] = statement["subject"].as_array().map(Vec::as_slice).unwrap_or_default() else {
        return Err("it does not have exactly one subject".to_owned());
    };
    if subject["digest"]["sha256"].as_str() != Some(digest) {
        return Err("it is about another report than the report.json beside it".to_owned());
    }
    let name = text_of("/subject/0/name");
    let variant = text_of("/subject/0/annotations/variant");
    let image = report.variants.iter().find(|own| own.name.as_str() == variant).and_then(image_of);
    if image.is_none_or(|image| !name.ends_with(&format!("/{image}"))) {
        return Err(format!("it is about {name} as {variant}, which the report does not have"));
    }
    let is_passed = match predicate {
        Predicate::TestResult => {
            ["PASSED", "WARNED"].contains(&text_of("/predicate/result").as_str())
                && statement["predicate"]["failedTests"].as_array().is_some_and(Vec::is_empty)
        }
        Predicate::Svr => {
            statement["predicate"]["properties"].as_array().is_some_and(|all| all.contains(&PROMOTED.into()))
        }
        Predicate::Vsa => {
            text_of("/predicate/verificationResult") == "PASSED" && text_of("/predicate/resourceUri") == name
        }
    };
    if !is_passed {
        return Err("it does not state that the image passed".to_owned());
    }
    let bundle = path.as_str().replace(".intoto.json", ".sigstore.json");
    let bundle = bounded::text(Utf8Path::new(&bundle), LONGEST)
        .map_err(|error| format!("its bundle cannot be read: {error}"))?;
    let bundle: Option<Value> = serde_json::from_str(&bundle).ok();
    if bundle != envelope.bundle() {
        return Err("its bundle (*.sigstore.json) is not the same statement".to_owned());
    }
    // All three are about one variant, since the name of the variant is a part of the subject here.
    Ok(format!("{name} ({variant})"))
}

fn read(path: &Utf8Path, longest: u64) -> Result<String, Failure> {
    bounded::text(path, longest).map_err(|error| {
        Failure::usage(format!("cannot read {path}: {error}"), "name a folder that `amiproof promote` wrote")
    })
}
