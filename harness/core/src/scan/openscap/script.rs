//! The scripts that run on a node: one lists OpenSCAP's content, one evaluates and reduces the result so that it can be read back.
//!
//! Results of `oscap xccdf eval` are several megabytes, nearly all of it the content's own text. `oscap` itself transforms them with a
//! stylesheet into what becomes rows, so that a node needs nothing else than `oscap`.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::Evaluation;

/// What is kept of results.
const STYLESHEET: &str = include_str!("brief.xsl");

/// Where the SCAP Security Guide puts its content.
const GUIDE: &str = "/usr/share/xml/scap/ssg/content";

/// Prints `absent`, `content PATH` with a line `profile ID` for each of its profiles, or `no content` and what is there.
pub(super) fn look(contents: &[String]) -> String {
    let contents = contents.join(" ");
    format!(
        r#"command -v oscap > /dev/null 2>&1 || {{ echo absent; exit 0; }}
for content in {contents}; do
  if [ -r "$content" ]; then
    echo "content $content"
    oscap info --profiles "$content" | sed 's/:.*//; s/^/profile /'
    exit 0
  fi
done
echo "no content: {GUIDE} holds $(ls {GUIDE} 2> /dev/null | tr '\n' ' ')"
"#
    )
}

/// The content of the SCAP Security Guide by the ID of the operating system, in order of preference.
pub(super) fn guide(products: &[&str]) -> Vec<String> {
    products.iter().map(|product| format!("{GUIDE}/ssg-{product}-ds.xml")).collect()
}

/// Evaluates and prints the transformed result. `oscap` ends with 0 when all rules pass and with 2 when one fails (oscap(8)).
/// Nothing is fetched: remote resources are left out.
pub(super) fn evaluate(evaluation: &Evaluation) -> String {
    let stylesheet = BASE64_STANDARD.encode(STYLESHEET);
    let Evaluation { content, profile } = evaluation;
    format!(
        r#"d=$(mktemp -d /run/amiproof-oscap.XXXXXX) || exit 125
trap 'rm -rf "$d"' EXIT
echo {stylesheet} | base64 -d > "$d/brief.xsl"
oscap xccdf eval --profile {profile} --results "$d/results.xml" {content} > "$d/out" 2> "$d/err"
code=$?
if [ "$code" -ne 0 ] && [ "$code" -ne 2 ]; then tail -n 5 "$d/err" >&2; exit 1; fi
oscap xccdf generate custom --stylesheet "$d/brief.xsl" "$d/results.xml"
"#
    )
}
