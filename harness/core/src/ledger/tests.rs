use super::*;

fn header() -> Header {
    Header {
        version: VERSION,
        run: "r-20261121-074220-4f2a".parse().unwrap(),
        matrix: "nightly".to_owned(),
        account: "111122223333".to_owned(),
        region: "us-west-2".to_owned(),
        endpoint: None,
        kubeconfig: None,
        started: "2026-11-21T07:42:20Z".parse().unwrap(),
        expires: "2026-11-22T07:42:20Z".parse().unwrap(),
        keep: false,
    }
}

fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
    (folder, path)
}

fn template(name: &str) -> Resource {
    Resource::new(ResourceKind::new("launch-template"), name).in_region("us-west-2")
}

#[tokio::test]
async fn planned_is_on_disk_before_the_create_call_runs() {
    let (_guard, folder) = folder();
    let ledger = Ledger::create(&folder, header()).unwrap();
    let place = folder.clone();
    let created = ledger
        .create_resource(template("t"), || async move {
            let (_, entries) = Ledger::replay(&place)?;
            assert_eq!(entries[0].state, State::Planned);
            Ok::<_, Error>("lt-1".to_owned())
        })
        .await
        .unwrap();
    let (read, entries) = Ledger::replay(&folder).unwrap();
    assert_eq!(read, header());
    assert_eq!((entries[0].id.as_deref(), entries[0].state), (Some("lt-1"), State::Created));
    ledger.gone(created.key).await.unwrap();
    ledger.gone(created.key).await.unwrap();
    let text = std::fs::read_to_string(ledger.path()).unwrap();
    assert_eq!(text.matches("gone").count(), 1, "{text}");
}

#[tokio::test]
async fn a_create_call_that_fails_leaves_the_plan_behind() {
    #[derive(Debug, thiserror::Error)]
    enum Refused {
        #[error("refused")]
        Refused,
        #[error(transparent)]
        Ledger(#[from] Error),
    }
    let (_guard, folder) = folder();
    let ledger = Ledger::create(&folder, header()).unwrap();
    let refused = ledger.create_resource(template("t"), || async { Err(Refused::Refused) }).await;
    assert!(matches!(refused, Err(Refused::Refused)));
    assert_eq!(ledger.entries()[0].state, State::Planned);
}

#[tokio::test]
async fn a_torn_last_line_is_cut_off_and_writing_goes_on() {
    let (_guard, folder) = folder();
    let ledger = Ledger::create(&folder, header()).unwrap();
    ledger.create_resource(template("first"), || async { Ok::<_, Error>("lt-1".to_owned()) }).await.unwrap();
    drop(ledger);
    let path = folder.join(FILE_NAME);
    let whole = std::fs::read(&path).unwrap();
    let mut torn = whole.clone();
    torn.extend_from_slice(br#"{"planned":{"key":2,"resou"#);
    std::fs::write(&path, torn).unwrap();

    let ledger = Ledger::open(&folder).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), whole);
    ledger.create_resource(template("second"), || async { Ok::<_, Error>("lt-2".to_owned()) }).await.unwrap();
    let names: Vec<_> = Ledger::replay(&folder).unwrap().1.into_iter().map(|entry| entry.resource.name).collect();
    assert_eq!(names, ["first", "second"]);
}

#[tokio::test]
async fn a_line_that_a_full_disk_tore_is_passed_over_and_what_follows_is_read() {
    let (_guard, folder) = folder();
    let ledger = Ledger::create(&folder, header()).unwrap();
    ledger.create_resource(template("first"), || async { Ok::<_, Error>("lt-1".to_owned()) }).await.unwrap();
    drop(ledger);
    let path = folder.join(FILE_NAME);
    let mut text = std::fs::read_to_string(&path).unwrap();
    // Half a record, the next one after it on the same line; then one about an entry whose own line is incomplete.
    text.push_str(
        "{\"planned\":{\"key\":2,\"resou{\"planned\":{\"key\":3,\"resource\":{\"kind\":\"stack\",\"name\":\"s\"}}}\n",
    );
    text.push_str("{\"created\":{\"key\":2,\"id\":\"lt-2\"}}\n{\"gone\":{\"key\":1}}\n");
    std::fs::write(&path, text).unwrap();
    let ledger = Ledger::open(&folder).unwrap();
    let entries: Vec<_> = ledger.entries().into_iter().map(|entry| (entry.resource.name, entry.state)).collect();
    assert_eq!(entries, [("first".to_owned(), State::Gone), ("s".to_owned(), State::Planned)]);
    assert_eq!(ledger.torn().len(), 2, "{:?}", ledger.torn());
    ledger.create_resource(template("second"), || async { Ok::<_, Error>("lt-3".to_owned()) }).await.unwrap();
    assert_eq!(Ledger::replay(&folder).unwrap().1.len(), 3);
}

#[test]
fn a_disk_without_room_tears_nothing_and_forgets_nothing() {
    let key = Key::FIRST;
    let full = OpenOptions::new().append(true).open("/dev/full").unwrap();
    let mut file = LedgerFile::new(full, Sum::default(), Vec::new());
    let planned = Record::Planned { key, resource: template("t") };
    // What is only planned is not believed when it cannot be written: nothing is created without it.
    file.append(&planned).unwrap_err();
    assert_eq!(file.entries().count(), 0);
    file.sum.apply(&planned);
    // What has happened is.
    file.note(Record::Gone { key, at: None }).unwrap_err();
    assert_eq!(file.entries().next().unwrap().state, State::Gone);
    let problem = file.problem().unwrap();
    assert!(problem.starts_with("1 of its records are not on disk: "), "{problem}");
}

#[tokio::test]
async fn a_ledger_whose_folder_was_removed_says_so() {
    let (_guard, folder) = folder();
    let ledger = Ledger::create(&folder, header()).unwrap();
    let made = ledger.create_resource(template("t"), || async { Ok::<_, Error>("lt-1".to_owned()) }).await.unwrap();
    std::fs::remove_file(ledger.path()).unwrap();
    let refused = ledger.create_resource(template("u"), || async { Ok::<_, Error>("lt-2".to_owned()) }).await;
    assert!(refused.unwrap_err().to_string().contains("was removed while it was written to"));
    ledger.gone(made.key).await.unwrap_err();
    assert_eq!(ledger.entries()[0].state, State::Gone, "believed all the same");
    assert!(ledger.problem().unwrap().contains("1 of its records are not on disk"));
}

#[tokio::test]
async fn a_create_call_whose_caller_went_away_is_recorded_and_waited_for() {
    let (_guard, folder) = folder();
    let ledger = Ledger::create(&folder, header()).unwrap();
    let (begun, begins) = tokio::sync::oneshot::channel();
    let (answer, answers) = tokio::sync::oneshot::channel::<String>();
    let call = ledger.create_resource(template("t"), || async move {
        begun.send(()).unwrap();
        Ok::<_, Error>(answers.await.unwrap())
    });
    tokio::select! {
        biased;
        _ = call => panic!("the answer has not come"),
        begun = begins => begun.unwrap(),
    }
    assert_eq!(ledger.entries()[0].state, State::Planned);
    answer.send("lt-1".to_owned()).unwrap();
    assert_eq!(ledger.settled(None, Duration::from_secs(60)).await, 0);
    assert_eq!((ledger.entries()[0].state, ledger.entries()[0].id.as_deref()), (State::Created, Some("lt-1")));
}

#[tokio::test]
async fn a_create_call_that_never_ends_is_given_up_and_stays_planned() {
    let (_guard, folder) = folder();
    let ledger = Ledger::create(&folder, header()).unwrap();
    let caller = ledger.clone();
    let call = tokio::spawn(async move {
        let never = || std::future::pending::<Result<String, Error>>();
        caller.create_resource(template("t"), never).await
    });
    while ledger.entries().is_empty() {
        tokio::task::yield_now().await;
    }
    while ledger.settled(None, Duration::ZERO).await == 0 {
        tokio::task::yield_now().await;
    }
    assert!(matches!(call.await.unwrap(), Err(Error::GivenUp)));
    assert_eq!(ledger.entries()[0].state, State::Planned);
}

#[tokio::test]
async fn what_another_build_knows_and_what_a_kind_needs_survives_the_file() {
    let (_guard, folder) = folder();
    let ledger = Ledger::create(&folder, header()).unwrap();
    let attributes = [("namespace", "kube-system"), ("key", "enable-windows-ipam"), ("before", "false")];
    let attributes = attributes.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let resource = Resource::new(ResourceKind::new("of-a-later-build"), "n").in_cluster("c").with(attributes);
    ledger.create_resource(resource.clone(), || async { Ok::<_, Error>("m".to_owned()) }).await.unwrap();
    let ledger = Ledger::open(&folder).unwrap();
    assert_eq!((ledger.entries()[0].resource.clone(), ledger.torn()), (resource, Vec::new()));
}

#[test]
fn a_cluster_is_known_by_its_uid_behind_its_server_or_authority() {
    let of = |server: &str, authority: Option<&str>, uid: Option<&str>| ClusterIdentity {
        name: "c".to_owned(),
        server: server.to_owned(),
        authority: authority.map(str::to_owned),
        uid: uid.map(str::to_owned),
    };
    let recorded = of("https://a", Some("x"), Some("1"));
    for (now, is_same) in [
        (of("https://a", Some("x"), Some("1")), true),
        // A tunnel; a rotated authority.
        (of("https://localhost", Some("x"), Some("1")), true),
        (of("https://a", Some("y"), Some("1")), true),
        (of("https://b", Some("y"), Some("1")), false),
        (of("https://a", Some("x"), Some("2")), false),
        (of("https://b", Some("x"), None), false),
        (of("https://a", Some("x"), None), true),
    ] {
        assert_eq!(recorded.is_same(&now), is_same, "{now:?}");
    }
}

#[tokio::test]
async fn a_header_that_names_another_region_than_the_resources_is_seen() {
    let (_guard, folder) = folder();
    let ledger = Ledger::create(&folder, header()).unwrap();
    ledger.create_resource(template("t"), || async { Ok::<_, Error>("lt-1".to_owned()) }).await.unwrap();
    assert_eq!(ledger.contradiction(), None);
    let path = folder.join(FILE_NAME);
    let text = std::fs::read_to_string(&path).unwrap().replacen("us-west-2", "aws-west-2", 1);
    std::fs::write(&path, text).unwrap();
    let contradiction = Ledger::open(&folder).unwrap().contradiction().unwrap();
    assert!(contradiction.ends_with("names region aws-west-2, but one of its resources is in us-west-2"));
}

#[test]
fn a_link_in_the_place_of_the_ledger_is_not_followed() {
    let (_guard, folder) = folder();
    drop(Ledger::create(&folder, header()).unwrap());
    let path = folder.join(FILE_NAME);
    let elsewhere = folder.join("elsewhere.jsonl");
    std::fs::rename(&path, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    assert!(matches!(Ledger::open(&folder), Err(Error::Link { .. })));
    assert!(matches!(Ledger::create(&folder, header()), Err(Error::Exists { .. })));
}

#[test]
fn a_ledger_of_another_version_is_refused_with_both_versions() {
    let (_guard, folder) = folder();
    let newer = Header { version: 2, ..header() };
    drop(Ledger::create(&folder, newer).unwrap());
    let error = Ledger::replay(&folder).unwrap_err().to_string();
    assert!(error.contains("has version 2, this build reads version 1"), "{error}");
    assert!(matches!(Ledger::create(&folder, header()), Err(Error::Exists { .. })));
}

#[test]
fn an_empty_file_is_not_a_ledger() {
    let (_guard, folder) = folder();
    std::fs::write(folder.join(FILE_NAME), "").unwrap();
    let error = Ledger::open(&folder).unwrap_err().to_string();
    assert!(error.contains("no header line"), "{error}");
}

#[tokio::test]
async fn a_creation_has_one_client_token_and_the_next_one_has_another() {
    let (_guard, folder) = folder();
    let ledger = Ledger::create(&folder, header()).unwrap();
    let in_cluster = |name: &str| template("t").in_cluster(name);
    let first = ledger.client_token(&template("t"));
    assert_eq!(ledger.client_token(&template("t")), first, "nothing was planned in between");
    let others = [template("u"), in_cluster("a"), in_cluster("b"), Resource::new(ResourceKind::new("addon"), "t")];
    let others = others.map(|resource| ledger.client_token(&resource));
    let all: std::collections::BTreeSet<&String> = others.iter().chain([&first]).collect();
    assert_eq!(all.len(), 5, "{all:?}");
    let made = ledger.create_resource(template("t"), || async { Ok::<_, Error>("lt-1".to_owned()) }).await.unwrap();
    let second = ledger.client_token(&template("t"));
    assert_ne!(first, second);
    ledger.gone(made.key).await.unwrap();
    assert_eq!(ledger.client_token(&template("t")), second, "a deletion is not a creation");
    drop(ledger);
    let later = Ledger::open(&folder).unwrap();
    assert_eq!(later.client_token(&template("t")), second, "another process knows");
}
