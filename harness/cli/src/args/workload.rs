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
    List {
        /// Output format
        #[arg(short, long, value_enum, default_value_t = OutputForm::Text, value_name = "FORMAT")]
        output: OutputForm,
    },
    /// Create a workload file: a commented example, or a header for existing manifests or a Helm chart
    New {
        /// Name of the workload
        name: String,
        /// Folder of manifests, Helm chart, or '-' for manifests on standard input
        #[arg(long, value_name = "PATH")]
        from: Option<String>,
        /// Folder to write NAME.yaml to; paths in --from are relative to it
        #[arg(long, default_value = "", hide_default_value = true, value_name = "DIR")]
        folder: Utf8PathBuf,
    },
    /// Run workloads: the same as 'amiproof test --workloads'
    Test {
        /// Names from the catalogue or the matrix, files or folders
        #[arg(required = true, value_name = "NAME|PATH")]
        workloads: Vec<String>,
        #[command(flatten)]
        more: Box<Resumed>,
    },
    /// List all images that a run pulls, for example to mirror them
    Images {
        /// Names from the catalogue, files or folders [default: the whole catalogue]
        workloads: Vec<String>,
        /// Also print the name of each image in this registry
        #[arg(long, value_name = "REGISTRY")]
        image_registry: Option<String>,
        /// Output format
        #[arg(short, long, value_enum, default_value_t = OutputForm::Text, value_name = "FORMAT")]
        output: OutputForm,
    },
    /// Print the manifests of a workload as amiproof applies them
    Render {
        /// Name from the catalogue, a file or a folder
        name: String,
        /// Pull all images from this registry
        #[arg(long, value_name = "REGISTRY")]
        image_registry: Option<String>,
        /// Node group that the pods are pinned to
        #[arg(long, default_value = "my-node-group", value_name = "NAME")]
        node_group: String,
    },
}
