//! Captured proof, cut to the limits of a report.

use amiproof_model::verdict::Evidence;
use camino::{Utf8Component, Utf8Path};

/// Maximum size of evidence inside a report, bytes (see [`Evidence::text`]).
const LONGEST: usize = 16 * 1024;

/// A piece of evidence inside a report; a longer text keeps its beginning and its end.
pub fn evidence(name: impl Into<String>, text: impl AsRef<str>) -> Evidence {
    Evidence { name: name.into(), text: cut(text.as_ref()), file: None }
}

/// A text cut to the limit: its beginning and its end, with the number of bytes missing between them.
pub fn cut(text: &str) -> String {
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    let half = LONGEST / 2 - 64;
    let head = text.floor_char_boundary(half);
    let tail = text.ceil_char_boundary(text.len() - half);
    format!("{}\n… {} bytes cut …\n{}", &text[..head], tail - head, &text[tail..])
}

/// Whether the name of a file leads below the evidence in the folder of a run: a report may come from anywhere.
pub fn is_in_folder(file: &Utf8Path) -> bool {
    file.starts_with("evidence") && file.components().all(|part| matches!(part, Utf8Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_below_the_evidence_are_in_its_folder() {
        assert!(is_in_folder(Utf8Path::new("evidence/l1/kube-bench.json")));
        for wrong in ["evidence/../../secret", "/etc/passwd", "report.json", "evidence/l1/../../x", "../evidence/a"] {
            assert!(!is_in_folder(Utf8Path::new(wrong)), "{wrong}");
        }
    }

    #[test]
    fn a_long_text_keeps_its_beginning_and_its_end() {
        let text = format!("head{}tail", "ä".repeat(20_000));
        let cut = evidence("console", &text).text;
        assert!(cut.len() <= LONGEST && cut.starts_with("head") && cut.ends_with("tail"), "{}", cut.len());
        assert!(cut.contains(" bytes cut "));
        assert_eq!(evidence("console", "short").text, "short");
    }
}
