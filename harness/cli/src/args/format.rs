//! Arguments whose values are the variants of an enum of another package.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use strum::{EnumMessage, VariantArray};

/// Parses a variant by its name or an alias. The help text of a value is the documentation of the variant.
pub(crate) fn variant<T>() -> impl TypedValueParser<Value = T>
where
    T: VariantArray + EnumMessage + Copy + Into<&'static str> + Send + Sync + 'static,
{
    let value = |variant: &T| {
        let name: &'static str = (*variant).into();
        let aliases = variant.get_serializations().iter().filter(move |alias| **alias != name);
        PossibleValue::new(name).aliases(aliases.copied()).help(variant.get_documentation().unwrap_or_default())
    };
    PossibleValuesParser::new(T::VARIANTS.iter().map(value)).try_map(|text| {
        let is_meant = |variant: &&T| variant.get_serializations().contains(&text.as_str());
        T::VARIANTS.iter().find(is_meant).copied().ok_or("unknown value")
    })
}

/// A variant, or the word that stands for none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Or<T>(pub(crate) Option<T>);

/// As [`variant`], with one more word, and its help text, that stands for no variant.
pub(crate) fn variant_or<T>(word: &'static str, help: &'static str) -> impl TypedValueParser<Value = Or<T>>
where
    T: VariantArray + EnumMessage + Copy + Into<&'static str> + Send + Sync + 'static,
{
    let named = T::VARIANTS.iter().map(|variant| {
        let name: &'static str = (*variant).into();
        PossibleValue::new(name).help(variant.get_documentation().unwrap_or_default())
    });
    let all: Vec<PossibleValue> = std::iter::once(PossibleValue::new(word).help(help)).chain(named).collect();
    PossibleValuesParser::new(all).map(|text| {
        Or(T::VARIANTS.iter().find(|variant| Into::<&'static str>::into(**variant) == text.as_str()).copied())
    })
}

#[cfg(test)]
mod tests {
    use amiproof_core::iam::Goal;
    use amiproof_reports::Format;
    use amiproof_reports::compare::ComparisonFormat;

    use super::*;

    fn parsed<T>(text: &str) -> Option<T>
    where
        T: VariantArray + EnumMessage + Copy + Into<&'static str> + Send + Sync + 'static,
    {
        let command = clap::Command::new("test").arg(clap::Arg::new("value").value_parser(variant::<T>()));
        command.no_binary_name(true).try_get_matches_from([text]).ok()?.get_one("value").copied()
    }

    #[test]
    fn a_value_is_a_variant_by_its_name_or_alias() {
        for &format in Format::ALL {
            assert_eq!(parsed(format.as_str()), Some(format));
        }
        assert_eq!(parsed("text"), Some(Format::Terminal));
        assert_eq!(parsed("terminal"), Some(ComparisonFormat::Terminal));
        assert_eq!(parsed("sweep"), Some(Goal::Sweep));
        assert_eq!(parsed::<Goal>("run"), None);
    }
}
