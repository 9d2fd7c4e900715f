//! How a variant's image is built.

use camino::Utf8PathBuf;

use super::file::BuildSection;
use super::resolver::{Resolver, list};
use super::spec::AmiSource;
use super::spec::build::Build;
use crate::release::tag::is_parameter_name;

/// Resolves what a section says about the build of its image. That the template exists is checked where it is built: a test run needs only
/// the image.
pub(super) fn build(
    resolver: &mut Resolver<'_>,
    path: &str,
    raw: BuildSection,
    ami: Option<&AmiSource>,
) -> Option<Build> {
    let at = format!("{path}.build");
    if let Some(ami) = ami
        && !matches!(ami, AmiSource::PackerManifest { .. })
    {
        let message = "a build writes its image to a Packer manifest, but this variant takes its image from elsewhere";
        resolver.problem(&at, message, "name the manifest with ami: {packerManifest: FILE}, or remove build");
        return None;
    }
    let is_source = |text: &str| {
        !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "._-".contains(letter))
    };
    let only = match raw.only {
        Some(only) => {
            let rule = "one source as Packer names it, like amazon-ebs.al2023: patterns are not supported";
            Some(resolver.text(&format!("{at}.only"), only, "Packer source", rule, is_source)?)
        }
        None => None,
    };
    let variables = raw.variables.unwrap_or_default();
    let is_variable = |text: &str| {
        !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-".contains(letter))
    };
    for name in variables.keys() {
        let rule = "the name of a variable of the template: letters, digits, '_' and '-'";
        resolver.text(&format!("{at}.variables.{name}"), name.clone(), "variable name", rule, is_variable)?;
    }
    let parameter = match raw.parameter {
        Some(name) => {
            let rule = "the name of a parameter of your own: '/' and letters, digits, '_', '.' and '-', not below /aws";
            Some(resolver.text(&format!("{at}.parameter"), name, "SSM parameter", rule, is_parameter_name)?)
        }
        None => None,
    };
    let files =
        list(resolver, &format!("{at}.variableFiles"), raw.variable_files, |_, _, file| Some(Utf8PathBuf::from(file)));
    Some(Build { template: Utf8PathBuf::from(raw.template?), only, variables, variable_files: files, parameter })
}
