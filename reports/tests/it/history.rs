//! The nights of a matrix, for people and for programs.

use amiproof_model::history::track::{Wanted, tracks};
use amiproof_model::history::{Night, Track};
use amiproof_reports::Style;
use amiproof_reports::history::{History, json, page, terminal};
use serde_json::{Value, json};

/// Nights of a variant and of the cluster: each row is a check with a letter for every night. On the fifth day the image changes.
fn nights(rows: &[(&str, &str, &str)]) -> Vec<Night> {
    let count = rows.first().map_or(0, |(_, _, letters)| letters.len());
    let mut checks: Vec<&str> = rows.iter().map(|(_, check, _)| *check).collect();
    checks.sort_unstable();
    checks.dedup();
    let night = |day: usize| -> Night {
        let mut outcomes = serde_json::Map::new();
        for subject in ["al2023-cis-level-2-golden-image", "cluster"] {
            let letter = |check: &&str| {
                let row = rows.iter().find(|(own, name, _)| *own == subject && name == check);
                row.map_or("-", |(_, _, letters)| &letters[day..=day]).to_owned()
            };
            outcomes.insert(subject.to_owned(), Value::String(checks.iter().map(letter).collect()));
        }
        let image = if day < 4 { "ami-0123456789abcdef0" } else { "ami-0fedcba9876543210" };
        serde_json::from_value(json!({
            "schemaVersion": 1, "run": format!("r-202611{:02}-030000-4f2a", day + 1), "matrix": "nightly",
            "started": format!("2026-11-{:02}T03:00:00Z", day + 1), "seconds": 60.0, "toolVersion": "0.1.0", "interrupted": false,
            "conclusion": if day == 7 { "failed" } else { "passed" },
            "counts": {"passed": 5, "failed": 0, "waived": 0, "flaky": 0, "notApplicable": 0, "notEvaluated": 0, "error": 0},
            "variants": [{"name": "al2023-cis-level-2-golden-image", "ami": image, "conclusion": "passed"}],
            "checks": checks, "outcomes": outcomes,
        }))
        .unwrap()
    };
    (0..count).map(night).collect()
}

fn some() -> Vec<Night> {
    let golden = "al2023-cis-level-2-golden-image";
    nights(&[
        (golden, "workload/web-service", ".......F"),
        (golden, "workload/cluster-dns", "....FFFF"),
        (golden, "os-cis/cis-al2023-1.0.0-3.4.2.7", "FFFFFFFF"),
        (golden, "workload/postgres", ".F.~.F.."),
        (golden, "kubelet-path/logs", ".......?"),
        (golden, "node/boot-time", "...w...."),
        (golden, "node/ready", "........"),
        ("cluster", "addon/coredns", "-......."),
    ])
}

fn shown<'a>(nights: &'a [Night], tracks: &'a [Track], last: usize) -> History<'a> {
    History { matrix: "nightly", nights, tracks, last, has_steady: false }
}

fn tracked(nights: &[Night], last: usize) -> Vec<Track> {
    tracks(nights, Wanted { last: Some(last), ..Wanted::default() })
}

#[test]
fn the_nights_in_sixty_columns() {
    let nights = some();
    let tracks = tracked(&nights, 30);
    let text = terminal(&shown(&nights, &tracks, 30), &Style { width: 60, ..Style::default() });
    assert!(text.lines().all(|line| line.chars().count() <= 60), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn the_nights_for_programs() {
    let nights = some();
    let tracks = tracked(&nights, 3);
    insta::assert_snapshot!(json(&shown(&nights, &tracks, 3)).unwrap());
}

#[test]
fn a_long_strip_is_broken_and_no_night_is_said_so() {
    let nights = nights(&[("cluster", "addon/coredns", &".F".repeat(4))]);
    let mut tracks = tracked(&nights, 99);
    let mark = tracks[0].marks[0];
    tracks[0].marks = vec![mark; 130];
    let text = terminal(&shown(&nights, &tracks, 130), &Style { width: 40, ..Style::default() });
    assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
    assert_eq!(text.matches('.').count() - text.matches("oldest first: .").count(), 130, "{text}");
    assert_eq!(terminal(&shown(&[], &[], 30), &Style::default()), "nightly: no nightly run yet\n");
}

#[test]
fn more_rows_than_the_limit_are_counted() {
    let rows: Vec<(String, String)> =
        (0..25).map(|number| (format!("node/check-{number:02}"), ".F".to_owned())).collect();
    let rows: Vec<(&str, &str, &str)> =
        rows.iter().map(|(check, letters)| ("cluster", check.as_str(), letters.as_str())).collect();
    let nights = nights(&rows);
    let tracks = tracked(&nights, 30);
    let text = terminal(&shown(&nights, &tracks, 30), &Style::default());
    assert!(text.contains("new failure (25)") && text.contains("  and 5 more"), "{text}");
}

#[test]
fn the_page_of_nights_loads_nothing_and_has_every_row_that_changed() {
    let mut nights = some();
    nights[7].variants[0].ami = None;
    nights[7].tool_version = "<script>".into();
    let tracks = tracked(&nights, 8);
    let text = page(&shown(&nights, &tracks, 8)).unwrap();
    assert!(!text.contains("<script") && !text.contains("<link") && !text.contains("src="), "{text}");
    assert!(text.contains("8 nightly runs, 2026-11-01 to 2026-11-08"));
    for (title, rows) in [("new failure (1)", 1), ("failing (2)", 2), ("flaky (1)", 1), ("no longer decided (1)", 1)] {
        let section = text.split_once(title).unwrap_or_else(|| panic!("{title}: {text}")).1;
        let section = section.split_once("</section>").unwrap().0;
        assert_eq!(section.matches("<code>").count(), rows, "{title}");
    }
    assert!(text.contains("8 nightly runs: 4 failed, 4 passed; newest: failed"));
    assert!(text.contains(
        "failing since r-20261105-030000-4f2a (2026-11-05), last passed in r-20261104-030000-4f2a (2026-11-04)"
    ));
    assert!(!text.contains("node/ready"), "the same in every night");
    let column = text.split_once("failed+not decided, oldest first: ").unwrap().1;
    assert!(column.starts_with("1+0, 2+0, 1+0, 1+0, 2+0, 3+0, 2+0, 3+1"), "{}", &column[..60]);
    assert!(page(&shown(&[], &[], 8)).unwrap().contains("no nightly run yet"));
}
