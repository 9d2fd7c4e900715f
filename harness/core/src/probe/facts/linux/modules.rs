//! Kernel modules: which are loaded, which cannot be, and which of those that matter are part of the kernel.

use std::collections::BTreeSet;

use super::super::Collected;
use super::super::section::Sections;

/// Modules that something depends on, by their names in `lsmod`.
const MODULES: [&str; 16] = [
    "overlay",
    "br_netfilter",
    "nf_conntrack",
    "nf_tables",
    "nft_compat",
    "ip_vs",
    "sctp",
    "squashfs",
    "nfs",
    "fuse",
    "vxlan",
    "wireguard",
    "xt_MASQUERADE",
    "xt_REDIRECT",
    "ip_tables",
    "iptable_nat",
];

/// The command that prints which of them are part of the kernel. A file of modules has `-` or `_` in its name.
pub(super) fn builtin() -> String {
    let names: Vec<String> = MODULES.iter().map(|name| name.replace('_', "[-_]")).collect();
    format!("grep -hoE '/({})\\.ko' \"/lib/modules/$(uname -r)/modules.builtin\" 2> /dev/null", names.join("|"))
}

/// Adds `modules.loaded` (of those that matter), `modules.blocked` and `module.NAME` for each that is loaded, blocked or part of the kernel.
pub(super) fn facts(found: &mut Collected, sections: &Sections) {
    let loaded: BTreeSet<&str> = sections.text("modules").split_whitespace().collect();
    if sections.entire("modules").is_some() {
        let there: Vec<&str> = MODULES.into_iter().filter(|module| loaded.contains(module)).collect();
        found.put("modules.loaded", there.join(" "));
    }
    let blocked: BTreeSet<&str> = sections.text("modprobe").lines().filter_map(blocked).collect();
    if sections.entire("modprobe").is_some() {
        found.put("modules.blocked", blocked.iter().copied().collect::<Vec<_>>().join(" "));
    }
    for module in sections.text("builtin").lines().filter_map(|line| line.trim().strip_prefix('/')?.strip_suffix(".ko"))
    {
        found.put(format!("module.{}", module.replace('-', "_")), "builtin");
    }
    for module in &loaded {
        found.put(format!("module.{module}"), "loaded");
    }
    for module in blocked.iter().filter(|module| !loaded.contains(*module)) {
        found.put(format!("module.{module}"), "blocked");
    }
}

/// The module that a line of modprobe.d(5) blocks: `install sctp /bin/false`.
fn blocked(line: &str) -> Option<&str> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        ["install", module, program] if program.ends_with("/false") || program.ends_with("/true") => Some(module),
        _ => None,
    }
}
