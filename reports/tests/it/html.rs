//! The page: whole, self-contained, harmless.

use std::collections::BTreeSet;

use amiproof_reports::html::render;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::fixture;

/// The page without its style and script, which have files of their own.
fn markup(page: &str) -> String {
    let without = |page: &str, open: &str, close: &str| {
        let (before, rest) = page.split_once(open).unwrap();
        let (_, after) = rest.split_once(close).unwrap();
        format!("{before}{open}…{close}{after}")
    };
    without(&without(page, "<style>", "</style>"), "<script>", "</script>")
}

fn data(page: &str) -> Value {
    let (_, rest) = page.split_once("<script type=\"application/json\" id=\"data\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

/// The cells of a page as (check, column, status).
fn cells(data: &Value) -> Vec<(String, String, u64)> {
    let mut cells = Vec::new();
    for suite in data["suites"].as_array().unwrap() {
        for row in suite["rows"].as_array().unwrap() {
            for (at, cell) in row["cells"].as_array().unwrap().iter().enumerate().filter(|(_, cell)| !cell.is_null()) {
                let column = data["columns"][at]["name"].as_str().unwrap().to_owned();
                cells.push((row["id"].as_str().unwrap().to_owned(), column, cell[0].as_u64().unwrap()));
            }
        }
    }
    cells
}

#[test]
fn a_green_run() {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter("sha256-[A-Za-z0-9+/=]+", "sha256-…");
    settings.bind(|| insta::assert_snapshot!(markup(&render(&fixture::green(), None, None).unwrap())));
}

#[test]
fn the_page_refers_to_nothing_outside_itself() {
    for (name, report) in fixture::all() {
        let page = render(&report, Some(&fixture::mixed()), None).unwrap();
        for reference in [
            "src=\"",
            "href=\"http",
            "url(",
            "@import",
            "<link",
            "<iframe",
            "<object",
            "<embed",
            "fetch(",
            "XMLHttpRequest",
            "http://",
            "sendBeacon",
        ] {
            let found = page.find(reference).map(|at| &page[at..(at + 80).min(page.len())]);
            assert_eq!(found, None, "{name}: {reference}");
        }
        // The only address may be in text that a check wrote; it is never in an attribute.
        assert!(!page.contains("=\"https:"), "{name}");
        assert!(page.contains("content=\"default-src &#39;none&#39;;"), "{name}");
    }
}

#[test]
fn text_from_outside_is_never_markup() {
    let mut report = fixture::mixed();
    report.run.matrix = fixture::NASTY.into();
    report.cluster.name = fixture::NASTY.into();
    report.variants[0].ami.as_mut().unwrap().name = fixture::NASTY.into();
    report.variants[0].nodes[0].kernel = fixture::NASTY.into();
    let page = render(&report, Some(&fixture::leftovers()), None).unwrap();
    assert_eq!(page.matches("</script>").count(), 2, "the data and the script end once each");
    assert_eq!(page.matches("<script").count(), 2);
    assert!(!page.contains("<img") && !page.contains("<!--"), "nothing became an element");
    assert!(!page.chars().any(|c| c.is_control() && c != '\n'), "no control character is left");
    let known = data(&page);
    let titles: Vec<&str> = known["suites"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|suite| suite["rows"].as_array().unwrap())
        .map(|row| row["title"].as_str().unwrap())
        .collect();
    assert!(
        titles.iter().any(|title| title.contains("</script><img src=x onerror=alert(1)>")),
        "the text itself is kept"
    );
}

#[test]
fn every_result_is_a_cell_with_its_status() {
    for (name, report) in fixture::all() {
        let data = data(&render(&report, None, None).unwrap());
        let words: Vec<&str> =
            data["statuses"].as_array().unwrap().iter().map(|status| status[2].as_str().unwrap()).collect();
        let shown: BTreeSet<(String, String, &str)> =
            cells(&data).into_iter().map(|(check, column, status)| (check, column, words[status as usize])).collect();
        let expected: BTreeSet<(String, String, &str)> = report
            .results
            .iter()
            .map(|one| (one.check.to_string(), one.subject.as_str().to_owned(), one.disposition.as_str()))
            .collect();
        assert_eq!(shown, expected, "{name}");
    }
}

#[test]
fn cells_say_what_changed_since_the_baseline_and_what_is_gone_has_a_cell() {
    let base = fixture::mixed();
    let mut candidate = base.clone();
    candidate.results.retain(|one| one.check.as_str() != "workload/pod-to-pod");
    let ready = candidate.results.iter_mut().find(|one| one.check.as_str() == "node/ready").unwrap();
    *ready = fixture::result(
        "node/ready",
        "every node is Ready",
        ready.subject.clone(),
        fixture::fail("node 1", "not ready"),
    );
    let page = render(&candidate, Some(&base), None).unwrap();
    let data = data(&page);
    let change = |check: &str, column: usize| -> Value {
        let rows = data["suites"].as_array().unwrap().iter().flat_map(|suite| suite["rows"].as_array().unwrap());
        let cell = rows.filter(|row| row["id"] == check).map(|row| row["cells"][column].clone()).next().unwrap();
        data["changes"][cell[4].as_u64().unwrap() as usize - 1].clone()
    };
    assert_eq!(change("node/ready", 0), "new failure");
    assert_eq!(change("workload/pod-to-pod", 1), "disappeared");
    let gone = data["statuses"].as_array().unwrap().len() as u64 - 1;
    assert!(cells(&data).contains(&("workload/pod-to-pod".into(), "al2023-eks-l1".into(), gone)));
    let page = markup(&page);
    assert!(page.contains("Regression") && page.contains("regression"));
    let (_, since) = page.split_once("id=\"since\"").unwrap();
    let since = since.split_once("</section>").unwrap().0;
    assert!(since.contains("<a href=\"#node%2Fready@al2023-eks\">node/ready</a> new failure: not ready"), "{since}");
}

#[test]
fn a_phase_that_broke_and_what_was_left_behind_are_told_outside_the_grid() {
    let page = markup(&render(&fixture::interrupted(), None, None).unwrap());
    assert!(page.contains("0 of 2 nodes joined within 8 min"));
    assert!(page.contains("settings: failed to fetch user data"));
    assert!(page.contains("The run was interrupted"));
    let page = markup(&render(&fixture::leftovers(), None, None).unwrap());
    assert!(page.contains("aws ec2 delete-launch-template --launch-template-id lt-0123456789abcdef0"));
}

#[test]
fn a_page_of_30_variants_with_400_checks_stays_small_and_keeps_what_failed() {
    let report = fixture::big();
    let page = render(&report, None, None).unwrap();
    assert!(page.len() < 1_500_000, "{} bytes", page.len());
    assert_eq!(cells(&data(&page)).len(), 12_000);
    let mut verbose = report.clone();
    for (number, result) in verbose.results.iter_mut().enumerate() {
        result.evidence = vec![amiproof_model::verdict::Evidence {
            name: "output".into(),
            text: format!("{number} {}", "output ".repeat(2_000)),
            file: None,
        }];
    }
    let page = render(&verbose, None, None).unwrap();
    assert!(page.len() < 8_000_000, "{} bytes", page.len());
    let data = data(&page);
    let failing = verbose.results.iter().position(|one| !one.outcome.findings().is_empty()).unwrap();
    let kept = data["parts"]
        .as_array()
        .unwrap()
        .iter()
        .any(|part| part[0][1].as_str().is_some_and(|text| text.starts_with(&format!("{failing} output"))));
    assert!(kept, "the evidence of the first failure is there in full");
}

/// The policy names the hash of the style and of the script; one byte off and the browser would run neither.
#[test]
fn the_policy_admits_exactly_the_style_and_the_script_of_the_page() {
    let page = render(&fixture::green(), None, None).unwrap();
    for kind in ["style", "script"] {
        let (_, rest) = page.split_once(&format!("<{kind}>")).unwrap();
        let (text, _) = rest.split_once(&format!("</{kind}>")).unwrap();
        let hash = STANDARD.encode(Sha256::digest(text));
        assert!(page.contains(&format!("{kind}-src &#39;sha256-{hash}&#39;")), "{kind}");
    }
}

#[test]
fn two_scanners_share_a_row_and_the_cell_shows_the_worse_answer_and_that_they_disagree() {
    let report = fixture::disagreeing();
    let data = data(&render(&report, None, None).unwrap());
    let rows = data["suites"].as_array().unwrap().iter().flat_map(|suite| suite["rows"].as_array().unwrap());
    let rows: Vec<&Value> = rows.filter(|row| row["id"] == "os-cis/cis-al2023-1.0.0/3.3.1").collect();
    let [row] = rows.as_slice() else { panic!("{} rows for one control", rows.len()) };
    let cell = &row["cells"][1];
    assert_eq!(cell[0], 0, "failed is worse than passed");
    let reason = data["strings"][cell[2].as_u64().unwrap() as usize].as_str().unwrap();
    assert_eq!(reason, "net.ipv4.ip_forward is 1; scanners disagree: inspector says pass");
}

#[test]
fn a_control_that_two_suites_judge_is_one_row_with_both_answers_and_a_mark_where_they_differ() {
    let report = fixture::judged_twice();
    let data = data(&render(&report, None, None).unwrap());
    let suites = data["suites"].as_array().unwrap();
    let own = suites.iter().find(|suite| suite["name"] == "eks-cis").unwrap();
    assert_eq!(own["rows"].as_array().unwrap().len(), 1, "the others are among those of kube-bench");
    let suite = suites.iter().find(|suite| suite["name"] == "kube-bench").unwrap();
    assert_eq!(suite["others"], serde_json::json!(["eks-cis"]));
    let row = |number: &str| {
        let id = format!("kube-bench/cis-eks-1.8.0/{number}");
        suite["rows"].as_array().unwrap().iter().find(|row| row["id"] == id.as_str()).unwrap()
    };
    let cluster = data["columns"].as_array().unwrap().len() - 1;
    let node = row("3.1.9");
    let words = &data["statuses"];
    let word = |cell: &Value| words[cell[0].as_u64().unwrap() as usize][2].as_str().unwrap().to_owned();
    assert_eq!(
        (word(&node["cells"][1]).as_str(), word(&node["cells"][cluster]).as_str()),
        ("passed", "not applicable"),
        "each column its own scanner"
    );
    let both = row("4.1.9");
    assert_eq!(both["others"], serde_json::json!(["eks-cis/cis-eks-1.8.0/4.1.9"]));
    let cell = &both["cells"][cluster];
    assert_eq!(cell[0], 0, "the worse answer is shown");
    let answers = &data["parts"][cell[5].as_u64().unwrap() as usize];
    assert_eq!(answers["differ"], true);
    let actual: Vec<(&str, &str)> = answers["answers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one[0].as_str().unwrap(), words[one[1].as_u64().unwrap() as usize][2].as_str().unwrap()))
        .collect();
    assert_eq!(actual, [("kube-bench", "failed"), ("eks-cis", "passed")]);
}

/// Jenkins shows pages without script and without style: what failed and why is text all the same, and links where there is script.
#[test]
fn what_failed_and_why_is_readable_without_script() {
    let page = markup(&render(&fixture::mixed(), None, None).unwrap());
    let (_, list) = page.split_once("id=\"failing\"").unwrap();
    let list = list.split_once("</section>").unwrap().0;
    let at = |part: &str| list.find(part).unwrap_or_else(|| panic!("{part}: {list}"));
    assert!(at("2 failed") < at("workload/pod-to-pod") && at("workload/pod-to-pod") < at("os-cis/nasty"));
    assert!(list.contains("href=\"#workload%2Fpod-to-pod@al2023-eks-l1\""), "{list}");
    assert!(list.contains("no answer from 10.0.3.17:8080 within 10 s (and 1 more) <span class=\"muted\">(hardening)"));
    assert!(list.contains("forwarded packets are dropped (nftables forward policy, 3.4.2.7): 1 workload [possible]"));
    assert!(at("os-cis/nasty") < at("2 inconclusive") && at("2 inconclusive") < at("kubelet-path/exec"));
    let tile = page.split_once("al2023-eks-l1</button>").unwrap().1.split_once("</li>").unwrap().0;
    assert!(tile.contains("workload 1</a>") && tile.contains("os-cis 1</a>"), "{tile}");
    assert!(!markup(&render(&fixture::green(), None, None).unwrap()).contains("id=\"failing\""));
}

#[test]
fn the_same_failure_of_many_checks_is_said_once_and_a_long_list_is_folded() {
    let page = markup(&render(&fixture::big(), None, None).unwrap());
    let (_, first) = page.split_once("id=\"failing-1\"").unwrap();
    let first = first.split_once("</article>").unwrap().0;
    assert!(first.contains("40 failed") && first.contains("the other 34"), "{first}");
    let mut report = fixture::green();
    for check in ["workload/dns", "workload/web"] {
        report.results.push(fixture::result(
            check,
            "t",
            fixture::of_variant("al2023-eks"),
            fixture::fail("pod a", "no route"),
        ));
    }
    let page = markup(&render(&report, None, None).unwrap());
    assert_eq!(page.matches(": no route").count(), 1);
    assert!(page.contains(">workload/dns</a>, <a href=\"#workload%2Fweb@al2023-eks\""));
}

#[test]
fn statuses_that_nothing_has_are_not_in_the_legend() {
    let page = markup(&render(&fixture::green(), None, None).unwrap());
    let legend = page.split_once("class=\"legend\"").unwrap().1.split_once("</ul>").unwrap().0;
    assert_eq!(legend.matches("<li").count(), 1, "{legend}");
}

#[test]
fn rows_that_changed_in_the_last_nights_have_them_beside_their_name() {
    use amiproof_model::history::Night;
    use amiproof_model::history::track::{Wanted, tracks};
    use amiproof_reports::history::History;

    let newest = fixture::mixed();
    let mut before = newest.clone();
    before.run.id = "r-20261120-030000-4f2a".parse().unwrap();
    before.run.started = "2026-11-20T03:00:00Z".parse().unwrap();
    for result in &mut before.results {
        result.disposition = amiproof_model::judge::Disposition::Passed;
    }
    let nights = [Night::of(&before), Night::of(&newest)];
    let tracks = tracks(&nights, Wanted::default());
    let history = History { matrix: "nightly", nights: &nights, tracks: &tracks, last: 30, has_steady: false };
    let page = render(&newest, None, Some(&history)).unwrap();
    assert!(page.contains("2 nightly runs, 2026-11-20 to 2026-11-21"));
    let data = data(&page);
    assert_eq!(data["marks"].as_array().unwrap().len(), 8);
    let rows: Vec<&serde_json::Value> =
        data["suites"].as_array().unwrap().iter().flat_map(|suite| suite["rows"].as_array().unwrap()).collect();
    let row = |id: &str| rows.iter().find(|row| row["id"] == id).unwrap();
    assert_eq!(
        row("workload/pod-to-pod")["nights"],
        serde_json::json!([[
            1,
            ".F",
            "failing since r-20261121-074220-4f2a (2026-11-21), last passed in r-20261120-030000-4f2a (2026-11-20)"
        ]])
    );
    assert_eq!(row("node/ready")["nights"], serde_json::Value::Null, "the same in both nights");
    let without = self::data(&render(&newest, None, None).unwrap());
    assert_eq!(without["marks"], serde_json::json!([]));
}
