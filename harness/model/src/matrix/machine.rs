//! Instance types that can boot a variant's image.

use super::resolver::{Resolver, list};
use super::spec::Architecture;
use crate::form::List;
use crate::name::NameError;

pub(super) fn instance_types(resolver: &mut Resolver<'_>, at: &str, raw: Option<List<String>>) -> Vec<String> {
    list(resolver, at, raw, |resolver, path, text| {
        let parsed = if is_instance_type(&text) {
            Ok(text)
        } else {
            Err(NameError { what: "instance type", text, rule: "a type with its size, like m6i.large".to_owned() })
        };
        resolver.name(path, parsed)
    })
}

pub(super) fn chosen_types(
    resolver: &mut Resolver<'_>,
    path: &str,
    own: Option<List<String>>,
    architecture: Architecture,
    fallback: Option<&[String]>,
) -> Vec<String> {
    let own = own.map(|raw| instance_types(resolver, &format!("{path}.instanceTypes"), Some(raw)));
    let standard = match architecture {
        Architecture::X86_64 => "m6i.large",
        Architecture::Arm64 => "m6g.large",
    };
    let types = own.or_else(|| fallback.map(<[String]>::to_vec)).filter(|types| !types.is_empty());
    let types = types.unwrap_or_else(|| vec![standard.to_owned()]);
    for kind in types.iter().filter(|kind| is_graviton(kind) != (architecture == Architecture::Arm64)) {
        let word = architecture.as_str();
        resolver.problem(
            &format!("{path}.instanceTypes"),
            format!("the instance type {kind} does not boot an image for {word}"),
            format!("write instanceTypes: [{standard}] for this variant, or change its architecture"),
        );
    }
    types
}

/// `m6i.large`, `u-6tb1.metal`, `m7i-flex.large`: a family with a generation, a dot, a size.
fn is_instance_type(text: &str) -> bool {
    text.split_once('.').is_some_and(|(family, size)| {
        let word = |part: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        };
        word(family)
            && word(size)
            && family.starts_with(|c: char| c.is_ascii_lowercase())
            && family.contains(|c: char| c.is_ascii_digit())
    })
}

/// Whether a type has Graviton processors by AWS's naming scheme: a `g` among the letters after the generation, or a1, the first Graviton family
/// (EC2 user guide, "Instance type naming conventions").
fn is_graviton(kind: &str) -> bool {
    let family = kind.split('.').next().unwrap_or_default();
    let behind_generation =
        family.trim_start_matches(|c: char| !c.is_ascii_digit()).trim_start_matches(|c: char| c.is_ascii_digit());
    family == "a1" || behind_generation.contains('g')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_type_is_a_family_with_a_generation_and_a_size() {
        for kind in
            ["m6i.large", "a1.metal", "m7i-flex.large", "u-6tb1.112xlarge", "u7in-16tb.224xlarge", "g4dn.xlarge"]
        {
            assert!(is_instance_type(kind), "{kind}");
        }
        for kind in ["", "m6i", "m6i.", ".large", "M6i.large", "large.m", "m6i large", "6m.large"] {
            assert!(!is_instance_type(kind), "{kind:?}");
        }
    }

    #[test]
    fn graviton_is_told_from_graphics() {
        for kind in [
            "a1.large",
            "t4g.small",
            "m6gd.large",
            "c7gn.xlarge",
            "im4gn.large",
            "is4gen.large",
            "x2gd.metal",
            "g5g.xlarge",
            "hpc7g.4xlarge",
        ] {
            assert!(is_graviton(kind), "{kind}");
        }
        for kind in [
            "m6i.large",
            "g4dn.xlarge",
            "g5.xlarge",
            "g6e.xlarge",
            "t3a.small",
            "m7i-flex.large",
            "u-6tb1.metal",
            "i7ie.large",
        ] {
            assert!(!is_graviton(kind), "{kind}");
        }
    }
}
