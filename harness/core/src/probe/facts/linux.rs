//! Facts of an Amazon Linux host.

mod certificates;
mod containerd;
mod files;
mod modules;
mod script;
mod security;
mod services;
mod storage;
mod sysctl;
mod time;

use serde_json::Value;

pub(super) use self::script::{common, script};
pub(super) use self::sysctl::{again, changes};
pub(super) use self::time::offset;
use super::section::Sections;
use super::{Collected, firewall};

/// What the sections of [`script`] say.
pub(super) fn parse(sections: &Sections) -> Collected {
    let mut found = parse_common(sections);
    measure(&mut found, sections, &["audit", "aide", "imds", "sshd"]);
    for line in sections.text("packages").lines() {
        if let Some((name, version)) = package(line) {
            found.put(format!("package.{name}"), version);
        }
    }
    if sections.text("package-count").trim() != "0" {
        found.put("packages", sections.text("package-count"));
    }
    security::system(&mut found, sections);
    certificates::facts(&mut found, sections);
    found
}

/// `containerd-2.1.4-1.amzn2023.x86_64`: the name, and version with release.
fn package(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let release = line.rfind('-')?;
    let version = line[..release].rfind('-')?;
    Some((&line[..version], &line[version + 1..]))
}

/// What the sections of [`common`] say.
pub(super) fn parse_common(sections: &Sections) -> Collected {
    let mut found = Collected::default();
    let text = |name: &str| sections.text(name);
    os_release(&mut found, text("os-release"));
    found.put("kernel.release", text("kernel"));
    found.put("kernel.cmdline", text("cmdline"));
    sysctl::facts(&mut found, text("sysctl"), text("routes"));
    sysctl::changes(&mut found.facts, text("sysctl-later"));
    security::kernel(&mut found, sections);
    found.put("cgroup.version", text("cgroup"));
    found.put("umask", text("umask"));
    storage::facts(&mut found, sections);
    files::facts(&mut found, text("files"));
    modules::facts(&mut found, sections);
    firewall::facts(&mut found, sections);
    services::facts(&mut found, sections);
    time::facts(&mut found, sections);
    containerd::facts(&mut found, text("containerd"), text("containerd-version"));
    found.kubelet = kubelet(text("kubelet-file"), text("kubelet-drop-ins"));
    measure(&mut found, sections, &["disks", "martians", "denials", "lockdown", "modprobe"]);
    for (name, title) in [
        ("nft", "nft ruleset"),
        ("iptables", "iptables rules"),
        ("ip6tables", "ip6tables rules"),
        ("mounts", "mounts"),
        ("modprobe", "modprobe configuration"),
        ("kubelet-file", "kubelet configuration"),
        ("kubelet-drop-ins", "kubelet drop-ins"),
        ("journal-kubelet", "kubelet journal"),
        ("journal-containerd", "containerd journal"),
    ] {
        let text = text(name);
        if text.trim().is_empty() {
            continue;
        }
        let is_cut = sections.entire(name).is_none();
        let title = if is_cut { format!("beginning of {title}") } else { title.to_owned() };
        found.texts.insert(title, text.to_owned());
    }
    found.put("facts.cut", sections.cut().join(" "));
    found
}

/// Keeps what sections printed as it is, the empty ones too: a section that printed nothing was asked. One that is cut is not known.
fn measure(found: &mut Collected, sections: &Sections, names: &[&str]) {
    let asked = names.iter().filter_map(|name| Some(((*name).to_owned(), sections.entire(name)?.trim().to_owned())));
    found.measured.extend(asked);
}

fn os_release(found: &mut Collected, text: &str) {
    for (key, name) in
        [("ID", "os.id"), ("VERSION_ID", "os.version"), ("PRETTY_NAME", "os.name"), ("VARIANT_ID", "os.variant")]
    {
        let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        found.put(name, value.unwrap_or_default().trim_matches(['"', '\'']));
    }
}

/// The configuration file with its drop-ins merged into it, as the kubelet does (`--config-dir`). `None` if the file is not JSON.
fn kubelet(file: &str, drop_ins: &str) -> Option<Value> {
    let mut merged: Value = serde_json::from_str(file).ok()?;
    for drop_in in drop_ins.split("%%\n").filter(|text| !text.trim().is_empty()) {
        merge(&mut merged, serde_json::from_str(drop_in).ok()?);
    }
    Some(merged)
}

fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}

#[cfg(test)]
mod tests;
