//! The pages in a real Chromium: `browser.py` drives it, and says what people would see.

use std::path::Path;
use std::process::Command;

use amiproof_model::history::Night;
use amiproof_model::history::track::{Wanted, tracks};
use amiproof_model::judge::Disposition;
use amiproof_reports::compare::{ComparisonFormat, compare};
use amiproof_reports::history::{self, History};
use amiproof_reports::{Style, html};

use crate::{fixture, impact};

/// Programs that are needed, by the variables that name them; `None` where one is missing and none is required.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn needed() -> Option<[String; 3]> {
    let named = |variable: &str, default: &str| std::env::var(variable).unwrap_or_else(|_| default.to_owned());
    let python = named("AMIPROOF_PYTHON", "python3");
    let chromium = named("AMIPROOF_CHROMIUM", "chromium");
    let axe = named("AMIPROOF_AXE", "axe.min.js");
    let answers = |program: &str, arguments: &[&str]| {
        Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
    };
    let missing = match () {
        () if !answers(&python, &["-c", "import websocket"]) => format!("{python} has no websocket-client"),
        () if !answers(&chromium, &["--version"]) => format!("there is no {chromium}"),
        () if !Path::new(&axe).exists() => format!("there is no {axe}"),
        () => return Some([python, chromium, axe]),
    };
    assert!(std::env::var_os("AMIPROOF_REQUIRE_CHROMIUM").is_none(), "{missing}: run `make chromium`");
    eprintln!("skipped: {missing}");
    None
}

#[test]
fn people_see_what_they_need_in_a_real_browser() {
    let Some([python, chromium, axe]) = needed() else { return };
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    let mixed = fixture::mixed();
    let mut before = mixed.clone();
    before.run.id = "r-20261120-030000-4f2a".parse().unwrap();
    before.run.started = "2026-11-20T03:00:00Z".parse().unwrap();
    for result in &mut before.results {
        result.disposition = Disposition::Passed;
    }
    let nights = [Night::of(&before), Night::of(&mixed)];
    let tracks = tracks(&nights, Wanted::default());
    let history = History { matrix: "nightly", nights: &nights, tracks: &tracks, last: 30, has_steady: false };
    write("mixed.html", html::render(&mixed, None, None).unwrap());
    write("big.html", html::render(&fixture::big(), None, None).unwrap());
    write("nights.html", html::render(&mixed, Some(&before), Some(&history)).unwrap());
    write("history.html", history::page(&history).unwrap());
    let comparison = compare(&before, &mixed);
    write("compare.html", comparison.render(ComparisonFormat::Html, &Style::default()).unwrap());
    write("impact.html", impact::page());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/browser.py");
    let output = Command::new(python).arg(script).args([chromium, axe]).arg(folder.path()).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    assert_eq!(said.matches("ok ").count(), 12, "{said}");
}
