//! Promotion of images: their tags, and the parameter that names the newest one.

use amiproof_core::aws::Clients;
use amiproof_core::release::{self, Envelope, Mode, Promotion, Signer, Verifier};
use amiproof_model::name::AmiId;
use amiproof_model::release::{Status, tag};
use aws_sdk_ec2::types::Tag;
use aws_sdk_ssm::types::ParameterType;

use super::World;

const PARAMETER: &str = "/amiproof/nightly/l1/image-id";

fn wanted(image: &AmiId) -> Promotion {
    Promotion {
        image: image.clone(),
        line: "nightly/l1".to_owned(),
        run: "r-1".parse().unwrap(),
        report: "a".repeat(64),
        at: "2026-11-30T12:00:00Z".parse().unwrap(),
        parameter: Some(PARAMETER.to_owned()),
        adopt: false,
        reinstate: false,
    }
}

/// The ids of two images of the account or of AWS.
async fn images(clients: &Clients) -> [AmiId; 2] {
    let all = clients.ec2.describe_images().send().await.unwrap();
    // moto has some with ids that AWS never gives.
    let mut ids: Vec<AmiId> = all.images().iter().filter_map(|image| image.image_id()?.parse().ok()).collect();
    ids.sort();
    ids.dedup();
    [ids[0].clone(), ids[1].clone()]
}

async fn named(clients: &Clients, name: &str) -> Option<String> {
    let answer = clients.ssm.get_parameter().name(name).send().await.ok()?;
    answer.parameter?.value
}

async fn status(clients: &Clients, id: &AmiId) -> Option<Status> {
    release::image(clients, id).await.unwrap().status()
}

async fn promote(clients: &Clients, wanted: &Promotion) -> Result<Vec<String>, String> {
    let planned = release::promote(clients, wanted, Mode::DryRun).await.map_err(|error| error.to_string())?;
    let done = release::promote(clients, wanted, Mode::Apply).await.map_err(|error| error.to_string())?;
    assert_eq!(planned, done, "what is shown is what is done");
    Ok(done)
}

async fn revoke(clients: &Clients, id: &AmiId) -> Result<Vec<String>, String> {
    let at = "2026-12-01T12:00:00Z".parse().unwrap();
    let once = async |mode| {
        release::revoke(clients, id, "a CVE, see SEC-1!", at, mode).await.map_err(|error| error.to_string())
    };
    let planned = once(Mode::DryRun).await?;
    let done = once(Mode::Apply).await?;
    assert_eq!(planned, done, "what is shown is what is done");
    let open = done.open.iter().map(|open| format!("open: {open}"));
    Ok(done.changes.iter().cloned().chain(open).collect())
}

/// A whole life of two images, each step twice.
pub(crate) async fn an_image_is_promoted_followed_and_revoked(world: &World) {
    let clients = super::connect(world).await;
    let [first, second] = images(&clients).await;
    let team = Tag::builder().key("team").value("platform").build();
    clients.ec2.create_tags().resources(first.as_str()).tags(team).send().await.unwrap();
    assert_eq!(
        revoke(&clients, &first).await.unwrap_err(),
        format!("{first} was never promoted: it has no tag amiproof:status")
    );

    let changes = promote(&clients, &wanted(&first)).await.unwrap();
    let expected =
        [format!("tag {first} as promoted by run r-1"), format!("create parameter {PARAMETER} with {first}")];
    assert_eq!(changes, expected);
    assert_eq!(promote(&clients, &wanted(&first)).await.unwrap(), [""; 0]);
    assert_eq!(named(&clients, PARAMETER).await.as_deref(), Some(first.as_str()));

    let changes = promote(&clients, &wanted(&second)).await.unwrap();
    assert_eq!(changes[1], format!("set parameter {PARAMETER} from {first} to {second}"));
    assert_eq!(status(&clients, &first).await, Some(Status::Promoted));

    let changes = revoke(&clients, &second).await.unwrap();
    let expected = [format!("tag {second} as revoked"), format!("set parameter {PARAMETER} from {second} to {first}")];
    assert_eq!(changes, expected);
    assert_eq!(revoke(&clients, &second).await.unwrap(), [""; 0]);
    let image = release::image(&clients, &second).await.unwrap();
    assert_eq!(image.tags[tag::REASON], "a CVE see SEC-1");

    let changes = revoke(&clients, &first).await.unwrap();
    assert_eq!(changes[1], format!("delete parameter {PARAMETER}: no earlier image of nightly/l1 is promoted"));
    assert_eq!(named(&clients, PARAMETER).await, None);
    assert_eq!(revoke(&clients, &first).await.unwrap(), [""; 0]);
    let image = release::image(&clients, &first).await.unwrap();
    assert_eq!((image.status(), image.tags["team"].as_str()), (Some(Status::Revoked), "platform"));

    // A revocation is not undone by the next night; promoted again on purpose, the reason is no longer true.
    let refused = promote(&clients, &wanted(&first)).await.unwrap_err();
    assert_eq!(refused, format!("{first} was revoked at 2026-12-01T12:00:00Z: a CVE see SEC-1"));
    promote(&clients, &Promotion { reinstate: true, ..wanted(&first) }).await.unwrap();
    let image = release::image(&clients, &first).await.unwrap();
    assert_eq!((image.status(), image.tags.get(tag::REASON)), (Some(Status::Promoted), None));
    revoke(&clients, &first).await.unwrap();
}

/// A parameter that somebody else created is neither overwritten nor deleted, and then the image is not tagged either.
pub(crate) async fn a_parameter_of_others_stays(world: &World) {
    let clients = super::connect(world).await;
    let [first, second] = images(&clients).await;
    let name = "/team/golden-image";
    let put = clients.ssm.put_parameter().name(name).value(second.as_str()).r#type(ParameterType::String);
    put.send().await.unwrap();
    let theirs = Promotion { parameter: Some(name.to_owned()), reinstate: true, ..wanted(&first) };
    let refused = promote(&clients, &theirs).await.unwrap_err();
    assert_eq!(
        refused,
        format!(
            "parameter {name} was not created by a promotion of nightly/l1: it has no tag amiproof:promotes that says so"
        )
    );
    assert_ne!(status(&clients, &first).await, Some(Status::Promoted));
    assert_eq!(named(&clients, name).await.as_deref(), Some(second.as_str()));

    // An image that several parameters name is revoked in all of them, and marked whatever becomes of them.
    let again = |line: &str, parameter: &str| Promotion {
        line: line.to_owned(),
        parameter: Some(parameter.to_owned()),
        reinstate: true,
        ..wanted(&second)
    };
    promote(&clients, &again("nightly/l1", "/amiproof/one")).await.unwrap();
    promote(&clients, &again("nightly/hard", "/amiproof/two")).await.unwrap();
    let image = release::image(&clients, &second).await.unwrap();
    let named_by = &image.tags[tag::NAMED_BY];
    assert!(named_by.ends_with("/amiproof/one /amiproof/two"), "{named_by}");
    assert_eq!(image.tags[tag::PROMOTED_AS], "nightly/hard nightly/l1");
    clients.ssm.delete_parameter().name("/amiproof/two").send().await.unwrap();
    let taken = clients.ssm.put_parameter().name("/amiproof/two").value(second.as_str()).r#type(ParameterType::String);
    taken.send().await.unwrap();
    let changes = revoke(&clients, &second).await.unwrap();
    assert_eq!(changes[0], format!("tag {second} as revoked"));
    assert!(changes[1].starts_with("delete parameter /amiproof/one: no earlier image"), "{changes:?}");
    assert!(
        changes[2].starts_with("open: parameter /amiproof/two: parameter /amiproof/two was not created by"),
        "{changes:?}"
    );
    assert_eq!(named(&clients, "/amiproof/one").await, None);
    assert_eq!(named(&clients, "/amiproof/two").await.as_deref(), Some(second.as_str()));
    clients.ssm.delete_parameter().name("/amiproof/two").send().await.unwrap();

    // One of another line is another's, too.
    let other = Promotion { line: "nightly/l2".to_owned(), reinstate: true, ..wanted(&second) };
    promote(&clients, &other).await.unwrap();
    assert!(
        promote(&clients, &Promotion { reinstate: true, ..wanted(&first) })
            .await
            .unwrap_err()
            .contains("not created by a promotion of nightly/l1")
    );
    revoke(&clients, &second).await.unwrap();

    let adopted = Promotion { adopt: true, reinstate: true, ..theirs };
    let changes = promote(&clients, &adopted).await.unwrap();
    assert_eq!(changes[2], format!("tag parameter {name} as that of nightly/l1"));
    assert_eq!(named(&clients, name).await.as_deref(), Some(first.as_str()));
    // What it named before was never promoted as this: nothing is put back.
    let changes = revoke(&clients, &first).await.unwrap();
    assert!(changes[1].starts_with("delete parameter /team/golden-image"), "{changes:?}");

    let missing: AmiId = "ami-00000000000000000".parse().unwrap();
    let gone = promote(&clients, &wanted(&missing)).await.unwrap_err();
    assert!(gone.starts_with("ami-00000000000000000 does not exist in us-west-2"), "{gone}");
    for bad in ["/aws/service/mine", "ssm-golden", "/ssm/x", "/a b", "", "/"] {
        let listed = Promotion { parameter: Some(bad.to_owned()), reinstate: true, ..wanted(&first) };
        assert!(
            promote(&clients, &listed).await.unwrap_err().contains("not the name of a parameter of your own"),
            "{bad}"
        );
    }
}

/// moto's KMS signs as AWS does, by another library.
pub(crate) async fn a_key_in_kms_signs(world: &World) {
    let clients = super::connect(world).await;
    let create = |spec: &str| {
        let body = serde_json::json!({"KeySpec": spec, "KeyUsage": "SIGN_VERIFY"}).to_string();
        let authorization =
            "AWS4-HMAC-SHA256 Credential=test/20261130/us-west-2/kms/aws4_request, SignedHeaders=host, Signature=0";
        let client = reqwest::Client::new().post(&world.endpoint).header("authorization", authorization);
        client
            .header("x-amz-target", "TrentService.CreateKey")
            .header("content-type", "application/x-amz-json-1.1")
            .body(body)
    };
    let id = async |spec: &str| {
        let text = create(spec).send().await.unwrap().text().await.unwrap();
        let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
        answer["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned()
    };
    let key = format!("awskms:///{}", id("ECC_NIST_P256").await);
    let signer = Signer::in_kms(&key, &clients).await.unwrap();
    let verifier = Verifier::in_kms(&key, &clients).await.unwrap();
    let statement = serde_json::json!({"_type": "https://in-toto.io/Statement/v1"});
    let envelope = Envelope::sign(&statement, &signer, Some(&clients)).await.unwrap();
    assert_eq!(envelope.verified(&verifier).unwrap(), statement);
    // moto hashes a digest again, as KMS would not: a signature of something else is noticed before anybody relies on it.
    let long = serde_json::json!({"long": "x".repeat(5000)});
    let refused = Envelope::sign(&long, &signer, Some(&clients)).await.unwrap_err().to_string();
    assert!(refused.contains("a signature that key"), "{refused}");
    let other = format!("awskms:///{}", id("RSA_2048").await);
    let refused = Signer::in_kms(&other, &clients).await.unwrap_err().to_string();
    assert!(refused.contains("does not sign with ECDSA P-256"), "{refused}");
    let unknown = Signer::in_kms("awskms:///alias/nobody", &clients).await.unwrap_err().to_string();
    assert!(unknown.contains("GetPublicKey for key alias/nobody"), "{unknown}");
}
