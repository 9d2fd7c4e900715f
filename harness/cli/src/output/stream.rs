//! What may be written to standard output or standard error.

use super::clean;
use super::color::{Environment, is_coloured};
use crate::args::Color;

/// One of the two streams: what may be written to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stream {
    /// Whether it is a terminal.
    pub(super) terminal: bool,
    /// Whether text may be coloured.
    pub(super) color: bool,
    /// Whether a CI system may read it, which interprets certain lines as commands.
    is_read_by_ci: bool,
}

impl Stream {
    pub(super) fn new(terminal: bool, wish: Color) -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let color = is_coloured(wish, terminal, Environment::read());
        let is_ci = ["CI", "GITHUB_ACTIONS", "TF_BUILD", "TEAMCITY_VERSION"].into_iter().any(set);
        Self { terminal, color, is_read_by_ci: is_ci || !terminal }
    }

    pub(super) fn clean(self, text: &str) -> String {
        clean::text(text, clean::Keep { color: self.color, commands: !self.is_read_by_ci })
    }
}
