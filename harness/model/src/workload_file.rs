//! A workload file: a header with what it tests and its expectations, followed by ordinary Kubernetes objects, unless the header
//! names a folder of manifests or a Helm chart.

pub(crate) mod chart;
pub(crate) mod header;
mod manifests;
mod object;
mod reader;

use std::collections::HashSet;
use std::time::Duration;

pub use self::chart::Chart;
pub(crate) use self::header::WorkloadHeader;
pub use self::manifests::{From, ManifestSource, OfFiles};
use self::object::Object;
pub use self::object::is_cluster_scoped;
use self::reader::{Owner, Reader};
use crate::capability::Capability;
use crate::form::List;
use crate::name::is_label;
use crate::problem::{Place, Problem};
use crate::workload::{Expectation, Need, Workload};
use crate::yaml::{Limits, Node};
use crate::{duration, form, schema, yaml};

const DEFAULT_TIMEOUT: Duration = Duration::from_mins(3);

/// Reads a workload file. `file` is its name in problems.
///
/// # Errors
/// All problems in the order of lines, each with its place and the correction.
pub fn parse(file: &str, bytes: &[u8]) -> Result<Workload, Vec<Problem>> {
    parse_beside(file, bytes, &manifests::Nothing)
}

/// Like [`parse`], for files that may name external manifests.
///
/// # Errors
/// As [`parse`]; problems of a manifest have its file and line.
pub fn parse_beside(file: &str, bytes: &[u8], beside: &dyn ManifestSource) -> Result<Workload, Vec<Problem>> {
    let documents = yaml::documents(file, bytes, Limits::WORKLOAD).map_err(|problem| vec![problem])?;
    let mut reader = Reader { file: file.to_owned(), problems: Vec::new(), unseen: false };
    let headers = documents.iter().filter(|document| is_header(document)).count();
    let header = documents.first().filter(|document| is_header(document));
    if headers == 0 {
        let place = documents.first().map_or(Place::START, |document| document.place);
        reader.problem(
            place,
            "",
            "the file has no workload header",
            "begin the file with a document of apiVersion: amiproof/v1, kind: Workload",
        );
    }
    for document in documents.iter().skip(1).filter(|document| is_header(document)) {
        let (message, help) = match header {
            Some(_) => ("a second header starts here", "put each workload into a file of its own"),
            None => ("the header comes after objects", "move it to the beginning of the file"),
        };
        reader.problem(document.place, "", message, help);
    }
    let raw = header.and_then(|header| reader.header(header));
    let from = raw.as_ref().and_then(|raw| raw.spec.as_ref()?.from.as_ref());
    let foreign = match (from, header) {
        (Some(from), Some(header)) => manifests::read(&mut reader, header, from, beside),
        _ => Vec::new(),
    };
    let nodes = documents.iter().filter(|document| !is_header(document));
    let mut objects: Vec<Object<'_>> = nodes.filter_map(|node| object::read(&mut reader, node, Owner::Own)).collect();
    object::check_duplicates(&mut reader, &objects, 0);
    objects.extend(manifests::objects(&mut reader, &foreign));
    if headers > 0 && objects.is_empty() && from.is_none() && reader.problems.is_empty() {
        let end = documents.last().map_or(Place::START, |document| document.place);
        let help = "add Kubernetes objects after a '---' line, or name a folder or chart in spec.from";
        reader.problem(end, "", "no objects follow the header", help);
    }
    let workload = header.zip(raw).and_then(|(header, raw)| reader.workload(header, raw, &objects));
    let mut problems = reader.problems;
    problems.sort_by(|one, other| {
        (one.file != file, &one.file, one.place).cmp(&(other.file != file, &other.file, other.place))
    });
    match workload {
        Some(workload) if problems.is_empty() => Ok(workload),
        _ => Err(problems),
    }
}

/// Whether a document is meant as a header; it may still be invalid.
fn is_header(document: &Node) -> bool {
    let says =
        |key: &str, begins: &str| document.get(key).and_then(Node::text).is_some_and(|text| text.starts_with(begins));
    says("apiVersion", "amiproof")
        || (says("kind", "Workload") && document.get("spec").is_some_and(|spec| spec.get("expect").is_some()))
}

impl Reader {
    fn header(&mut self, header: &Node) -> Option<WorkloadHeader> {
        let (raw, problems) = form::read::<WorkloadHeader>(&self.file, header, schema::workload());
        self.problems.extend(problems);
        raw
    }

    fn workload(&mut self, header: &Node, raw: WorkloadHeader, objects: &[Object<'_>]) -> Option<Workload> {
        let name = raw.metadata.and_then(|metadata| metadata.name);
        if let Some(name) = name.as_deref().filter(|name| !is_label(name, 40)) {
            let rule = "write 1 to 40 lower-case letters, digits and '-', starting with a letter";
            self.problem(
                header.place_of("metadata.name"),
                "metadata.name",
                format!("'{name}' is not a valid workload name"),
                rule,
            );
        }
        let spec = raw.spec?;
        let title = spec.title.map(|title| title.trim().to_owned());
        if title.as_deref() == Some("") {
            self.problem(
                header.place_of("spec.title"),
                "spec.title",
                "the value is empty",
                "say what it proves when it passes",
            );
        }
        let timeout = spec.timeout.map_or(Some(DEFAULT_TIMEOUT), |text| self.timeout(header, &text));
        let expect = self.expectations(header, spec.expect.unwrap_or_default(), objects);
        let mut exercises: Vec<Capability> = spec.exercises.unwrap_or_default().into_iter().flatten().collect();
        let mut seen = HashSet::new();
        exercises.retain(|capability| seen.insert(*capability));
        Some(Workload {
            name: name?,
            title: title?,
            exercises: exercises.into_iter().map(|capability| capability.as_str().to_owned()).collect(),
            needs: self.needs(header, spec.needs.unwrap_or_default(), objects),
            os: spec.os.unwrap_or_default(),
            timeout: timeout?,
            expect,
            objects: objects.iter().map(Object::to_json).collect(),
            origins: objects.iter().map(|object| object.origin.clone()).collect(),
        })
    }

    fn timeout(&mut self, header: &Node, text: &str) -> Option<Duration> {
        let parsed = duration::parse(text);
        if let Err(error) = &parsed {
            let message = format!("'{text}' is not a valid duration");
            self.problem(header.place_of("spec.timeout"), "spec.timeout", message, format!("write {}", error.rule));
        }
        parsed.ok()
    }

    fn needs(&mut self, header: &Node, raw: List<Need>, objects: &[Object<'_>]) -> Vec<Need> {
        for (index, need) in raw.iter().enumerate().take(if self.unseen { 0 } else { usize::MAX }) {
            let (path, found) = match need {
                Some(Need::Holds { job, .. }) => {
                    (format!("spec.needs[{index}].holds.job"), object::find(job, &["job"], objects))
                }
                Some(Need::Irsa(account)) => {
                    (format!("spec.needs[{index}].irsa"), object::service_account(account, objects))
                }
                _ => continue,
            };
            if let Err((message, help)) = found {
                self.problem(header.place_of(&path), &path, message, help);
            }
        }
        raw.into_iter().flatten().collect()
    }

    fn expectations(&mut self, header: &Node, raw: List<Expectation>, objects: &[Object<'_>]) -> Vec<Expectation> {
        // If the manifests cannot be read, missing objects are not reported in addition.
        let has_objects =
            !self.unseen && (!objects.is_empty() || self.problems.iter().all(|problem| problem.path != "spec.from"));
        for (index, expectation) in raw.iter().enumerate().filter(|_| has_objects) {
            let targets = expectation.as_ref().map(object::named_by).unwrap_or_default();
            for (key, target, kinds) in targets {
                let path = format!("spec.expect[{index}].{key}");
                if let Err((message, help)) = object::find(target, kinds, objects) {
                    self.problem(header.place_of(&path), &path, message, help);
                }
            }
        }
        let expectations: Vec<Expectation> = raw.into_iter().flatten().collect();
        self.acts(header, &expectations);
        expectations
    }

    /// Adds problems for actions without an effect: repeated ones, or ones that revert what was not changed.
    fn acts(&mut self, header: &Node, expectations: &[Expectation]) {
        for (index, expectation) in expectations.iter().enumerate().filter(|(_, expectation)| expectation.acts()) {
            let at = object::named_by(expectation).first().map_or("", |(key, _, _)| *key);
            let path = format!("spec.expect[{index}].{}", at.split('.').next().unwrap_or(at));
            let earlier = &expectations[..index];
            if earlier.contains(expectation) {
                let message = "amiproof does this only once";
                self.problem(header.place_of(&path), &path, message, "remove one of the two");
            }
            let Expectation::RolledBack(target) = expectation else { continue };
            if !earlier.contains(&Expectation::Updated(target.clone())) {
                let message = format!("{target} has not been updated before");
                self.problem(header.place_of(&path), &path, message, format!("write '- updated: {target}' before it"));
            }
        }
    }
}
