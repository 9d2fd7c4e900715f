//! Services: which are enabled or active, with which umask and limits; and what listens.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Collected;
use super::super::section::Sections;

/// Services that start on demand and end by themselves, or that stand for a session: their state says nothing about
/// an image.
const PASSING: [&str; 17] = [
    "dnf-",
    "fstrim",
    "logrotate",
    "man-db",
    "packagekit",
    "rpm-ostree",
    "run-",
    "session-",
    "sshd@",
    "sysstat-",
    "systemd-coredump@",
    "systemd-hostnamed",
    "systemd-localed",
    "systemd-timedated",
    "systemd-tmpfiles-clean",
    "user@",
    "user-runtime-dir@",
];

/// Adds `service.NAME` = `enabled active` for the services that are always asked for and for all others that are enabled or active,
/// `umask.UNIT` and `limits.UNIT.*` of kubelet and containerd, and `limits.nofile`, which units have that set none.
pub(super) fn facts(found: &mut Collected, sections: &Sections) {
    for line in sections.text("services").lines() {
        if let Some((name, state)) = line.trim().split_once(' ').filter(|(_, state)| !state.contains("not-found")) {
            found.put(format!("service.{name}"), state);
        }
    }
    if let (Some(units), Some(active)) = (sections.entire("units"), sections.entire("active")) {
        for (name, state) in others(units, active) {
            if found.get(&format!("service.{name}")).is_none() {
                found.put(format!("service.{name}"), state);
            }
        }
    }
    let mut unit = "";
    for line in sections.text("unit-settings").lines() {
        if let Some(name) = line.strip_prefix("unit ") {
            unit = name.trim();
        }
        match line.split_once('=') {
            Some(("UMask", umask)) => found.put(format!("umask.{unit}"), umask),
            Some(("LimitNOFILESoft", most)) => found.put(format!("limits.{unit}.nofile.soft"), most),
            Some(("LimitNOFILE", most)) => found.put(format!("limits.{unit}.nofile"), most),
            Some(("LimitNPROC", most)) => found.put(format!("limits.{unit}.nproc"), most),
            _ => {}
        }
    }
    let most = sections.text("manager").lines().find_map(|line| line.strip_prefix("DefaultLimitNOFILE="));
    found.put("limits.nofile", most.unwrap_or_default());
    if let Some(text) = sections.entire("listening") {
        found.put("listening.tcp", listening(text, "0A"));
    }
    if let Some(text) = sections.entire("listening-udp") {
        let ports = listening(text, "07");
        // The kernel chooses the ports of clients, which differ between hosts (ip-sysctl, ip_local_port_range).
        let served: Vec<&str> =
            ports.split(' ').filter(|port| port.parse::<u16>().is_ok_and(|port| port < FIRST_OF_CLIENTS)).collect();
        found.put("listening.udp", served.join(" "));
    }
}

/// Services that are enabled or active, with both states: from the lines of `systemctl list-unit-files` (`NAME STATE PRESET`) and
/// `systemctl list-units` (`NAME loaded active running ...`).
fn others<'a>(units: &'a str, active: &'a str) -> BTreeMap<&'a str, String> {
    let name = |word: Option<&'a str>| word?.strip_suffix(".service");
    let mut files: BTreeMap<&str, &str> = BTreeMap::new();
    for line in units.lines() {
        let mut words = line.split_whitespace();
        if let (Some(name), Some(state)) = (name(words.next()), words.next()) {
            files.insert(name, state);
        }
    }
    let active: BTreeSet<&str> = active.lines().filter_map(|line| name(line.split_whitespace().next())).collect();
    let enabled = files.iter().filter(|(_, state)| state.starts_with("enabled")).map(|(name, _)| *name);
    let all: BTreeSet<&str> = enabled.chain(active.iter().copied()).collect();
    all.into_iter()
        .filter(|name| !PASSING.iter().any(|passing| name.starts_with(passing)))
        .map(|name| {
            // An instance of a template has the file of the template: getty@tty1 that of getty@.
            let template = name.split_once('@').map(|(template, _)| format!("{template}@"));
            let file = files.get(name).or_else(|| files.get(template.as_deref()?)).copied().unwrap_or("generated");
            (name, format!("{file} {}", if active.contains(name) { "active" } else { "inactive" }))
        })
        // `getty@` itself, which only its instances are.
        .filter(|(name, _)| !name.ends_with('@'))
        .collect()
}

/// The first port that the kernel gives to clients, where nothing else is configured.
const FIRST_OF_CLIENTS: u16 = 32768;

/// Ports with a listener that others than the host itself can reach, from `/proc/net/tcp` and `tcp6` with state `0A` (LISTEN), or `udp` and
/// `udp6` with `07`: sockets that are not connected.
fn listening(text: &str, state: &str) -> String {
    let ports: BTreeSet<u16> = text
        .lines()
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (address, port) = words.get(1)?.split_once(':')?;
            // Addresses are hexadecimal in the byte order of the machine (proc_net_tcp).
            let own = address == "0100007F" || address == "00000000000000000000000001000000";
            (words.get(3) == Some(&state) && !own).then(|| u16::from_str_radix(port, 16).ok())?
        })
        .collect();
    ports.iter().map(u16::to_string).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_those_that_others_can_reach() {
        let line = |address: &str, state: &str| format!("0: {address} 00000000:0000 {state} 00000000:00000000\n");
        let tcp = line("00000000:280A", "0A") + &line("0100007F:2808", "0A") + &line("0500000A:C001", "01");
        assert_eq!(listening(&tcp, "0A"), "10250");
        let udp = line("00000000:006F", "07") + &line("0100007F:0143", "07") + &line("00000000:0044", "01");
        assert_eq!(listening(&udp, "07"), "111");
        assert_eq!(listening("", "07"), "");
    }

    #[test]
    fn services_that_are_enabled_or_active_have_both_states() {
        let units = "chronyd.service enabled enabled\ncups.service disabled disabled\ngetty@.service enabled enabled\n\
                     dbus-broker.service enabled enabled\nsystemd-hostnamed.service static -\nsystemd-logind.service static -\n";
        let active = "chronyd.service loaded active running NTP client/server\ngetty@tty1.service loaded active running Getty on tty1\n\
                      systemd-hostnamed.service loaded active running Hostname Service\nsystemd-logind.service loaded active running Login\n\
                      session-1.service loaded active running x\ncloud.service loaded active exited x\n";
        let found: Vec<_> = others(units, active).into_iter().map(|(name, state)| format!("{name}={state}")).collect();
        let wanted = [
            "chronyd=enabled active",
            "cloud=generated active",
            "dbus-broker=enabled inactive",
            "getty@tty1=enabled active",
            "systemd-logind=static active",
        ];
        assert_eq!(found, wanted);
    }
}
