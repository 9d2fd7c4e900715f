use proptest::prelude::*;

use super::*;
use crate::history::night::{Column, SCHEMA_VERSION};
use crate::report::Counts;

/// A night with the letters of its checks, and the image of `l1`.
fn night(day: i64, image: Option<u32>, rows: &[(&str, &str, char)]) -> Night {
    let mut checks: Vec<String> = rows.iter().map(|(_, check, _)| (*check).to_owned()).collect();
    checks.sort();
    checks.dedup();
    let mut outcomes: BTreeMap<String, String> = BTreeMap::new();
    for (subject, _, _) in rows {
        let letter = |check: &String| {
            rows.iter().find(|(own, name, _)| own == subject && name == check).map_or('-', |(_, _, letter)| *letter)
        };
        outcomes.insert((*subject).to_owned(), checks.iter().map(letter).collect());
    }
    Night {
        schema_version: SCHEMA_VERSION,
        run: format!("r-{day}").parse().unwrap(),
        matrix: "nightly".to_owned(),
        started: Timestamp::from_second(1_700_000_000 + day * 86_400).unwrap(),
        seconds: 60.0,
        tool_version: "0.1.0".to_owned(),
        interrupted: false,
        conclusion: "passed".to_owned(),
        counts: Counts::default(),
        variants: vec![Column {
            name: "l1".parse().unwrap(),
            ami: image.map(|number| format!("ami-{number:017x}").parse().unwrap()),
            benchmark: None,
            level: None,
            conclusion: "passed".to_owned(),
        }],
        checks,
        outcomes,
    }
}

/// Nights in which `l1` has these letters for one check, on one image unless a space before the letter says that it is a new one.
fn nights(letters: &str) -> Vec<Night> {
    let mut image = 1;
    let mut all = Vec::new();
    for letter in letters.chars() {
        match letter {
            ' ' => image += 1,
            letter => all.push(night(all.len() as i64, Some(image), &[("l1", "node/ready", letter)])),
        }
    }
    all
}

fn only(nights: &[Night]) -> Track {
    let mut tracks = tracks(nights, Wanted::default());
    assert_eq!(tracks.len(), 1, "{tracks:?}");
    tracks.remove(0)
}

#[test]
fn how_a_check_stands_follows_from_its_nights() {
    let run = |when: &Option<When>| when.as_ref().map_or("-".to_owned(), |when| when.run.to_string());
    for (letters, trend, first_bad, last_good, flakes) in [
        ("....", Trend::Steady, "-", "-", 0),
        ("FFFF", Trend::Failing, "r-0", "-", 0),
        ("F", Trend::NewFailure, "r-0", "-", 0),
        ("---F", Trend::NewFailure, "r-3", "-", 0),
        ("...F", Trend::NewFailure, "r-3", "r-2", 1),
        ("... F", Trend::NewFailure, "r-3", "r-2", 0),
        ("..?F", Trend::NewFailure, "r-3", "r-1", 1),
        ("..FF", Trend::Failing, "r-2", "r-1", 1),
        ("..F?", Trend::Failing, "r-2", "r-1", 1),
        ("..F-F", Trend::Failing, "r-2", "r-1", 1),
        ("wwFF", Trend::Failing, "r-2", "-", 0),
        (".F.F", Trend::NewFailure, "r-3", "r-2", 3),
        (".F..", Trend::Flaky, "-", "-", 2),
        (". F .", Trend::Changed, "-", "-", 0),
        ("..~.", Trend::Flaky, "-", "-", 1),
        ("...?", Trend::Undecided, "-", "-", 0),
        ("...-", Trend::Undecided, "-", "-", 0),
        ("???.", Trend::Steady, "-", "-", 0),
        ("FF..", Trend::Changed, "-", "-", 1),
        ("iiii", Trend::Steady, "-", "-", 0),
    ] {
        let letters_only: String = letters.chars().filter(|letter| *letter != ' ').collect();
        // A night without the row still has another one.
        let mut nights = nights(letters);
        for (night, letter) in nights.iter_mut().zip(letters_only.chars()) {
            if letter == '-' {
                night.outcomes.clear();
            }
        }
        let track = only(&nights);
        assert_eq!(track.strip(99), letters_only);
        let found = (track.trend, run(&track.first_bad), run(&track.last_good), track.flakes);
        assert_eq!(found, (trend, first_bad.to_owned(), last_good.to_owned(), flakes), "{letters:?}");
    }
}

#[test]
fn the_last_nights_say_how_it_stands_and_all_of_them_since_when() {
    let of = |letters: &str, last: usize| {
        let mut tracks = tracks(&nights(letters), Wanted { last: Some(last), ..Wanted::default() });
        tracks.pop().map(|track| (track.trend, track.flakes, track.decided, track.first_bad.is_some()))
    };
    assert_eq!(of(".F.F......", 6), Some((Trend::Steady, 0, 6, false)));
    assert_eq!(of(".F.F......", 9), Some((Trend::Flaky, 3, 9, false)));
    assert_eq!(of("..FFFFFFFF", 3), Some((Trend::Failing, 0, 3, true)));
    assert_eq!(of("..FFFFFFF?", 1), Some((Trend::Failing, 0, 0, true)));
    assert_eq!(of("..........", 1), Some((Trend::Steady, 0, 1, false)));
}

#[test]
fn a_row_that_the_last_nights_do_not_have_is_not_shown() {
    let mut nights = nights("FFF");
    for night in nights.iter_mut().skip(1) {
        night.outcomes.clear();
    }
    assert_eq!(tracks(&nights, Wanted { last: Some(2), ..Wanted::default() }), []);
    assert_eq!(tracks(&nights, Wanted { last: Some(3), ..Wanted::default() }).len(), 1);
}

#[test]
fn a_change_on_an_unknown_image_is_no_flake_and_one_of_the_cluster_is() {
    let of = |subject: &str| {
        let nights: Vec<Night> =
            (0..3).map(|day| night(day, None, &[(subject, "node/ready", if day == 1 { 'F' } else { '.' })])).collect();
        only(&nights).flakes
    };
    assert_eq!((of("l1"), of("cluster")), (0, 2));
}

#[test]
fn what_matters_most_comes_first_and_only_what_is_asked_for() {
    let rows = |letters: [char; 4]| {
        [
            ("l1", "a/old", letters[0]),
            ("l1", "z/new", letters[1]),
            ("cluster", "b/flaky", letters[2]),
            ("stock", "a/fine", letters[3]),
        ]
    };
    let nights = [
        night(0, Some(1), &rows(['.', '.', '.', '.'])),
        night(1, Some(1), &rows(['F', '.', 'F', '.'])),
        night(2, Some(1), &rows(['F', 'F', '.', '.'])),
    ];
    let names = |wanted| tracks(&nights, wanted).into_iter().map(|track| track.check).collect::<Vec<_>>();
    assert_eq!(names(Wanted::default()), ["z/new", "a/old", "b/flaky", "a/fine"]);
    assert_eq!(names(Wanted { subject: Some("l1"), check: Some("a/"), last: None }), ["a/old"]);
    assert_eq!(names(Wanted { check: Some("a/"), ..Wanted::default() }), ["a/old", "a/fine"]);
    assert_eq!(names(Wanted { subject: Some("l2"), ..Wanted::default() }), Vec::<String>::new());
}

proptest! {
    /// Two writers add nights in any order, and one night may be listed twice.
    #[test]
    fn the_order_of_the_nights_does_not_matter(letters in "[ .Fw?~n-]{1,12}", order in any::<prop::sample::Index>()) {
        let nights = nights(&letters);
        prop_assume!(!nights.is_empty());
        let mut mixed = nights.clone();
        mixed.rotate_left(order.index(nights.len()));
        mixed.push(nights[order.index(nights.len())].clone());
        mixed.reverse();
        prop_assert_eq!(tracks(&mixed, Wanted::default()), tracks(&nights, Wanted::default()));
    }

    #[test]
    fn a_failure_has_a_first_night_after_the_last_good_one_and_nothing_else_has(letters in "[ .Fw?~]{1,20}") {
        for track in tracks(&nights(&letters), Wanted::default()) {
            let failing = matches!(track.trend, Trend::NewFailure | Trend::Failing);
            prop_assert_eq!(track.first_bad.is_some(), failing);
            if let (Some(bad), Some(good)) = (&track.first_bad, &track.last_good) {
                prop_assert!(bad.started > good.started);
            }
            prop_assert!((0.0..=1.0).contains(&track.flake_rate()));
        }
    }
}
