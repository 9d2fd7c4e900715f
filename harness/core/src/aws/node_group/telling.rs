//! Finds the line that explains why a node did not join, among hundreds in consoles and journals. Pure.

use serde_json::Value;

/// Maximum length of a line, characters.
const LONGEST: usize = 300;

/// How significant a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    /// The consequence of another failure: a unit that systemd restarts.
    Consequence,
    /// Something went wrong.
    Error,
    /// Ends a boot or a kubelet.
    Fatal,
}

/// The last line of the greatest weight in these texts, without time stamps, as `program: message`; `None` if nothing looks like an
/// error. Among equals the last line wins, so the most informative source goes last.
pub(super) fn telling_line<'a>(texts: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let lines = texts.into_iter().flat_map(str::lines);
    let mut best: Option<(Weight, String)> = None;
    for raw in lines {
        let Line { program, message, level } = Line::read(raw);
        let Some(weight) = weigh(&program, &message, level) else { continue };
        if best.as_ref().is_none_or(|(known, _)| weight >= *known) {
            let text = if program.is_empty() { message } else { format!("{program}: {message}") };
            best = Some((weight, text));
        }
    }
    best.map(|(_, text)| shortened(&text))
}

fn shortened(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{} …", text[..at].trim_end()),
        None => text,
    }
}

/// The level that a line states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Unsaid,
    Info,
    Error,
    Fatal,
}

/// A parsed line of a console or a journal.
struct Line {
    /// `kubelet`, `nodeadm`, `kernel`; empty if none is named.
    program: String,
    message: String,
    level: Level,
}

impl Line {
    fn read(raw: &str) -> Self {
        let raw = plain(raw);
        let text = without_time(raw.trim());
        let (program, rest) = split_program(text);
        let (message, level) = message(rest);
        Self { program: program.to_owned(), message, level }
    }
}

/// Removes colours and other control characters, which consoles are full of.
fn plain(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut letters = raw.chars();
    while let Some(letter) = letters.next() {
        if letter == '\u{1b}' {
            // `ESC [ 0 ; 1 m`: up to its letter.
            letters.by_ref().find(|c| c.is_ascii_alphabetic());
        } else if !letter.is_control() || letter == '\t' {
            text.push(letter);
        }
    }
    text
}

/// Removes time stamps and the name of the host: of the kernel (`[    3.2]`), of syslog (`Nov 21 08:14:09 ip-10-0-1-2`), and of ISO 8601.
fn without_time(line: &str) -> &str {
    if let Some((stamp, rest)) = line.strip_prefix('[').and_then(|rest| rest.split_once(']'))
        && !stamp.trim().is_empty()
        && stamp.trim().chars().all(|c| c.is_ascii_digit() || c == '.')
    {
        return rest.trim_start();
    }
    let words: Vec<&str> = line.splitn(5, ' ').collect();
    let is_clock = |word: &str| {
        word.len() >= 8 && word.contains(':') && word.chars().all(|c| c.is_ascii_digit() || matches!(c, ':' | '.'))
    };
    // syslog pads days below ten with a blank.
    let padded: Vec<&str> = line.split_whitespace().take(4).collect();
    if let [month, day, clock, host] = padded[..]
        && month.len() == 3
        && day.parse::<u8>().is_ok()
        && is_clock(clock)
        && let Some((_, rest)) = line.split_once(&format!("{clock} {host} "))
    {
        return rest;
    }
    if let [stamp, host, ..] = words[..]
        && stamp.len() >= 19
        && stamp.as_bytes().get(10) == Some(&b'T')
        && stamp.starts_with(|c: char| c.is_ascii_digit())
    {
        let rest = line.get(stamp.len() + 1..).unwrap_or_default();
        // A journal in short-iso names the host after the time; a log file does not.
        let has_host = !host.ends_with(':') && !host.contains('[') && rest.len() > host.len();
        return if has_host { rest.get(host.len() + 1..).unwrap_or_default() } else { rest };
    }
    line
}

/// `kubelet[2291]: text` and `(nodeadm)[1493]: text` as program and text.
fn split_program(line: &str) -> (&str, &str) {
    let Some((head, rest)) = line.split_once(": ") else { return ("", line) };
    let name = head.split('[').next().unwrap_or(head).trim_matches(['(', ')']).trim_end_matches(".service");
    let is_name = !name.is_empty()
        && name.len() <= 40
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | '/'));
    if is_name { (name.rsplit('/').next().unwrap_or(name), rest) } else { ("", line) }
}

/// The message of a line of klog, of a JSON logger or of logfmt, and its level.
fn message(text: &str) -> (String, Level) {
    let text = text.trim();
    if let Ok(Value::Object(fields)) = serde_json::from_str::<Value>(text) {
        let of = |key: &str| fields.get(key).and_then(Value::as_str).unwrap_or_default();
        return (joined(of("msg"), of("error")), level(of("level")));
    }
    if let Some(rest) = text.split_once(".go:").filter(|(head, _)| is_klog(head)).map(|(_, rest)| rest) {
        let level = match text.as_bytes().first() {
            Some(b'E') => Level::Error,
            Some(b'F') => Level::Fatal,
            _ => Level::Info,
        };
        let message_text = rest.split_once("] ").map_or(rest, |(_, message_text)| message_text);
        let message_text = match message_text.split_once("\" ") {
            Some((head, fields)) => joined(head.trim_start_matches('"'), value_of(fields, "err")),
            None => message_text.trim_matches('"').to_owned(),
        };
        return (message_text, level);
    }
    if let Some(word) = text.split("level=").nth(1).and_then(|rest| rest.split_whitespace().next()) {
        return (joined(value_of(text, "msg"), value_of(text, "error")), level(word));
    }
    match text.split_once("\" err=") {
        Some((head, _)) => (joined(head.trim_start_matches('"'), value_of(text, "err")), Level::Error),
        None => (text.to_owned(), Level::Unsaid),
    }
}

/// `E1121 08:14:09.114527    2291 kubelet`, what comes before `.go:1542]`.
fn is_klog(head: &str) -> bool {
    let mut letters = head.chars();
    let is_level = letters.next().is_some_and(|c| matches!(c, 'E' | 'W' | 'I' | 'F'));
    // The date is left out where a console prints the message again.
    is_level && letters.take_while(|c| *c != ' ').all(|c| c.is_ascii_digit()) && head.contains(' ')
}

fn level(word: &str) -> Level {
    match word {
        "fatal" | "panic" | "dpanic" => Level::Fatal,
        "error" => Level::Error,
        "info" | "debug" | "warn" | "warning" => Level::Info,
        _ => Level::Unsaid,
    }
}

/// The value of `key=".."` among fields; empty if it is not there. Quotation marks in it keep their backslashes.
fn value_of<'a>(fields: &'a str, key: &str) -> &'a str {
    let start = format!("{key}=\"");
    let Some(at) = fields.find(&start) else { return "" };
    let rest = &fields[at + start.len()..];
    let end = rest.char_indices().find(|(at, c)| *c == '"' && !rest[..*at].ends_with('\\')).map(|(at, _)| at);
    rest[..end.unwrap_or(rest.len())].trim_matches(['[', ']'])
}

fn joined(message: &str, error: &str) -> String {
    let plain = |text: &str| text.replace("\\\"", "\"");
    match (message.is_empty(), error.is_empty()) {
        (false, false) if !message.contains(error) => format!("{}: {}", plain(message), plain(error)),
        (true, _) => plain(error),
        (false, _) => plain(message),
    }
}

/// Phrases in lines that end a boot or a kubelet.
const FATAL: [&str; 10] = [
    "kernel panic",
    "invalid kernel flag",
    "failed at step",
    "failed to start containermanager",
    "failed to run kubelet",
    "failed to determine user credentials",
    "unable to register node",
    "network is unreachable",
    "no space left on device",
    "read-only file system",
];

/// Phrases in lines about errors.
const ERROR: [&str; 26] = [
    "error",
    "fail",
    "fatal",
    "panic",
    "denied",
    "refused",
    "unauthorized",
    "forbidden",
    "unreachable",
    "invalid",
    "not found",
    "no such",
    "cannot",
    "can't",
    "could not",
    "unable",
    "timed out",
    "timeout",
    "x509",
    "no route",
    "not permitted",
    "not supported",
    "segfault",
    "out of memory",
    "exception",
    "no user data",
];

/// Phrases in lines about consequences.
const CONSEQUENCE: [&str; 10] = [
    "failed with result",
    "main process exited",
    "control process exited",
    "start request repeated too quickly",
    "scheduled restart job",
    "dependency failed for",
    "job for ",
    "error getting node",
    "failed to start kubelet",
    "failed to start nodeadm",
];

/// Phrases in lines of healthy boots.
const NOISE: [&str; 12] = [
    "cni plugin not initialized",
    "cni config load failed",
    "no network config found",
    "errors=",
    "0 failed",
    "no error",
    "error=nil",
    "err=nil",
    "<nil>",
    "acpi error",
    "failed to find module",
    "ignoring",
];

/// `None` for a line that is not an error.
fn weigh(program: &str, message: &str, level: Level) -> Option<Weight> {
    let text = message.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if level == Level::Info || has(&NOISE) {
        return None;
    }
    if has(&FATAL) || level == Level::Fatal {
        return Some(Weight::Fatal);
    }
    // Messages of systemd about units, which have a bracketed status in front of them on the console.
    let is_systemd = program == "systemd" || text.starts_with("[failed]") || text.starts_with("[depend]");
    if has(&CONSEQUENCE) || is_systemd && has(&ERROR) {
        return Some(Weight::Consequence);
    }
    (has(&ERROR) || level == Level::Error).then_some(Weight::Error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary_of(lines: &[&str]) -> Option<String> {
        telling_line([lines.join("\n").as_str()])
    }

    #[test]
    fn the_line_that_says_why_is_found_among_what_follows_from_it() {
        let table: [(&[&str], &str); 10] = [
            (
                &[
                    "Nov 21 08:14:08 ip-10-0-1-2 systemd[1]: Started kubelet.service - Kubernetes Kubelet.",
                    "Nov 21 08:14:09 ip-10-0-1-2 kubelet[2291]: E1121 08:14:09.114527 2291 kubelet.go:1542] \"Failed to start ContainerManager\" err=\"[invalid kernel flag: vm/overcommit_memory, expected value: 1, actual value: 0]\"",
                    "Nov 21 08:14:09 ip-10-0-1-2 systemd[1]: kubelet.service: Main process exited, code=exited, status=1/FAILURE",
                    "Nov 21 08:14:09 ip-10-0-1-2 systemd[1]: kubelet.service: Failed with result 'exit-code'.",
                ],
                "kubelet: Failed to start ContainerManager: invalid kernel flag: vm/overcommit_memory, expected value: 1, actual value: 0",
            ),
            (
                &[
                    "[    1.204411] kernel: Kernel panic - not syncing: alg: self-tests for cbc(aes) failed in fips mode!",
                ],
                "kernel: Kernel panic - not syncing: alg: self-tests for cbc(aes) failed in fips mode!",
            ),
            (
                &[
                    "cloud-init[1511]: Cloud-init running 'init'",
                    "hibinit-agent[1747]: OSError: [Errno 101] Network is unreachable",
                    "[FAILED] Failed to start amazon-ssm-agent.service.",
                ],
                "hibinit-agent: OSError: [Errno 101] Network is unreachable",
            ),
            (
                &[
                    "[    5.204411] early-boot-config[563]: Error 400 when PATCHing settings: unknown field `lockdwon`",
                    "[\u{1b}[0;1;31mFAILED\u{1b}[0m] Failed to start sshd.service - OpenSSH server daemon.",
                ],
                "early-boot-config: Error 400 when PATCHing settings: unknown field `lockdwon`",
            ),
            (
                &[
                    "(nodeadm)[1493]: nodeadm-config.service: Failed at step EXEC spawning /usr/bin/nodeadm: Permission denied",
                    "systemd[1]: nodeadm-config.service: Failed with result 'exit-code'.",
                    "systemd[1]: Dependency failed for nodeadm-run.service - EKS Nodeadm Run.",
                ],
                "nodeadm: nodeadm-config.service: Failed at step EXEC spawning /usr/bin/nodeadm: Permission denied",
            ),
            (
                &[
                    "2026-11-21T08:14:09+0000 ip-10-0-1-2 nodeadm[1502]: {\"level\":\"info\",\"msg\":\"loading configuration\"}",
                    "2026-11-21T08:14:10+0000 ip-10-0-1-2 nodeadm[1502]: {\"level\":\"fatal\",\"ts\":1.5,\"msg\":\"Command failed\",\"error\":\"no config in chain\"}",
                ],
                "nodeadm: Command failed: no config in chain",
            ),
            (
                &[
                    "containerd[612]: time=\"2026-11-21T08:14:09Z\" level=error msg=\"failed to load plugin\" error=\"invalid plugin config: \\\"x\\\"\"",
                ],
                "containerd: failed to load plugin: invalid plugin config: \"x\"",
            ),
            (
                &["kubelet.service: Failed to determine user credentials: No such process"],
                "kubelet: Failed to determine user credentials: No such process",
            ),
            (
                &[
                    "kubelet[1843]: E kubelet_node_status.go:107] \"Unable to register node with API server\" err=\"Unauthorized\" cluster=\"c\"",
                ],
                "kubelet: Unable to register node with API server: Unauthorized",
            ),
            (
                &["systemd[1]: Failed to start kubelet.service - Kubernetes Kubelet."],
                "systemd: Failed to start kubelet.service - Kubernetes Kubelet.",
            ),
        ];
        for (lines, wanted) in table {
            assert_eq!(summary_of(lines).as_deref(), Some(wanted));
        }
    }

    #[test]
    fn a_healthy_boot_tells_nothing() {
        let healthy = [
            "[    0.000000] Linux version 6.12.53 (errors=remount-ro)",
            "kubelet[1731]: I1121 08:14:09.114527    1731 server.go:212] \"Kubelet version\" kubeletVersion=\"v1.36\"",
            "containerd[612]: time=\"2026-11-21T08:14:09Z\" level=error msg=\"failed to load cni during init\" error=\"cni config load failed: no network config found in /etc/cni/net.d: cni plugin not initialized\"",
            "nodeadm[1502]: {\"level\":\"info\",\"msg\":\"done!\",\"duration\":1.2}",
            "-- No entries --",
            "",
        ];
        assert_eq!(summary_of(&healthy), None);
        assert_eq!(summary_of(&[]), None);
    }

    #[test]
    fn the_later_source_says_it_and_no_line_is_endless() {
        let console = "dracut: could not find disk";
        assert_eq!(
            telling_line([console, "kubelet: open /etc/x: permission denied"]).as_deref(),
            Some("kubelet: open /etc/x: permission denied")
        );
        assert_eq!(
            telling_line(["kernel: Kernel panic - not syncing", "kubelet: cannot open"]).as_deref(),
            Some("kernel: Kernel panic - not syncing")
        );
        let long = telling_line([format!("kubelet: error {}", "ä".repeat(2000)).as_str()]).unwrap();
        assert!(long.chars().count() <= LONGEST + 2, "{}", long.chars().count());
    }
}
