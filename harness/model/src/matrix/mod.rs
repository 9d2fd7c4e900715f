//! The matrix file (`amiproof.yaml`) in three layers: raw text, names that cannot be wrong, and [`Matrix`], which is resolved:
//! every default filled in, every reference checked.

mod base_image;
mod build;
mod cluster;
mod cross;
mod fallback;
pub(crate) mod file;
mod governance;
mod history;
mod image;
pub mod image_builder;
pub mod init;
mod machine;
mod nodes;
mod releases;
mod resolve;
mod resolver;
mod scans;
pub(crate) mod sources;
pub(crate) mod spec;
mod thresholds;
mod user_data;
mod variant;

pub use self::base_image::{HOW_TO_BUILD, base_image_kind};
pub use self::history::HistorySpec;
pub use self::releases::ReleasesError;
pub use self::resolve::{Resolved, resolve};
pub use self::sources::{Files, ReadFile};
pub use self::spec::build::Build;
pub use self::spec::governance::{ControlPlaneLog, Endpoint, Governance};
pub use self::spec::scans::{KubeBench, OpenScap, Runs, RunsBy, ScanSettings, ScannedNodes};
pub use self::spec::{
    AddonSpec, AmiSource, Architecture, Capacity, ClusterSpec, Family, Hardening, MadeNodes, Matrix, NodeSource,
    PODS_PER_VARIANT, SuiteSelection, Timeouts, UserData, Variant, WorkloadSource,
};
