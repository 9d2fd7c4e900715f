//! Captured proof, cut to what a report takes.

use amiproof_model::verdict::Evidence;

/// The longest text in a report; [`Evidence::text`] says so.
const MAX_BYTES: usize = 16 * 1024;

/// A piece of evidence; a longer text keeps its head and its tail.
pub(crate) fn evidence(name: impl Into<String>, text: impl Into<String>) -> Evidence {
    Evidence { name: name.into(), text: cut(text.into()), file: None }
}

fn cut(text: String) -> String {
    if text.len() <= MAX_BYTES {
        return text;
    }
    let half = MAX_BYTES / 2 - 32;
    let head = text.floor_char_boundary(half);
    let tail = text.ceil_char_boundary(text.len() - half);
    format!("{}\n… {} bytes cut …\n{}", &text[..head], tail - head, &text[tail..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_keeps_head_and_tail() {
        let text = format!("head{}tail", "ä".repeat(20_000));
        let cut = evidence("console", text).text;
        assert!(cut.len() <= MAX_BYTES && cut.starts_with("head") && cut.ends_with("tail"), "{}", cut.len());
        assert!(cut.contains(" bytes cut "));
    }
}
