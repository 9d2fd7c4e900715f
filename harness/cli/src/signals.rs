//! Ctrl-C and SIGTERM: once to stop and clean up, twice to stop cleaning up.

use tokio_util::sync::CancellationToken;

/// What the user asked for by signals.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signals {
    /// Fires at the first signal: stop checks, still clean up.
    pub(crate) cancel: CancellationToken,
    /// Fires at the second: print what is left and stop.
    pub(crate) abort: CancellationToken,
}

impl Signals {
    /// Listens from now on. Must be called inside the runtime.
    ///
    /// # Errors
    /// When the process may not listen to signals.
    pub(crate) fn listen(on_signal: impl Fn(usize) + Send + 'static) -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let signals = Self::default();
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let heard = signals.clone();
        tokio::spawn(async move {
            for count in 1.. {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                on_signal(count);
                if count == 1 { heard.cancel.cancel() } else { heard.abort.cancel() }
            }
        });
        Ok(signals)
    }
}
