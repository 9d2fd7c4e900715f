use super::*;

fn read(text: &str) -> Result<String, ImportError> {
    let mut xml = Xml::new(text.as_bytes());
    let mut seen = String::new();
    loop {
        match xml.next()? {
            Token::Open(tag) => {
                seen.push_str(&format!("({}", String::from_utf8_lossy(tag.name())));
                if let Some(id) = tag.attribute("id") {
                    seen.push_str(&format!(" {id}"));
                }
            }
            Token::Text(text) => seen.push_str(&String::from_utf8_lossy(&text)),
            Token::Close(_) => seen.push(')'),
            Token::Other => {}
            Token::End => return Ok(seen),
        }
    }
}

fn refused(text: &str) -> String {
    read(text).expect_err(&text.chars().take(80).collect::<String>()).to_string()
}

#[test]
fn a_document_is_read_with_references_and_empty_elements() {
    let text =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><p:a id='1 &amp; 2'><!-- c --><b/>&lt;x&#62;<![CDATA[<raw>]]></p:a>";
    assert_eq!(read(text).unwrap(), "(a 1 & 2(b)<x><raw>)");
}

#[test]
fn external_entities_and_billion_laughs_are_refused_where_the_dtd_begins() {
    let outside = "<?xml version='1.0'?><!DOCTYPE r [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><r>&x;</r>";
    let laughs: String =
        (1..10).map(|at| format!("<!ENTITY l{at} '{}'>", format!("&l{};", at - 1).repeat(10))).collect();
    let laughs = format!("<!DOCTYPE r [<!ENTITY l0 'ha'>{laughs}]><r>&l9;</r>");
    let parameter = "<!DOCTYPE r SYSTEM 'http://127.0.0.1:1/evil.dtd'><r/>";
    for text in [outside, laughs.as_str(), parameter] {
        let error = refused(text);
        assert!(error.contains("document type") && error.contains("remove"), "{error}");
    }
    assert!(refused("<r>&x;</r>").contains("'x'"));
}

#[test]
fn a_file_that_ends_too_early_is_never_taken_for_a_whole_one() {
    for text in ["<a><b>text", "<a><b", "<a><!-- c", "<a><![CDATA[x"] {
        let error = refused(text);
        assert!(error.contains("is truncated"), "{text}: {error}");
    }
    assert!(refused("just text").contains("no element"));
    assert!(refused("<a></b>").contains("byte"));
}

#[test]
fn depth_attributes_and_length_have_limits() {
    assert!(refused(&"<a>".repeat(300)).contains("nesting"));
    let attributes: String = (0..300).map(|at| format!(" a{at}='1'")).collect();
    assert!(refused(&format!("<a{attributes}/>")).contains("256 attributes"));
    assert!(refused(&format!("<a b='{}'/>", "x".repeat(300 * 1024))).contains("256 KiB"));
    let long = "x".repeat(MAX_PIECE + 10);
    for text in [format!("<a>{long}</a>"), format!("<a><!--{long}--></a>"), format!("<a {long}/>")] {
        assert!(refused(&text).contains("16 MiB"));
    }
}

#[test]
fn another_encoding_than_unicode_is_refused_by_name() {
    assert!(refused("<?xml version='1.0' encoding='ISO-8859-1'?><a/>").contains("ISO-8859-1"));
}
