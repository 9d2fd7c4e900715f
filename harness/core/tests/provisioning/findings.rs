//! Findings in Security Hub: sent once, sent again, and refused.

use amiproof_core::aws::security_hub::{Sent, import};
use serde_json::{Value, json};

use super::World;

fn finding(id: &str, title: &str) -> Value {
    json!({"SchemaVersion": "2018-10-08", "Id": id, "Title": title, "Resources": [{"Type": "Other", "Id": "x"}]})
}

/// All findings that moto has; no credentials are checked, but the service is known by their scope.
async fn kept(world: &World) -> Vec<Value> {
    let authorization =
        "AWS4-HMAC-SHA256 Credential=test/20261130/us-west-2/securityhub/aws4_request, SignedHeaders=host, Signature=0";
    let mut found = Vec::new();
    let mut token = Value::Null;
    loop {
        let body = json!({"MaxResults": 100, "NextToken": token}).to_string();
        let client = reqwest::Client::new().post(format!("{}/findings", world.endpoint));
        let asked = client.header("authorization", authorization).header("content-type", "application/json").body(body);
        let text = asked.send().await.unwrap().text().await.unwrap();
        let mut answer: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        found.append(answer["Findings"].as_array_mut().unwrap());
        token = answer["NextToken"].take();
        if token.is_null() {
            return found;
        }
    }
}

pub(crate) async fn findings_are_sent_in_batches_and_updated_by_their_ids(world: &World) {
    let clients = super::connect(world).await;
    let all: Vec<Value> = (0..250).map(|number| finding(&format!("f-{number}"), "first")).collect();
    let mut sent = Sent::default();
    import(&clients, &all, &mut sent).await.unwrap();
    assert_eq!(sent, Sent { accepted: 250, refused: Vec::new(), requests: 3 });
    assert_eq!(kept(world).await.len(), 250);

    let again: Vec<Value> = (0..250).map(|number| finding(&format!("f-{number}"), "second")).collect();
    let mut sent = Sent::default();
    import(&clients, &again, &mut sent).await.unwrap();
    let kept = kept(world).await;
    assert_eq!((sent.accepted, kept.len()), (250, 250), "sent twice is sent once");
    assert!(kept.iter().all(|finding| finding["Title"] == "second"));

    let bad = json!({"SchemaVersion": "2018-10-08", "Id": "f-bad", "Resources": []});
    let long = finding("f-long", &"x".repeat(300 * 1024));
    let mut sent = Sent::default();
    import(&clients, &[finding("f-0", "third"), bad, long, finding("f-1", "third")], &mut sent).await.unwrap();
    assert_eq!((sent.accepted, sent.requests), (2, 1));
    let refused: Vec<&str> = sent.refused.iter().map(|refused| refused.id.as_str()).collect();
    assert_eq!(refused, ["f-long", "f-bad"]);
    assert!(sent.refused[1].reason.contains("at least one resource"), "{sent:?}");
}
