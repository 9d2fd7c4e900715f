//! A CIS scan by Inspector, from its prerequisites to the deletion of its configuration.

use std::collections::BTreeMap;
use std::time::Duration;

use amiproof_core::aws::{instances, names};
use amiproof_core::check::ScanAnswer;
use amiproof_core::ledger::State;
use amiproof_core::resource;
use amiproof_core::scan::inspector::{self, Request};
use amiproof_model::report::NodeRecord;
use amiproof_model::verdict::{Evidence, Verdict};
use tokio_util::sync::CancellationToken;

use super::{Run, World};

/// The result of a scan of Inspector.
pub(crate) struct Scan {
    pub(crate) answer: ScanAnswer,
    /// What it kept beside the report, by name, with its beginning.
    pub(crate) files: BTreeMap<String, String>,
}

impl Scan {
    /// The only row of a scan that evaluated nothing: its id and why.
    pub(crate) fn reason(&self) -> String {
        let [row] = &self.answer.rows[..] else { panic!("{:#?}", self.answer.rows) };
        assert_eq!(row.check.as_str(), inspector::CHECK);
        let Verdict::NotEvaluated(reason) = &row.decision.verdict else { panic!("{:?}", row.decision.verdict) };
        assert_eq!(self.answer.scans[0].note, *reason);
        reason.clone()
    }

    /// The evidence of a name.
    pub(crate) fn evidence(&self, name: &str) -> Vec<&Evidence> {
        let all = self.answer.rows.iter().flat_map(|row| &row.decision.evidence);
        all.filter(|evidence| evidence.name.contains(name)).collect()
    }
}

/// Inspector scans the nodes by the variant's own tag; whatever comes of it, the configuration is gone afterwards. `lacking` is a
/// managed policy that the node role does not have, `patience` the deadline of the scan.
pub(crate) async fn inspector_scans(world: &World, lacking: Option<&str>, patience: Duration) -> Scan {
    let mut run = Run::start(world, "r-scan").await;
    run.variant.timeouts.os_scan = patience;
    let network = run.provision().await;
    let group = names::node_group(run.id(), &run.variant.name);
    let found = instances::of_node_group(&run.clients, &run.spec.name, &group).await.unwrap();
    assert_eq!(found.len(), 2);
    let nodes: Vec<NodeRecord> = (1..).zip(&found).map(|(index, instance)| node_record(index, instance)).collect();
    let role = network.node_role_arn.rsplit('/').next().unwrap();
    let arn = |policy: &str| format!("arn:aws:iam::aws:policy/{policy}");
    if let Some(policy) = lacking {
        run.clients.iam.detach_role_policy().role_name(role).policy_arn(arn(policy)).send().await.unwrap();
    }
    let cancel = CancellationToken::new();
    let folder = run.folder.join("evidence").join(run.variant.name.as_str());
    std::fs::create_dir_all(&folder).unwrap();
    let request = Request {
        run: run.id(),
        variant: &run.variant,
        nodes: &nodes,
        ledger: &run.ledger,
        tags: &run.spec.governance.tags,
        evidence: Some(&folder),
        cancel: &cancel,
    };
    let answer = inspector::scan_nodes(&run.clients, &request).await;
    let configurations: Vec<_> = run
        .ledger
        .entries()
        .into_iter()
        .filter(|entry| entry.resource.kind == resource::cis_scan_configuration::KIND)
        .collect();
    assert!(configurations.iter().all(|entry| entry.state == State::Gone), "{configurations:?}");
    assert_eq!(configurations.is_empty(), lacking.is_some(), "no scan is started that cannot evaluate anything");
    if let Some(policy) = lacking {
        run.clients.iam.attach_role_policy().role_name(role).policy_arn(arn(policy)).send().await.unwrap();
    }
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| {
        let entry = entry.unwrap();
        let bytes = std::fs::read(entry.path()).unwrap();
        let begin = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned();
        (entry.file_name().into_string().unwrap(), begin)
    });
    let files = files.collect();
    assert_eq!(run.destroy(&run.ledger).await.leftovers.as_slice(), []);
    run.assert_nothing_is_left().await;
    Scan { answer: answer.unwrap(), files }
}

fn node_record(index: u32, instance: &instances::Instance) -> NodeRecord {
    NodeRecord {
        index,
        name: instance.private_dns_name.clone(),
        instance_id: Some(instance.id.clone()),
        ami_id: instance.ami_id.parse().ok(),
        os_image: String::new(),
        kernel: String::new(),
        kubelet: String::new(),
        runtime: String::new(),
        boot_to_ready_seconds: None,
        facts: indexmap::IndexMap::new(),
        fact_differences: None,
    }
}
