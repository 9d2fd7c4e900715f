//! Detects the kind of a file, reading all of it if the beginning is not enough, and names the tool of files that
//! cannot be imported.

use std::collections::BTreeMap;
use std::fmt;
use std::io::BufRead;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::guard::{ShortStrings, Source};
use super::xml::{Token, Xml, clip};
use super::{ImportError, Kind, inspector_csv};

/// Detects the kind of a file.
///
/// # Errors
/// [`ImportError::Foreign`] for a file of another tool, [`ImportError::Unknown`] if nothing matches; as [`super::read`] if it cannot be
/// read at all.
pub fn detect(source: Source) -> Result<Kind, ImportError> {
    let head = String::from_utf8_lossy(source.head()).trim_start().to_owned();
    if head.starts_with('<') {
        return of_xml(source.reader());
    }
    if is_log_of_kube_bench(&head) {
        return Ok(Kind::KubeBench);
    }
    if head.starts_with(['{', '[']) {
        let shape = Shape::of(source.reader());
        return shape.kind().unwrap_or_else(|| {
            match head.contains("\"test_number\"") && head.contains("\"node_type\"") {
                true => Ok(Kind::KubeBench),
                false => Err(ImportError::Unknown { begins: shape.describe() }),
            }
        });
    }
    of_text(&head)
}

fn unknown(begins: &str) -> ImportError {
    let line = begins.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    ImportError::Unknown { begins: format!("it begins with '{}'", clip(line.to_owned(), 80)) }
}

fn foreign(what: &'static str, instead: &'static str) -> ImportError {
    ImportError::Foreign { what, instead }
}

/// A log of kube-bench: its text output, or JSON after other lines or after the prefixes of `kubectl logs`.
fn is_log_of_kube_bench(head: &str) -> bool {
    let is_result = |line: &str| ["[PASS] ", "[FAIL] ", "[WARN] "].iter().any(|word| line.starts_with(word));
    let is_json = |line: &str| line.starts_with("{\"Controls\"") || line.starts_with("[{\"id\"");
    let is_behind =
        !head.starts_with(['{', '[']) && (head.contains("\"test_number\"") || head.contains("\"Controls\""));
    is_behind
        || head.lines().any(|line| is_result(line.trim_start()))
        || (head.starts_with("[pod/") && (head.contains("\"Controls\"") || head.contains("\"node_type\"")))
        || (head.starts_with("[INFO]") && head.lines().any(is_json))
}

fn of_xml(reader: impl BufRead) -> Result<Kind, ImportError> {
    let mut xml = Xml::new(reader);
    let root = loop {
        match xml.next()? {
            Token::Open(tag) => break String::from_utf8_lossy(tag.name()).into_owned(),
            Token::End => break String::new(),
            Token::Text(_) | Token::Close(_) | Token::Other => {}
        }
    };
    match root.as_str() {
        "Benchmark" | "TestResult" | "data-stream-collection" => Ok(Kind::Xccdf),
        "asset-report-collection" => Ok(Kind::Arf),
        "testsuites" | "testsuite" => Ok(Kind::Junit),
        "Tailoring" => {
            Err(foreign("an XCCDF tailoring", "it holds no result; import what `oscap xccdf eval --results` writes"))
        }
        "oval_results" => Err(foreign(
            "a file of OVAL results",
            "import the XCCDF results of the same run (`oscap xccdf eval --results`)",
        )),
        "CHECKLIST" => Err(foreign("a checklist of STIG Viewer", "import the XCCDF results that it was made of")),
        "test-run" | "test-results" => {
            Err(foreign("NUnit's XML", "write JUnit XML instead, which NUnit's console and most runners can do"))
        }
        "assemblies" => Err(foreign("xUnit.net's XML", "write JUnit XML instead (`--logger junit`)")),
        "TestRun" => Err(foreign("a TRX file of Visual Studio", "write JUnit XML instead (`--logger junit`)")),
        "NessusClientData_v2" => {
            Err(foreign("a report of Nessus", "amiproof reads CIS results as XCCDF, ARF, InSpec JSON or Inspector CSV"))
        }
        _ => Err(ImportError::Unknown { begins: format!("its first element is <{}>", clip(root, 80)) }),
    }
}

fn of_text(head: &str) -> Result<Kind, ImportError> {
    let plain: String = head.lines().take(20).collect::<Vec<_>>().join("\n").to_ascii_lowercase();
    let header = plain.lines().next().unwrap_or_default();
    let has = |words: [&str; 2]| words.iter().all(|word| header.contains(word));
    if has(["finding_uid", "status"]) || has(["provider", "check_id"]) || has(["assessmentstart", "checkid"]) {
        return Err(foreign(
            "Prowler's CSV",
            "Prowler evaluates accounts, not nodes; amiproof reads none of its formats",
        ));
    }
    if inspector_csv::has_header(head) {
        return Ok(Kind::InspectorCsv);
    }
    // Some other table: the CSV reader will report which columns are missing.
    let columns =
        |line: &str| [',', ';', '\t'].map(|separator| line.matches(separator).count()).into_iter().max().unwrap_or(0);
    let first: Vec<usize> = head.lines().filter(|line| !line.trim().is_empty()).take(3).map(columns).collect();
    match first.as_slice() {
        [one, rest @ ..] if *one > 1 && !rest.is_empty() && rest.iter().all(|count| count == one) => {
            Ok(Kind::InspectorCsv)
        }
        _ => Err(unknown(head)),
    }
}

/// How many entries of a list are inspected.
const MAX_ENTRIES: usize = 20;

/// Maximum depth.
const MAX_DEPTH: usize = 6;

/// How many keys are kept.
const MAX_KEYS: usize = 4_000;

/// The keys of a JSON document by their paths (`profiles[].controls`), with the first short text of each.
#[derive(Debug, Default)]
struct Shape(BTreeMap<String, Option<String>>);

impl Shape {
    /// For a truncated or malformed document, the part before the error, which its own reader reports.
    fn of(reader: impl BufRead) -> Self {
        let mut shape = Self::default();
        let mut deserializer = serde_json::Deserializer::from_reader(ShortStrings::new(reader));
        let ended = Walk { shape: &mut shape, path: String::new(), depth: 0 }.deserialize(&mut deserializer);
        if let Err(error) = ended {
            tracing::debug!(%error, "the format of a JSON document was recognised only in part");
        }
        shape
    }

    fn has(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    fn says(&self, path: &str, text: &str) -> bool {
        self.0.get(path).and_then(Option::as_deref).is_some_and(|found| found.contains(text))
    }

    /// Whether a path exists at the top, or in a list at the top.
    fn any(&self, path: &str) -> bool {
        self.has(path) || self.has(&format!("[].{path}"))
    }

    fn kind(&self) -> Option<Result<Kind, ImportError>> {
        let own = [
            (self.any("Controls"), Kind::KubeBench),
            (
                self.any("tests[].results[].test_number") || (self.any("tests") && self.any("node_type")),
                Kind::KubeBench,
            ),
            (self.has("runs") && (self.has("version") || self.has("$schema")), Kind::Sarif),
            (self.has("scanResultDetails") || self.has("checkAggregations"), Kind::InspectorJson),
            (self.is_hdf(), Kind::Hdf),
            (self.is_inspec(), Kind::Inspec),
            (self.is_bottlerocket(), Kind::Bottlerocket),
            (self.is_ctrf(), Kind::Ctrf),
            (self.is_goss(), Kind::Goss),
            (self.is_asff(), Kind::Asff),
            (self.is_ocsf(), Kind::Ocsf),
        ];
        let own = own.into_iter().find(|(is, _)| *is).map(|(_, kind)| Ok(kind));
        own.or_else(|| self.foreign().map(Err))
    }

    fn is_inspec(&self) -> bool {
        let report = self.has("statistics") || self.has("platform") || self.has("version");
        self.has("profiles[].controls")
            || (self.has("profiles") && report && !self.has("class_uid") && !self.has("metadata"))
    }

    /// What writes InSpec's JSON and is not InSpec: MITRE's converters, which name themselves as the platform, and
    /// amiproof itself.
    fn is_hdf(&self) -> bool {
        let is_written_by_another = self.says("platform.name", "Heimdall Tools")
            || self.has("passthrough")
            || (self.has("profiles[].controls[].tags.disposition") && self.has("profiles[].controls[].tags.subject"));
        self.is_inspec() && is_written_by_another
    }

    fn is_ctrf(&self) -> bool {
        self.has("results.tests") && (self.has("results.summary") || self.has("results.tool"))
    }

    fn is_goss(&self) -> bool {
        self.has("results[].resource-type") || (self.has("results") && self.has("summary.test-count"))
    }

    fn is_asff(&self) -> bool {
        let finding = |key: &str| {
            self.any(key) || self.has(&format!("Findings[].{key}")) || self.has(&format!("[].Findings[].{key}"))
        };
        finding("SchemaVersion") && (finding("ProductArn") || finding("GeneratorId"))
    }

    fn is_ocsf(&self) -> bool {
        self.any("class_uid") || self.any("metadata.product") || (self.any("status_code") && self.any("metadata"))
    }

    fn is_bottlerocket(&self) -> bool {
        let of_check = |path: &String| path.starts_with("results.") && path.ends_with(".mode");
        self.has("level") && self.has("total") && (self.0.keys().any(of_check) || self.has("passed"))
    }

    fn foreign(&self) -> Option<ImportError> {
        let table = [
            (
                self.has("controls[].profile_id") || (self.has("controls[].code_desc") && self.has("statistics")),
                "InSpec's json-min, which leaves out titles, impacts and tags",
                "run InSpec with `--reporter json`",
            ),
            (
                self.has("findings[].findingArn") || self.any("findingArn"),
                "a list of findings of Amazon Inspector, which are about packages",
                "import the CSV or the details of a CIS scan (`aws inspector2 get-cis-scan-result-details`)",
            ),
            (
                self.has("targetResourceAggregations") || self.has("scans[].scanArn"),
                "a list of Amazon Inspector without the results of checks",
                "import the details of a scan (`aws inspector2 get-cis-scan-result-details`), or its results aggregated by check (`list-cis-scan-results-aggregated-by-checks`)",
            ),
            (
                self.any("ArtifactName")
                    || self.any("ArtifactType")
                    || self.has("ClusterName")
                    || self.has("Results[].Target"),
                "trivy's own JSON",
                "run trivy with `--format sarif`",
            ),
            (
                self.has("summaryDetails") || self.has("results[].controls[].controlID"),
                "kubescape's own JSON",
                "run kubescape with `--format junit` or `--format sarif`",
            ),
            (
                self.has("kubernetes_cis_version") || self.has("docker_cis_version") || self.has("items[].test_number"),
                "a compliance report of NeuVector",
                "run kube-bench with --json on the nodes",
            ),
            (
                self.says("kind", "ComplianceReport") || self.says("items[].kind", "ComplianceReport"),
                "a compliance report of the Trivy operator",
                "run kube-bench with --json on the nodes",
            ),
            (
                self.says("kind", "PolicyReport") || self.says("items[].kind", "PolicyReport"),
                "a policy report (wgpolicyk8s.io)",
                "import the scanner's own format",
            ),
            (
                self.any("CheckID") || self.any("StatusExtended"),
                "Prowler's own JSON",
                "Prowler evaluates accounts, not nodes; amiproof reads none of its formats",
            ),
            (self.any("AuditResultName"), "kubeaudit's JSON", "run kubeaudit with `-p sarif`"),
            (
                self.has("dockerbenchsecurity"),
                "a report of Docker Bench",
                "it evaluates Docker hosts, and EKS nodes do not run Docker",
            ),
        ];
        table.into_iter().find(|(is, ..)| *is).map(|(_, what, instead)| foreign(what, instead))
    }

    /// The keys at the top, for a message.
    fn describe(&self) -> String {
        let top = |path: &&String| !path.contains(['.']) || (path.starts_with("[].") && path.matches('.').count() == 1);
        let keys: Vec<&str> = self.0.keys().filter(top).map(|path| path.trim_start_matches("[].")).collect();
        let keys: Vec<&str> = keys.into_iter().filter(|key| !key.is_empty() && !key.ends_with("[]")).take(8).collect();
        match keys.is_empty() {
            true => "it is JSON without keys".to_owned(),
            false => format!("it is JSON with the keys {}", clip(keys.join(", "), 200)),
        }
    }
}

/// Reads a value, keeping only its structure.
struct Walk<'a> {
    shape: &'a mut Shape,
    path: String,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        match self.depth > MAX_DEPTH {
            true => from.deserialize_ignored_any(IgnoredAny).map(|_| ()),
            false => from.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        if let Some(known) = self.shape.0.get_mut(&self.path) {
            known.get_or_insert_with(|| clip(text.to_owned(), 100));
        }
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        for _ in 0..MAX_ENTRIES {
            let walk = Walk { shape: self.shape, path: format!("{}[]", self.path), depth: self.depth + 1 };
            if list.next_element_seed(walk)?.is_none() {
                return Ok(());
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let path = if self.path.is_empty() { clip(key, 80) } else { format!("{}.{}", self.path, clip(key, 80)) };
            if self.shape.0.len() < MAX_KEYS {
                self.shape.0.entry(path.clone()).or_default();
            }
            map.next_value_seed(Walk { shape: self.shape, path, depth: self.depth + 1 })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
