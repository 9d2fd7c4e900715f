//! The settings that hardening changes and that break nodes: one file each in `suites/settings`, embedded in the program and read once.

use std::sync::LazyLock;

use amiproof_model::setting::{self, Setting};

/// Every file of `settings/` by name, in order of names.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/settings.rs"));

/// A file that cannot be read is left out and said in the log, and the tests of this module fail: less is explained, and nothing else is wrong.
static SETTINGS: LazyLock<Vec<Setting>> = LazyLock::new(|| {
    let read = |(name, text): &(&str, &str)| {
        let setting = setting::parse(text);
        setting.inspect_err(|error| tracing::warn!(%name, %error, "a setting cannot be read and explains nothing")).ok()
    };
    FILES.iter().filter_map(read).collect()
});

/// The settings, in order of their names.
pub fn all() -> &'static [Setting] {
    &SETTINGS
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod topics;
