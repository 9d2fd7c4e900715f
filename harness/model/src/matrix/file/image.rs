//! Where an image comes from, as the matrix file writes it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::form::List;

/// Source of an image: exactly one of id, ssm, filter, packerManifest and imageBuilder.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("examples" = [{"ssm": "recommended"}]))]
pub(crate) struct AmiSection {
    /// A fixed AMI id.
    #[schemars(example = &"ami-0123456789abcdef0", regex(pattern = r"^ami-([0-9a-f]{8}|[0-9a-f]{17})$"))]
    pub(crate) id: Option<String>,
    /// `recommended` for the newest image that AWS recommends for family, version and architecture, or the name of an SSM
    /// parameter that holds an AMI id.
    #[schemars(example = &"recommended")]
    pub(crate) ssm: Option<String>,
    /// The newest image whose name matches.
    pub(crate) filter: Option<FilterSection>,
    /// The manifest of a Packer build, relative to this file; its newest artifact is used.
    #[schemars(example = &"build/manifest.json")]
    pub(crate) packer_manifest: Option<String>,
    /// The image of EC2 Image Builder whose newest AMI is used: of one build (`../image/golden/1.0.0/3`), of a version (`../image/golden/1.0.0`), or
    /// of any (`../image/golden/x.x.x`).
    #[schemars(example = &"arn:aws:imagebuilder:us-west-2:123456789012:image/golden/x.x.x")]
    pub(crate) image_builder: Option<String>,
    /// Part of the name of a build, to select one in the Packer manifest.
    #[schemars(example = &"Level_1")]
    pub(crate) select: Option<String>,
}

impl AmiSection {
    /// The keys of the sources that are given.
    pub(crate) fn given(&self) -> Vec<&'static str> {
        let sources = [
            ("id", self.id.is_some()),
            ("ssm", self.ssm.is_some()),
            ("filter", self.filter.is_some()),
            ("packerManifest", self.packer_manifest.is_some()),
            ("imageBuilder", self.image_builder.is_some()),
        ];
        sources.into_iter().filter(|(_, is_given)| *is_given).map(|(key, _)| key).collect()
    }
}

/// A build by Packer. Its template must have the post-processor `manifest`, which writes the file of `ami.packerManifest`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BuildSection {
    /// The template, or the folder of one, relative to this file.
    #[schemars(required, example = &"packer/al2023.pkr.hcl")]
    pub(crate) template: Option<String>,
    /// The one source of the template to build. Default: all that it has.
    #[schemars(example = &"amazon-ebs.al2023")]
    pub(crate) only: Option<String>,
    /// Values of the template's variables.
    #[schemars(extend("examples" = [{"level": "1"}]))]
    pub(crate) variables: Option<BTreeMap<String, String>>,
    /// Files with values of the template's variables, relative to this file.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["packer/common.pkrvars.hcl"]]))]
    pub(crate) variable_files: Option<List<String>>,
    /// Systems Manager parameter that names the newest image that was built. `amiproof promote` has one of its own.
    #[schemars(example = &"/cis_ami/al2023/level1/image_id")]
    pub(crate) parameter: Option<String>,
}

/// The newest image whose name matches.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FilterSection {
    /// Name of the image; `*` matches any text, `?` any character.
    #[schemars(required, example = &"al2023-cis-l1-eks-*")]
    pub(crate) name: Option<String>,
    /// Owner of the image: an account id in quotes, self, amazon or aws-marketplace.
    #[schemars(required, example = &"self")]
    pub(crate) owner: Option<String>,
}
