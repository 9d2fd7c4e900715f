//! Mounts with type and options, and how large and how full their file systems are.

use std::collections::BTreeMap;

use super::super::Collected;
use super::super::section::Sections;

/// Paths whose mount options decide what runs and what is written there: they have a fact wherever they are.
const PATHS: [&str; 14] = [
    "/",
    "/etc",
    "/opt",
    "/run",
    "/tmp",
    "/var",
    "/var/tmp",
    "/var/log",
    "/var/log/audit",
    "/var/lib/kubelet",
    "/var/lib/containerd",
    "/home",
    "/dev/shm",
    "/local",
];

/// Adds `mount.PATH` (options) and `fstype.PATH` for every mount of the host, `mount.PATH` = `OPTIONS (on MOUNT)` for the paths that matter
/// and are not mounts, and `disk.PATH` = `20.0 GiB, 20-29% used`.
pub(super) fn facts(found: &mut Collected, sections: &Sections) {
    // A mount that is missing from a list that is cut says nothing about what its path is on.
    if let Some(text) = sections.entire("mounts") {
        mounts(found, text);
    }
    for line in sections.text("file-systems").lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [device, all, used, _, _, path] = words[..] else { continue };
        // Images and file systems in memory are not what fills up.
        if let (true, Ok(all), Ok(used)) = (device.starts_with("/dev/"), all.parse::<u64>(), used.parse::<u64>()) {
            found.put(format!("disk.{path}"), size(all, used));
        }
    }
}

/// Size and use, in steps of ten percent: the exact use is another one on every host.
fn size(all: u64, used: u64) -> String {
    let gibibytes = all as f64 / 1024.0 / 1024.0;
    let tenth = used.saturating_mul(10).checked_div(all).unwrap_or(0).min(9) * 10;
    format!("{gibibytes:.1} GiB, {tenth}-{}% used", if tenth == 90 { 100 } else { tenth + 9 })
}

fn mounts(found: &mut Collected, text: &str) {
    let mut mounts: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [_, path, kind, options, ..] = words[..] {
            // Later mounts cover earlier ones.
            mounts.insert(path, (kind, options));
        }
    }
    let covers = |mount: &str, path: &str| {
        mount == "/" || path == mount || path.strip_prefix(mount).is_some_and(|rest| rest.starts_with('/'))
    };
    for path in PATHS {
        let own = mounts.iter().filter(|(mount, _)| covers(mount, path)).max_by_key(|(mount, _)| mount.len());
        if let Some((mount, (_, options))) = own {
            let on = if *mount == path { String::new() } else { format!(" (on {mount})") };
            found.put(format!("mount.{path}"), format!("{options}{on}"));
        }
    }
    for (path, (kind, options)) in &mounts {
        found.put(format!("mount.{path}"), options);
        found.put(format!("fstype.{path}"), kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_says_how_full_in_steps_of_ten() {
        for (all, used, wanted) in [
            (20_959_212, 4_612_360, "20.0 GiB, 20-29% used"),
            (1_048_576, 0, "1.0 GiB, 0-9% used"),
            (1_048_576, 1_048_576, "1.0 GiB, 90-100% used"),
            (0, 0, "0.0 GiB, 0-9% used"),
        ] {
            assert_eq!(size(all, used), wanted);
        }
    }
}
