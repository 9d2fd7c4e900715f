//! INT, TERM and HUP: once to stop and clean up. Only a second INT means to leave things behind: CI systems send INT, then TERM, and mean
//! clean up.

use tokio_util::sync::CancellationToken;

/// The state of the received signals.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signals {
    /// Fires at the first signal: stop checks, still clean up.
    pub(crate) cancel: CancellationToken,
    /// Fires at the second INT: print what is left and stop.
    pub(crate) abort: CancellationToken,
}

/// The meaning of a signal, given the earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignalEvent {
    /// Stop, and clean up.
    Stop,
    /// A repeated signal; cleanup continues.
    StillStopping,
    /// Stop the cleanup.
    Leave,
}

/// The signals so far.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    interrupts: u32,
    others: u32,
}

impl Count {
    fn interrupt(&mut self) -> SignalEvent {
        self.interrupts += 1;
        match (self.interrupts, self.others) {
            (1, 0) => SignalEvent::Stop,
            (1, _) => SignalEvent::StillStopping,
            _ => SignalEvent::Leave,
        }
    }

    fn other(&mut self) -> SignalEvent {
        self.others += 1;
        if self.interrupts + self.others == 1 { SignalEvent::Stop } else { SignalEvent::StillStopping }
    }
}

impl Signals {
    /// Listens from now on. Must be called inside the runtime.
    ///
    /// # Errors
    /// When the process may not listen to signals.
    pub(crate) fn listen(on_signal: impl Fn(SignalEvent) + Send + 'static) -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let signals = Self::default();
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        // Who starts the command with nohup wants it to outlive its terminal.
        let mut hang_up = if is_hang_up_ignored() { None } else { Some(signal(SignalKind::hangup())?) };
        let heard_by = signals.clone();
        tokio::spawn(async move {
            let mut count = Count::default();
            loop {
                let hung_up = async {
                    match &mut hang_up {
                        Some(stream) => stream.recv().await,
                        None => std::future::pending().await,
                    }
                };
                let heard = tokio::select! {
                    biased;
                    _ = interrupt.recv() => count.interrupt(),
                    _ = terminate.recv() => count.other(),
                    _ = hung_up => count.other(),
                };
                heard_by.cancel.cancel();
                if heard == SignalEvent::Leave {
                    heard_by.abort.cancel();
                }
                on_signal(heard);
            }
        });
        Ok(signals)
    }
}

/// Whether the process was started with SIGHUP ignored. Linux says so in its own status; elsewhere it is not known, and HUP stops.
fn is_hang_up_ignored() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores_hang_up(&status))
}

/// `SigIgn` is a mask in which the lowest bit is signal 1, SIGHUP (proc_pid_status(5)).
fn ignores_hang_up(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_second_interrupt_leaves_things_behind() {
        for (signals, wanted) in [
            ("I", vec![SignalEvent::Stop]),
            ("T", vec![SignalEvent::Stop]),
            ("II", vec![SignalEvent::Stop, SignalEvent::Leave]),
            ("ITT", vec![SignalEvent::Stop, SignalEvent::StillStopping, SignalEvent::StillStopping]),
            ("TI", vec![SignalEvent::Stop, SignalEvent::StillStopping]),
            (
                "TTII",
                vec![SignalEvent::Stop, SignalEvent::StillStopping, SignalEvent::StillStopping, SignalEvent::Leave],
            ),
        ] {
            let mut count = Count::default();
            let heard: Vec<_> =
                signals.chars().map(|signal| if signal == 'I' { count.interrupt() } else { count.other() }).collect();
            assert_eq!(heard, wanted, "{signals}");
        }
    }

    #[test]
    fn an_inherited_nohup_is_seen() {
        assert!(ignores_hang_up("Name:\tx\nSigIgn:\t0000000000001001\n"));
        assert!(!ignores_hang_up("SigIgn:\t0000000000001000\n"));
        assert!(!ignores_hang_up(""));
    }
}
