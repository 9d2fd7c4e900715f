//! How the image of a variant is built.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

/// A build by the user's Packer. Paths are relative to the matrix file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// The template, or the folder of one.
    pub template: Utf8PathBuf,
    /// The one source to build; `None` for all that the template has.
    pub only: Option<String>,
    /// Values of the template's variables.
    pub variables: BTreeMap<String, String>,
    /// Files with values of the template's variables.
    pub variable_files: Vec<Utf8PathBuf>,
    /// The Systems Manager parameter that names the newest image that was built.
    pub parameter: Option<String>,
}
