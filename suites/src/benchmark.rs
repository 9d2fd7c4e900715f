//! The CIS Amazon EKS benchmark as data: the controls of each version, and how amiproof evaluates them.
//!
//! A *question* is the requirement of a control, in our own words, and stays the same while versions of the benchmark renumber it; a
//! *control* is a question with its number in one version. The data are in `suites/benchmarks`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use amiproof_model::name::{Benchmark, ControlId, KubernetesVersion, Level, NameError};
use serde::{Deserialize, Serialize};

const QUESTIONS: &str = include_str!("../benchmarks/questions.yaml");

/// Oldest first.
const VERSIONS: [&str; 4] = [
    include_str!("../benchmarks/cis-eks-1.0.1.yaml"),
    include_str!("../benchmarks/cis-eks-1.5.0.yaml"),
    include_str!("../benchmarks/cis-eks-1.7.0.yaml"),
    include_str!("../benchmarks/cis-eks-1.8.0.yaml"),
];

/// What evaluates a control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Judged {
    /// amiproof, from the APIs of AWS and Kubernetes, once per cluster.
    Amiproof,
    /// kube-bench, on the nodes of each variant.
    KubeBench,
    /// Manual, with what amiproof collected.
    Human,
}

impl Judged {
    /// Its name in tables.
    pub fn description(self) -> &'static str {
        match self {
            Self::Amiproof => "amiproof",
            Self::KubeBench => "kube-bench",
            Self::Human => "manual",
        }
    }
}

/// CIS's own assessment status of a control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "kebab-case")]
pub enum Assessment {
    /// Automated.
    Automated,
    /// Manual.
    Manual,
}

impl Assessment {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// One control of one version of the benchmark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// Benchmark, version and number.
    pub id: ControlId,
    /// The question: the same in every version.
    pub question: String,
    /// The requirement: a lower-case clause.
    pub title: String,
    /// The section's title.
    pub section: String,
    /// Its level.
    pub level: Level,
    /// CIS's own assessment.
    pub cis: Assessment,
    /// What evaluates it here.
    pub judged: Judged,
    /// Where the result comes from, or what to check manually.
    pub looks: String,
}

/// One version of the benchmark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue {
    /// Its name: `cis-eks-1.8.0`.
    pub benchmark: Benchmark,
    /// The first Kubernetes version that it is for.
    pub from_kubernetes: KubernetesVersion,
    /// Its controls, in the document's order.
    pub controls: Vec<Control>,
}

impl Catalogue {
    /// The control of a question, if this version has it.
    pub fn asking(&self, question: &str) -> Option<&Control> {
        self.controls.iter().find(|control| control.question == question)
    }

    /// Number of its controls that are evaluated by this.
    pub fn count(&self, judged: Judged) -> usize {
        self.controls.iter().filter(|control| control.judged == judged).count()
    }
}

/// Why the data cannot be used: a bug of this build, which a test prevents.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// A file is not of its form.
    #[error("the benchmark data of this build cannot be read: {0}")]
    Form(String),
    /// A name in it is none.
    #[error("the benchmark data of this build: {0}")]
    Name(#[from] NameError),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct QuestionEntry {
    title: String,
    judged: Judged,
    looks: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Version {
    benchmark: String,
    from_kubernetes: String,
    sections: BTreeMap<String, String>,
    controls: Vec<ControlEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ControlEntry {
    number: String,
    question: String,
    level: u8,
    cis: Assessment,
}

/// Every version that this build knows, oldest first.
///
/// # Errors
/// When the data of this build are broken.
pub fn all() -> Result<&'static [Catalogue], &'static CatalogueError> {
    static ALL: LazyLock<Result<Vec<Catalogue>, CatalogueError>> = LazyLock::new(|| read(QUESTIONS, &VERSIONS));
    ALL.as_deref()
}

/// The version with a name.
///
/// # Errors
/// When the data of this build are broken.
pub fn find(benchmark: &str) -> Result<Option<&'static Catalogue>, &'static CatalogueError> {
    Ok(all()?.iter().find(|catalogue| catalogue.benchmark.as_str() == benchmark))
}

/// The newest version that is for a Kubernetes version; `None` for Kubernetes versions older than all.
///
/// # Errors
/// When the data of this build are broken.
pub fn for_version(version: &KubernetesVersion) -> Result<Option<&'static Catalogue>, &'static CatalogueError> {
    let fits = |catalogue: &&Catalogue| catalogue.from_kubernetes.minor() <= version.minor();
    Ok(all()?.iter().rev().find(fits))
}

fn read(questions: &str, versions: &[&str]) -> Result<Vec<Catalogue>, CatalogueError> {
    let broken = |error: serde_saphyr::Error| CatalogueError::Form(error.to_string());
    let questions: BTreeMap<String, QuestionEntry> = serde_saphyr::from_str(questions).map_err(broken)?;
    versions
        .iter()
        .map(|text| {
            let version: Version = serde_saphyr::from_str(text).map_err(broken)?;
            catalogue(&questions, version)
        })
        .collect()
}

fn catalogue(questions: &BTreeMap<String, QuestionEntry>, version: Version) -> Result<Catalogue, CatalogueError> {
    let benchmark: Benchmark = version.benchmark.parse()?;
    let controls = version.controls.into_iter().map(|entry| {
        let unknown = |what: &str| CatalogueError::Form(format!("{benchmark} {}: there is no {what}", entry.number));
        let question = questions.get(&entry.question).ok_or_else(|| unknown("such question"))?;
        let section = entry.number.rsplit_once('.').and_then(|(section, _)| version.sections.get(section));
        Ok(Control {
            id: ControlId::new(&benchmark, &entry.number)?,
            title: question.title.clone(),
            section: section.ok_or_else(|| unknown("section of it"))?.clone(),
            level: Level::try_from(entry.level)?,
            cis: entry.cis,
            judged: question.judged,
            looks: question.looks.clone(),
            question: entry.question,
        })
    });
    let controls = controls.collect::<Result<_, CatalogueError>>()?;
    Ok(Catalogue { from_kubernetes: version.from_kubernetes.parse()?, controls, benchmark })
}

#[cfg(test)]
mod tests;
