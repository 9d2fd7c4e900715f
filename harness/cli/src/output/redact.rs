//! Text without credentials, for files that people send around.

use std::sync::LazyLock;

use regex::Regex;

/// What stands in place of a credential.
const HIDDEN: &str = "[hidden]";

/// Variables of the environment whose values are credentials.
const VARIABLES: [&str; 4] =
    ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN"];

/// A shorter value would hide ordinary words.
const SHORTEST: usize = 8;

/// The credentials of this process, whose values are hidden wherever they stand.
#[derive(Clone, Debug, Default)]
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    /// Those of the environment.
    pub(super) fn of_environment() -> Self {
        let values = VARIABLES.iter().filter_map(|name| std::env::var(name).ok());
        Self(values.filter(|value| value.len() >= SHORTEST).collect())
    }

    /// The text without them, and without what looks like the credentials of anything else.
    pub(super) fn hide(&self, text: &str) -> String {
        let mut text =
            shapes().iter().fold(text.to_owned(), |text, shape| match shape.replace_all(&text, replacement()) {
                std::borrow::Cow::Borrowed(_) => text,
                std::borrow::Cow::Owned(changed) => changed,
            });
        for value in &self.0 {
            if text.contains(value.as_str()) {
                text = text.replace(value.as_str(), HIDDEN);
            }
        }
        text
    }
}

fn replacement() -> &'static str {
    const KEPT: &str = "${kept}[hidden]${after}";
    KEPT
}

/// What credentials look like: parameters of presigned URLs, tokens of EKS and of service accounts (JWT), headers, private keys, and
/// passwords in URLs.
fn shapes() -> &'static [Regex] {
    static SHAPES: LazyLock<Vec<Regex>> = LazyLock::new(|| {
        let shapes = [
            r"(?i)(?P<kept>x-amz-(?:signature|security-token|credential)(?:=|%3D|: ?))[^&\s\x22']+",
            r"(?P<kept>\b)k8s-aws-v1\.[A-Za-z0-9_-]+",
            r"(?P<kept>\b)eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*",
            r"(?i)(?P<kept>\bauthorization\x22?(?::|=) ?\x22?(?:(?:bearer|basic) )?)[^\s\x22,]+",
            r"(?i)(?P<kept>\bbearer )[A-Za-z0-9._~+/=-]{8,}",
            r"(?i)(?P<kept>\x22?(?:aws_?)?(?:secret_?access_?key|session_?token)\x22?(?::|=) ?\x22?)[^\s\x22,]+",
            r"(?P<kept>://[^/\s:@]*:)[^/\s@]+(?P<after>@)",
            r"(?P<kept>-----BEGIN [A-Z ]*PRIVATE KEY-----)[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)",
        ];
        // A test compiles each; one that did not compile would be missing here.
        shapes.iter().filter_map(|shape| Regex::new(shape).ok()).collect()
    });
    &SHAPES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_hidden_and_everything_else_stays() {
        let secrets = Secrets(vec!["wJalrXUtnFEMI/K7MDENG".to_owned()]);
        assert_eq!(shapes().len(), 8, "each is a regular expression");
        for (text, wanted) in [
            ("key wJalrXUtnFEMI/K7MDENG used", "key [hidden] used"),
            (
                "GET https://s3/a?X-Amz-Credential=AKIA%2Fus&X-Amz-Expires=60&X-Amz-Signature=0af3 failed",
                "GET https://s3/a?X-Amz-Credential=[hidden]&X-Amz-Expires=60&X-Amz-Signature=[hidden] failed",
            ),
            ("token k8s-aws-v1.aHR0cHM6Ly9zdHM sent", "token [hidden] sent"),
            ("Authorization: Bearer abcdef.ghi", "Authorization: Bearer [hidden]"),
            ("jwt eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln.", "jwt [hidden]."),
            (r#"{"SecretAccessKey": "abc/def", "x": 1}"#, r#"{"SecretAccessKey": "[hidden]", "x": 1}"#),
            ("proxy http://user:hunter2@proxy:3128", "proxy http://user:[hidden]@proxy:3128"),
            (
                "a -----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY----- b",
                "a -----BEGIN EC PRIVATE KEY-----[hidden] b",
            ),
            ("run r-1 (amiproof-runs/runs/r-1)", "run r-1 (amiproof-runs/runs/r-1)"),
            ("https://example.com:443/path?x=y node/ready: pass", "https://example.com:443/path?x=y node/ready: pass"),
        ] {
            assert_eq!(secrets.hide(text), wanted);
        }
    }
}
