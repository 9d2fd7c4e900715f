//! Scripts that exchange several settings of one host, and what they say.

use amiproof_model::bisect::{Item, Side};
use amiproof_model::setting::Exchange;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use indexmap::IndexMap;

use crate::resource::node_change::Scripts;

/// The folder on a host that exists while something there must be kept from writing old values.
const FOLDER: &str = "/run/amiproof-trial";

/// Which changes have begun, and which are over. Small files, gone with the next boot.
const GUARDS: &str = "/run/amiproof-trials";

/// How many seconds undoing waits for a script that is still applying the change.
const CLOSING: u32 = 120;

/// The settings to exchange on one host: the number of each item with what it takes there.
pub(super) type Exchanges = Vec<(usize, Exchange)>;

/// What exchanging items takes on a host with these facts.
///
/// # Errors
/// The first item that cannot be exchanged there, and why.
pub(super) fn exchanges<'a>(
    items: impl Iterator<Item = (usize, &'a Item)>,
    facts: &IndexMap<String, String>,
    side: Side,
) -> Result<Exchanges, (usize, String)> {
    let mut all = Vec::new();
    for (number, item) in items {
        for one in &item.facts {
            let own = facts.get(&one.fact).map(String::as_str);
            let other = if side == Side::Candidate { &one.reference } else { &one.candidate };
            if own == other.as_deref() {
                continue;
            }
            let exchange = one.change.exchange(&one.fact, own, other.as_deref()).map_err(|why| (number, why))?;
            all.push((number, exchange));
        }
    }
    Ok(all)
}

/// Guards one change of one host. Once the change was undone nothing is applied any more, because a command whose answer was lost may be
/// delivered late; an apply in progress is waited for. The same command may run twice at once, through Systems Manager and in a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Guard(String);

impl Guard {
    /// A guard for a new change.
    pub(super) fn new() -> Self {
        Self(format!("{GUARDS}/{:016x}", amiproof_time::random::number()))
    }

    fn folder(&self) -> &str {
        self.0.rsplit_once('/').map_or("/", |(folder, _)| folder)
    }

    /// Ends a script that arrives after the undo script. Each script leaves a file with the start time of its
    /// process, which tells it from another process with the same PID.
    fn enter(&self) -> String {
        let (Self(path), folder) = (self, self.folder());
        format!(
            "mkdir -p {folder}; cut -d ' ' -f 22 /proc/$$/stat > {path}.begun.$$ 2> /dev/null\n\
             if [ -e {path}.over ]; then rm -f {path}.begun.$$; echo over; exit 0; fi\n"
        )
    }

    fn leave(&self) -> String {
        format!("rm -f {}.begun.$$\n", self.0)
    }

    /// Keeps scripts that arrive later from changing anything, and waits for running ones; exits with a non-zero
    /// status if one does not end.
    fn close(&self) -> String {
        let (Self(path), folder) = (self, self.folder());
        format!(
            "mkdir -p {folder}; : > {path}.over\nfor begun in {path}.begun.*; do\n\
             [ -e \"$begun\" ] || continue\nturn=0\n\
             while now=$(cut -d ' ' -f 22 \"/proc/${{begun##*.}}/stat\" 2> /dev/null); [ -n \"$now\" ] && [ \"$now\" = \"$(cat \"$begun\")\" ]; do\n\
             if [ $turn -ge {CLOSING} ]; then echo 'the script that changes settings still runs' >&2; exit 1; fi\n\
             turn=$((turn + 1)); sleep 1\ndone\nrm -f \"$begun\"\ndone\n"
        )
    }
}

/// The scripts for a host. The values of the items in `kept` are written again whenever something on the host changes them.
pub(super) fn scripts(guard: &Guard, exchanges: &Exchanges, kept: impl Fn(usize) -> bool) -> Scripts {
    let step = |number: usize, one: &Exchange| {
        // Something on the host may write the old value in the very moment between setting and reading.
        format!(
            "word=not; for turn in 1 2 3; do if out=$( {{ {} ; }} 2>&1 ); then word=set; break; fi; sleep 0.3; done\n\
             [ $word = set ] || {{ {} ; }} > /dev/null 2>&1\necho \"$word {number} $out\"\n",
            one.apply, one.undo
        )
    };
    let mut apply = guard.enter();
    apply.extend(exchanges.iter().map(|(number, one)| step(*number, one)));
    let keeper: String = exchanges
        .iter()
        .filter(|(number, one)| kept(*number) && !one.holds.is_empty())
        .map(|(_, one)| format!("( {} ) > /dev/null 2>&1 || ( {} ) > /dev/null 2>&1\n", one.holds, one.apply))
        .collect();
    let is_kept = !keeper.is_empty();
    if is_kept {
        apply.push_str(&start(&keeper));
    }
    apply.push_str(BOOT);
    apply.push_str(&guard.leave());
    Scripts { apply, undo: undo(guard, exchanges, is_kept) }
}

/// The script that puts settings back; first it ends the loop that writes values again, if one was started.
pub(super) fn undo(guard: &Guard, exchanges: &Exchanges, is_kept: bool) -> String {
    let mut undo = guard.close();
    if is_kept {
        undo.push_str(&stop());
    }
    undo.push_str("bad=0\n");
    for (number, one) in exchanges.iter().rev() {
        undo.push_str(&format!(
            "if out=$( {{ {} ; }} 2>&1 ); then :; else echo \"setting {number}: $out\" >&2; bad=1; fi\n",
            one.undo
        ));
    }
    undo.push_str("exit $bad\n");
    undo
}

/// Says which boot of the host it is.
const BOOT: &str = "echo \"boot $(sysctl -n kernel.random.boot_id 2> /dev/null)\"\n";

/// The boot that a host said it is in.
pub(super) fn boot(output: &str) -> &str {
    output.lines().find_map(|line| line.strip_prefix("boot ")).unwrap_or_default()
}

/// Ends the loop, and waits until it is gone: what it is about to write would come after the old value.
fn stop() -> String {
    format!(
        "keeper=$(cat {FOLDER}/started 2> /dev/null); rm -rf {FOLDER}\n\
         if [ -n \"$keeper\" ]; then for turn in 1 2 3 4 5 6 7 8 9 10; do [ -d /proc/$keeper ] || break; sleep 1; done; fi\n"
    )
}

/// Starts a loop that outlives whoever started it, for at most an hour, until its folder is gone. A pod's processes end with its control group,
/// so it leaves that first, and is waited for.
fn start(body: &str) -> String {
    let program = format!(
        "for group in /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/*/cgroup.procs; do echo $$ > \"$group\" 2> /dev/null; done\n\
         echo $$ > {FOLDER}/started\nturn=0\nwhile [ -e {FOLDER}/keep ] && [ $turn -lt 18000 ]; do\n{body}turn=$((turn + 1))\nsleep 0.2\ndone\n"
    );
    let encoded = BASE64_STANDARD.encode(program);
    format!(
        "mkdir -p {FOLDER} && : > {FOLDER}/keep && echo {encoded} | base64 -d > {FOLDER}/keep.sh\n\
         setsid sh {FOLDER}/keep.sh > /dev/null 2>&1 < /dev/null &\n\
         for turn in 1 2 3 4 5 6 7 8 9 10; do [ -e {FOLDER}/started ] && break; sleep 0.5; done\n"
    )
}

/// A script that says which values a host has lost again, whether the loop that writes them again still runs, and which boot it is.
pub(super) fn held(exchanges: &Exchanges) -> String {
    let lost = exchanges.iter().filter(|(_, one)| !one.holds.is_empty());
    let lost: String =
        lost.map(|(number, one)| format!("( {} ) > /dev/null 2>&1 || echo 'lost {number}'\n", one.holds)).collect();
    format!("{lost}[ ! -e {FOLDER}/keep ] || [ -d \"/proc/$(cat {FOLDER}/started)\" ] || echo 'dead 0'\n{BOOT}exit 0\n")
}

/// The numbers of a word in the output of a script, each with the rest of its line.
pub(super) fn numbers<'a>(output: &'a str, word: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    output.lines().filter_map(move |line| {
        let rest = line.strip_prefix(word)?.strip_prefix(' ')?;
        let (number, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        Some((number.parse().ok()?, rest.trim()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(apply: &str, undo: &str, holds: &str) -> Exchange {
        Exchange { apply: apply.to_owned(), undo: undo.to_owned(), holds: holds.to_owned() }
    }

    fn run(script: &str) -> (i32, String, String) {
        let output = std::process::Command::new("sh").arg("-c").arg(script).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    #[test]
    fn a_script_says_what_was_set_and_what_was_not_and_the_undoing_goes_backwards() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let write = |text: &str| format!("echo {text} >> {}", path.display());
        let guard = Guard(folder.path().join("trial").display().to_string());
        let all = vec![
            (3, exchange(&write("one"), &write("un-one"), "true")),
            (7, exchange("set -- a b && [ \"$*\" = 'a c' ]", &write("un-two"), "false")),
            (9, exchange("echo refused >&2; false", &write("un-three"), "")),
        ];
        let Scripts { apply, undo } = scripts(&guard, &all, |_| false);
        let (code, stdout, _) = run(&apply);
        assert_eq!(code, 0);
        assert_eq!(numbers(&stdout, "set").collect::<Vec<_>>(), [(3, "")]);
        assert_eq!(numbers(&stdout, "not").collect::<Vec<_>>(), [(7, ""), (9, "refused")]);
        assert_eq!(run(&undo).0, 0);
        // What was refused is put back at once, and again with all the others.
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\nun-two\nun-three\nun-three\nun-two\nun-one\n");
        let (_, lost, _) = run(&held(&all));
        assert_eq!(numbers(&lost, "lost").collect::<Vec<_>>(), [(7, "")]);
        let bad = scripts(&guard, &vec![(1, exchange("true", "echo gone >&2; false", ""))], |_| false);
        let (code, _, stderr) = run(&bad.undo);
        assert_eq!((code, stderr.trim()), (1, "setting 1: gone"));
    }

    /// Systems Manager may deliver a command whose answer was given up long ago.
    #[test]
    fn a_command_that_is_late_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("value");
        let write = |text: &str| format!("echo {text} > {}", path.display());
        let guard = Guard(folder.path().join("trial").display().to_string());
        let Scripts { apply, undo } =
            scripts(&guard, &vec![(3, exchange(&write("other"), &write("own"), ""))], |_| false);
        assert!(run(&apply).1.contains("set 3"));
        assert_eq!(run(&undo).0, 0);
        assert_eq!(run(&apply), (0, "over\n".to_owned(), String::new()));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "own\n");
        // A loop that is still running is waited for: it must not write after the old value is back.
        let slow = Guard(folder.path().join("slow").display().to_string());
        let late = format!("sleep 2; {}", write("other"));
        let Scripts { apply, undo } = scripts(&slow, &vec![(3, exchange(&late, &write("own"), ""))], |_| false);
        std::thread::scope(|scope| {
            scope.spawn(|| run(&apply));
            let has_begun = || {
                std::fs::read_dir(folder.path())
                    .unwrap()
                    .any(|file| file.unwrap().file_name().to_string_lossy().starts_with("slow.begun"))
            };
            while !has_begun() {
                std::thread::yield_now();
            }
            assert_eq!(run(&undo).0, 0);
        });
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "own\n");
    }

    /// The loop was started for all that was to be kept, even for what was then refused.
    #[test]
    fn a_loop_is_ended_also_where_nothing_is_left_to_put_back() {
        assert!(undo(&Guard::new(), &Vec::new(), true).contains("rm -rf /run/amiproof-trial"));
        assert!(!undo(&Guard::new(), &Vec::new(), false).contains("rm -rf"));
    }

    #[test]
    fn what_is_kept_has_a_loop_that_ends_with_the_undoing() {
        let all =
            vec![(0, exchange("sysctl -q -w a=1", "sysctl -q -w a=0", "[ 1 = 1 ]")), (1, exchange("x", "y", "z"))];
        let Scripts { apply, undo } = scripts(&Guard::new(), &all, |number| number == 0);
        assert!(apply.contains("setsid sh /run/amiproof-trial/keep.sh"), "{apply}");
        assert!(
            undo.contains("\nkeeper=$(cat /run/amiproof-trial/started 2> /dev/null); rm -rf /run/amiproof-trial\n"),
            "{undo}"
        );
        let encoded = apply.split("echo ").find_map(|part| part.split_once(" | base64 -d")).unwrap().0;
        let program = String::from_utf8(BASE64_STANDARD.decode(encoded).unwrap()).unwrap();
        assert!(program.contains("( [ 1 = 1 ] ) > /dev/null 2>&1 || ( sysctl -q -w a=1 )"), "{program}");
        assert!(!program.contains("( z )"), "{program}");
        assert!(!scripts(&Guard::new(), &all, |_| false).apply.contains("setsid"));
    }
}
