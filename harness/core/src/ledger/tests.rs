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
    }
}

fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
    (folder, path)
}

fn template(name: &str) -> Resource {
    Resource::new(ResourceKind::LaunchTemplate, name).in_region("us-west-2")
}

#[tokio::test]
async fn planned_is_on_disk_before_the_create_call_runs() {
    let (_guard, folder) = folder();
    let ledger = Ledger::create(&folder, header()).unwrap();
    let created = ledger
        .create_resource(template("t"), || async {
            let (_, entries) = Ledger::replay(&folder)?;
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

#[test]
fn a_broken_line_in_the_middle_is_named() {
    let (_guard, folder) = folder();
    drop(Ledger::create(&folder, header()).unwrap());
    let path = folder.join(FILE_NAME);
    let mut text = std::fs::read_to_string(&path).unwrap();
    text.push_str("{\"created\":17}\n{\"gone\":{\"key\":1}}\n");
    std::fs::write(&path, text).unwrap();
    let error = Ledger::open(&folder).unwrap_err().to_string();
    assert!(error.contains("line 2: not a ledger record"), "{error}");
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
