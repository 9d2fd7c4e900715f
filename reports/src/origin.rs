//! The origin of a failure, as text.

use amiproof_model::judge::Origin;

pub(crate) fn origin_word(origin: Origin) -> &'static str {
    match origin {
        Origin::Hardening => "hardening",
        Origin::Environment => "environment",
        Origin::NotApplied => "not applied",
        Origin::Lost => "lost",
        Origin::Unknown => "unknown",
    }
}

/// The meaning of an origin, as a clause.
pub(crate) fn origin_sentence(origin: Origin) -> &'static str {
    match origin {
        Origin::Hardening => "hardening (the reference passes)",
        Origin::Environment => "environment (the reference fails too)",
        Origin::NotApplied => "not applied (the reference does not meet it either)",
        Origin::Lost => "lost (the reference meets it)",
        Origin::Unknown => "unknown (no reference, or it was not evaluated)",
    }
}
