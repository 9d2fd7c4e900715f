//! A digest of what a check asks, so that a comparison can tell whether it was the same in both runs.

use amiproof_model::workload::Workload;
use serde_json::json;

use crate::digest::short_sha256;

/// The first 12 hexadecimal digits of a digest of what a workload file asks: its objects, expectations, needs, timeout and operating system.
/// Title, comments and layout of the file do not count, and neither does the order of keys.
pub fn digest(workload: &Workload) -> String {
    let asked = json!({
        "objects": workload.objects,
        "expect": workload.expect,
        "needs": workload.needs,
        "exercises": workload.exercises,
        "timeoutSeconds": workload.timeout.as_secs_f64(),
        "os": workload.os,
    });
    let mut text = String::new();
    write(&asked, &mut text);
    short_sha256(text, 6)
}

/// JSON with sorted keys.
fn write(value: &serde_json::Value, out: &mut String) {
    match value {
        serde_json::Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (key, value) in sorted {
                out.push_str(&serde_json::Value::from(key.as_str()).to_string());
                out.push(':');
                write(value, out);
                out.push(',');
            }
            out.push('}');
        }
        serde_json::Value::Array(items) => {
            out.push('[');
            for item in items {
                write(item, out);
                out.push(',');
            }
            out.push(']');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "apiVersion: amiproof/v1\nkind: Workload\nmetadata: {name: a}\nspec:\n  title: it is ready\n  expect: [ready: pod/a]\n  \
                        exercises: [image-pull]\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {app: a}}\nspec:\n  \
                        containers: [{name: a, image: example.com/a}]\n";

    fn digest_of(text: &str) -> String {
        digest(&amiproof_model::workload_file::parse("a.yaml", text.as_bytes()).unwrap())
    }

    #[test]
    fn what_is_asked_counts_and_how_it_is_written_does_not() {
        let first = digest_of(FILE);
        assert_eq!(first.len(), 12);
        for same in [
            FILE.replace("it is ready", "it runs"),
            FILE.replace("---", "# a comment\n---"),
            FILE.replace("{name: a, labels: {app: a}}", "{labels: {app: a}, name: a}"),
            FILE.replace("{name: a, image: example.com/a}", "{image: example.com/a, name: a}"),
        ] {
            assert_eq!(digest_of(&same), first, "{same}");
        }
        for other in [
            FILE.replace("example.com/a", "example.com/b"),
            FILE.replace("[image-pull]", "[image-pull]\n  timeout: 30s"),
            FILE.replace("[image-pull]", "[image-pull, cluster-dns]"),
            FILE.replace("{app: a}", "{app: b}"),
        ] {
            assert_ne!(digest_of(&other), first, "{other}");
        }
    }
}
