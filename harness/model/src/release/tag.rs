//! Tags of an image that was promoted or revoked.
//!
//! None of them is `amiproof:run`: that tag says that a resource belongs to a run and goes with it.

/// The status of an image: see [`Status`].
pub const STATUS: &str = "amiproof:status";
/// The run that tested it.
pub const TESTED_BY: &str = "amiproof:tested-by-run";
/// What it was promoted as, separated by spaces: `MATRIX/VARIANT`.
pub const PROMOTED_AS: &str = "amiproof:promoted-as";
/// The Systems Manager parameters that name it, separated by spaces.
pub const NAMED_BY: &str = "amiproof:named-by";
/// `sha256:…` of the report of that run.
pub const REPORT: &str = "amiproof:report";
/// When the status was given, in RFC 3339.
pub const SINCE: &str = "amiproof:status-since";
/// Why it was revoked.
pub const REASON: &str = "amiproof:revoked-because";
/// What an image was built as: `MATRIX/VARIANT`.
pub const BUILT_AS: &str = "amiproof:built-as";
/// `sha256:…` of the template, the variables and the files of variables that it was built from.
pub const BUILT_FROM: &str = "amiproof:built-from";
/// The image that it was built on.
pub const BASE: &str = "amiproof:base-image";
/// On a parameter: the `MATRIX/VARIANT` whose newest image it names. A parameter without it is not amiproof's.
pub const PARAMETER: &str = "amiproof:promotes";

/// The longest value of a tag, characters (EC2 and Systems Manager).
pub const LONGEST_VALUE: usize = 256;

/// Whether a text is the name of a Systems Manager parameter that an account may create, below `/` so that it can be a path (Systems Manager
/// user guide, "Parameter name requirements").
pub fn is_parameter_name(text: &str) -> bool {
    let bare = text.trim_start_matches('/').to_ascii_lowercase();
    text.starts_with('/')
        && text.len() <= 1011
        && !bare.is_empty()
        && !["aws", "ssm"].iter().any(|reserved| bare.starts_with(reserved))
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "/_.-".contains(letter))
}

/// Whether an image may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "lowercase")]
pub enum Status {
    /// It passed the gates.
    Promoted,
    /// It was promoted once, and must not be used any more.
    Revoked,
}

impl Status {
    /// The tag's value.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The status that a tag's value stands for, if it stands for one.
    pub fn of(value: &str) -> Option<Self> {
        value.parse().ok()
    }
}

/// Text as the value of a tag: characters that tags cannot hold become spaces, and long text is cut off.
pub fn value(text: &str) -> String {
    let is_allowed = |letter: char| letter.is_alphanumeric() || " _.:/=+-@".contains(letter);
    let plain: String = text.chars().map(|letter| if is_allowed(letter) { letter } else { ' ' }).collect();
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    plain.chars().take(LONGEST_VALUE).collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_status_is_read_as_it_is_written() {
        for status in [Status::Promoted, Status::Revoked] {
            assert_eq!(Status::of(status.as_str()), Some(status));
        }
        assert_eq!(Status::of("promoted "), None);
    }

    proptest! {
        /// Systems Manager refuses a tag with anything else; EC2 would take it.
        #[test]
        fn any_text_is_a_legal_value(text in any::<String>()) {
            let value = value(&text);
            prop_assert!(value.chars().count() <= LONGEST_VALUE);
            prop_assert!(value.chars().all(|letter| letter.is_alphanumeric() || " _.:/=+-@".contains(letter)));
            prop_assert_eq!(value.trim(), value.as_str());
        }
    }
}
