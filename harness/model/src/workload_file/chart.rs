//! A Helm chart as a workload file names it.

use camino::Utf8PathBuf;

/// A Helm chart with what it is rendered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chart {
    /// The chart as the file names it, below the file's folder unless it is a reference with `://`.
    pub chart: String,
    /// The release's name.
    pub release: String,
    /// Files of values.
    pub values: Vec<Utf8PathBuf>,
}

impl Chart {
    /// Whether it lies in a registry or on a web server, and rendering it takes the network.
    pub fn is_elsewhere(&self) -> bool {
        self.chart.contains("://")
    }
}
