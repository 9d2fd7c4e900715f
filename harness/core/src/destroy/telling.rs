//! What a teardown does, for whoever waits for it: a stack takes minutes to go, a node group ten, and a service that throttles as long.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::target::Target;

/// After so long without a word it is said what is waited for: people wonder, and CI systems end jobs that print nothing.
pub const QUIET: Duration = Duration::from_secs(30);
/// How often to look whether something should be said. With [`QUIET`] the longest silence is 40 seconds.
const LOOK: Duration = Duration::from_secs(10);
/// How many things a line names.
const NAMED: usize = 3;

/// Takes a line to say.
type Listener = Box<dyn Fn(&str) + Send + Sync>;

/// Tells what is being deleted and what is waited for, line by line. By the clock of the person who reads: it is not faster where the
/// lab's time is.
pub struct Telling {
    /// Where lines go; `None` where nobody listens.
    listener: Option<Listener>,
    quiet: Duration,
    look: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What is under way, in the order in which it began, and since when.
    doing: BTreeMap<u64, (String, Instant)>,
    next: u64,
    /// When something was said last.
    said: Option<Instant>,
}

impl std::fmt::Debug for Telling {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Telling").field("state", &self.state).finish_non_exhaustive()
    }
}

/// Something that is under way until this is dropped.
pub(super) struct Doing<'a> {
    telling: &'a Telling,
    key: u64,
}

impl Drop for Doing<'_> {
    fn drop(&mut self) {
        self.telling.state().doing.remove(&self.key);
    }
}

impl Telling {
    /// Gives every line to a listener.
    pub fn to(listener: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { listener: Some(Box::new(listener)), ..Self::silent() }
    }

    /// For a teardown that someone else tells of.
    #[must_use]
    pub fn silent() -> Self {
        Self { listener: None, quiet: QUIET, look: LOOK, state: Mutex::default() }
    }

    /// Says a line.
    pub(super) fn say(&self, line: &str) {
        self.state().said = Some(Instant::now());
        if let Some(listener) = &self.listener {
            listener(line);
        }
    }

    /// Says what of a group that goes at the same time is deleted.
    pub(super) fn deleting(&self, targets: &[Target]) {
        let mut names: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for target in targets {
            names.entry(target.kind.as_str()).or_default().push(&target.name);
        }
        for (word, names) in names {
            self.say(&format!("deleting {word} {}", few(&names)));
        }
    }

    /// Notes that something is under way: `deleting node group x`.
    pub(super) fn doing(&self, what: String) -> Doing<'_> {
        let mut state = self.state();
        let key = state.next;
        state.next += 1;
        state.doing.insert(key, (what, Instant::now()));
        Doing { telling: self, key }
    }

    /// Notes that a target is being deleted.
    pub(super) fn doing_away_with(&self, target: &Target) -> Doing<'_> {
        self.doing(format!("deleting {} {}", target.kind.as_str(), target.name))
    }

    /// Does the work, and says in between what it waits for.
    pub(super) async fn beside<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        self.state().said = Some(Instant::now());
        loop {
            match tokio::time::timeout(self.look, &mut work).await {
                Ok(done) => return done,
                Err(_) => self.beat(),
            }
        }
    }

    fn beat(&self) {
        let line = {
            let state = self.state();
            if state.said.is_some_and(|said| said.elapsed() < self.quiet) {
                return;
            }
            let doing: Vec<String> =
                state.doing.values().map(|(what, since)| format!("{what} ({})", time(since.elapsed()))).collect();
            if doing.is_empty() {
                return;
            }
            let doing: Vec<&str> = doing.iter().map(String::as_str).collect();
            format!("still {}", few(&doing))
        };
        self.say(&line);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first of several, and how many more there are.
fn few(names: &[&str]) -> String {
    let shown = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// `40 s`, `3 min`.
fn time(passed: Duration) -> String {
    match passed.as_secs() {
        seconds if seconds < 120 => format!("{seconds} s"),
        seconds => format!("{} min", seconds / 60),
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::*;
    use crate::ledger::ResourceKind;

    fn heard() -> (Telling, UnboundedReceiver<String>) {
        let (sender, lines) = unbounded_channel();
        let telling = Telling::to(move |line| sender.send(line.to_owned()).unwrap());
        (telling, lines)
    }

    #[tokio::test]
    async fn nobody_waits_for_long_without_a_word_and_what_is_done_is_not_named() {
        let (mut telling, mut lines) = heard();
        assert!(telling.quiet + telling.look < Duration::from_secs(60));
        (telling.quiet, telling.look) = (Duration::from_millis(2), Duration::from_millis(1));
        let (telling, lines) = (&telling, &mut lines);
        let work = async {
            let first = telling.doing("deleting node group a".to_owned());
            let second = telling.doing("deleting node group b".to_owned());
            for _ in 0..2 {
                let line = lines.recv().await.unwrap();
                assert!(
                    line.starts_with("still deleting node group a (") && line.contains(", deleting node group b (")
                );
            }
            drop(first);
            let line = lines.recv().await.unwrap();
            assert!(line.starts_with("still deleting node group b ("), "{line}");
            drop(second);
        };
        telling.beside(work).await;
        assert_eq!(lines.try_recv().ok(), None, "nothing is under way");
    }

    #[tokio::test]
    async fn what_has_just_been_said_is_not_said_again() {
        let (mut telling, mut lines) = heard();
        telling.quiet = Duration::from_secs(3600);
        let doing = telling.doing("deleting node group a".to_owned());
        telling.say("deleting node group a");
        telling.beat();
        assert_eq!(lines.recv().await.as_deref(), Some("deleting node group a"));
        assert!(lines.try_recv().is_err());
        drop(doing);
        telling.quiet = Duration::ZERO;
        let _doing = telling.doing("deleting node group a".to_owned());
        telling.beat();
        assert_eq!(lines.recv().await.as_deref(), Some("still deleting node group a (0 s)"));
    }

    #[test]
    fn time_is_said_in_seconds_and_then_in_minutes() {
        let said = [0, 45, 119, 120, 200, 3600].map(|seconds| time(Duration::from_secs(seconds)));
        assert_eq!(said, ["0 s", "45 s", "119 s", "2 min", "3 min", "60 min"]);
    }

    #[test]
    fn what_goes_together_is_one_line_for_each_kind() {
        let (telling, mut lines) = heard();
        let namespaces = (1..=5).map(|number| (ResourceKind::Namespace, format!("ap-{number}")));
        let class = (ResourceKind::StorageClass, "amiproof-gp3".to_owned());
        let targets: Vec<Target> =
            namespaces.chain([class]).map(|(kind, name)| Target::in_kubernetes(kind, &name, "c")).collect();
        telling.deleting(&targets);
        drop(telling);
        let mut said = Vec::new();
        while let Ok(line) = lines.try_recv() {
            said.push(line);
        }
        insta::assert_snapshot!(said.join("\n"), @r"
        deleting namespace ap-1, ap-2, ap-3 and 2 more
        deleting storage class amiproof-gp3
        ");
    }
}
