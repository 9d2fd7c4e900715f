//! OpenID Connect providers: what a run made goes with it, what anyone else made stays, whatever the ledger says.

use std::collections::BTreeSet;

use amiproof_core::aws::{Clients, names};
use amiproof_core::destroy::{self, Deadlines, ProgressSink};
use amiproof_core::ledger::{self, Ledger, Resource};
use amiproof_core::resource;
use aws_sdk_iam::types::Tag;

use super::{Run, World};

fn url(id: char) -> String {
    format!("oidc.eks.us-west-2.amazonaws.com/id/{}", String::from(id).repeat(32))
}

/// Creates a provider, with a run's tags or with those of a team.
async fn make(clients: &Clients, id: char, tags: Option<&names::Tags>) -> String {
    let pairs = tags.map_or_else(|| vec![("team".to_owned(), "shop".to_owned())], names::Tags::pairs);
    let tags = pairs.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build().unwrap()).collect();
    let request = clients.iam.create_open_id_connect_provider().url(format!("https://{}", url(id)));
    // Only moto insists on a thumbprint.
    let request =
        request.thumbprint_list("9e99a48a9960b14926bb7f3b02e22da2b0ab7280").client_id_list("sts.amazonaws.com");
    request.set_tags(Some(tags)).send().await.unwrap().open_id_connect_provider_arn.unwrap()
}

/// The ids of the providers that are there.
async fn there(clients: &Clients) -> BTreeSet<char> {
    let answer = clients.iam.list_open_id_connect_providers().send().await.unwrap();
    let arns = answer.open_id_connect_provider_list().iter().filter_map(|entry| entry.arn());
    arns.filter_map(|arn| arn.chars().last()).collect()
}

/// Notes a provider in the ledger, as made or, without an ARN, as planned and never confirmed.
async fn note(ledger: &Ledger, id: char, arn: Option<String>) {
    let resource = Resource::new(resource::oidc_provider::KIND, url(id)).in_cluster("c");
    let lost = || ledger::Error::Exists { path: "lost".into() };
    // A lost answer is what this stands for.
    let _ = ledger.create_resource(resource, || async move { arn.ok_or_else(lost) }).await;
}

pub(crate) async fn a_provider_goes_with_its_run_and_those_of_others_stay(world: &World) {
    let run = Run::start(world, "r-irsa").await;
    let (clients, ledger) = (&run.clients, &run.ledger);
    note(ledger, 'A', Some(make(clients, 'A', Some(&run.tags)).await)).await;
    // Made, and killed before the answer was written.
    make(clients, 'B', Some(&run.tags)).await;
    note(ledger, 'B', None).await;
    // Someone was faster.
    make(clients, 'C', None).await;
    note(ledger, 'C', None).await;
    // Ours was removed by hand, and a team made its own.
    note(ledger, 'D', Some(make(clients, 'D', None).await)).await;
    // Nobody noted it.
    make(clients, 'E', Some(&run.tags)).await;
    let cleanup = run.destroy(ledger).await;
    assert_eq!(cleanup.leftovers.as_slice(), []);
    assert_eq!(there(clients).await, BTreeSet::from(['C', 'D']));
    let foreign: Vec<(char, bool)> =
        cleanup.foreign.iter().map(|foreign| (foreign.id.chars().last().unwrap(), foreign.was_made)).collect();
    assert_eq!(foreign, [('C', false), ('D', true)], "each is named, and only one of them was ever the run's");
    let again = run.destroy(ledger).await;
    assert_eq!((again.foreign.len(), again.leftovers.as_slice()), (2, [].as_slice()));

    make(clients, 'F', Some(&run.tags)).await;
    let none = BTreeSet::new();
    let before = "2026-11-21T07:42:19Z".parse().unwrap();
    assert_eq!(
        destroy::sweep(clients, before, &none, Deadlines::default(), &ProgressSink::silent())
            .await
            .cleanup
            .leftovers
            .as_slice(),
        []
    );
    assert_eq!(there(clients).await, BTreeSet::from(['C', 'D', 'F']), "its time is not over");
    let after = "2026-11-21T07:42:21Z".parse().unwrap();
    let expired = destroy::expired(clients, after, &none, &ProgressSink::silent()).await;
    let found: Vec<&str> = expired.targets.iter().map(|target| target.title()).collect();
    assert_eq!(
        (found.as_slice(), expired.unverified.as_slice()),
        (["IAM OpenID Connect provider"].as_slice(), [].as_slice())
    );
    assert_eq!(
        destroy::sweep(clients, after, &none, Deadlines::default(), &ProgressSink::silent())
            .await
            .cleanup
            .leftovers
            .as_slice(),
        []
    );
    assert_eq!(there(clients).await, BTreeSet::from(['C', 'D']));

    for id in ['C', 'D'] {
        let arn = format!("arn:aws:iam::{}:oidc-provider/{}", ledger.header().account, url(id));
        clients.iam.delete_open_id_connect_provider().open_id_connect_provider_arn(arn).send().await.unwrap();
    }
}
