//! OpenSCAP on nodes where it is installed: what judges Amazon Linux 2, which Inspector does not scan, and a second opinion elsewhere.
//!
//! A command on the node ([`crate::probe`]) evaluates; its results are read as an imported file of results is ([`super::import`]), so
//! that a control that Inspector judges too is one row with both answers. Nothing is installed on nodes, because that
//! would change the image under test.

mod choose;
mod request;
mod script;

use amiproof_model::matrix::{Family, OpenScap};
use amiproof_model::name::{Level, NameError};
use amiproof_model::report::{NodeRecord, ScanRecord};
use amiproof_model::verdict::{Placement, Verdict};

use self::choose::Found;
use self::request::Evaluation;
use super::import::{Import, Kind, Source, Target};
use super::kube_bench::merge::merge;
use super::{evidence_path, import};
use crate::check::{CheckError, Decision, ScanAnswer, ScanRow};
use crate::context::Context;
use crate::probe;

/// The scanner's name in rows and records.
pub const SCANNER: &str = "openscap";

/// The id of the scan as a whole: what is reported when there are no rows.
pub const CHECK: &str = "os-cis/openscap";

/// For the question what a node has.
const LOOK: std::time::Duration = std::time::Duration::from_secs(60);

/// Evaluates all nodes of the context's variant, one row per control or rule over all nodes. `oscap` is started once per node; a result
/// that does not arrive is not retried.
///
/// # Errors
/// When the run is interrupted. A node that cannot be evaluated is a row that is not evaluated.
pub async fn scan(context: &Context) -> Result<ScanAnswer, CheckError> {
    let settings = context.matrix.scans.openscap_of(&context.variant.name).cloned().unwrap_or_default();
    let settings = &settings;
    let asked = context.nodes.iter().map(|node| async move { (node, of_node(context, settings, node).await) });
    let (mut imports, mut silent, mut absent) = (Vec::new(), Vec::new(), Vec::new());
    for (node, answer) in futures::future::join_all(asked).await {
        let resource = format!("node {}", node.index);
        match answer {
            Ok(import) => imports.push((resource, import)),
            Err(NoResults::Cancelled) => return Err(CheckError::Cancelled),
            Err(NoResults::Absent) => absent.push(resource),
            Err(NoResults::Silent(why)) => silent.push(format!("{resource}: {why}")),
        }
    }
    if imports.is_empty() && silent.is_empty() {
        // The matrix file names the variant, so its user expects this scan.
        if !settings.variants.is_empty() && !absent.is_empty() {
            let verdict =
                Verdict::NotEvaluated("scans.openscap names the variant, and oscap is not on its nodes".to_owned());
            return nothing(context, verdict);
        }
        let answer = nothing(context, missing(context.variant.family, &absent))?;
        // A scanner that is not there has no record: it scanned nothing, so nothing of it is missing.
        return Ok(ScanAnswer { scans: Vec::new(), ..answer });
    }
    silent.extend(absent.into_iter().map(|resource| format!("{resource}: oscap is not installed")));
    answer(context, imports, &silent)
}

/// No node has OpenSCAP: not applicable if Inspector can scan the operating system, otherwise not evaluated.
fn missing(family: Family, absent: &[String]) -> Verdict {
    if absent.is_empty() {
        return Verdict::NotEvaluated("the variant has no node".to_owned());
    }
    match family {
        Family::Al2 => Verdict::NotEvaluated(
            "nothing evaluated the operating system: Inspector does not scan Amazon Linux 2, and oscap is not on its nodes; install \
             openscap-scanner and its content on the image, or import another scanner's results with `amiproof import`"
                .to_owned(),
        ),
        _ => Verdict::NotApplicable("oscap is not installed on its nodes".to_owned()),
    }
}

fn answer(context: &Context, imports: Vec<(String, Import)>, silent: &[String]) -> Result<ScanAnswer, CheckError> {
    let mut scans: Vec<ScanRecord> = Vec::new();
    let mut of_nodes = Vec::new();
    for (resource, import) in imports {
        for scan in import.scans {
            if !scans.iter().any(|known| known.suite == scan.suite) {
                scans.push(scan);
            }
        }
        of_nodes.push((resource, import.rows.into_iter().map(|(_, row)| row).collect::<Vec<_>>()));
    }
    let mut rows = merge(of_nodes);
    for scan in &mut scans {
        let own = rows.iter().filter(|row| row.check.suite() == scan.suite);
        // OpenSCAP has a result for every rule of the profile, evaluated or not.
        scan.expected = Some(own.count());
        let notes = [scan.note.replacen("imported: ", "content: ", 1), silent.join("; ")];
        scan.note = notes.into_iter().filter(|note| !note.is_empty()).collect::<Vec<_>>().join("; ");
    }
    if !silent.is_empty() {
        for row in rows.iter_mut().filter(|row| row.decision.verdict == Verdict::Pass) {
            row.decision.verdict = Verdict::NotEvaluated(silent.join("; "));
        }
        let whole = nothing(context, Verdict::NotEvaluated(silent.join("; ")))?;
        rows.extend(whole.rows);
        if scans.is_empty() {
            scans = whole.scans;
        }
    }
    Ok(ScanAnswer { scans, rows })
}

/// One row for the scan as a whole, because there are no others.
fn nothing(context: &Context, verdict: Verdict) -> Result<ScanAnswer, CheckError> {
    let scans = match &verdict {
        Verdict::NotEvaluated(reason) => vec![ScanRecord {
            level: context.variant.hardening.as_ref().map(|hardening| hardening.level),
            note: reason.clone(),
            ..ScanRecord::new(context.subject.clone(), "os-cis", SCANNER.to_owned())
        }],
        _ => Vec::new(),
    };
    let row = ScanRow {
        check: CHECK.parse().map_err(|error: NameError| CheckError::Undecided(error.to_string()))?,
        title: "OpenSCAP evaluates every node where it is installed".to_owned(),
        control: None,
        level: None,
        severity: None,
        scanner: SCANNER.to_owned(),
        decision: Decision::from(verdict),
    };
    Ok(ScanAnswer { scans, rows: vec![row] })
}

/// Why a node has no results.
enum NoResults {
    Cancelled,
    Absent,
    Silent(String),
}

impl From<probe::Error> for NoResults {
    fn from(error: probe::Error) -> Self {
        match error {
            probe::Error::Cancelled => Self::Cancelled,
            other => Self::Silent(other.to_string()),
        }
    }
}

async fn of_node(context: &Context, settings: &OpenScap, node: &NodeRecord) -> Result<Import, NoResults> {
    let evaluation = match evaluation(context, settings, node).await? {
        Ok(evaluation) => evaluation,
        Err(why) => return Err(NoResults::Silent(why)),
    };
    let deadline = context.variant.timeouts.os_scan;
    let output = probe::command(context, node, &script::evaluate(&evaluation), deadline).await?.success(node)?;
    let name = format!("openscap-node-{}.xml", node.index);
    let path = context.evidence.join(&name);
    let copy = match amiproof_time::write_file(&path, output.as_str()).await {
        Ok(()) => Some(evidence_path(&context.evidence, &name)),
        Err(error) => {
            tracing::warn!(%path, %error, "OpenSCAP's results could not be kept");
            None
        }
    };
    read(context, settings, node, output, copy).map_err(|error| NoResults::Silent(format!("oscap's results: {error}")))
}

/// What is to be evaluated on a node, or why nothing can be.
async fn evaluation(
    context: &Context,
    settings: &OpenScap,
    node: &NodeRecord,
) -> Result<Result<Evaluation, String>, NoResults> {
    let contents = settings.content.clone().map_or_else(|| choose::contents(context.variant.family), |path| vec![path]);
    let seen = probe::read(context, node, &script::look(&contents), LOOK).await?.success(node)?;
    let (content, profiles) = match choose::found(&seen) {
        Ok(Found::Absent) => return Err(NoResults::Absent),
        Ok(Found::NoContent(there)) => {
            let wanted = contents.join(" or ");
            return Ok(Err(format!("oscap finds no {wanted}; {there}; name content with scans.openscap")));
        }
        Ok(Found::Content { path, profiles }) => (path, profiles),
        Err(why) => return Ok(Err(why)),
    };
    let level = context.variant.hardening.as_ref().map_or(Level::One, |hardening| hardening.level);
    let chosen = match &settings.profile {
        Some(wanted) => profiles.iter().find(|id| *id == wanted).map(String::as_str),
        None => choose::profile(&profiles, level),
    };
    Ok(match chosen {
        Some(profile) => Ok(Evaluation { content, profile: profile.to_owned() }),
        None => {
            let wanted = settings.profile.clone().unwrap_or_else(|| format!("CIS profile for servers at {level}"));
            Err(format!("{content} has no {wanted}, only {}; name one with scans.openscap", profiles.join(", ")))
        }
    })
}

/// Reads results as those of a file, and says which node they are from.
fn read(
    context: &Context,
    settings: &OpenScap,
    node: &NodeRecord,
    output: String,
    copy: Option<String>,
) -> Result<Import, import::ImportError> {
    let target = Target {
        subject: context.subject.clone(),
        benchmark: settings.benchmark.clone(),
        hardened_to: None,
        level: None,
        name: Some(SCANNER.to_owned()),
        nodes: Vec::new(),
        copy,
        file: None,
    };
    let source = Source::open(std::io::Cursor::new(output.into_bytes()))?;
    let mut import = import::read(Kind::Xccdf, source, &target)?;
    let resource = format!("node {}", node.index);
    for (_, row) in &mut import.rows {
        if let Verdict::Fail(findings) = &mut row.decision.verdict {
            findings.iter_mut().for_each(|finding| finding.resource.clone_from(&resource));
        }
        for evidence in &mut row.decision.evidence {
            evidence.name = format!("OpenSCAP on {resource}");
        }
        row.decision.placements.push(Placement {
            pod: None,
            node: node.name.clone(),
            instance_id: node.instance_id.clone(),
            ami_id: node.ami_id.as_ref().map(ToString::to_string),
        });
    }
    Ok(import)
}

#[cfg(test)]
mod tests;
