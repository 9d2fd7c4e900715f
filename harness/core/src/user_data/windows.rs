//! Windows: the EKS bootstrap script in a PowerShell block.

use std::collections::BTreeMap;

use amiproof_model::problem::Place;

use super::reading::Reading;
use super::{ClusterFacts, Refusal, node_labels_flag};

const OPEN: &str = "<powershell>";
const CLOSE: &str = "</powershell>";

/// The bootstrap first, then the user's commands, in one block: EC2Launch runs only the first.
pub(super) fn generate(
    cluster: &ClusterFacts,
    dns_ip: &str,
    labels: &BTreeMap<String, String>,
    user: Option<&str>,
) -> Result<String, Refusal> {
    let mut script = format!(
        "[string]$EKSBootstrapScript = \"$env:ProgramFiles\\Amazon\\EKS\\Start-EKSBootstrap.ps1\"\n\
         & $EKSBootstrapScript -EKSClusterName {} -APIServerEndpoint {} -Base64ClusterCA {} -DNSClusterIP {} -ServiceCIDR {}",
        quoted(&cluster.name),
        quoted(&cluster.endpoint),
        quoted(&cluster.certificate_authority),
        quoted(dns_ip),
        quoted(&cluster.service_cidr)
    );
    if !labels.is_empty() {
        script.push_str(&format!(" -KubeletExtraArgs {}", quoted(&node_labels_flag(labels))));
    }
    script.push_str(" 3>&1 4>&1 5>&1 6>&1\n");
    if let Some(text) = user {
        script.push_str(&body_of_user(text)?);
    }
    Ok(format!("{OPEN}\n{script}{CLOSE}\n"))
}

/// Reads the user's commands as EC2Launch does.
pub(super) fn check(reading: &mut Reading<'_>, text: &str) {
    if let Err(Refusal { line, message, help }) = body_of_user(text) {
        return reading.problem(Place { line, column: 1 }, "", message, help);
    }
    let commands = text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with('#'));
    for (index, _) in commands.filter(|(_, line)| line.to_ascii_lowercase().contains("start-eksbootstrap.ps1")) {
        let message = "the script calls Start-EKSBootstrap.ps1, and so does amiproof's own part";
        let help = "remove the call: amiproof calls it before your commands, for this cluster";
        reading.problem(Place { line: index + 1, column: 1 }, "", message, help);
    }
}

/// The user's commands without the tags around them.
fn body_of_user(text: &str) -> Result<String, Refusal> {
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let lower = text.to_ascii_lowercase();
    let line_of = |offset: usize| text[..offset].lines().count().max(1);
    if let Some(offset) = lower.find("<script>") {
        let help = "write PowerShell instead, with or without <powershell> around it";
        return Err(Refusal::new(line_of(offset), "a batch script", help));
    }
    if let Some(offset) = lower.find("<persist>") {
        // The one block that EC2Launch runs holds the bootstrap, too.
        let message = "<persist> would run the bootstrap of EKS again at every start of the node, beside your commands";
        let help = "remove it, and register a scheduled task for what must run at every start";
        return Err(Refusal::new(line_of(offset), message, help));
    }
    let body = match (lower.find(OPEN), lower.find(CLOSE)) {
        (None, None) => text.as_str(),
        (Some(open), Some(close)) if open < close => {
            let (before, after) = (&text[..open], &text[close + CLOSE.len()..]);
            let outside = "there is text outside of <powershell> … </powershell>, which EC2Launch does not run";
            if !before.trim().is_empty() {
                return Err(Refusal::new(1, outside, "move it inside"));
            }
            if !after.trim().is_empty() {
                return Err(Refusal::new(line_of(close + CLOSE.len()), outside, "move it inside"));
            }
            &text[open + OPEN.len()..close]
        }
        (open, close) => {
            let line = line_of(open.or(close).unwrap_or_default());
            return Err(Refusal::new(line, "<powershell> and </powershell> do not match", "write each once"));
        }
    };
    Ok(format!("{}\n", body.trim_matches('\n')))
}

/// A PowerShell verbatim string.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
