//! Windows: the EKS bootstrap script in a PowerShell block.

use std::collections::BTreeMap;

use super::{ClusterFacts, node_labels_flag};

const OPEN: &str = "<powershell>";
const CLOSE: &str = "</powershell>";

/// The bootstrap first, then what the user adds, in one block: EC2Launch runs only the first.
pub(super) fn generate(
    cluster: &ClusterFacts,
    dns_ip: &str,
    labels: &BTreeMap<String, String>,
    user: Option<&str>,
) -> Result<String, String> {
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

/// The user's commands without the tags around them.
fn body_of_user(text: &str) -> Result<String, String> {
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let lower = text.to_ascii_lowercase();
    if lower.contains("<script>") {
        return Err("a batch script: write PowerShell instead, with or without <powershell> around it".to_owned());
    }
    let body = match (lower.find(OPEN), lower.find(CLOSE)) {
        (None, None) => text.as_str(),
        (Some(open), Some(close)) if open < close => {
            let (before, after) = (&text[..open], &text[close + CLOSE.len()..]);
            if !before.trim().is_empty() || !after.replace("<persist>true</persist>", "").trim().is_empty() {
                return Err(
                    "there is text outside of <powershell> … </powershell>: EC2Launch would not run it".to_owned()
                );
            }
            &text[open + OPEN.len()..close]
        }
        _ => return Err("<powershell> and </powershell> do not match".to_owned()),
    };
    Ok(format!("{}\n", body.trim_matches('\n')))
}

/// A PowerShell verbatim string.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
