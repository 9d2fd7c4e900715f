//! Progress of a teardown: deleting a stack takes minutes, a node group ten, and a service that throttles as long.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::resource::Target;

/// After this long without output a line says what the teardown is waiting for, because CI systems end jobs that print nothing.
pub const QUIET: Duration = Duration::from_secs(30);
/// How often that is checked. With [`QUIET`] the longest silence is 40 seconds.
const CHECK: Duration = Duration::from_secs(10);
/// How many resources a line names.
const NAMED: usize = 3;

/// Receives one line of progress.
type Listener = Box<dyn Fn(&str) + Send + Sync>;

/// Reports, line by line, what is being deleted and what is waited for. It uses real time, which the lab's time scale does not change.
pub struct ProgressSink {
    /// Where lines go; `None` if nobody listens.
    listener: Option<Listener>,
    quiet: Duration,
    interval: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What is in progress, in the order in which it began, with its start.
    ongoing: BTreeMap<u64, (String, Instant)>,
    next: u64,
    /// When the last line was reported.
    last_line: Option<Instant>,
}

impl std::fmt::Debug for ProgressSink {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("ProgressSink").field("state", &self.state).finish_non_exhaustive()
    }
}

/// Work that is in progress until this is dropped.
pub(super) struct Ongoing<'a> {
    progress: &'a ProgressSink,
    key: u64,
}

impl Drop for Ongoing<'_> {
    fn drop(&mut self) {
        self.progress.state().ongoing.remove(&self.key);
    }
}

impl ProgressSink {
    /// Passes every line to a listener.
    pub fn to(listener: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { listener: Some(Box::new(listener)), ..Self::silent() }
    }

    /// Reports nothing: the caller reports the teardown itself.
    #[must_use]
    pub fn silent() -> Self {
        Self { listener: None, quiet: QUIET, interval: CHECK, state: Mutex::default() }
    }

    /// Reports a line.
    pub(super) fn line(&self, line: &str) {
        self.state().last_line = Some(Instant::now());
        if let Some(listener) = &self.listener {
            listener(line);
        }
    }

    /// Reports the resources that are deleted at the same time, one line for each kind.
    pub(super) fn deleting(&self, targets: &[Target]) {
        let mut names: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for target in targets {
            names.entry(target.title()).or_default().push(&target.name);
        }
        for (word, names) in names {
            self.line(&format!("deleting {word} {}", few(&names)));
        }
    }

    /// Notes that something is in progress: `deleting node group x`.
    pub(super) fn begin(&self, what: String) -> Ongoing<'_> {
        let mut state = self.state();
        let key = state.next;
        state.next += 1;
        state.ongoing.insert(key, (what, Instant::now()));
        Ongoing { progress: self, key }
    }

    /// Notes that a target is being deleted.
    pub(super) fn deletion_of(&self, target: &Target) -> Ongoing<'_> {
        self.begin(format!("deleting {} {}", target.title(), target.name))
    }

    /// Awaits the work, and reports in between what it is waiting for.
    pub(super) async fn report_while<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        self.state().last_line = Some(Instant::now());
        loop {
            match tokio::time::timeout(self.interval, &mut work).await {
                Ok(done) => return done,
                Err(_) => self.tick(),
            }
        }
    }

    fn tick(&self) {
        let line = {
            let state = self.state();
            if state.last_line.is_some_and(|last| last.elapsed() < self.quiet) {
                return;
            }
            let ongoing: Vec<String> =
                state.ongoing.values().map(|(what, since)| format!("{what} ({})", time(since.elapsed()))).collect();
            if ongoing.is_empty() {
                return;
            }
            let ongoing: Vec<&str> = ongoing.iter().map(String::as_str).collect();
            format!("still {}", few(&ongoing))
        };
        self.line(&line);
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
    use crate::resource;

    fn recorded() -> (ProgressSink, UnboundedReceiver<String>) {
        let (sender, lines) = unbounded_channel();
        let progress = ProgressSink::to(move |line| sender.send(line.to_owned()).unwrap());
        (progress, lines)
    }

    #[tokio::test]
    async fn silence_is_short_and_what_is_done_is_not_named() {
        let (mut progress, mut lines) = recorded();
        assert!(progress.quiet + progress.interval < Duration::from_secs(60));
        (progress.quiet, progress.interval) = (Duration::from_millis(2), Duration::from_millis(1));
        let (progress, lines) = (&progress, &mut lines);
        let work = async {
            let first = progress.begin("deleting node group a".to_owned());
            let second = progress.begin("deleting node group b".to_owned());
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
        progress.report_while(work).await;
        assert_eq!(lines.try_recv().ok(), None, "nothing is in progress");
    }

    #[tokio::test]
    async fn a_recent_line_is_not_repeated() {
        let (mut progress, mut lines) = recorded();
        progress.quiet = Duration::from_secs(3600);
        let doing = progress.begin("deleting node group a".to_owned());
        progress.line("deleting node group a");
        progress.tick();
        assert_eq!(lines.recv().await.as_deref(), Some("deleting node group a"));
        assert!(lines.try_recv().is_err());
        drop(doing);
        progress.quiet = Duration::ZERO;
        let _doing = progress.begin("deleting node group a".to_owned());
        progress.tick();
        assert_eq!(lines.recv().await.as_deref(), Some("still deleting node group a (0 s)"));
    }

    #[test]
    fn time_is_in_seconds_and_then_in_minutes() {
        let shown = [0, 45, 119, 120, 200, 3600].map(|seconds| time(Duration::from_secs(seconds)));
        assert_eq!(shown, ["0 s", "45 s", "119 s", "2 min", "3 min", "60 min"]);
    }

    #[test]
    fn what_goes_together_is_one_line_for_each_kind() {
        let (progress, mut lines) = recorded();
        let namespaces = (1..=5).map(|number| (resource::namespace::KIND, format!("ap-{number}")));
        let class = (resource::storage_class::KIND, "amiproof-gp3".to_owned());
        let targets: Vec<Target> = namespaces
            .chain([class])
            .map(|(kind, name)| Target::in_kubernetes(resource::of(&kind), ("", ""), &name, "c"))
            .collect();
        progress.deleting(&targets);
        drop(progress);
        let mut shown = Vec::new();
        while let Ok(line) = lines.try_recv() {
            shown.push(line);
        }
        insta::assert_snapshot!(shown.join("\n"), @r"
        deleting namespace ap-1, ap-2, ap-3 and 2 more
        deleting storage class amiproof-gp3
        ");
    }
}
