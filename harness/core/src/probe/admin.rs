//! Commands on a Bottlerocket host through its admin container, if no pod can start.
//!
//! The agent of Systems Manager runs in the control container; `apiclient exec admin` leads from there into the admin container, and
//! `sheltie`, which reads its commands from standard input, from there into the host's namespaces
//! (bottlerocket-os/bottlerocket-admin-container, `sheltie`). The admin container is disabled by default, and amiproof does not
//! enable it: that would change the node under test.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::Output;
use super::output::Attempt;
use super::ssm::{Agent, SHELL};
use crate::aws::ssm;

/// Deadline for asking whether the admin container is enabled.
const ASK: Duration = Duration::from_secs(60);

pub(super) async fn run(agent: &Agent<'_>, script: &str, deadline: Duration) -> Result<Output, Attempt> {
    let asked = "apiclient get settings.host-containers.admin.enabled";
    let settings = ssm::run(agent.clients, agent.instance, SHELL, &[asked], ASK).await;
    let settings = settings.map_err(|error| Attempt::NoWay(error.to_string()))?;
    if !is_enabled(&settings.stdout) {
        return Err(Attempt::NoWay("the admin container is off, as it is by default".to_owned()));
    }
    agent.run(script, deadline).await
}

/// From the control container to the host. The script goes as one word, which no shell on the way expands.
pub(super) fn through(script: &str) -> String {
    let encoded = BASE64_STANDARD.encode(script);
    format!("apiclient exec admin bash -c 'echo {encoded} | base64 -d | sheltie'")
}

/// Reads the settings that `apiclient get` prints as JSON.
fn is_enabled(settings: &str) -> bool {
    let settings: serde_json::Value = serde_json::from_str(settings).unwrap_or_default();
    settings.pointer("/settings/host-containers/admin/enabled").and_then(serde_json::Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_admin_container_counts_only_where_the_settings_say_so() {
        assert!(is_enabled(r#"{"settings": {"host-containers": {"admin": {"enabled": true}}}}"#));
        assert!(!is_enabled(r#"{"settings": {"host-containers": {"admin": {"enabled": false}}}}"#));
        assert!(!is_enabled("Failed GET request"));
    }

    #[test]
    fn a_script_reaches_the_host_as_one_word() {
        let line = through("echo 'it is'; $(reboot)");
        assert!(line.starts_with("apiclient exec admin bash -c 'echo ") && line.ends_with(" | base64 -d | sheltie'"));
        assert_eq!(line.matches('\'').count(), 2, "{line}");
    }
}
