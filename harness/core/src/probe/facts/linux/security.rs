//! What guards a host: SELinux, lockdown, cryptography, auditing, and how long its accounts last.

use jiff::Span;
use jiff::civil::{Date, date};

use super::super::Collected;
use super::super::section::Sections;

/// Days after which a password counts as one that never expires: the default of shadow-utils.
const NEVER: i64 = 99_999;

/// Adds `selinux.mode`, `selinux.boolean.NAME`, `kernel.lockdown`, `fips.enabled` and `fips.commandLine`.
pub(super) fn kernel(found: &mut Collected, sections: &Sections) {
    found.put("kernel.lockdown", lockdown(sections.text("lockdown")));
    found.put("selinux.mode", selinux(sections.text("selinux")));
    // zebra_write_config --> on
    for line in sections.text("booleans").lines() {
        if let Some((name, "on")) = line.split_once("-->").map(|(name, state)| (name.trim(), state.trim())) {
            found.put(format!("selinux.boolean.{name}"), "on");
        }
    }
    if let Some(enabled) = found.get("sysctl.crypto.fips_enabled").map(str::to_owned) {
        found.put("fips.enabled", enabled);
    }
    let asked = sections.text("cmdline").split_whitespace().find(|word| word.starts_with("fips="));
    found.put("fips.commandLine", asked.unwrap_or_default());
}

/// Adds `crypto.policy`, `audit.*` and `auditd.*`, `password.*` and `account.USER.*`: what Amazon Linux has.
pub(super) fn system(found: &mut Collected, sections: &Sections) {
    found.put("crypto.policy", sections.text("crypto-policy").lines().next().unwrap_or_default());
    for line in sections.text("audit").lines() {
        match line.split_once('=') {
            Some((key, value)) => found.put(format!("auditd.{}", key.trim()), value),
            None => {
                let status = line.split_once(' ');
                if let Some((key @ ("enabled" | "failure" | "backlog_limit" | "lost"), value)) = status {
                    found.put(format!("audit.{key}"), value);
                }
            }
        }
    }
    for line in sections.text("password-ages").lines() {
        match line.split_once(char::is_whitespace) {
            Some(("PASS_MAX_DAYS", days)) => found.put("password.maxDays", days),
            Some(("PASS_MIN_DAYS", days)) => found.put("password.minDays", days),
            _ => {}
        }
    }
    sections.text("accounts").lines().for_each(|line| account(found, line));
}

/// An account, as shadow(5) has it without the password: name, day of the last change, minimum and maximum age, days of warning, days of
/// inactivity, day of expiration.
fn account(found: &mut Collected, line: &str) {
    let fields: Vec<&str> = line.split(':').collect();
    let [name, changed, _, most, ..] = fields[..] else { return };
    let days = |text: &str| text.trim().parse::<i64>().ok().filter(|days| *days >= 0);
    let expires = fields.get(6).copied().and_then(days).and_then(day);
    found.put(format!("account.{name}.expires"), expires.map_or("never".to_owned(), |day| day.to_string()));
    let most = days(most).filter(|most| *most < NEVER);
    let password = most.and_then(|most| day(days(changed)? + most));
    // Changed on day 0 means that it must be changed before anything else (shadow(5)).
    let password = match days(changed) {
        Some(0) => "now".to_owned(),
        _ => password.map_or("never".to_owned(), |day| day.to_string()),
    };
    found.put(format!("account.{name}.passwordExpires"), password);
}

/// The date that is a number of days after the epoch; `None` beyond the year 9999.
fn day(days: i64) -> Option<Date> {
    date(1970, 1, 1).checked_add(Span::new().try_days(days).ok()?).ok()
}

/// The mode in brackets of `none [integrity] confidentiality`; empty for a kernel without lockdown.
fn lockdown(text: &str) -> &str {
    text.split_whitespace().find_map(|word| word.strip_prefix('[')?.strip_suffix(']')).unwrap_or_default()
}

/// The word of `getenforce`, or the number of `/sys/fs/selinux/enforce`.
fn selinux(text: &str) -> &str {
    match text.trim() {
        "1" => "Enforcing",
        "0" => "Permissive",
        // Not asked, or no answer: unknown, which is not the same as disabled.
        word => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::facts::section::split;

    #[test]
    fn accounts_say_when_they_and_their_passwords_end() {
        for (line, account, password) in [
            ("root:20000:0:99999:7::", "never", "never"),
            ("root:20000:0:90:7:30:", "never", "2025-01-02"),
            ("root::0:90:7::", "never", "never"),
            ("root:20000::::: 20454", "2026-01-01", "never"),
            ("root:20000:0:-1:7::9223372036854775807", "never", "never"),
        ] {
            let found = {
                let mut found = Collected::default();
                super::account(&mut found, line);
                found
            };
            let of = |name: &str| found.get(&format!("account.root.{name}")).map(str::to_owned);
            let wanted = (Some(account.to_owned()), Some(password.to_owned()));
            assert_eq!((of("expires"), of("passwordExpires")), wanted, "{line}");
        }
    }

    #[test]
    fn every_action_of_the_audit_daemon_is_a_fact() {
        let text = "@@ audit\nenabled 2\nfailure 1\npid 712\nlost 3\nbacklog_limit 8192\nspace_left_action = SYSLOG\n\
                    admin_space_left_action = halt\n@@ crypto-policy\nFUTURE\n@@ password-ages\nPASS_MAX_DAYS\t365\nPASS_MIN_DAYS   1\n";
        let mut found = Collected::default();
        system(&mut found, &split(text));
        let shown: Vec<_> = found.facts.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let wanted = [
            "crypto.policy=FUTURE",
            "audit.enabled=2",
            "audit.failure=1",
            "audit.lost=3",
            "audit.backlog_limit=8192",
            "auditd.space_left_action=SYSLOG",
            "auditd.admin_space_left_action=halt",
            "password.maxDays=365",
            "password.minDays=1",
        ];
        assert_eq!(shown, wanted);
    }

    #[test]
    fn booleans_that_are_on_and_what_asks_for_fips_are_facts() {
        let text =
            "@@ cmdline\nro fips=1 quiet\n@@ selinux\n1\n@@ booleans\ncontainer_manage_cgroup --> on\nx --> off\n";
        let mut found = Collected::default();
        found.put("sysctl.crypto.fips_enabled", "1");
        kernel(&mut found, &split(text));
        let shown: Vec<_> = found.facts.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let wanted = [
            "sysctl.crypto.fips_enabled=1",
            "selinux.mode=Enforcing",
            "selinux.boolean.container_manage_cgroup=on",
            "fips.enabled=1",
            "fips.commandLine=fips=1",
        ];
        assert_eq!(shown, wanted);
    }
}
