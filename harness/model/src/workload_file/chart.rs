//! The Helm chart of a workload file.

use camino::Utf8PathBuf;

/// A Helm chart with the inputs of its rendering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chart {
    /// The chart as written in the file: a path relative to the file, or a reference with `://`.
    pub chart: String,
    /// The release's name.
    pub release: String,
    /// Value files.
    pub values: Vec<Utf8PathBuf>,
}

impl Chart {
    /// Whether it is in a registry or on a web server, so that rendering needs the network.
    pub fn is_elsewhere(&self) -> bool {
        self.chart.contains("://")
    }
}
