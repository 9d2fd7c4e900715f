//! Facts of a Bottlerocket host: those of every Linux host, and what its own API says.

use serde_json::Value;

use super::section::{Sections, shell};
use super::{Collected, linux};

/// The host has no package manager; what an image consists of is in its inventory.
const INVENTORY: &str = "/usr/share/bottlerocket/application-inventory.json";

/// The script. `apiclient` is on the host and speaks to the API's socket there.
pub(super) fn script() -> String {
    format!(
        "{}{}{}",
        linux::common(),
        shell("settings", "apiclient get settings.kernel settings.host-containers 2> /dev/null"),
        shell("inventory", &format!("grep -o '\"Name\"' {INVENTORY} 2> /dev/null | wc -l")),
    )
}

/// What the sections of [`script`] say.
pub(super) fn parse(sections: &Sections) -> Collected {
    let mut found = linux::parse_common(sections);
    let text = |name: &str| sections.text(name);
    let settings: Value = serde_json::from_str(text("settings")).unwrap_or_default();
    if let Some(lockdown) = settings.pointer("/settings/kernel/lockdown").and_then(Value::as_str) {
        found.put("kernel.lockdown", lockdown);
    }
    for container in ["admin", "control"] {
        let enabled = settings.pointer(&format!("/settings/host-containers/{container}/enabled"));
        if let Some(enabled) = enabled.and_then(Value::as_bool) {
            found.put(format!("host-container.{container}"), if enabled { "enabled" } else { "disabled" });
        }
    }
    if let Some(kernel) = settings.pointer("/settings/kernel") {
        leaves(kernel, "settings.kernel", &mut found);
    }
    if text("inventory").trim() != "0" {
        found.put("packages", text("inventory"));
    }
    if !text("settings").trim().is_empty() {
        found.texts.insert("Bottlerocket settings".to_owned(), text("settings").to_owned());
    }
    found
}

/// A fact for every value below a setting, by its path: `settings.kernel.modules.udf.allowed`. Sysctls are facts already, by what the kernel
/// says.
fn leaves(value: &Value, path: &str, found: &mut Collected) {
    match value {
        Value::Object(entries) => {
            let own = entries.iter().filter(|(name, _)| *name != "sysctl");
            own.for_each(|(name, value)| leaves(value, &format!("{path}.{name}"), found));
        }
        Value::Null => {}
        Value::String(text) => found.put(path, text),
        other => found.put(path, other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::facts::section::split;

    #[test]
    fn the_settings_say_what_is_locked_down_and_which_containers_run() {
        let output = "@@ selinux\nEnforcing\n@@ settings\n{\"settings\": {\"kernel\": {\"lockdown\": \"integrity\", \"modules\": {\"udf\": {\"allowed\": false}}}, \
                      \"host-containers\": {\"admin\": {\"enabled\": false}, \"control\": {\"enabled\": true}}}}\n@@ inventory\n97\n";
        let found = parse(&split(output));
        assert_eq!(found.get("kernel.lockdown"), Some("integrity"));
        assert_eq!(found.get("settings.kernel.lockdown"), Some("integrity"));
        assert_eq!(found.get("settings.kernel.modules.udf.allowed"), Some("false"));
        assert_eq!(found.get("host-container.admin"), Some("disabled"));
        assert_eq!(found.get("host-container.control"), Some("enabled"));
        assert_eq!((found.get("selinux.mode"), found.get("packages")), (Some("Enforcing"), Some("97")));
    }

    #[test]
    fn an_api_that_does_not_answer_leaves_the_facts_of_every_linux_host() {
        let found = parse(&split("@@ selinux\nEnforcing\n@@ settings\n@@ inventory\n0\n"));
        assert_eq!((found.get("kernel.lockdown"), found.get("packages")), (None, None));
        assert_eq!(found.get("selinux.mode"), Some("Enforcing"));
    }
}
