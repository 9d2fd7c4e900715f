//! External manifests that a header names: a folder, or a Helm chart that the caller renders.

use camino::{Utf8Path, Utf8PathBuf};
use schemars::JsonSchema;
use serde::Deserialize;

use super::chart::Chart;
use super::object::{self, Object};
use super::{Owner, Reader};
use crate::form::List;
use crate::matrix::sources::ReadFile;
use crate::name::is_label;
use crate::yaml::{self, Limits, Node};

/// External manifests: exactly one of folder and chart. Their namespaces are replaced by amiproof's.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct FromSection {
    /// A folder of *.yaml files, relative to this one.
    #[schemars(example = &"k8s")]
    folder: Option<String>,
    /// A Helm chart: a folder or archive relative to this file, or a reference that `helm template` understands (oci://…).
    #[schemars(example = &"charts/payments")]
    chart: Option<String>,
    /// Release name for the chart. Default: app.
    #[schemars(example = &"payments")]
    release: Option<String>,
    /// Value files for the chart, relative to this file.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["values.yaml"]]))]
    values: Option<List<String>>,
    /// Kinds to leave out, such as cluster-scoped ones.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["ClusterRole", "ClusterRoleBinding"]]))]
    skip: Option<List<String>>,
}

/// The source of manifests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// Every `*.yaml` and `*.yml` directly in a folder, in order of names.
    Folder(Utf8PathBuf),
    /// The rendered manifests of a chart.
    Chart(Chart),
}

/// Maximum length of a release name in Helm ("Chart Template Guide", built-in objects: it is part of names of at most 63).
const LONGEST_RELEASE: usize = 53;

/// Prefixes of references that Helm fetches charts from.
const SCHEMES: [&str; 3] = ["oci://", "https://", "http://"];

/// Reads the external manifests of a workload file.
pub trait ManifestSource {
    /// All manifest files with their names in problems.
    ///
    /// # Errors
    /// A clause with the reason why there are none: `no such folder`, `helm is not installed`.
    fn manifests(&self, from: &From) -> Result<Vec<(String, Vec<u8>)>, String>;

    /// Whether charts from the network are not fetched.
    fn is_offline(&self) -> bool {
        false
    }
}

/// No external manifests: for texts without a folder.
pub(super) struct Nothing;

impl ManifestSource for Nothing {
    fn manifests(&self, _: &From) -> Result<Vec<(String, Vec<u8>)>, String> {
        Err("this workload comes from no folder".to_owned())
    }
}

/// The external manifests of a workload file in a matrix.
pub struct OfFiles<'a> {
    /// The files next to the matrix.
    pub files: &'a dyn ReadFile,
    /// The workload file's folder, relative to the matrix file.
    pub folder: &'a Utf8Path,
    /// The matrix file's folder, put in front of paths in problems.
    pub shown: &'a Utf8Path,
}

impl ManifestSource for OfFiles<'_> {
    fn is_offline(&self) -> bool {
        self.files.is_offline()
    }

    fn manifests(&self, from: &From) -> Result<Vec<(String, Vec<u8>)>, String> {
        match from {
            From::Folder(folder) => {
                let listed = self.files.workload_files(&self.folder.join(folder))?;
                let read = |path: Utf8PathBuf| {
                    let bytes = self.files.read(&path).map_err(|why| format!("{path} cannot be read: {why}"))?;
                    Ok((self.shown.join(&path).into_string(), bytes))
                };
                listed.into_iter().map(read).collect()
            }
            From::Chart(chart) => {
                let local = |path: &str| self.folder.join(path);
                let place = if chart.is_elsewhere() { chart.chart.clone() } else { local(&chart.chart).into() };
                let values = chart.values.iter().map(|file| local(file.as_str())).collect();
                let rendered = Chart { chart: place, release: chart.release.clone(), values };
                Ok(vec![(format!("helm template {}", chart.chart), self.files.chart(&rendered)?)])
            }
        }
    }
}

/// One file of manifests, parsed.
pub(super) struct Manifest {
    file: String,
    documents: Vec<Node>,
}

/// Reads the manifests that a header names, and adds their problems.
pub(super) fn read(
    reader: &mut Reader,
    header: &Node,
    raw: &FromSection,
    beside: &dyn ManifestSource,
) -> Vec<Manifest> {
    let at = header.place_of("spec.from");
    let release = raw.release.clone().unwrap_or_else(|| "app".to_owned());
    let texts = |list: &Option<List<String>>| list.iter().flatten().flatten().cloned().collect::<Vec<_>>();
    let values: Vec<Utf8PathBuf> = texts(&raw.values).into_iter().map(Utf8PathBuf::from).collect();
    let from = match (&raw.folder, &raw.chart) {
        (Some(folder), None) if raw.release.is_none() && values.is_empty() => From::Folder(folder.into()),
        (None, Some(chart)) => From::Chart(Chart { chart: chart.clone(), release, values }),
        (Some(_), None) => {
            let message = "release and values belong to a chart";
            reader.problem(at, "spec.from", message, "remove them, or name a chart instead of a folder");
            return Vec::new();
        }
        _ => {
            reader.problem(at, "spec.from", "exactly one of folder and chart is needed", "name one of them");
            return Vec::new();
        }
    };
    if let From::Chart(chart) = &from {
        let known = reader.problems.len();
        check_chart(reader, header, chart);
        if reader.problems.len() > known {
            return Vec::new();
        }
        if chart.is_elsewhere() && beside.is_offline() {
            reader.unseen = true;
            return Vec::new();
        }
    }
    let files = match beside.manifests(&from) {
        Ok(files) => files,
        Err(why) => {
            let what = match &from {
                From::Folder(folder) => format!("the manifests in {folder} cannot be read: {why}"),
                From::Chart(chart) => format!("the chart {} cannot be rendered: {why}", chart.chart),
            };
            reader.problem(at, "spec.from", what, "check the path, which is relative to this file");
            return Vec::new();
        }
    };
    let skip = texts(&raw.skip);
    let mut manifests = Vec::new();
    for (file, bytes) in files {
        match yaml::documents(&file, &bytes, Limits::WORKLOAD) {
            Ok(mut documents) => {
                documents.retain(|document| is_wanted(document, &skip));
                manifests.push(Manifest { file, documents });
            }
            Err(problem) => reader.problems.push(problem),
        }
    }
    if manifests.iter().all(|manifest| manifest.documents.is_empty()) && reader.problems.is_empty() {
        reader.problem(
            at,
            "spec.from",
            "there are no objects in it",
            "check the path, and what spec.from.skip leaves out",
        );
    }
    manifests
}

/// A chart, its release and its values become arguments of helm and must not be options.
fn check_chart(reader: &mut Reader, header: &Node, chart: &Chart) {
    if !is_label(&chart.release, LONGEST_RELEASE) {
        let message = format!("'{}' is not a valid name of a release", chart.release);
        let write = "write 1 to 53 lower-case letters, digits and '-', starting with a letter";
        reader.problem(header.place_of("spec.from.release"), "spec.from.release", message, write);
    }
    let is_legal = !chart.is_elsewhere() || SCHEMES.iter().any(|scheme| chart.chart.starts_with(scheme));
    if !is_legal || chart.chart.starts_with('-') {
        let message = format!("'{}' is not a chart", chart.chart);
        let write = "name a folder or an archive beside this file, or a reference with oci:// or https://";
        reader.problem(header.place_of("spec.from.chart"), "spec.from.chart", message, write);
    }
    for (index, file) in chart.values.iter().enumerate() {
        if file.as_str().contains("://") || file.as_str().starts_with('-') {
            let path = format!("spec.from.values[{index}]");
            let message = format!("'{file}' is not a file beside this one");
            reader.problem(header.place_of(&path), &path, message, "keep the values in a file beside this one");
        }
    }
}

/// Excludes skipped kinds, and a chart's own tests (Helm, "Chart Tests"), which `helm test` starts.
fn is_wanted(document: &Node, skip: &[String]) -> bool {
    let text = |node: Option<&Node>| node.and_then(Node::text).unwrap_or_default().to_owned();
    let kind = text(document.get("kind"));
    let annotations = document.get("metadata").and_then(|metadata| metadata.get("annotations"));
    let hook = text(annotations.and_then(|annotations| annotations.get("helm.sh/hook")));
    !skip.contains(&kind) && !hook.split(',').any(|hook| hook.trim().starts_with("test"))
}

/// The objects of all manifests; adds problems with the manifests' own files.
pub(super) fn objects<'a>(reader: &mut Reader, manifests: &'a [Manifest]) -> Vec<Object<'a>> {
    let own = reader.file.clone();
    let mut objects: Vec<Object<'a>> = Vec::new();
    for manifest in manifests {
        reader.file.clone_from(&manifest.file);
        let known = objects.len();
        for document in &manifest.documents {
            objects.extend(object::read(reader, document, Owner::Foreign));
        }
        object::check_duplicates(reader, &objects, known);
    }
    reader.file = own;
    objects
}
