//! Waivers that have expired, and those that nothing needs, in every format.

use amiproof_model::waiver::{Waiver, WaiverRecord, WaiverState};
use amiproof_reports::{Style, csv, html, junit, markdown, terminal};

use crate::fixture;

fn record(control: &str, state: WaiverState, failures: usize) -> WaiverRecord {
    let waiver = Waiver {
        control: Some(control.parse().unwrap()),
        variants: vec!["al2023-l1".into()],
        reason: "pods need it".into(),
        owner: "platform | team".into(),
        ticket: Some("SEC-7".into()),
        expires: "2026-11-20".parse().unwrap(),
        ..Waiver::default()
    };
    WaiverRecord { waiver, state, failures }
}

#[test]
fn every_form_names_expired_and_unused_waivers_and_no_others() {
    let mut report = fixture::mixed();
    report.waivers = vec![
        record("cis-al2023-1.0.0/1.1.1", WaiverState::Used, 3),
        record("cis-al2023-1.0.0/2.2.2", WaiverState::Unused, 0),
        record("cis-al2023-1.0.0/3.3.3", WaiverState::Expired, 2),
        record("cis-al2023-1.0.0/4.4.4", WaiverState::NotRun, 0),
    ];
    let forms = [
        terminal::render(&report, None, &Style::default()),
        markdown::render(&report, None),
        html::render(&report, None, None).unwrap(),
        junit::render(&report, None).unwrap(),
        csv::render(&report, None).unwrap(),
    ];
    for text in forms {
        let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part} in {text}"));
        assert!(
            place("cis-al2023-1.0.0/3.3.3 on al2023-l1") < place("cis-al2023-1.0.0/2.2.2 on al2023-l1"),
            "expired first"
        );
        for other in ["1.1.1 on al2023-l1", "4.4.4 on al2023-l1"] {
            assert!(!text.contains(other), "{other}");
        }
    }
    let text = terminal::render(&report, None, &Style::default());
    assert!(text.contains("waivers to review (2)") && text.contains("2 failures are no longer waived"), "{text}");
    assert!(!markdown::render(&fixture::mixed(), None).contains("Waivers"));
}
