//! The settings that hardening changes and that break nodes: one file each in `suites/settings`, embedded in the program and read once.

use std::sync::LazyLock;

use amiproof_model::setting::{self, Setting};

/// Every file of `settings/` by name, in order of names.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/settings.rs"));

/// A file that cannot be read is left out, and the tests of this module fail: less would be explained, and nothing else be wrong.
static SETTINGS: LazyLock<Vec<Setting>> =
    LazyLock::new(|| FILES.iter().filter_map(|(_, text)| setting::parse(text).ok()).collect());

/// The settings, in order of their names.
pub fn all() -> &'static [Setting] {
    &SETTINGS
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod topics;
