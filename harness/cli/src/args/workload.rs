//! `amiproof workload` as data.

use camino::Utf8PathBuf;
use clap::{Args, Subcommand};

use super::{OutputForm, Resumed};

/// Options of 'workload'.
#[derive(Debug, Args)]
pub(crate) struct Workload {
    #[command(subcommand)]
    pub(crate) command: WorkloadCommand,
}

/// What to do with workloads.
#[derive(Debug, Subcommand)]
pub(crate) enum WorkloadCommand {
    /// List the catalogue
    List,
    /// Write a workload of your own to start from, or around manifests or a chart
    New {
        /// Its name
        name: String,
        /// A folder of manifests, a Helm chart, or '-' for manifests on standard input
        #[arg(long, value_name = "PATH")]
        from: Option<String>,
        /// Where to write NAME.yaml; paths of --from are relative to it
        #[arg(long, default_value = "", hide_default_value = true, value_name = "DIR")]
        folder: Utf8PathBuf,
    },
    /// Run workloads: the same as 'amiproof test --workloads'
    Test {
        /// Names of the catalogue or the matrix, files or folders
        #[arg(required = true, value_name = "NAME|PATH")]
        workloads: Vec<String>,
        #[command(flatten)]
        more: Box<Resumed>,
    },
    /// List every image that a run pulls, for a mirror
    Images {
        /// Names in the catalogue, files or folders; the whole catalogue when not given
        workloads: Vec<String>,
        /// Print each image with its name in this registry behind it
        #[arg(long, value_name = "REGISTRY")]
        image_registry: Option<String>,
        /// How to print it
        #[arg(long, value_enum, default_value_t = OutputForm::Text)]
        output: OutputForm,
    },
    /// Print one with everything that amiproof adds to it
    Render {
        /// Its name in the catalogue, a file, or a folder
        name: String,
        /// Pull every image from this registry instead
        #[arg(long, value_name = "REGISTRY")]
        image_registry: Option<String>,
        /// The node group that its pods are pinned to
        #[arg(long, default_value = "my-node-group", value_name = "NAME")]
        node_group: String,
    },
}
