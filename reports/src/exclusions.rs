//! Which controls to leave out of the hardening of a variant so that everything runs, in the formats that build tools
//! read.
//!
//! They follow from the causes: of each cause the controls of the variant's benchmark that require its setting and that the variant meets.
//! Where the setting can be compensated, the text says how, since that keeps the control.

use std::fmt::Write as _;

use amiproof_model::judge::Disposition;
use amiproof_model::name::{ControlId, VariantName};
use amiproof_model::report::cause::counted;
use amiproof_model::report::{Cause, Certainty, Report, Subject};
use amiproof_model::waiver::Waiver;
use amiproof_model::waiver_write;
use jiff::civil::Date;

/// The formats of a list of exclusions. The documentation of a variant is its help text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray, strum::EnumMessage)]
#[strum(serialize_all = "kebab-case")]
pub enum Form {
    /// A table for people, which 'amiproof waiver import --from table' reads
    Markdown,
    /// A waiver file of amiproof
    Waivers,
    /// Variables of the roles AMAZON2023-CIS and AMAZON2-CIS of ansible-lockdown
    AnsibleLockdown,
    /// exclusion_list.txt of a CIS Build Kit
    BuildKit,
    /// An InSpec waiver file
    Inspec,
    /// Settings for the user data of Bottlerocket
    Bottlerocket,
    /// A line for user data or a build's environment
    Env,
}

impl Form {
    /// Every format.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Its name on the command line.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether it says who is responsible and until when.
    pub fn is_owned(self) -> bool {
        matches!(self, Self::Waivers | Self::Inspec)
    }
}

/// One cause with what to leave out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclusion<'a> {
    /// The cause.
    pub cause: &'a Cause,
    /// The controls; none if no control of the benchmark asks for the setting, which the build then adds on its own.
    pub controls: Vec<&'a ControlId>,
}

/// The exclusions of a variant, from causes that are at least this certain.
pub fn of<'a>(report: &'a Report, variant: &VariantName, least: Certainty) -> Vec<Exclusion<'a>> {
    let subject = Subject::Variant(variant.clone());
    let Some(explanation) = report.explanation(&subject) else { return Vec::new() };
    // What the variant does not meet was not applied to it, and need not be left out.
    let is_unmet = |control: &ControlId| {
        let mut rows = report.results.iter();
        rows.any(|row| {
            row.subject == subject && row.control.as_ref() == Some(control) && row.disposition == Disposition::Failed
        })
    };
    let causes = explanation.causes.iter().filter(|cause| cause.certainty >= least);
    causes
        .map(|cause| Exclusion {
            cause,
            controls: cause.controls.iter().filter(|control| !is_unmet(control)).collect(),
        })
        .collect()
}

/// Who is responsible for waivers, and their last day.
#[derive(Clone, Copy, Debug)]
pub struct Responsible<'a> {
    /// Person or team.
    pub owner: &'a str,
    /// The last day.
    pub expires: Date,
}

/// What may still break once the causes are gone, one line each.
pub fn remaining(report: &Report, variant: &VariantName) -> Vec<String> {
    let explanation = report.explanation(&Subject::Variant(variant.clone()));
    let hidden = explanation.map_or(&[][..], |explanation| &explanation.hidden);
    hidden.iter().map(|one| format!("may also break some of the same checks: {}", one.headline())).collect()
}

/// The list in a format, ending in a line feed. `responsible` is for formats that [say who is](Form::is_owned).
pub fn render(
    form: Form,
    variant: &VariantName,
    exclusions: &[Exclusion<'_>],
    responsible: Option<Responsible<'_>>,
) -> String {
    match form {
        Form::Markdown => markdown(variant, exclusions),
        Form::Waivers => waivers(variant, exclusions, responsible),
        Form::AnsibleLockdown => lockdown(exclusions),
        Form::BuildKit => lines(exclusions, |control, cause| format!("{} #{}", control.number(), cause.title)),
        Form::Inspec => inspec(exclusions, responsible),
        Form::Bottlerocket => bottlerocket(exclusions),
        Form::Env => env(exclusions),
    }
}

/// Each control once, with the first cause that it belongs to.
fn each<'a>(exclusions: &'a [Exclusion<'a>]) -> Vec<(&'a ControlId, &'a Cause)> {
    let mut all: Vec<(&ControlId, &Cause)> = Vec::new();
    for exclusion in exclusions {
        for control in &exclusion.controls {
            if !all.iter().any(|(known, _)| known == control) {
                all.push((control, exclusion.cause));
            }
        }
    }
    all
}

/// `18 workloads, 1 add-on fail with it: forwarded packets are dropped (likely)`.
fn reason(cause: &Cause) -> String {
    let verb = if cause.cells.len() == 1 { "fails" } else { "fail" };
    format!("{} {verb} with it: {} ({})", counted(&cause.cells), cause.title, cause.certainty.as_str())
}

/// What no control asks for, and what would keep a control.
fn notes(exclusions: &[Exclusion<'_>]) -> Vec<String> {
    let mut notes = Vec::new();
    for Exclusion { cause, controls } in exclusions {
        if controls.is_empty() {
            notes.push(format!(
                "no control asks for {} ({} is {}): take it out of the build",
                cause.label, cause.fact, cause.value
            ));
        }
        notes.extend(
            cause.help.iter().filter(|help| !help.starts_with("try it")).map(|help| format!("{}: {help}", cause.label)),
        );
    }
    notes
}

fn markdown(variant: &VariantName, exclusions: &[Exclusion<'_>]) -> String {
    let mut out = format!("# What to leave out of {variant}\n\n");
    let all = each(exclusions);
    if !all.is_empty() {
        out.push_str("| CIS ID | Setting | Reason | Evidence |\n|---|---|---|---|\n");
    }
    for (control, cause) in all {
        let cells = [control.number(), &cause.label, &reason(cause), &cause.evidence()].map(crate::markdown::escape);
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
    let notes = notes(exclusions);
    if !notes.is_empty() {
        out.push('\n');
    }
    for note in notes {
        let _ = writeln!(out, "- {}", crate::markdown::escape(&note));
    }
    out
}

fn waivers(variant: &VariantName, exclusions: &[Exclusion<'_>], responsible: Option<Responsible<'_>>) -> String {
    responsible
        .map_or_else(String::new, |responsible| waiver_write::file(&waivers_of(variant, exclusions, responsible)))
}

/// The exclusions as waivers, each control once.
pub fn waivers_of(
    variant: &VariantName,
    exclusions: &[Exclusion<'_>],
    Responsible { owner, expires }: Responsible<'_>,
) -> Vec<Waiver> {
    let waiver = |(control, cause): (&ControlId, &Cause)| Waiver {
        control: Some(control.clone()),
        variants: vec![variant.to_string()],
        reason: reason(cause),
        owner: owner.to_owned(),
        expires,
        ..Waiver::default()
    };
    each(exclusions).into_iter().map(waiver).collect()
}

/// The names of variables are those of `defaults/main.yml` in both roles.
fn lockdown(exclusions: &[Exclusion<'_>]) -> String {
    let mut out = comments(exclusions);
    for (control, cause) in each(exclusions) {
        let prefix = if control.benchmark().starts_with("cis-al2023-") { "amzn2023cis" } else { "amazon2cis" };
        let _ = writeln!(out, "# {}", reason(cause));
        let _ = writeln!(out, "{prefix}_rule_{}: false", control.number().replace('.', "_"));
    }
    out
}

fn inspec(exclusions: &[Exclusion<'_>], responsible: Option<Responsible<'_>>) -> String {
    let Some(Responsible { owner, expires }) = responsible else { return String::new() };
    let mut out = String::new();
    for (control, cause) in each(exclusions) {
        let why = serde_json::Value::from(format!("{}. {owner}", reason(cause)));
        let _ = writeln!(
            out,
            "\"{}\":\n  expiration_date: {expires}\n  run: true\n  justification: {why}",
            control.number()
        );
    }
    out
}

/// Kernel settings with the values of the reference. What has no setting of Bottlerocket is a comment.
fn bottlerocket(exclusions: &[Exclusion<'_>]) -> String {
    let mut out = comments(exclusions);
    let sysctls: Vec<(&str, &str)> = exclusions
        .iter()
        .filter_map(|exclusion| {
            Some((exclusion.cause.fact.strip_prefix("sysctl.")?, exclusion.cause.reference.as_deref()?))
        })
        .collect();
    if !sysctls.is_empty() {
        out.push_str("[settings.kernel.sysctl]\n");
    }
    for (name, value) in sysctls {
        let _ = writeln!(out, "{} = {}", serde_json::Value::from(name), serde_json::Value::from(value));
    }
    for Exclusion { cause, .. } in exclusions.iter().filter(|one| !one.cause.fact.starts_with("sysctl.")) {
        let _ = writeln!(
            out,
            "# {}: no setting; leave it out of the bootstrap container ({})",
            cause.label,
            cause.evidence()
        );
    }
    out
}

fn env(exclusions: &[Exclusion<'_>]) -> String {
    let numbers: Vec<&str> = each(exclusions).into_iter().map(|(control, _)| control.number()).collect();
    format!("CIS_EXCLUSIONS=\"{}\"\n", numbers.join(" "))
}

fn lines(exclusions: &[Exclusion<'_>], line: impl Fn(&ControlId, &Cause) -> String) -> String {
    each(exclusions).into_iter().map(|(control, cause)| line(control, cause) + "\n").collect()
}

fn comments(exclusions: &[Exclusion<'_>]) -> String {
    notes(exclusions).iter().map(|note| format!("# {note}\n")).collect()
}
