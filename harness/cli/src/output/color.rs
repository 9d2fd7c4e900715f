//! Whether text may be coloured, for one stream.

use crate::args::Color;

/// What the environment says about colour (<https://no-color.org>, <https://bixense.com/clicolors>).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Environment {
    /// NO_COLOR has a value: never.
    pub(super) never: bool,
    /// CLICOLOR_FORCE has a value other than 0: always.
    pub(super) always: bool,
    /// CLICOLOR is 0, or the terminal is a dumb one: not even on a terminal.
    pub(super) plain: bool,
}

impl Environment {
    /// That of this process.
    pub(super) fn read() -> Self {
        let value = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            never: std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
            always: value("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
            plain: value("CLICOLOR").is_some_and(|value| value == "0")
                || value("TERM").is_some_and(|value| value == "dumb"),
        }
    }
}

/// The option decides; then NO_COLOR, which users set to turn colour off everywhere; then CLICOLOR_FORCE; then
/// whether it is a terminal.
pub(super) fn is_coloured(wish: Color, is_terminal: bool, environment: Environment) -> bool {
    match wish {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if environment.never => false,
        Color::Auto => environment.always || (is_terminal && !environment.plain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_counts_more_than_the_environment_and_that_more_than_the_terminal() {
        let none = Environment::default();
        let never = Environment { never: true, ..none };
        let always = Environment { always: true, ..none };
        let both = Environment { never: true, always: true, ..none };
        let plain = Environment { plain: true, ..none };
        for (wish, environment, on_terminal, elsewhere) in [
            (Color::Auto, none, true, false),
            (Color::Auto, never, false, false),
            (Color::Auto, always, true, true),
            (Color::Auto, both, false, false),
            (Color::Auto, plain, false, false),
            (Color::Auto, Environment { always: true, plain: true, ..none }, true, true),
            (Color::Always, both, true, true),
            (Color::Never, always, false, false),
        ] {
            assert_eq!(is_coloured(wish, true, environment), on_terminal, "{wish:?} {environment:?}");
            assert_eq!(is_coloured(wish, false, environment), elsewhere, "{wish:?} {environment:?}");
        }
    }
}
