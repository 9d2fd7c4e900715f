//! The configuration of containerd, merged with its defaults and imports where it prints that itself (`containerd config dump`).

use super::super::Collected;

/// The command that prints it.
pub(super) const COMMAND: &str = "{ containerd config dump 2> /dev/null || cat /etc/containerd/config.toml 2> /dev/null; } \
                                  | grep -E '^ *(\\[|version|root|state|snapshotter|SystemdCgroup|enable_selinux|config_path|sandbox|sandbox_image|\
                                  max_container_log_line_size|discard_unpacked_layers|enable_unprivileged_ports|device_ownership_from_security_context)'";

/// Adds `containerd.KEY` for the keys that decide how containers run, `containerd.version` and `containerd.config.version`.
pub(super) fn facts(found: &mut Collected, text: &str, version: &str) {
    // containerd github.com/containerd/containerd/v2 2.1.4 75cb2b7193e4e490e9fbdc236c0e811ccaba3376
    found.put("containerd.version", version.split_whitespace().nth(2).unwrap_or_default());
    let mut table = String::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            table = line.trim_matches(['[', ']']).to_owned();
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        let (key, value) = (key.trim(), value.trim().trim_matches(['"', '\'']));
        let name = match (table.as_str(), key) {
            ("", "version") => "containerd.config.version".to_owned(),
            ("", "root" | "state") => format!("containerd.{key}"),
            // The same words in tables of other plugins say something else.
            (_, "version" | "root" | "state") => continue,
            (table, "SystemdCgroup") if !table.contains("runtimes.runc.") => continue,
            (table, "config_path") if !table.ends_with("registry") => continue,
            (_, "config_path") => "containerd.registry.config_path".to_owned(),
            (table, "snapshotter") if table.contains("runtimes.") || !is_of_cri(table) => continue,
            (table, _) if !is_of_cri(table) => continue,
            _ => format!("containerd.{key}"),
        };
        found.put(name, value);
    }
}

/// Whether a table is one of the plugin that serves the kubelet: `io.containerd.grpc.v1.cri` before containerd 2, `io.containerd.cri.v1.*`
/// since.
fn is_of_cri(table: &str) -> bool {
    table.contains("io.containerd.grpc.v1.cri") || table.contains("io.containerd.cri.v1.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        let mut found = Collected::default();
        facts(&mut found, text, "containerd github.com/containerd/containerd/v2 2.1.4 75cb2b71\n");
        found.facts.iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    #[test]
    fn the_keys_of_both_generations_become_facts() {
        let two = "version = 3\nroot = '/var/lib/containerd'\nstate = '/run/containerd'\n[plugins]\n\
                   [plugins.'io.containerd.cri.v1.images']\n  snapshotter = 'overlayfs'\n  discard_unpacked_layers = true\n\
                   [plugins.'io.containerd.cri.v1.images'.registry]\n  config_path = '/etc/containerd/certs.d'\n\
                   [plugins.'io.containerd.cri.v1.runtime']\n  enable_selinux = false\n\
                   [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]\n  snapshotter = ''\n\
                   [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]\n  SystemdCgroup = true\n\
                   [plugins.'io.containerd.snapshotter.v1.zfs']\n  root = '/zfs'\n";
        let wanted = [
            "containerd.version=2.1.4",
            "containerd.config.version=3",
            "containerd.root=/var/lib/containerd",
            "containerd.state=/run/containerd",
            "containerd.snapshotter=overlayfs",
            "containerd.discard_unpacked_layers=true",
            "containerd.registry.config_path=/etc/containerd/certs.d",
            "containerd.enable_selinux=false",
            "containerd.SystemdCgroup=true",
        ];
        assert_eq!(of(two), wanted);
        let one = "version = 2\nroot = \"/var/lib/containerd\"\n[plugins.\"io.containerd.grpc.v1.cri\"]\nsandbox_image = \"pause:3.5\"\n\
                   [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc.options]\nSystemdCgroup = true\n";
        let wanted = [
            "containerd.version=2.1.4",
            "containerd.config.version=2",
            "containerd.root=/var/lib/containerd",
            "containerd.sandbox_image=pause:3.5",
            "containerd.SystemdCgroup=true",
        ];
        assert_eq!(of(one), wanted);
    }
}
