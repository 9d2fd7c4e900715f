//! The types of settings.

use amiproof_model::problem::one_of;

/// The type of a setting.
#[derive(Debug)]
pub(in crate::user_data) enum Shape {
    /// Anything: what its reader makes of it is not modelled.
    Any,
    /// Text.
    Text,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// Text or a number: sizes and shares that readers take in both forms.
    Scalar,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list.
    List(&'static Shape),
    /// A list, or its only item.
    OneOrMore(&'static Shape),
    /// Names of the user's own.
    Map(&'static Shape),
    /// These names, all of one shape.
    Keys(&'static [&'static str], &'static Shape),
    /// These settings.
    Table(&'static [(&'static str, Shape)]),
}

/// A list of texts.
pub(in crate::user_data) const TEXTS: Shape = Shape::List(&Shape::Text);

impl Shape {
    /// What to write: `true or false`.
    pub(super) fn description(&self) -> String {
        match self {
            Self::Any => "anything".to_owned(),
            Self::Text => "text".to_owned(),
            Self::Bool => "true or false".to_owned(),
            Self::Integer => "a whole number".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::Scalar => "text or a number".to_owned(),
            Self::Word(words) => one_of(words),
            Self::List(inner) => format!("a list of {}", inner.description()),
            Self::OneOrMore(inner) => format!("{} or a list of it", inner.description()),
            Self::Map(_) | Self::Keys(..) | Self::Table(_) => "a table of settings".to_owned(),
        }
    }
}
