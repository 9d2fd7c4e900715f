//! OpenSCAP on emulated nodes: where it is installed, where it is not, and where its content is not what was asked for.

use std::sync::Arc;

use amiproof_core::check::{ScanAnswer, Scope};
use amiproof_core::context::Context;
use amiproof_core::scan::openscap::scan;
use amiproof_model::matrix::{Family, OpenScap, Variant};
use amiproof_model::verdict::Verdict;

use super::cluster::{Lab, simulated};

const CONTENT: &str = "/opt/scap/CIS_Amazon_Linux_2_Benchmark_v3.0.0.xml";

fn with(lab: &Lab, settings: OpenScap) -> Context {
    let context = lab.context(Scope::Variant);
    let mut matrix = (*context.matrix).clone();
    matrix.scans.openscap = vec![settings];
    Context { matrix: Arc::new(matrix), ..context }
}

fn content(path: &str) -> OpenScap {
    OpenScap { content: Some(path.to_owned()), ..OpenScap::default() }
}

fn only(answer: &ScanAnswer) -> (&str, &Verdict) {
    let [row] = answer.rows.as_slice() else { panic!("{answer:#?}") };
    (row.check.as_str(), &row.decision.verdict)
}

#[test]
fn the_controls_of_the_content_are_rows_over_all_nodes() {
    simulated(|| async {
        let lab = Lab::new("cis-al2-l2").await;
        let profile = "xccdf_org.cisecurity.benchmarks_profile_Level_2".to_owned();
        let context = with(&lab, OpenScap { profile: Some(profile), ..content(CONTENT) });
        let answer = scan(&context).await.unwrap();
        let record = &answer.scans[0];
        let benchmark = record.benchmark.as_ref().map(ToString::to_string);
        assert_eq!((benchmark.as_deref(), record.scanner.as_str()), (Some("cis-al2-3.0.0"), "openscap"));
        assert_eq!((record.expected, answer.rows.len()), (Some(195), 195));
        assert_eq!((record.scanner_version.as_deref(), record.level.map(u8::from)), (Some("1.2.17"), Some(2)));
        let forwarding = answer.rows.iter().find(|row| row.check.as_str() == "os-cis/cis-al2-3.0.0/3.3.1").unwrap();
        let Verdict::Fail(findings) = &forwarding.decision.verdict else { panic!("{forwarding:#?}") };
        let of: Vec<&str> = findings.iter().map(|finding| finding.resource.as_str()).collect();
        assert_eq!(of, ["node 1", "node 2"], "an EKS node forwards, and every node says so");
        assert!(findings[0].summary.contains("net.ipv4.ip_forward is 1, expected 0"), "{findings:?}");
        assert!(context.evidence.join("openscap-node-1.xml").exists(), "what oscap said is kept");
        lab.assert_clean().await;
    });
}

#[test]
fn without_oscap_a_system_that_inspector_judges_has_no_row_to_wait_for_and_amazon_linux_2_is_not_judged() {
    simulated(|| async {
        let lab = Lab::new("eks-al2023").await;
        let answer = scan(&lab.context(Scope::Variant)).await.unwrap();
        let (check, verdict) = only(&answer);
        assert!(check == "os-cis/openscap" && matches!(verdict, Verdict::NotApplicable(_)), "{verdict:?}");
        assert!(answer.scans.is_empty(), "a scanner that is not there has judged nothing");
        let variants = vec![lab.context(Scope::Variant).variant.name.clone()];
        let named = scan(&with(&lab, OpenScap { variants, ..OpenScap::default() })).await.unwrap();
        let (_, verdict) = only(&named);
        assert!(matches!(verdict, Verdict::NotEvaluated(why) if why.contains("names the variant")), "{verdict:?}");
        assert_eq!(named.scans.len(), 1, "someone waits for it: its absence is a gap");
        let lab = Lab::new("eks-al2").await;
        let context = lab.context(Scope::Variant);
        let variant = Arc::new(Variant { family: Family::Al2, ..(*context.variant).clone() });
        let answer = scan(&Context { variant, ..context }).await.unwrap();
        let (_, verdict) = only(&answer);
        assert!(matches!(verdict, Verdict::NotEvaluated(why) if why.contains("nothing evaluated")), "{verdict:?}");
        assert!(
            answer.scans.is_empty(),
            "its row says that nobody judged it; that it must be judged is the gate's to say"
        );
    });
}

#[test]
fn content_or_profile_that_is_not_there_is_said_with_what_is() {
    simulated(|| async {
        let lab = Lab::new("cis-al2-l2").await;
        let elsewhere = scan(&with(&lab, content("/opt/nowhere.xml"))).await.unwrap();
        let (_, verdict) = only(&elsewhere);
        let wanted = "oscap finds no /opt/nowhere.xml";
        assert!(matches!(verdict, Verdict::NotEvaluated(why) if why.contains(wanted)), "{verdict:?}");
        let other = OpenScap { profile: Some("xccdf_x_profile_stig".to_owned()), ..content(CONTENT) };
        let other = scan(&with(&lab, other)).await.unwrap();
        let (_, verdict) = only(&other);
        let Verdict::NotEvaluated(why) = verdict else { panic!("{verdict:?}") };
        assert!(
            why.contains("has no xccdf_x_profile_stig, only xccdf_org.cisecurity.benchmarks_profile_Level_1"),
            "{why}"
        );
        lab.assert_clean().await;
    });
}
